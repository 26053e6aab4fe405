"""Strategies that choose objects."""

from collections.abc import Sequence

import numpy as np
import pytest

from microtome.box import Box
from microtome.objects.clustering import hierarchical
from microtome.objects.strategies import Known, MeanEntropy, ObjectBox, TwoStream, object_candidates
from microtome.objects.table import ObjectTable
from microtome.predict.posterior import Posterior
from microtome.query.candidates import Candidates
from microtome.query.coverage import CoreSet, Herding, KMeans
from microtome.query.ranked import TopK
from microtome.query.scores import PredictedLoss
from microtome.query.strategy import Strategy
from microtome.query.unranked import Random
from models import Predicting
from selections import chosen, require_contract, require_selection

COUNT = 60
RNG = np.random.default_rng(0)
KINDS = np.repeat(np.arange(6), 10)
MASKS = (np.eye(6)[KINDS] * 10 + RNG.normal(0, 0.1, (COUNT, 6))).astype(np.float32)
IMAGES = RNG.normal(size=(COUNT, 12)).astype(np.float32)
PROBABILITY = RNG.uniform(0.5, 1, COUNT)


def table(count: int = COUNT) -> ObjectTable:
    """Objects whose boxes all share voxels with their neighbours'."""
    start = np.stack([np.zeros(count), np.arange(count), np.zeros(count)], axis=1).astype(np.int64)
    return ObjectTable(
        ids=np.arange(1, count + 1),
        keys=np.arange(101, count + 101),
        start=start,
        stop=start + np.array([1, 5, 5]),
        voxels=np.full(count, 9),
        probability=PROBABILITY[:count],
        centre=start + 2.0,
        axis=np.tile([0.0, 0.0, 1.0], (count, 1)),
        section=np.zeros(count, np.int64),
    )


def nothing_predicted(box: Box) -> Posterior:
    raise AssertionError("objects need no dense prediction")


def loss_by_place(boxes: Sequence[Box]) -> np.ndarray:
    return np.array([float(box.start[1] % 7) for box in boxes])


MODEL = Predicting(nothing_predicted, loss=loss_by_place)
STRATEGIES: dict[str, Strategy] = {
    "random": Random(),
    "core-set": CoreSet(Known(IMAGES)),
    "k-means": KMeans(Known(IMAGES)),
    "herding": Herding(Known(IMAGES)),
    "learning loss": TopK(PredictedLoss()),
    "entropy": TopK(MeanEntropy(PROBABILITY)),
    "two-stream": TwoStream(Known(MASKS), Known(IMAGES), (3, 2, 2)),
    "two-stream, standardised": TwoStream(Known(MASKS), Known(IMAGES), (3, 2, 2), standardise=True),
    "mask only": TwoStream(Known(MASKS), Known(IMAGES), (6, 1, 3)),
    "image only": TwoStream(Known(MASKS), Known(IMAGES), (1, 6, 3)),
}
every_strategy = pytest.mark.parametrize("strategy", STRATEGIES.values(), ids=STRATEGIES)


def candidates(*answered: int) -> Candidates:
    return object_candidates(table(), np.array(answered, np.int64), MODEL)


@pytest.mark.parametrize("answered", [(), (0, 1, 17, 42)], ids=["first round", "later round"])
@every_strategy
def test_a_selection_is_as_the_protocol_says(strategy: Strategy, answered: tuple[int, ...]) -> None:
    require_contract(strategy, candidates(*answered), 12)
    for n in (0, 1, 5, 40, 1000):
        require_selection(strategy, candidates(*answered), n)


@every_strategy
def test_an_empty_pool_gives_nothing(strategy: Strategy) -> None:
    assert chosen(strategy, candidates(*range(COUNT)), 3) == ()


@every_strategy
def test_one_object_can_be_chosen(strategy: Strategy) -> None:
    pool = candidates(*range(COUNT - 1))
    assert [pick.index for pick in chosen(strategy, pool, 3)] == [0]


def test_answered_objects_are_no_candidates_but_known() -> None:
    pool = candidates(3, 1)
    assert len(pool) == COUNT - 2
    assert {box.row for box in pool.boxes if isinstance(box, ObjectBox)} == set(range(COUNT)) - {1, 3}
    assert [box.row for box in pool.labelled if isinstance(box, ObjectBox)] == [1, 3]
    assert pool.boxes[1] == ObjectBox((0, 2, 0), (1, 7, 5), 2)


def test_equal_objects_are_chosen_at_random() -> None:
    same = Known(np.ones((COUNT, 3), np.float32))
    for strategy in (TwoStream(same, same, (3, 2, 2)), CoreSet(same), TopK(MeanEntropy(np.full(COUNT, 0.5)))):
        firsts = {chosen(strategy, candidates(), 1, seed)[0].index for seed in range(15)}
        assert len(firsts) > 3


