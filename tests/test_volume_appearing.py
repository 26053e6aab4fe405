"""New files that are there whole, or not at all."""

from pathlib import Path

import pytest

from microtome.volume.appearing import appearing


def test_a_file_appears_once_it_is_written(tmp_path: Path) -> None:
    with appearing(tmp_path / "a.txt") as partial:
        partial.write_text("whole")
        assert not (tmp_path / "a.txt").exists()
    assert (tmp_path / "a.txt").read_text() == "whole"
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_an_error_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), appearing(tmp_path / "a") as partial:
        (partial / "missing" / "file").write_text("")
    assert not list(tmp_path.iterdir())


def test_nothing_is_overwritten_and_the_folder_must_be_there(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("old")
    with pytest.raises(FileExistsError, match="a exists already"), appearing(tmp_path / "a"):
        pytest.fail("nothing was to be written")
    with pytest.raises(FileNotFoundError, match="no does not exist"), appearing(tmp_path / "no" / "a"):
        pytest.fail("nothing was to be written")
    assert (tmp_path / "a").read_text() == "old"


def test_what_a_killed_run_left_is_cleared_away(tmp_path: Path) -> None:
    (tmp_path / ".a.partial").mkdir()
    (tmp_path / ".a.partial" / "a").write_text("half")
    with appearing(tmp_path / "a") as partial:
        partial.write_text("whole")
    assert (tmp_path / "a").read_text() == "whole"
