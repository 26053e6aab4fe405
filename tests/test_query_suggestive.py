from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise

import numpy as np
import pytest

from microtome.box import Box, grid
from microtome.query import suggestive
from microtome.query.candidates import Candidates
from microtome.query.scores import Score
from microtome.query.strategy import Selection
from microtome.query.subsets import apart, every_subset
from microtome.query.suggestive import SuggestiveAnnotation, representatives

BOXES = tuple(grid(Box.of((1, 4, 24)), (1, 4, 4)))
# four images of one kind (0 is their middle), two of another
ANGLES = (0, 20, -20, 90, 95, 10)


@dataclass(frozen=True)
class Given:
    """The scores that a test lays down."""

    scores: tuple[float, ...]

    def __call__(self, candidates: Candidates) -> np.ndarray:
        return np.array(self.scores, np.float64)

    def __str__(self) -> str:
        return "doubt"


def at_angles(candidates: Candidates, boxes: Sequence[Box]) -> np.ndarray:
    """Vectors of length 3 in the direction that `ANGLES` gives the box."""
    angle = np.radians([ANGLES[box.start[2] // 4 % len(ANGLES)] for box in boxes])
    return 3 * np.stack([np.cos(angle), np.sin(angle)], axis=1)


def select(
    scores: tuple[float, ...], n: int, boxes: tuple[Box, ...] = BOXES, **settings: object
) -> Selection:
    strategy = SuggestiveAnnotation(Given(scores), at_angles, **settings)  # type: ignore[arg-type]
    return strategy.select(Candidates(boxes, 2), n, np.random.default_rng(0))


def mean_best(alike: np.ndarray, rows: Sequence[int]) -> float:
    return float(alike[list(rows)].max(axis=0).mean())


def free_of_all(n: int) -> np.ndarray:
    return ~np.eye(n, dtype=bool)


def test_the_given_score_is_a_score() -> None:
    assert isinstance(Given(()), Score)


def test_of_the_uncertain_half_those_that_stand_for_all_the_others_are_chosen() -> None:
    picks = select((0.5, 0.9, 0.2, 0.7, 0.1, 0.0), 2)  # the half is 0, 1 and 3
    assert [pick.index for pick in picks] == [0, 3]
    cosines = np.cos(np.radians([[0, 20, -20, 90, 95, 10], [90, 70, 110, 0, 5, 80]]))
    first = cosines[0].mean()
    assert picks[0].score == pytest.approx(first + 1)
    assert picks[1].score == pytest.approx(cosines.max(axis=0).mean() - first)
    assert picks[1].reason == (
        "doubt 0.7000; boxes are 0.977 alike to the nearest chosen one, with it the last"
    )


def test_keeping_twice_as_many_as_asked_for_leaves_fewer_to_choose_from() -> None:
    scores = (0.1, 0.5, 0.9, 0.2, 0.8, 0.0)
    assert [pick.index for pick in select(scores, 1)] == [1]  # of 1, 2 and 4
    assert [pick.index for pick in select(scores, 1, keep="twice")] == [2]  # of 2 and 4


def test_where_the_uncertain_half_does_not_suffice_the_next_uncertain_follow() -> None:
    picks = select((0.5, 0.9, 0.2, 0.7, 0.1, 0.0), 5)
    assert {pick.index for pick in picks[:3]} == {0, 1, 3}
    assert [(pick.index, pick.score, pick.reason) for pick in picks[3:]] == [
        (2, 0.0, "next by doubt: 0.2000"),
        (4, 0.0, "next by doubt: 0.1000"),
    ]


@pytest.mark.parametrize("exhaustive", [0, 100_000], ids=["greedy", "exhaustive"])
def test_boxes_that_overlap_are_never_chosen_together(exhaustive: int) -> None:
    boxes = tuple(grid(Box.of((1, 4, 14)), (1, 4, 4), (1, 4, 2)))
    picks = select((1.0,) * 6, 3, boxes, exhaustive=exhaustive)
    starts = sorted(boxes[pick.index].start[2] for pick in picks)
    assert all(b - a >= 4 for a, b in pairwise(starts))


@pytest.mark.parametrize("n", [1, 2, 3, 8])
def test_the_exhaustive_choice_is_the_best_of_all_subsets(n: int) -> None:
    for seed in range(20):
        alike = np.random.default_rng(seed).uniform(-1, 1, (8, 12))
        found = representatives(alike, free_of_all(8), n, 100_000)
        best = max(mean_best(alike, rows) for rows in combinations(range(8), n))
        assert mean_best(alike, [row for row, _ in found]) == pytest.approx(best)
        assert sum(gain for _, gain in found) - 1 == pytest.approx(best)
        gains = [gain for _, gain in found]
        assert gains == sorted(gains, reverse=True)


def test_the_greedy_choice_is_that_of_a_slow_reference_and_nearly_as_good() -> None:
    for seed in range(20):
        alike = np.random.default_rng(seed).uniform(-1, 1, (8, 12))
        chosen: list[int] = []
        for _ in range(3):
            left = [row for row in range(8) if row not in chosen]
            chosen.append(max(left, key=lambda row: mean_best(alike, [*chosen, row])))
        assert [row for row, _ in representatives(alike, free_of_all(8), 3, 0)] == chosen
        best = max(mean_best(alike, rows) for rows in combinations(range(8), 3))
        assert mean_best(alike, chosen) + 1 >= (1 - np.exp(-1)) * (best + 1)


def test_blocks_do_not_change_the_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    alike = np.random.default_rng(0).uniform(-1, 1, (9, 20))
    whole = [representatives(alike, free_of_all(9), 3, most) for most in (0, 1000)]
    monkeypatch.setattr(suggestive, "AT_ONCE", 130)
    assert [representatives(alike, free_of_all(9), 3, most) for most in (0, 1000)] == whole


def test_of_a_large_pool_a_bounded_part_is_described(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suggestive, "MOST", 5)
    boxes = tuple(grid(Box.of((1, 4, 400)), (1, 4, 4)))
    described: list[int] = []

    def embedding(candidates: Candidates, asked: Sequence[Box]) -> np.ndarray:
        described.extend(box.start[2] // 4 for box in asked)
        return at_angles(candidates, asked)

    strategy = SuggestiveAnnotation(Given(tuple(range(100))), embedding)
    picks = strategy.select(Candidates(boxes, 2), 7, np.random.default_rng(0))
    assert 5 <= len(described) == len(set(described)) <= 10
    assert {pick.index for pick in picks[:5]} == {95, 96, 97, 98, 99} <= set(described)
    assert [pick.index for pick in picks[5:]] == [94, 93]


def test_boxes_are_apart_where_they_share_no_voxel() -> None:
    boxes = [Box((0, 0, 0), (1, 4, 4)), Box((0, 0, 3), (1, 4, 7)), Box((0, 3, 4), (1, 7, 8))]
    assert apart(boxes).tolist() == [[False, False, True], [False, False, False], [True, False, False]]


@pytest.mark.parametrize(
    ("items", "size", "count"),
    [(13, 2, 78), (11, 2, 55), (9, 5, 126), (4, 3, 4), (1, 1, 1), (13, 4, 715), (13, 9, 715), (3, 4, 0)],
)
def test_every_subset_is_listed_once(items: int, size: int, count: int) -> None:
    subsets = every_subset(free_of_all(items), size, 100_000)
    assert subsets.shape == (count, size)
    assert len({tuple(sorted(set(row))) for row in subsets.tolist() if len(set(row)) == size}) == count


def test_subsets_hold_no_two_that_are_not_apart() -> None:
    free = free_of_all(4)
    free[0, 1] = free[1, 0] = False
    assert every_subset(free, 2, 10).tolist() == [[0, 2], [0, 3], [1, 2], [1, 3], [2, 3]]
    assert every_subset(free, 3, 10).tolist() == [[0, 2, 3], [1, 2, 3]]


@pytest.mark.parametrize(("items", "size", "most"), [(13, 2, 77), (100, 99, 1000)])
def test_too_many_subsets_are_not_listed(items: int, size: int, most: int) -> None:
    assert len(every_subset(free_of_all(items), size, most)) == 0
