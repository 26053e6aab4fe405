"""Objects that stay, as a label volume for other programs."""

from pathlib import Path

import numpy as np
import pytest

from judged_objects import SHAPE, five, judge
from microtome.box import Box
from microtome.objects.asking import ObjectAsking
from microtome.objects.exporting import Which, export_labels, kept
from microtome.objects.proposals import Proposals
from microtome.objects.strategies import Known, TwoStream
from microtome.project import Journal
from microtome.project.journal import create_journal
from microtome.query.unranked import Random
from microtome.volume import open_volume
from proposing import NM, ids_of

PAIRS = TwoStream(Known(np.array([[0.0], [0.1], [9.0], [9.1], [9.2]])), Known(np.zeros((5, 1))), (2, 1, 1))


@pytest.fixture
def found(tmp_path: Path) -> Proposals:
    return five(tmp_path)


@pytest.fixture
def journal(tmp_path: Path, found: Proposals) -> Journal:
    """Five objects in two groups, of which two were decided on."""
    journal = create_journal(tmp_path / "journal.sqlite")
    ObjectAsking(journal.verdicts, found, Random(), "random", 7, Box.of(SHAPE), None, PAIRS).ask(5)
    judge(journal, found, {0: "correct", 2: "incorrect", 3: "unsure"})
    return journal


@pytest.mark.parametrize(
    ("which", "stays"),
    [("correct", [0]), ("not-incorrect", [0, 1, 3, 4]), ("propagated", [0, 1])],
)
def test_what_stays_is_what_was_asked_for(
    journal: Journal, found: Proposals, which: Which, stays: list[int]
) -> None:
    assert np.flatnonzero(kept(journal.verdicts, found, which, insist=True)).tolist() == stays


@pytest.mark.parametrize("name", ["out.ome.zarr", "out.tif", "out.npy"])
def test_objects_that_stay_keep_their_ids(found: Proposals, tmp_path: Path, name: str) -> None:
    stays = np.array([True, False, True, False, True])
    export_labels(found, stays, tmp_path / name)
    written = open_volume(tmp_path / name, NM)
    ids = ids_of(found)
    np.testing.assert_array_equal(written.read(Box.of(SHAPE)), np.where(np.isin(ids, [1, 3, 5]), ids, 0))
    assert written.dtype == np.uint32
    assert sorted(path.name for path in tmp_path.glob("*out*")) == [name]


def test_an_export_that_fails_leaves_nothing(found: Proposals, tmp_path: Path) -> None:
    def stop(task: str, done: int, total: int, note: str = "") -> None:
        raise KeyboardInterrupt

    stays = np.ones(5, bool)
    with pytest.raises(KeyboardInterrupt):
        export_labels(found, stays, tmp_path / "out.tif", stop)
    assert not list(tmp_path.glob("*out*"))
    with pytest.raises(ValueError, match="5 objects; got 4"):
        export_labels(found, stays[:4], tmp_path / "out.tif")
    with pytest.raises(ValueError, match="expected one of"):
        export_labels(found, stays, tmp_path / "out.xyz")
    assert not list(tmp_path.glob("*out*"))


def test_nothing_is_written_over_what_is_there_or_into_a_folder_that_is_not(
    found: Proposals, tmp_path: Path
) -> None:
    (tmp_path / "out.tif").write_text("mine")
    with pytest.raises(FileExistsError, match="exists already"):
        export_labels(found, np.ones(5, bool), tmp_path / "out.tif")
    assert (tmp_path / "out.tif").read_text() == "mine"
    with pytest.raises(FileNotFoundError, match="nodir does not exist"):
        export_labels(found, np.ones(5, bool), tmp_path / "nodir" / "out.tif")


def test_before_anybody_decided_there_is_nothing_to_export(found: Proposals, tmp_path: Path) -> None:
    empty = create_journal(tmp_path / "empty.sqlite")
    with pytest.raises(ValueError, match="nobody decided on an object of proposals 001 yet"):
        kept(empty.verdicts, found, "correct")
