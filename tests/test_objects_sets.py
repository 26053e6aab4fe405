"""The sets of a project, one after the other."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from microtome.objects.proposals import Proposals
from microtome.objects.sets import ProposalSets
from microtome.objects.settings import ProposalSettings
from proposing import blobs, one_class

SETTINGS = ProposalSettings(smallest=20)
FIRST = blobs((2, 10, 10), (5, 10, 30))
SECOND = blobs((2, 30, 30), (5, 10, 30))


@pytest.fixture
def sets(tmp_path: Path) -> ProposalSets:
    return ProposalSets(tmp_path)


def proposed(sets: ProposalSets, probability: np.ndarray, **settings: object) -> Proposals:
    return sets.proposed(one_class(probability), replace(SETTINGS, **settings))


def test_each_prediction_makes_a_set_and_keys_go_on(sets: ProposalSets) -> None:
    first, second = proposed(sets, FIRST), proposed(sets, SECOND)
    assert (first.folder.name, second.folder.name) == ("001", "002")
    assert second.plan.previous == "001"
    assert second.table().keys.tolist() == [3, 2]
    assert sets.names() == sets.finished() == ["001", "002"]
    assert sets.opened().folder == second.folder
    assert sets.opened("001").result == first.result


def test_the_same_prediction_and_settings_make_no_second_set(sets: ProposalSets) -> None:
    assert proposed(sets, FIRST).result == proposed(sets, FIRST).result
    assert sets.names() == ["001"]
    assert proposed(sets, FIRST, threshold=0.6).table().keys.tolist() == [1, 2]
    assert sets.names() == ["001", "002"]


def test_a_changed_label_volume_is_told_when_the_same_is_asked_for(sets: ProposalSets) -> None:
    found = proposed(sets, FIRST)
    chunk = next(path for path in (found.folder / "ids.ome.zarr" / "0" / "c").rglob("*") if path.is_file())
    chunk.write_bytes(chunk.read_bytes()[:-5])
    with pytest.raises(ValueError, match="001: the label volume was changed since"):
        proposed(sets, FIRST)


def test_a_damaged_set_is_told_before_another_is_begun(sets: ProposalSets) -> None:
    found = proposed(sets, FIRST)
    table = found.folder / "objects.csv"
    table.write_text("".join(table.read_text().splitlines(keepends=True)[:-1]))
    for probability in (FIRST, SECOND):
        with pytest.raises(ValueError, match="expected the 2 objects that were proposed; got 1"):
            proposed(sets, probability)
    table.unlink()
    with pytest.raises(OSError, match=r"objects\.csv"):
        proposed(sets, FIRST)
    assert sets.names() == ["001"]


def test_what_a_removed_set_gave_is_not_given_again(sets: ProposalSets) -> None:
    shutil.rmtree(proposed(sets, FIRST).folder)
    again = proposed(sets, FIRST)
    assert again.folder.name == "002"
    assert again.table().keys.tolist() == [3, 4]
    shutil.rmtree(sets.folder)
    known = sets.proposed(one_class(FIRST), SETTINGS, least=(4, 9))
    assert known.folder.name == "004"
    assert known.table().keys.tolist() == [9, 10]


def test_a_damaged_note_of_what_was_given_is_told(sets: ProposalSets) -> None:
    proposed(sets, FIRST)
    (sets.folder / "given.json").write_text("[]")
    with pytest.raises(ValueError, match=r"given\.json does not say which numbers were given"):
        proposed(sets, SECOND)


def test_a_look_with_other_settings_in_between_loses_no_key(sets: ProposalSets) -> None:
    first = proposed(sets, FIRST)
    assert len(proposed(sets, FIRST, threshold=0.05).table()) == 1  # everything
    assert proposed(sets, FIRST, threshold=0.3).table().keys.tolist() == first.table().keys.tolist()
    assert sets.names() == ["001", "002", "003"]


class Killed(Exception):
    """The process ended here."""


def killed(task: str, done: int, total: int, note: str = "") -> None:
    if task == "writing objects":
        raise Killed


def test_an_unfinished_set_is_gone_on_with_by_its_own_settings_alone(sets: ProposalSets) -> None:
    proposed(sets, FIRST)
    with pytest.raises(Killed):
        sets.proposed(one_class(SECOND), SETTINGS, progress=killed)
    assert (sets.names(), sets.finished()) == (["001", "002"], ["001"])
    with pytest.raises(ValueError, match="002 are not finished"):
        sets.opened()
    with pytest.raises(ValueError, match=r"002 was begun from another prediction or with other settings"):
        proposed(sets, SECOND, threshold=0.6)
    assert proposed(sets, SECOND).folder.name == "002"
    assert sets.opened().table().keys.tolist() == [3, 2]


def test_a_set_that_was_hardly_begun_is_gone_on_with(sets: ProposalSets) -> None:
    (sets.folder / "004").mkdir(parents=True)
    assert proposed(sets, FIRST).folder.name == "004"


def test_a_prediction_without_objects_makes_no_set(sets: ProposalSets) -> None:
    with pytest.raises(ValueError, match="no objects"):
        proposed(sets, np.zeros_like(FIRST))
    assert sets.names() == []
    assert proposed(sets, FIRST).folder.name == "001"


def test_other_folders_are_passed_over(sets: ProposalSets) -> None:
    for name in ("notes", "0005", "12"):
        (sets.folder / name).mkdir(parents=True)
    (sets.folder / "006").write_text("a file")
    assert sets.names() == ["0005"]


def test_what_is_not_there_is_named(sets: ProposalSets) -> None:
    with pytest.raises(ValueError, match="has no proposed objects: run `microtome objects propose`"):
        sets.opened()
    proposed(sets, FIRST)
    with pytest.raises(ValueError, match="expected one of the proposals 001; got '7'"):
        sets.opened("7")
