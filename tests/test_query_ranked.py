import numpy as np
import pytest

from microtome.box import Box, grid
from microtome.predict.posterior import Posterior
from microtome.query.candidates import Candidates
from microtome.query.ranked import TopK
from microtome.query.scores import Uncertain
from microtome.query.uncertainty import least_confidence
from models import Predicting

BOXES = tuple(grid(Box.of((1, 4, 16)), (1, 4, 4)))


def candidates(*foreground: float, boxes: tuple[Box, ...] = BOXES) -> Candidates:
    """Boxes side by side in x, 4 voxels each, whose foreground has these probabilities."""
    p = np.repeat(np.array(foreground, np.float32), 4) * np.ones((1, 4, 1), np.float32)
    mean = np.stack([1 - p, p])

    def predict(box: Box) -> Posterior:
        piece = mean[:, *box.slices]
        return Posterior(piece, np.zeros(box.shape, np.float32), np.zeros_like(piece))

    return Candidates(boxes, 2, Predicting(predict))


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_the_least_sure_come_first_with_their_score_and_rank() -> None:
    picks = TopK(Uncertain(least_confidence)).select(candidates(0.9, 0.5, 0.0, 0.625), 3, rng())
    assert [(pick.index, pick.score) for pick in picks] == [
        (1, 0.5),
        (3, 0.375),
        (0, pytest.approx(0.1)),
    ]
    assert picks[1].reason == "rank 2 of 4 by least confidence: 0.3750"


def test_the_score_is_the_mean_over_the_box() -> None:
    halves = (Box((0, 0, 2), (1, 4, 6)),)
    (pick,) = TopK(Uncertain(least_confidence)).select(candidates(0.5, 0.0, 0.0, 0.0, boxes=halves), 1, rng())
    assert pick.score == 0.25


def test_a_box_that_overlaps_a_better_one_is_passed_over() -> None:
    boxes = (*BOXES, Box((0, 0, 6), (1, 4, 10)))
    picks = TopK(Uncertain(least_confidence)).select(candidates(0.1, 0.5, 0.4, 0.0, boxes=boxes), 3, rng())
    assert [pick.index for pick in picks] == [1, 2, 0]


def test_equals_come_in_random_order() -> None:
    orders = {
        tuple(p.index for p in TopK().select(candidates(*[0.5] * 4), 4, rng(seed))) for seed in range(40)
    }
    assert len(orders) > 10


def test_scores_that_are_not_finite_are_refused() -> None:
    with pytest.raises(ValueError, match="scores must be finite; 1 of 4 are not"):
        TopK(Uncertain(least_confidence)).select(candidates(0.5, np.nan, 0.0, 0.1), 2, rng())


def test_without_a_model_nothing_can_be_ranked() -> None:
    with pytest.raises(ValueError, match="expects a trained model; there is none yet"):
        TopK().select(Candidates(BOXES, 2), 1, rng())
