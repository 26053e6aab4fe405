import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from microtome.evaluate.calibration import auroc, expected_calibration_error, rank_correlation


@given(st.integers(0, 50), st.integers(1, 6))
def test_the_area_under_the_curve_is_that_of_scikit_learn(seed: int, levels: int) -> None:
    rng = np.random.default_rng(seed)
    values = np.round(rng.random(60) * levels) / levels  # with ties
    wrong = np.append(rng.random(58) < 0.3, [True, False])
    assert auroc(values, wrong) == pytest.approx(roc_auc_score(wrong, values))


def test_without_right_or_wrong_voxels_there_is_no_area() -> None:
    assert np.isnan(auroc(np.array([0.1, 0.2]), np.array([True, True])))
    assert np.isnan(auroc(np.array([0.1, 0.2]), np.array([False, False])))


def test_calibration_is_the_gap_of_confidence_and_accuracy() -> None:
    confidence = np.array([0.95, 0.95, 0.55, 0.55])
    right = np.array([True, False, True, True])
    assert expected_calibration_error(confidence, right) == pytest.approx(0.5 * 0.45 + 0.5 * 0.45)
    assert expected_calibration_error(np.array([1.0, 1.0]), np.array([True, True])) == 0
    assert np.isnan(expected_calibration_error(np.zeros(0), np.zeros(0, bool)))


def test_ranks_correlate_as_worked_out_by_hand() -> None:
    assert rank_correlation(np.array([1.0, 2, 3]), np.array([1.0, 10, 5])) == pytest.approx(0.5)
    assert np.isnan(rank_correlation(np.ones(5), np.arange(5.0)))
    assert np.isnan(rank_correlation(np.arange(2.0), np.arange(2.0)))
