"""The simulated annotator of objects, by both rules, and the marks that it makes."""

from pathlib import Path

import numpy as np
import pytest

from judged_objects import PLACES, SHAPE, balls, five
from microtome.box import Box
from microtome.labels import IGNORE
from microtome.objects.oracle import ObjectOracle
from microtome.objects.proposals import Proposals
from microtome.project import Journal
from microtome.project.journal import create_journal
from microtome.project.records import Audit, JudgeQuery
from microtome.volume import ArrayVolume
from proposing import NM

ROWS = list(range(5))


@pytest.fixture
def found(tmp_path: Path) -> Proposals:
    return five(tmp_path)


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return create_journal(tmp_path / "journal.sqlite")


def truth(array: np.ndarray) -> ArrayVolume:
    return ArrayVolume(array, NM)


@pytest.mark.parametrize("rule", ["covers-half", "iou"])
def test_true_objects_are_correct_and_others_are_not(found: Proposals, rule: str) -> None:
    oracle = ObjectOracle(truth(balls(PLACES[0], PLACES[3])), rule=rule)  # type: ignore[arg-type]
    said = oracle.correct(found, ROWS)
    assert [said[row] == "correct" for row in ROWS] == [True, False, False, True, False]


def test_half_of_the_truth_in_the_box_is_not_enough(found: Proposals) -> None:
    classes = np.zeros(SHAPE, np.uint8)
    classes[1:4, 7:14, 7:14] = 1  # the whole box of the first, which its mask fills
    assert ObjectOracle(truth(classes)).correct(found, [0]) == {0: "correct"}
    classes[:] = 0
    assert ObjectOracle(truth(classes)).correct(found, [0]) == {0: "incorrect"}


def test_a_fragment_covers_what_is_in_its_box_but_is_not_the_object(found: Proposals) -> None:
    classes = np.zeros(SHAPE, np.uint8)
    classes[:, :20, :30] = 1
    assert ObjectOracle(truth(classes)).correct(found, [0]) == {0: "correct"}
    assert ObjectOracle(truth(classes), rule="iou").correct(found, [0]) == {0: "incorrect"}


@pytest.mark.parametrize("rule", ["covers-half", "iou"])
def test_where_nothing_is_known_the_annotator_is_unsure(found: Proposals, rule: str) -> None:
    classes = np.where(balls(PLACES[0]) > 0, IGNORE, balls(*PLACES)).astype(np.uint8)
    said = ObjectOracle(truth(classes), rule=rule).correct(found, [0, 1])  # type: ignore[arg-type]
    assert said == {0: "unsure", 1: "correct"}


def test_other_classes_are_not_the_objects(found: Proposals) -> None:
    oracle = ObjectOracle(truth(balls(PLACES[0], value=2)), (2,))
    assert oracle.correct(found, [0, 1]) == {0: "correct", 1: "incorrect"}


def test_verdicts_are_of_the_queries_in_order(found: Proposals, journal: Journal) -> None:
    table = found.table()
    queries = journal.verdicts.add_queries(
        [
            JudgeQuery(
                round=0, proposals="001", object_key=int(table.keys[row]), box=table.box(row), cluster=0,
                strategy="random", score=0, rank=row, reason="drawn at random",
            )
            for row in (3, 1)
        ]
    )  # fmt: skip
    oracle = ObjectOracle(truth(balls(PLACES[3])))
    verdicts = oracle.verdicts(found, queries)
    assert [(one.query_id, one.verdict) for one in verdicts] == [
        (queries[0].id, "correct"),
        (queries[1].id, "incorrect"),
    ]
    journal.verdicts.add_verdicts(verdicts)
    assert journal.verdicts.judged() == {int(table.keys[row]) for row in (1, 3)}


def test_audits_mark_true_objects_that_were_not_proposed_rightly(tmp_path: Path) -> None:
    found = five(tmp_path, places=[PLACES[0], PLACES[3]])
    oracle = ObjectOracle(truth(balls(*PLACES[:3])))
    (answer,) = oracle.audited(found, [Audit(id=7, proposals="001", box=Box((1, 0, 0), (4, 40, 60)))])
    assert answer.points == (PLACES[1],)  # the first is proposed, the third lies beside the box
    assert answer.done
    assert answer.audit_id == 7


def test_truth_of_another_volume_is_refused(found: Proposals) -> None:
    with pytest.raises(ValueError, match="expected truth of the proposals' shape"):
        ObjectOracle(truth(np.zeros((1, 2, 3), np.uint8))).correct(found, [0])
