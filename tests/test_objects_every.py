"""Asking about every object: the order in which people see them."""

from pathlib import Path

import numpy as np
import pytest

from judged_objects import PLACES, SHAPE, judge
from microtome.box import Box
from microtome.objects.asking import UNGROUPED, ObjectAsking, read_groups
from microtome.objects.every import EVERY, ask_every
from microtome.objects.proposals import Proposals, propose
from microtome.objects.settings import ProposalSettings
from microtome.objects.spreading import spread
from microtome.objects.strategies import Known, TwoStream
from microtome.project import Journal
from microtome.project.journal import create_journal
from microtome.project.records import JudgeQuery
from microtome.query.unranked import Random
from proposing import blobs, one_class

PROBABILITY = (180, 220, 130, 240, 150)  # of each row, in bytes: the last three are less probable in the mean
MASKS = np.array([[0.0], [0.1], [10.0], [10.1], [10.3]])  # the first two alike, and the others
PAIRS = TwoStream(Known(MASKS), Known(np.zeros((5, 1))), (2, 1, 1))


@pytest.fixture
def found(tmp_path: Path) -> Proposals:
    solid = [blobs(place, shape=SHAPE) == 200 for place in PLACES]
    volume = sum(ball * byte for ball, byte in zip(solid, PROBABILITY, strict=True)).astype(np.uint8)
    return propose(one_class(volume), ProposalSettings(smallest=8), tmp_path / "001")


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return create_journal(tmp_path / "journal.sqlite")


def every(journal: Journal, found: Proposals, grouping: TwoStream | None = PAIRS) -> list[JudgeQuery]:
    return ask_every(journal.verdicts, found, grouping, np.random.default_rng(1))


def rows(found: Proposals, queries: list[JudgeQuery]) -> list[int]:
    return found.table().rows_of_keys(np.array([query.object_key for query in queries])).tolist()


def test_the_least_probable_group_comes_first_and_its_middle_in_it(
    journal: Journal, found: Proposals
) -> None:
    queries = every(journal, found)
    assert rows(found, queries) == [3, 2, 4, 0, 1]
    assert [query.cluster for query in queries] == [0, 0, 0, 1, 1]
    assert [query.rank for query in queries] == [0, 1, 2, 3, 4]
    assert queries == journal.verdicts.queries("001")
    assert {query.strategy for query in queries} == {EVERY}


def test_without_groups_the_least_probable_come_first(journal: Journal, found: Proposals) -> None:
    queries = every(journal, found, None)
    assert rows(found, queries) == [2, 4, 0, 1, 3]
    assert {query.cluster for query in queries} == {0}


def test_nobody_is_asked_twice(journal: Journal, found: Proposals) -> None:
    judge(journal, found, {3: "correct"})
    assert rows(found, every(journal, found)) == [2, 4, 0, 1]
    assert every(journal, found) == every(journal, found, None) == []


def test_those_that_were_asked_already_belong_to_no_group_and_keep_their_round(
    journal: Journal, found: Proposals
) -> None:
    asking = ObjectAsking(journal.verdicts, found, Random(), "random", 7, Box.of(SHAPE), None, PAIRS)
    first = asking.ask(2)
    queries = every(journal, found)
    assert {query.round for query in first} == {0}
    assert {query.round for query in queries} == {1}
    groups = read_groups(found, 1)
    assert groups[rows(found, first)].tolist() == [UNGROUPED] * 2
    assert groups[rows(found, queries)].tolist() == [query.cluster for query in queries]


def test_who_stops_half_way_has_the_rest_labelled_by_groups(journal: Journal, found: Proposals) -> None:
    every(journal, found)
    judge(journal, found, {3: "incorrect", 2: "incorrect", 0: "correct"})
    labels = spread(journal.verdicts, found, insist=True)
    assert labels.correct.tolist() == [True, True, False, False, False]


def test_streams_of_other_objects_are_refused_and_nothing_is_asked(
    journal: Journal, found: Proposals
) -> None:
    fewer = TwoStream(Known(MASKS[:3]), Known(np.zeros((3, 1))), (2, 1, 1))
    with pytest.raises(ValueError, match="is known of 3 objects"):
        every(journal, found, fewer)
    assert not journal.verdicts.queries()
