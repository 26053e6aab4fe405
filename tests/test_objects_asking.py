"""Rounds of object queries in a journal, and what decisions spread to."""

import csv
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from judged_objects import PLACES, SHAPE, five, judge
from microtome.box import Box
from microtome.objects.asking import UNGROUPED, ObjectAsking, read_groups, row_of
from microtome.objects.proposals import Proposals, propose
from microtome.objects.settings import ProposalSettings
from microtome.objects.spreading import spread, write_labels
from microtome.objects.strategies import Known, TwoStream, object_candidates
from microtome.project import Journal
from microtome.project.journal import create_journal
from microtome.query.candidates import Candidates
from microtome.query.unranked import Random
from proposing import blobs, one_class

MASKS = np.array([[0.0], [0.1], [10.0], [10.1], [10.2]])  # the first two alike, and the others
IMAGES = np.array([[0.0], [0.0], [0.0], [0.0], [0.0]])
PAIRS = TwoStream(Known(MASKS), Known(IMAGES), (2, 1, 1))


@pytest.fixture
def found(tmp_path: Path) -> Proposals:
    return five(tmp_path)


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return create_journal(tmp_path / "journal.sqlite")


def asking(journal: Journal, found: Proposals, strategy: object = PAIRS, **other: object) -> ObjectAsking:
    made = ObjectAsking(
        journal.verdicts,
        found,
        strategy,
        "two-stream",
        7,
        Box.of(SHAPE),
        None,
        PAIRS,  # type: ignore[arg-type]
    )
    return replace(made, **other)  # type: ignore[arg-type]


def rows(found: Proposals, keys: list[int]) -> list[int]:
    return found.table().rows_of_keys(np.array(keys)).tolist()


def test_one_of_each_group_is_asked_and_the_groups_are_kept(journal: Journal, found: Proposals) -> None:
    queries = asking(journal, found).ask(2)
    assert queries == journal.verdicts.queries("001")
    groups = read_groups(found, 0)
    assert len(set(groups[:2].tolist())) == 1
    assert len(set(groups[2:].tolist())) == 1
    chosen = rows(found, [query.object_key for query in queries])
    assert [query.cluster for query in queries] == groups[chosen].tolist() == [0, 1]
    assert [query.rank for query in queries] == [0, 1]
    assert [query.box for query in queries] == [found.table().box(row) for row in chosen]
    assert {query.strategy for query in queries} == {"two-stream"}


def test_alike_objects_come_side_by_side_whatever_the_strategy(journal: Journal, found: Proposals) -> None:
    queries = asking(journal, found, Random()).ask(5)
    clusters = [query.cluster for query in sorted(queries, key=lambda query: query.rank)]
    assert clusters == sorted(clusters)
    assert len(set(clusters)) == 2


def test_a_strategy_that_groups_does_it_once_and_chooses_as_it_does_alone(
    journal: Journal, found: Proposals
) -> None:
    seen: list[int] = []

    def masks(candidates: Candidates, boxes: Sequence[Box]) -> np.ndarray:
        seen.append(len(boxes))
        return Known(MASKS)(candidates, boxes)

    pairs = TwoStream(masks, Known(IMAGES), (2, 1, 1))
    queries = asking(journal, found, pairs, grouping=pairs).ask(2)
    assert seen == [5]
    alone = pairs.select(
        object_candidates(found.table(), np.zeros(0, np.int64)), 2, np.random.default_rng((7, 0, 3))
    )
    assert {pick.index for pick in alone} == set(rows(found, [query.object_key for query in queries]))


def test_without_features_objects_come_as_chosen_and_nothing_can_be_spread(
    journal: Journal, found: Proposals
) -> None:
    queries = asking(journal, found, Random(), grouping=None).ask(5)
    assert [query.cluster for query in queries] == [0] * 5
    judge(journal, found, {0: "correct"})
    with pytest.raises(ValueError, match="has no groups of alike objects: make features before asking"):
        spread(journal.verdicts, found)


def test_a_round_waits_for_the_verdicts_of_the_one_before(journal: Journal, found: Proposals) -> None:
    first = asking(journal, found).ask(2)
    with pytest.raises(ValueError, match="2 objects of proposals 001 wait for a verdict"):
        asking(journal, found).ask(1)
    judge(journal, found, dict.fromkeys(rows(found, [query.object_key for query in first]), "unsure"))
    second = asking(journal, found).ask(9)
    assert {query.round for query in second} == {1}
    assert len(second) == 3
    assert not {query.object_key for query in first} & {query.object_key for query in second}


def test_when_all_was_asked_nothing_is(journal: Journal, found: Proposals) -> None:
    asking(journal, found).ask(5)
    judge(journal, found, dict.fromkeys(range(5), "correct"))
    assert asking(journal, found).ask(3) == []


