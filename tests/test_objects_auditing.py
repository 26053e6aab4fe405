"""Audit boxes in a journal, and the recall that their marks come to."""

from pathlib import Path

import numpy as np
import pytest

from judged_objects import PLACES, SHAPE, balls, five, judge
from microtome.box import Box, Int3
from microtome.objects.auditing import audited, draw_audits
from microtome.objects.oracle import ObjectOracle
from microtome.objects.proposals import Proposals, propose
from microtome.objects.settings import ProposalSettings
from microtome.project import Journal
from microtome.project.journal import create_journal
from microtome.project.records import Audit, AuditAnswer
from microtome.volume import ArrayVolume
from proposing import NM, one_class

HALF: Int3 = (8, 40, 40)


@pytest.fixture
def found(tmp_path: Path) -> Proposals:
    return five(tmp_path)


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return create_journal(tmp_path / "journal.sqlite")


def draw(journal: Journal, found: Proposals, n: int, seed: int = 0) -> list[Audit]:
    return draw_audits(journal.verdicts, found, n, shape=HALF, domain=Box.of(SHAPE), seed=seed)


def mark(journal: Journal, audit: Audit, *points: Int3) -> None:
    assert audit.id is not None
    journal.verdicts.add_audit_answer(
        AuditAnswer(audit_id=audit.id, annotator="ada", points=points, done=True, key=f"a{audit.id}")
    )


def test_boxes_are_drawn_until_there_are_enough_and_none_twice(journal: Journal, found: Proposals) -> None:
    (first,) = draw(journal, found, 1)
    assert draw(journal, found, 1) == []
    (second,) = draw(journal, found, 5)
    assert {first.box, second.box} == {Box((0, 0, 0), HALF), Box((0, 0, 40), (8, 40, 80))}


def test_a_box_too_large_for_the_page_is_refused(journal: Journal, found: Proposals) -> None:
    with pytest.raises(ValueError, match=r"at most 2097152 voxels; got \(2, 1024, 1025\)"):
        draw_audits(journal.verdicts, found, 1, shape=(2, 1024, 1025), domain=Box.of(SHAPE), seed=0)
    assert journal.verdicts.audits() == []


def test_recall_is_of_proposals_that_hold_and_marks_on_none_of_them(
    journal: Journal, found: Proposals
) -> None:
    left, right = sorted(draw(journal, found, 2), key=lambda audit: audit.box)
    mark(journal, left, (6, 35, 5), PLACES[0])  # the second mark is on a proposal
    mark(journal, right)
    judge(journal, found, {1: "incorrect", 2: "correct"})
    seen = audited(journal.verdicts, found)
    assert (seen.boxes, seen.done, seen.found, seen.missing) == (2, 2, 4, 1)
    assert seen.recall.value == pytest.approx(0.8)
    assert seen.recall.low < 0.8 < seen.recall.high


def test_a_mark_on_an_incorrect_proposal_is_a_missed_object(journal: Journal, found: Proposals) -> None:
    left, _ = sorted(draw(journal, found, 2), key=lambda audit: audit.box)
    mark(journal, left, PLACES[0])
    assert audited(journal.verdicts, found).missing == 0
    judge(journal, found, {0: "incorrect"})
    assert audited(journal.verdicts, found).missing == 1


def test_a_mark_beside_an_object_is_on_it_within_the_tolerance(journal: Journal, found: Proposals) -> None:
    left, _ = sorted(draw(journal, found, 2), key=lambda audit: audit.box)
    z, y, x = PLACES[0]
    mark(journal, left, (z, y, x + 5))  # two voxels of 8 nm beyond its last
    assert audited(journal.verdicts, found, 0).missing == 1
    assert audited(journal.verdicts, found, 16).missing == 0


def test_before_anybody_looked_nothing_is_known(journal: Journal, found: Proposals) -> None:
    draw(journal, found, 2)
    seen = audited(journal.verdicts, found)
    assert np.isnan(seen.recall.value)
    assert (seen.boxes, seen.done) == (2, 0)


def test_a_place_that_was_marked_twice_is_one_object(journal: Journal, found: Proposals) -> None:
    left, _ = sorted(draw(journal, found, 2), key=lambda audit: audit.box)
    mark(journal, left, (6, 35, 5), (6, 35, 5))
    assert audited(journal.verdicts, found).missing == 1


def test_deep_objects_count_as_often_where_they_were_found_as_where_they_were_missed(
    journal: Journal, tmp_path: Path
) -> None:
    """Forty columns through all sections, half of them proposed, looked at in boxes of one section."""
    shape = (8, 80, 128)
    columns = np.zeros(shape, bool)
    for k in range(40):
        columns[:, 4 + 16 * (k // 8) : 12 + 16 * (k // 8), 4 + 16 * (k % 8) : 12 + 16 * (k % 8)] = True
    half = columns & (np.arange(128) // 16 % 2 == 0)
    found = propose(one_class(half), ProposalSettings(smallest=8), tmp_path / "001")
    drawn = draw_audits(journal.verdicts, found, 30, shape=(1, 40, 32), domain=Box.of(shape), seed=1)
    oracle = ObjectOracle(ArrayVolume(columns.astype(np.uint8), NM))
    for answer in oracle.audited(found, drawn):
        journal.verdicts.add_audit_answer(answer)
    seen = audited(journal.verdicts, found)
    assert seen.recall.value == pytest.approx(0.5)
    assert seen.recall.low <= 0.5 <= seen.recall.high


def test_the_simulated_annotators_marks_give_the_true_recall(journal: Journal, tmp_path: Path) -> None:
    """Three of five are proposed, of which one shows in both boxes."""
    found = five(tmp_path, places=PLACES[:3])
    oracle = ObjectOracle(ArrayVolume(balls(*PLACES), NM))
    for answer in oracle.audited(found, draw(journal, found, 2)):
        journal.verdicts.add_audit_answer(answer)
    seen = audited(journal.verdicts, found)
    assert (seen.found, seen.missing) == (4, 2)
    assert seen.recall.value == pytest.approx(4 / 6)
