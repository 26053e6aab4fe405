"""Whether a model knows when it is wrong."""

import numpy as np
from jaxtyping import Bool, Float
from scipy.stats import rankdata, spearmanr

BINS = 15


def rank_correlation(a: Float[np.ndarray, "n"], b: Float[np.ndarray, "n"]) -> float:
    """Spearman's ρ; NaN where one of them is constant or there are fewer than 3 values."""
    if len(a) < 3 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return float("nan")
    return float(spearmanr(a, b).statistic)


def auroc(uncertainty: Float[np.ndarray, "n"], wrong: Bool[np.ndarray, "n"]) -> float:
    """The chance that a wrong voxel is more uncertain than a right one (Mann & Whitney 1947).

    NaN where all are right, or all wrong.
    """
    positive = int(np.count_nonzero(wrong))
    negative = len(wrong) - positive
    if not positive or not negative:
        return float("nan")
    ranks = rankdata(uncertainty)
    return float((ranks[wrong].sum() - positive * (positive + 1) / 2) / (positive * negative))


def expected_calibration_error(
    confidence: Float[np.ndarray, "n"], right: Bool[np.ndarray, "n"], bins: int = BINS
) -> float:
    """Mean gap of confidence and accuracy over bins of equal width (Naeini et al. 2015; Guo et al. 2017).

    NaN where there is nothing to count.
    """
    if not len(confidence):
        return float("nan")
    place = np.minimum((confidence * bins).astype(np.int64), bins - 1)
    counts = np.bincount(place, minlength=bins)
    gaps = np.bincount(place, weights=confidence - right, minlength=bins)
    return float(np.abs(gaps).sum() / counts.sum())
