"""Files that are there whole, or not at all."""

from pathlib import Path

import pytest

from microtome.whole import partial_of, whole_file


def test_a_file_has_its_name_once_it_is_written(tmp_path: Path) -> None:
    path = tmp_path / "objects.csv"
    path.write_text("before")
    with whole_file(path) as partial:
        partial.write_text("after")
        assert partial == partial_of(path)
        assert path.read_text() == "before"
    assert path.read_text() == "after"
    assert list(tmp_path.iterdir()) == [path]


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with (
        pytest.raises(FileNotFoundError, match=r"folder .*nodir does not exist"),
        whole_file(tmp_path / "nodir" / "t.csv"),
    ):
        pass


def half(path: Path) -> None:
    with whole_file(path) as partial:
        partial.write_text("half")
        raise KeyError


def test_a_file_that_failed_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "objects.csv"
    path.write_text("before")
    with pytest.raises(KeyError):
        half(path)
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]