def test_an_object_decided_in_another_set_is_not_asked_again_but_an_open_one_is(
    journal: Journal, found: Proposals, tmp_path: Path
) -> None:
    judge(journal, found, {0: "correct", 1: "unsure", 2: "incorrect"})
    again = propose(
        one_class(blobs(*PLACES, shape=SHAPE)),
        ProposalSettings(smallest=9),
        tmp_path / "002",
        previous=[found],
    )
    queries = asking(journal, again).ask(9)
    assert rows(again, sorted(query.object_key for query in queries)) == [1, 3, 4]


def test_only_objects_wholly_in_the_domain_are_asked(journal: Journal, found: Proposals) -> None:
    queries = asking(journal, found, domain=Box((0, 0, 0), (8, 40, 41))).ask(9)
    assert rows(found, sorted(query.object_key for query in queries)) == [0, 4]
    assert read_groups(found, 0)[[1, 2, 3]].tolist() == [UNGROUPED] * 3


def test_the_same_seed_asks_the_same(found: Proposals, tmp_path: Path) -> None:
    chosen = [
        asking(create_journal(tmp_path / f"{k}.sqlite"), found, Random(), seed=seed).ask(2)
        for k, seed in enumerate((7, 7, 8, 9, 10))
    ]
    keys = [tuple(sorted(query.object_key for query in queries)) for queries in chosen]
    assert keys[0] == keys[1]
    assert len(set(keys)) > 1


def test_a_place_has_no_row() -> None:
    with pytest.raises(ValueError, match="expected an object; got the place 0:1,0:1,0:1"):
        row_of(Box((0, 0, 0), (1, 1, 1)))


def test_damaged_groups_are_refused_in_one_line(journal: Journal, found: Proposals) -> None:
    asking(journal, found).ask(2)
    path = found.folder / "groups" / "000.npy"
    np.save(path, np.zeros(3, np.int64))
    with pytest.raises(ValueError, match="expected a group for each of 5 objects"):
        read_groups(found, 0)
    path.write_bytes(b"")
    with pytest.raises(ValueError, match="holds no groups"):
        read_groups(found, 0)


def test_decisions_spread_to_their_group_and_are_written_by_key(
    journal: Journal, found: Proposals, tmp_path: Path
) -> None:
    asking(journal, found).ask(5)
    judge(journal, found, {0: "correct", 2: "incorrect", 3: "incorrect"})
    made = spread(journal.verdicts, found)
    assert made.correct.tolist() == [True, True, False, False, False]
    assert made.answered.tolist() == [True, False, True, True, False]
    write_labels(made, found, tmp_path / "labels.csv")
    with (tmp_path / "labels.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert [line["correct"] for line in lines] == ["1", "1", "0", "0", "0"]
    assert [line["key"] for line in lines] == [str(key) for key in found.table().keys]
    assert [line["answered"] for line in lines] == ["1", "0", "1", "1", "0"]


def test_of_objects_without_a_group_nothing_is_known(
    journal: Journal, found: Proposals, tmp_path: Path
) -> None:
    asking(journal, found, domain=Box((0, 0, 0), (8, 40, 41))).ask(9)
    judge(journal, found, {0: "incorrect", 4: "incorrect", 1: "incorrect"})
    made = spread(journal.verdicts, found)
    assert made.correct.tolist() == [False] * 5
    assert made.known.tolist() == [True, True, False, False, True]
    assert (made.result.covered, made.result.error.value) == (1, 0)  # all that is in a group was answered
    write_labels(made, found, tmp_path / "labels.csv")
    with (tmp_path / "labels.csv").open(newline="") as file:
        assert [line["correct"] for line in csv.DictReader(file)] == ["0", "0", "", "", "0"]


def test_spreading_what_is_expected_to_hurt_is_refused_unless_insisted(
    journal: Journal, found: Proposals
) -> None:
    whole = replace(PAIRS, clusters=(1, 1, 1))
    asking(journal, found, grouping=whole).ask(5)
    judge(journal, found, {0: "correct", 1: "incorrect", 2: "incorrect", 3: "correct"})
    with pytest.raises(ValueError, match="propagating is expected to make"):
        spread(journal.verdicts, found)
    assert spread(journal.verdicts, found, insist=True).correct.tolist() == [
        True, False, False, True, True,
    ]  # fmt: skip


def test_nothing_decided_is_nothing_to_spread(journal: Journal, found: Proposals) -> None:
    with pytest.raises(ValueError, match="nobody decided on an object of proposals 001 yet"):
        spread(journal.verdicts, found)
