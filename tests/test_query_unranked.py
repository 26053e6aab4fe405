import numpy as np
import pytest
from scipy.spatial import cKDTree

from microtome.box import Box, grid
from microtome.predict.posterior import Posterior
from microtome.query.candidates import Candidates
from microtome.query.strategy import Strategy
from microtome.query.unranked import ForegroundRandom, Random, Strided
from models import Predicting

SHAPE = (1, 80, 80)
BOXES = tuple(grid(Box.of(SHAPE), (1, 8, 8)))
LABELS = np.zeros(SHAPE, np.uint8)
LABELS[0, 16:24, 24:32] = 1  # one box is all foreground, and all but its rim no border
LABELS[0, 60:62, 60:62] = 2


def truth(box: Box) -> np.ndarray:
    return LABELS[box.slices]


def predict(box: Box) -> Posterior:
    mean = np.stack([truth(box) == c for c in range(3)]).astype(np.float32)
    return Posterior(mean, np.zeros(box.shape, np.float32), np.zeros_like(mean))


KNOWN = Candidates(BOXES, 3, Predicting(predict), truth)


def draws(strategy: Strategy, n: int, times: int, pool: Candidates = KNOWN) -> list[list[int]]:
    return [
        [pick.index for pick in strategy.select(pool, n, np.random.default_rng(seed))]
        for seed in range(times)
    ]


def foreground_share(strategy: Strategy) -> float:
    return float(np.mean([LABELS[BOXES[index].slices].any() for (index,) in draws(strategy, 1, 60)]))


def spread(strategy: Strategy) -> float:
    """Mean distance of each pick to the nearest other one, over several draws."""
    boxes = tuple(grid(Box.of((1, 320, 320)), (1, 8, 8)))
    distances = []
    for drawn in draws(strategy, 16, 40, Candidates(boxes, 3)):
        centres = np.array([np.add(boxes[i].start, boxes[i].stop) / 2 for i in drawn])
        distances.append(cKDTree(centres).query(centres, k=2)[0][:, 1].mean())
    return float(np.mean(distances))


def test_random_draws_every_candidate_as_often_as_any_other() -> None:
    counts = np.bincount([drawn[0] for drawn in draws(Random(), 1, 2000)], minlength=100)
    assert ((counts - 20) ** 2 / 20).sum() < 160  # chi squared of 99 degrees of freedom: p = 0.0001


@pytest.mark.parametrize("by", ["truth", "prediction"])
def test_foreground_random_draws_more_foreground_than_random(by: str) -> None:
    assert foreground_share(Random()) < 0.1
    assert foreground_share(ForegroundRandom(by=by)) > 0.4  # type: ignore[arg-type]


def test_a_larger_share_draws_more_foreground() -> None:
    shares = [foreground_share(ForegroundRandom(share=share)) for share in (0.0, 1 / 3, 2 / 3, 1.0)]
    assert shares == sorted(shares)
    assert (shares[0] < 0.1, shares[-1]) == (True, 1.0)


def test_objects_borders_and_the_rest_are_drawn_a_third_each() -> None:
    reasons = [
        ForegroundRandom().select(KNOWN, 1, np.random.default_rng(seed))[0].reason for seed in range(300)
    ]
    counts = [
        sum(reason.startswith(start) for reason in reasons)
        for start in ("drawn around a voxel of class", "drawn around a class border", "drawn at random")
    ]
    assert sum(counts) == 300
    np.testing.assert_allclose(counts, 100, atol=4 * (300 / 3 * 2 / 3) ** 0.5)


def test_classes_are_drawn_equally_often_however_large() -> None:
    reasons = [
        ForegroundRandom(share=2.0).select(KNOWN, 1, np.random.default_rng(seed))[0].reason
        for seed in range(150)
    ]
    assert set(reasons) == {f"drawn around a voxel of class {c}" for c in (1, 2)}
    assert abs(sum(reason.endswith("1") for reason in reasons) - 75) < 4 * 37.5**0.5


def test_where_there_is_no_foreground_all_is_drawn_at_random() -> None:
    blank = Candidates(BOXES, 3, None, lambda box: np.zeros(box.shape, np.uint8))
    picks = ForegroundRandom(share=1.0).select(blank, 5, np.random.default_rng(0))
    assert {pick.reason for pick in picks} == {"drawn at random"}


@pytest.mark.parametrize(("by", "message"), [("truth", "known labels"), ("prediction", "trained model")])
def test_foreground_that_nobody_knows_is_refused(by: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ForegroundRandom(by=by).select(Candidates(BOXES, 3), 1, np.random.default_rng(0))  # type: ignore[arg-type]


def test_strided_picks_lie_farther_apart_than_random_ones() -> None:
    assert spread(Strided()) > 1.15 * spread(Random())


def test_strided_picks_lie_in_every_quarter_of_the_volume() -> None:
    for drawn in draws(Strided(), 16, 10):
        quarters = [(BOXES[i].start[1] >= 40) * 2 + (BOXES[i].start[2] >= 40) for i in drawn]
        assert np.bincount(quarters, minlength=4).min() >= 2


def test_strided_needs_neither_truth_nor_model() -> None:
    assert len(Strided().select(Candidates(BOXES, 3), 4, np.random.default_rng(0))) == 4
