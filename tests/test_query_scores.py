"""What a box is worth, against numbers worked out by hand."""

from dataclasses import dataclass

import numpy as np
import pytest
from scipy.ndimage import distance_transform_edt

from microtome.box import Box, grid
from microtome.labels import IGNORE
from microtome.oracle import CostModel
from microtome.predict.posterior import Posterior
from microtome.query.aggregate import boundary_discounted, distance_weighted, mean, top_quantile
from microtome.query.candidates import Candidates
from microtome.query.scores import PerMinute, PredictedLoss, Score, TrueError, Uncertain
from microtome.query.uncertainty import deviation, least_confidence
from models import Predicting

SIDE = 16
BOXES = tuple(grid(Box.of((1, SIDE, 2 * SIDE)), (1, SIDE, SIDE)))


def of(foreground: np.ndarray) -> Posterior:
    p = foreground.astype(np.float32)
    return Posterior(np.stack([1 - p, p]), np.zeros(p.shape, np.float32), np.stack([p, p]) / 4)


def halves(columns: int = 8) -> np.ndarray:
    """Foreground in the first columns of a section."""
    proba = np.zeros((1, SIDE, SIDE))
    proba[..., :columns] = 1
    return proba


def pool(*sections: np.ndarray, truth: np.ndarray | None = None) -> Candidates:
    whole = np.concatenate(sections, axis=2)
    model = Predicting(lambda box: of(whole[box.slices]), loss=lambda boxes: np.arange(len(boxes)) / 2)
    return Candidates(BOXES, 2, model, None if truth is None else lambda box: truth[box.slices])


def test_the_mean_does_not_care_where_the_uncertainty_lies() -> None:
    rng = np.random.default_rng(0)
    values = rng.random((1, SIDE, SIDE)).astype(np.float32)
    assert mean(values, of(halves())) == pytest.approx(values.mean())


def test_at_the_contour_uncertainty_is_discounted_by_its_distance() -> None:
    weights = np.minimum(1, np.array([8, 7, 6, 5, 4, 3, 2, 1, 1, 2, 3, 4, 5, 6, 7, 8]) / 3)
    for column in (0, 6, 7, 8, 9, 10):
        values = np.zeros((1, SIDE, SIDE), np.float32)
        values[..., column] = 1
        expected = weights[column] / weights.sum()
        assert boundary_discounted(values, of(halves())) == pytest.approx(expected)


def test_far_from_the_contour_uncertainty_counts_most_on_both_of_its_sides() -> None:
    distance = np.array([8, 7, 6, 5, 4, 3, 2, 1, 1, 2, 3, 4, 5, 6, 7, 8])
    scaled = (distance - 1) / 7
    for column in range(SIDE):
        values = np.zeros((1, SIDE, SIDE), np.float32)
        values[..., column] = 1
        assert distance_weighted(values, of(halves())) == pytest.approx(scaled[column] / SIDE)


def test_a_disc_is_measured_from_its_thresholded_prediction() -> None:
    y, x = np.indices((SIDE, SIDE)) - 7.5
    soft = 1 / (1 + np.exp(np.hypot(y, x) - 4))[None]
    inside = soft[0] >= 0.5
    distance = np.where(inside, distance_transform_edt(inside), distance_transform_edt(~inside))
    scaled = (distance - distance.min()) / (distance.max() - distance.min())
    values = np.random.default_rng(0).random((1, SIDE, SIDE)).astype(np.float32)
    assert distance_weighted(values, of(soft)) == pytest.approx((scaled * values[0]).mean(), rel=1e-6)


@pytest.mark.parametrize("aggregate", [boundary_discounted, distance_weighted])
@pytest.mark.parametrize("proba", [0.0, 1.0])
def test_without_a_contour_every_voxel_counts_alike(aggregate, proba: float) -> None:  # noqa: ANN001
    values = np.random.default_rng(0).random((2, SIDE, SIDE)).astype(np.float32)
    found = aggregate(values, of(np.full((2, SIDE, SIDE), proba)))
    assert found == pytest.approx(values.mean(dtype=np.float64))


def test_a_section_without_a_contour_counts_as_far_from_one() -> None:
    proba = np.concatenate([halves(), np.zeros((1, SIDE, SIDE))])
    values = np.zeros((2, SIDE, SIDE), np.float32)
    values[1] = 1
    assert distance_weighted(values, of(proba)) == pytest.approx(0.5)


