"""Metrics of objects."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from microtome.evaluate.objects import (
    InstanceScores,
    average_precision,
    covers_half,
    matched,
    overlaps,
    roi_accuracy,
)


def row(*values: int) -> np.ndarray:
    return np.array(values, np.uint64).reshape(1, 1, -1)


def mask(*values: int) -> np.ndarray:
    return row(*values) > 0


def test_instances_match_by_hand() -> None:
    truth = row(1, 1, 1, 1, 0, 2, 2, 2, 2, 0, 3, 3)
    predicted = row(5, 5, 5, 0, 0, 6, 0, 0, 0, 0, 0, 7)
    # 5 on 1: 3/4; 6 on 2: 1/4; 7 on 3: 1/2, which is enough
    scores = matched(overlaps(truth, predicted))
    assert (scores.true, scores.predicted, scores.matched) == (3, 3, 2)
    assert (scores.recall, scores.precision, scores.f1) == pytest.approx((2 / 3, 2 / 3, 2 / 3))
    assert matched(overlaps(truth, predicted), 0.75).matched == 1
    assert matched(overlaps(truth, predicted), 0.25).matched == 3


def test_a_true_instance_in_two_equal_halves_is_found_once() -> None:
    scores = matched(overlaps(row(1, 1, 0), row(4, 5, 0)))
    assert (scores.true, scores.predicted, scores.matched) == (1, 2, 1)


def test_below_a_half_as_many_match_as_can() -> None:
    # prediction 1 reaches both true instances, prediction 2 only the first
    truth, predicted = row(1, 1, 2, 2), row(2, 1, 1, 0)
    assert matched(overlaps(truth, predicted), 0.25).matched == 2


def test_numbers_of_64_bits_are_kept_apart() -> None:
    big = 2**63
    found = overlaps(row(big, big + 1, 0), row(big + 2, big + 3, big + 3))
    assert found.true == {big: 1, big + 1: 1}
    assert found.both == {(big, big + 2): 1, (big + 1, big + 3): 1}


def test_unknown_voxels_do_not_count() -> None:
    found = overlaps(row(1, 1, 2), row(3, 3, 3), mask(1, 1, 0))
    assert matched(found) == InstanceScores(1, 1, 1)


def slow_matches(truth: np.ndarray, predicted: np.ndarray) -> int:
    """Above one half no instance has two partners, so that counting pairs is enough."""
    count = 0
    for a in np.unique(truth[truth > 0]):
        for b in np.unique(predicted[predicted > 0]):
            both, either = (truth == a) & (predicted == b), (truth == a) | (predicted == b)
            count += both.sum() / either.sum() > 0.5
    return count


@given(st.integers(0, 200), st.integers(1, 5))
def test_blocks_add_up_to_the_whole_and_match_a_slow_count(seed: int, cut: int) -> None:
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 4, (2, 3, 6)).astype(np.uint32)
    predicted = np.where(rng.random((2, 3, 6)) < 0.8, truth, rng.integers(0, 4, (2, 3, 6))).astype(np.uint32)
    whole = overlaps(truth, predicted)
    parts = overlaps(truth[:, :, :cut], predicted[:, :, :cut]) + overlaps(
        truth[:, :, cut:], predicted[:, :, cut:]
    )
    assert (parts.true, parts.predicted, parts.both) == (whole.true, whole.predicted, whole.both)
    assert matched(whole, 0.5 + 1e-9).matched == slow_matches(truth, predicted)


@pytest.mark.parametrize(
    ("truth", "predicted", "recall", "precision", "f1"),
    [(row(0, 0), row(0, 0), 1, 1, 1), (row(1, 0), row(0, 0), 0, 0, 0), (row(0, 0), row(0, 1), 0, 0, 0)],
)
def test_where_one_side_is_empty(
    truth: np.ndarray, predicted: np.ndarray, recall: float, precision: float, f1: float
) -> None:
    scores = matched(overlaps(truth, predicted))
    assert (scores.recall, scores.precision, scores.f1) == (recall, precision, f1)


def test_blocks_of_different_shape_and_wrong_thresholds_are_refused() -> None:
    with pytest.raises(ValueError, match="blocks of one shape"):
        overlaps(row(1, 2), row(1))
    with pytest.raises(ValueError, match=r"\(0, 1\] on; got 0"):
        matched(overlaps(row(1), row(1)), 0)


def test_average_precision_by_hand() -> None:
    # ranked: right, wrong, right; of three true objects one was not proposed
    found = average_precision(np.array([0.9, 0.5, 0.8]), np.array([True, True, False]), 3)
    assert found == pytest.approx((1 * 1 + 1 * 2 / 3) / 3)


@given(st.integers(1, 60), st.integers(0, 300))
def test_average_precision_is_that_of_scikit_learn_also_with_ties(n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    probability, correct = rng.integers(0, 8, n) / 8, rng.random(n) < 0.5
    correct[0] = True
    expected = average_precision_score(correct, probability)
    assert average_precision(probability, correct) == pytest.approx(expected)


def test_average_precision_of_nothing() -> None:
    nothing, none = np.zeros(0), np.zeros(0, bool)
    assert average_precision(nothing, none, 0) == 1
    assert average_precision(nothing, none, 4) == 0
    assert average_precision(np.array([0.5]), np.array([False]), 0) == 0


def test_more_hits_than_objects_are_refused() -> None:
    with pytest.raises(ValueError, match="at most 1 correct proposals; got 2"):
        average_precision(np.array([0.5, 0.4]), np.array([True, True]), 1)
    with pytest.raises(ValueError, match="finite probabilities"):
        average_precision(np.array([np.nan]), np.array([True]))


def test_a_proposal_is_correct_if_it_covers_more_than_half_of_the_truth_in_its_box() -> None:
    truth = mask(1, 1, 1, 1, 0)
    assert covers_half(mask(1, 1, 1, 0, 1), truth)
    assert not covers_half(mask(1, 1, 0, 0, 1), truth)  # exactly half
    assert not covers_half(mask(1, 1, 1, 1, 1), mask(0, 0, 0, 0, 0))
    with pytest.raises(ValueError, match="the truth"):
        covers_half(truth, mask(1))


def test_roi_accuracy_by_hand() -> None:
    found = roi_accuracy(np.array([0.9, 0.5, 0.2, 0.7]), np.array([True, True, False, False]))
    assert found == 0.5  # accepted, rejected wrongly, rejected, accepted wrongly


def test_a_model_that_accepts_everything_has_the_share_of_correct_proposals() -> None:
    correct = np.arange(1000) < 762
    assert roi_accuracy(np.ones(1000), correct) == 0.762


@pytest.mark.parametrize("probability", [[], [1.5], [np.nan]])
def test_roi_accuracy_of_nothing_or_of_no_probability_is_refused(probability: list[float]) -> None:
    with pytest.raises(ValueError, match=r"in \[0, 1\], of at least one proposal"):
        roi_accuracy(np.array(probability, float), np.ones(len(probability), bool))