def test_two_streams_ask_about_every_kind_equally() -> None:
    strategy = TwoStream(Known(MASKS), Known(IMAGES), (6, 1, 3))
    rows = [pick.index for pick in chosen(strategy, candidates(), 18)]
    assert np.bincount(KINDS[rows]).tolist() == [3] * 6


def test_a_second_round_asks_about_the_kinds_with_fewest_answers() -> None:
    strategy = TwoStream(Known(MASKS), Known(IMAGES), (6, 1, 3))
    answered = [0, 1, 2, 3, 10, 11]  # four of the first kind, two of the second
    pool = candidates(*answered)
    rows = [pool.boxes[pick.index].row for pick in chosen(strategy, pool, 18)]  # type: ignore[attr-defined]
    assert np.bincount(KINDS[rows], minlength=6).tolist() == [0, 2, 4, 4, 4, 4]


def test_fewer_wanted_make_fewer_groups_with_as_many_answers_each() -> None:
    halves = Known(np.tile([[0.0], [9.0]], (COUNT // 2, 1)))  # so that no group has fewer than five members
    strategy = TwoStream(Known(MASKS), halves, (6, 2, 3))
    groups = strategy.grouped(candidates(), 12, np.random.default_rng(0))
    assert len(groups) == 4
    rows = [pick.index for pick in chosen(strategy, candidates(), 12)]
    assert np.bincount(groups.groups[rows]).tolist() == [3] * 4


@pytest.mark.parametrize(
    ("clusters", "wanted", "scaled"),
    [
        ((64, 4, 1), 40, (20, 2)),
        ((64, 4, 1), 4, (4, 1)),
        ((1, 40, 1), 12, (1, 12)),
        ((40, 1, 1), 12, (12, 1)),
    ],
)
def test_groups_by_masks_and_by_images_become_fewer_alike(
    clusters: tuple[int, int, int], wanted: int, scaled: tuple[int, int]
) -> None:
    groups = TwoStream(Known(MASKS), Known(IMAGES), clusters).grouped(
        candidates(), wanted, np.random.default_rng(7)
    )
    expected = hierarchical(MASKS, IMAGES, scaled, np.random.default_rng(7))
    np.testing.assert_array_equal(groups.groups, expected.groups)


def test_the_groups_are_those_that_it_chooses_from() -> None:
    strategy = TwoStream(Known(MASKS), Known(IMAGES), (3, 2, 2))
    groups = strategy.grouped(candidates(), 12, np.random.default_rng(7))
    expected = hierarchical(MASKS, IMAGES, (3, 2), np.random.default_rng(7))
    np.testing.assert_array_equal(groups.groups, expected.groups)
    rows = [pick.index for pick in chosen(strategy, candidates(), 12, seed=7)]
    assert set(groups.groups[rows]) == set(range(6))


def test_entropy_of_the_mean_probability_by_hand() -> None:
    score = MeanEntropy(np.array([0.5, 1.0, 0.0, 0.9]))
    pool = object_candidates(table(4), np.zeros(0, np.int64))
    expected = [np.log(2), 0, 0, -0.9 * np.log(0.9) - 0.1 * np.log(0.1)]
    np.testing.assert_allclose(score(pool), expected, atol=1e-12)
    assert [pick.index for pick in chosen(TopK(score), pool, 2)] == [0, 3]


def test_places_are_no_objects() -> None:
    places = Candidates((Box.of((1, 2, 2)),), 2)
    for strategy in (CoreSet(Known(IMAGES)), TopK(MeanEntropy(PROBABILITY))):
        with pytest.raises(ValueError, match="expected objects; 1 of 1 boxes are places"):
            chosen(strategy, places, 1)


def test_objects_without_features_are_refused() -> None:
    with pytest.raises(ValueError, match="known of object 59; it is known of 50 objects"):
        chosen(CoreSet(Known(IMAGES[:50])), candidates(), 1)


def test_probabilities_that_are_none_are_refused() -> None:
    with pytest.raises(ValueError, match=r"probabilities of objects in \[0, 1\]"):
        chosen(TopK(MeanEntropy(PROBABILITY + 0.6)), candidates(), 1)


@pytest.mark.parametrize("clusters", [(0, 4, 5), (64, 0, 5), (64, 4, 0)])
def test_impossible_numbers_of_groups_are_refused(clusters: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="expected N, M and Q of at least 1; got"):
        TwoStream(Known(MASKS), Known(IMAGES), clusters)


def test_answered_rows_that_are_in_no_table_are_refused() -> None:
    with pytest.raises(ValueError, match=r"answered rows in 0\.\.59; got \[60\]"):
        candidates(60)