def test_the_top_quantile_is_the_mean_of_the_highest_twentieth() -> None:
    values = np.arange(SIDE * SIDE, dtype=np.float32).reshape(1, SIDE, SIDE)
    assert top_quantile(values, of(halves())) == pytest.approx(values.ravel()[-13:].mean())
    assert top_quantile(np.full((1, 1, 1), 3, np.float32), of(np.zeros((1, 1, 1)))) == 3


def test_a_score_is_a_measure_aggregated_over_each_box() -> None:
    found = Uncertain(least_confidence)(pool(np.full((1, SIDE, SIDE), 0.3), halves()))
    np.testing.assert_allclose(found, [0.3, 0], atol=1e-6)
    found = Uncertain(deviation, top_quantile)(pool(halves(1), halves(0)))
    np.testing.assert_allclose(found, [0.25, 0], atol=1e-6)


def test_the_true_error_is_the_share_of_wrong_voxels() -> None:
    truth = np.zeros((1, SIDE, 2 * SIDE), np.uint8)
    truth[..., :4] = 1
    found = TrueError()(pool(halves(), halves(0), truth=truth))
    np.testing.assert_allclose(found, [0.25, 0])


def test_what_nobody_labelled_is_no_error() -> None:
    truth = np.zeros((1, SIDE, 2 * SIDE), np.uint8)
    truth[..., :4] = 1
    truth[..., 4:] = IGNORE
    found = TrueError()(pool(halves(2), halves(0), truth=truth))
    np.testing.assert_allclose(found, [0.5, 0])


def test_the_predicted_loss_is_asked_of_the_model() -> None:
    np.testing.assert_allclose(PredictedLoss()(pool(halves(), halves())), [0, 0.5])


def test_a_minute_of_looking_and_drawing_is_what_a_score_is_divided_by() -> None:
    cost = CostModel(open_seconds=2, scan_seconds=0, draw_seconds=0.5)
    blank, unsure = np.zeros((1, SIDE, SIDE)), np.full((1, SIDE, SIDE), 0.25)
    found = PerMinute(Uncertain(least_confidence), cost)(pool(unsure, blank))
    assert found[0] == pytest.approx(0.25 / (2 / 60))  # without a contour there is nothing to draw
    assert found[1] == 0
    ramp = halves() * 0.5 + 0.25  # a contour of 16 steps of ½: 8 voxels; errors of 64
    found = PerMinute(Uncertain(least_confidence), cost)(pool(ramp, blank))
    assert found[0] == pytest.approx(0.25 / ((2 + 0.5 * 8) / 60), rel=1e-6)


@dataclass(frozen=True)
class Given:
    """A score that a test lays down."""

    values: tuple[float, ...]

    def __call__(self, candidates: Candidates) -> np.ndarray:
        return np.array(self.values)


def test_a_negative_score_is_not_better_for_taking_longer() -> None:
    quick, slow = np.zeros((1, SIDE, SIDE)), halves() * 0.5 + 0.25
    found = PerMinute(Given((-1.0, -1.0)))(pool(quick, slow))
    assert found.tolist() == [0, 0]
    found = PerMinute(Given((-1.0, -3.0)))(pool(slow, quick))
    assert found[0] > found[1] == 0
    found = PerMinute(Given((2.0, 2.0)))(pool(quick, slow))
    assert found[0] > found[1] > 0


def test_drawing_counts_for_the_errors_alone_where_they_are_fewer_than_the_contour() -> None:
    cost = CostModel(open_seconds=0, scan_seconds=0, draw_seconds=1)
    nearly = halves() * 0.98 + 0.01  # contour 15.68, errors 2.56
    found = PerMinute(Uncertain(least_confidence), cost)(pool(nearly, nearly))
    assert found[0] == pytest.approx(0.01 / (2.56 / 60), rel=1e-4)


@pytest.mark.parametrize(
    ("score", "name"),
    [
        (Uncertain(), "entropy"),
        (Uncertain(least_confidence, top_quantile), "least confidence, top quantile"),
        (PerMinute(), "entropy a minute"),
        (PredictedLoss(), "predicted loss"),
        (TrueError(), "true error"),
    ],
)
def test_scores_have_names_for_people(score: Score, name: str) -> None:
    assert isinstance(score, Score)
    assert str(score) == name


@pytest.mark.parametrize("score", [Uncertain(), PerMinute(), PredictedLoss(), TrueError()])
def test_without_a_model_or_truth_there_is_no_score(score: Score) -> None:
    with pytest.raises(ValueError, match=r"expects a trained model|the project has no \[truth\]"):
        score(Candidates(BOXES, 2))
