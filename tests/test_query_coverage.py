from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest

from microtome.box import Box
from microtome.predict.posterior import Posterior
from microtome.query.candidates import Candidates
from microtome.query.coverage import Badge, CoreSet, Herding, KMeans, TypiClust
from microtome.query.strategy import Selection, Strategy
from models import Predicting


def boxes(places: Sequence[int], side: int = 1) -> tuple[Box, ...]:
    return tuple(Box((0, 0, place), (1, 1, place + side)) for place in places)


def place(candidates: Candidates, asked: Sequence[Box]) -> np.ndarray:
    """An embedding: where a box starts."""
    return np.array([[box.start[2]] for box in asked], np.float64)


def on_a_circle(candidates: Candidates, asked: Sequence[Box]) -> np.ndarray:
    """An embedding of length 1: the start of a box in degrees."""
    angle = np.radians(place(candidates, asked))
    return np.concatenate([np.cos(angle), np.sin(angle)], axis=1)


def chosen(strategy: Strategy, candidates: Candidates, n: int, seed: int = 0) -> list[int]:
    """The places of the boxes that are chosen."""
    selection = strategy.select(candidates, n, np.random.default_rng(seed))
    return [candidates.boxes[pick.index].start[2] for pick in selection]


@dataclass(frozen=True)
class Given:
    """A score that a test lays down."""

    values: tuple[float, ...]

    def __call__(self, candidates: Candidates) -> np.ndarray:
        return np.array(self.values)

    def __str__(self) -> str:
        return "doubt"


SPREAD = (0, 1, 2, 3, 4, 50, 51, 52, 100, 101, 102, 103)


def test_k_means_chooses_the_middle_of_each_cluster_the_largest_first() -> None:
    places = [place for place in SPREAD if place != 103]
    assert chosen(KMeans(place), Candidates(boxes(places), 2), 3)[0] == 2
    assert sorted(chosen(KMeans(place), Candidates(boxes(places), 2), 3)) == [2, 51, 101]


def test_core_set_begins_where_it_is_farthest_from_what_is_labelled() -> None:
    candidates = Candidates(boxes(SPREAD), 2, labelled=boxes([200, 10]))
    assert chosen(CoreSet(place), candidates, 3) == [103, 52, 0]


def test_core_set_without_labels_begins_at_random() -> None:
    candidates = Candidates(boxes(SPREAD), 2)
    firsts = {tuple(chosen(CoreSet(place), candidates, 1, seed)) for seed in range(40)}
    assert len(firsts) > 6
    assert "at random" in CoreSet(place).select(candidates, 1, np.random.default_rng(0))[0].reason


def test_typiclust_chooses_the_middle_of_the_largest_cluster_without_a_label() -> None:
    places = (*range(0, 9), *range(50, 57), *range(100, 108))
    candidates = Candidates(boxes(places), 2, labelled=boxes([200]))
    first, second, third = chosen(TypiClust(place), candidates, 3)
    assert (first, third) == (4, 53)
    assert second in (103, 104)
    labelled = Candidates(boxes([p for p in places if p != 4]), 2, labelled=boxes([4]))
    assert chosen(TypiClust(place), labelled, 2)[1] == 53


def test_max_herding_chooses_what_stands_for_most_first() -> None:
    candidates = Candidates(boxes((0, 1, 2, 3, 4, 90, 91, 92, 180)), 2, labelled=boxes([270, 274]))
    strategy = Herding(on_a_circle)
    assert chosen(strategy, candidates, 3) == [2, 91, 180]
    gains = [pick.score for pick in strategy.select(candidates, 3, np.random.default_rng(0))]
    assert 3 < gains[0] < 5
    assert 2 < gains[1] < 3
    assert gains[2] == pytest.approx(1)


def test_max_herding_leaves_what_a_labelled_box_stands_for() -> None:
    candidates = Candidates(boxes((0, 1, 3, 4, 90, 91, 92, 180)), 2, labelled=boxes([2, 6]))
    assert chosen(Herding(on_a_circle), candidates, 2) == [91, 180]


def test_uncertainty_herding_counts_candidates_by_their_score() -> None:
    places = (0, 1, 2, 90, 180)
    candidates = Candidates(boxes(places), 2, labelled=boxes([270, 272]))
    strategy = Herding(on_a_circle, Given((1.0, 1.0, 1.0, 5.0, 0.0)))
    assert chosen(strategy, candidates, 2) == [90, 1]
    first = strategy.select(candidates, 1, np.random.default_rng(0))[0]
    assert first.score == pytest.approx(5)
    assert "counted by doubt" in first.reason


