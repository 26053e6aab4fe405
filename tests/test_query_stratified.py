"""ClaSP PE and power noise, against their formulas."""

import numpy as np
import pytest

from microtome.box import Box, grid
from microtome.predict.posterior import Posterior
from microtome.query.candidates import Candidates
from microtome.query.ranked import Power, powered
from microtome.query.scores import Uncertain
from microtome.query.stratified import ClassStratified
from microtome.query.uncertainty import least_confidence
from models import Predicting

BOXES = tuple(grid(Box.of((1, 4, 400)), (1, 4, 4)))


def pool(mean: np.ndarray, elapsed: float = 1.0) -> Candidates:
    """One class distribution a box."""
    wide = np.repeat(mean.T[:, None, None], 4, axis=3).astype(np.float32)
    wide = np.repeat(wide, 4, axis=2)

    def predict(box: Box) -> Posterior:
        piece = wide[:, *box.slices]
        return Posterior(piece, np.zeros(box.shape, np.float32), np.zeros_like(piece))

    return Candidates(BOXES[: len(mean)], mean.shape[1], Predicting(predict), elapsed=elapsed)


def drawn(candidates: Candidates, n: int, seed: int = 0) -> list[int]:
    return [pick.index for pick in ClassStratified().select(candidates, n, np.random.default_rng(seed))]


def test_two_thirds_are_split_evenly_over_the_classes() -> None:
    strata = ClassStratified()._strata(24, 4, np.random.default_rng(0))  # 15 over 3 classes, 9 over all
    assert np.bincount(strata).tolist() == [9, 5, 5, 5]
    many = [
        np.bincount(ClassStratified()._strata(5, 3, np.random.default_rng(seed)), minlength=3).tolist()
        for seed in range(40)
    ]
    assert {tuple(counts) for counts in many} == {(2, 2, 1), (2, 1, 2)}  # which of the two is drawn


def test_at_the_end_each_stratum_takes_its_most_uncertain() -> None:
    quiet, unsure_1, unsure_2 = [0.98, 0.01, 0.01], [0.45, 0.54, 0.01], [0.45, 0.01, 0.54]
    mean = np.array([quiet] * 20 + [unsure_1] * 3 + [unsure_2] * 3)
    for seed in range(10):
        found = drawn(pool(mean), 6, seed)
        assert len({*found} & {20, 21, 22}) >= 1
        assert len({*found} & {23, 24, 25}) >= 1
        assert min(found) >= 20


def test_the_noise_fades_over_the_planned_rounds() -> None:
    mean = np.linspace(0.01, 0.5, 100)
    mean = np.stack([1 - mean, mean], axis=1)
    best = [np.mean([np.mean(drawn(pool(mean, t), 10, seed)) for seed in range(20)]) for t in (0, 0.5, 1)]
    assert best[0] < best[1] < best[2]
    assert best[0] > 55, "even at first the uncertain are drawn more often"
    assert best[2] > 93


def test_power_noise_draws_in_proportion_to_the_score() -> None:
    rng = np.random.default_rng(0)
    firsts = [powered(np.array([1.0, 2.0, 5.0]), 1.0, rng).argmax() for _ in range(8000)]
    np.testing.assert_allclose(np.bincount(firsts) / 8000, [1 / 8, 2 / 8, 5 / 8], atol=0.02)


def test_a_score_of_zero_is_drawn_last() -> None:
    rng = np.random.default_rng(0)
    assert all(np.argmin(powered(np.array([0.3, 0.0, 0.4]), 1.0, rng)) == 1 for _ in range(200))


def test_power_without_much_noise_ranks_as_the_score_does() -> None:
    mean = np.array([[0.9, 0.1], [0.5, 0.5], [0.7, 0.3]])
    picks = Power(Uncertain(least_confidence), beta=1e6).select(pool(mean), 3, np.random.default_rng(0))
    assert [pick.index for pick in picks] == [1, 2, 0]
    assert "with noise" in picks[0].reason


@pytest.mark.parametrize("strategy", [Power(), ClassStratified()])
def test_without_a_model_nothing_can_be_drawn(strategy) -> None:  # noqa: ANN001
    with pytest.raises(ValueError, match="expects a trained model; there is none yet"):
        strategy.select(Candidates(BOXES, 2), 2, np.random.default_rng(0))