def test_the_closer_the_answers_lie_the_more_the_score_alone_decides() -> None:
    # three alike that score 1 against one that scores 2
    score = Given((1.0, 1.0, 1.0, 2.0))
    few = Candidates(boxes((0, 1, 2, 90)), 2, labelled=boxes([180, 200]))
    many = Candidates(boxes((0, 100, 200, 90)), 2, labelled=boxes([270, 271]))
    assert chosen(Herding(on_a_circle, score), few, 1) == [1]
    assert chosen(Herding(on_a_circle, score), many, 1) == [90]


def test_herding_over_a_sample_chooses_among_all() -> None:
    places = (*range(0, 40), *range(180, 220))
    picks = chosen(Herding(on_a_circle, sample=20), Candidates(boxes(places), 2), 80)
    assert sorted(picks) == list(places)


@pytest.mark.parametrize("bad", [np.nan, -1.0])
def test_herding_refuses_scores_that_mean_nothing(bad: float) -> None:
    candidates = Candidates(boxes((0, 1)), 2)
    with pytest.raises(ValueError, match="expected finite weights"):
        Herding(place, Given((1.0, bad))).select(candidates, 1, np.random.default_rng(0))


def test_badge_chooses_the_longest_gradient_and_then_one_that_differs() -> None:
    gradients = {0: (0, 9), 1: (0, 9), 2: (0, 9), 3: (5, 0), 4: (0, 9.5)}

    def gradient(asked: Sequence[Box]) -> np.ndarray:
        return np.array([gradients[box.start[2]] for box in asked], np.float32)

    def predict(box: Box) -> Posterior:
        raise AssertionError

    candidates = Candidates(boxes(list(gradients)), 2, Predicting(predict, gradient=gradient))
    selections = [chosen(Badge(), candidates, 2, seed) for seed in range(200)]
    assert {first for first, _ in selections} == {4}
    assert np.mean([second == 3 for _, second in selections]) > 0.97


STRATEGIES = {
    "kmeans": KMeans,
    "core-set": CoreSet,
    "typiclust": TypiClust,
    "max-herding": Herding,
}
every_strategy = pytest.mark.parametrize("strategy", STRATEGIES.values(), ids=STRATEGIES)


@every_strategy
def test_open_and_labelled_boxes_are_embedded_together(strategy: type) -> None:
    seen = []

    def spy(candidates: Candidates, asked: Sequence[Box]) -> np.ndarray:
        seen.append(list(asked))
        return place(candidates, asked)

    candidates = Candidates(boxes((0, 5, 9)), 2, labelled=boxes((20, 30)))
    strategy(spy).select(candidates, 2, np.random.default_rng(0))
    assert seen == [[*candidates.boxes, *candidates.labelled]]


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize(
    ("strategy", "row"),
    [*((one, 1) for one in STRATEGIES.values()), *((one, 3) for one in (CoreSet, TypiClust, Herding))],
)
def test_embeddings_that_are_not_finite_are_refused(strategy: type, row: int, bad: float) -> None:
    rows = np.ones((5, 2))
    rows[row, 1] = bad
    candidates = Candidates(boxes((0, 5, 9)), 2, labelled=boxes((20, 30)))
    with np.errstate(invalid="ignore"), pytest.raises(ValueError, match="finite") as raised:
        strategy(lambda candidates, asked: rows).select(candidates, 2, np.random.default_rng(0))
    assert "\n" not in str(raised.value)


@every_strategy
def test_overlapping_candidates_are_not_chosen_together(strategy: type) -> None:
    candidates = Candidates(boxes(range(0, 30, 2), side=6), 2)
    picks = chosen(strategy(place), candidates, 30)
    assert np.diff(np.sort(picks)).min() >= 6
    assert all(any(abs(p - q) < 6 for q in picks) for p in range(0, 30, 2)), "more can be had"


@pytest.mark.parametrize("strategy", [*(one() for one in STRATEGIES.values()), Badge()])
def test_a_model_is_needed_where_the_embedding_is_the_model_s(strategy: Strategy) -> None:
    with pytest.raises(ValueError, match="expects a trained model"):
        strategy.select(Candidates(boxes((0, 5)), 2), 1, np.random.default_rng(0))


@pytest.mark.parametrize("strategy", [*(one() for one in STRATEGIES.values()), Badge()])
def test_nothing_is_computed_where_nothing_is_asked_for(strategy: Strategy) -> None:
    rng = np.random.default_rng(0)
    nothing: Selection = ()
    assert strategy.select(Candidates(boxes((0, 5)), 2), 0, rng) == nothing
    assert strategy.select(Candidates((), 2), 3, rng) == nothing
