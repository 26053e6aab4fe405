"""A share estimated from clusters of observations, and the interval in which it lies."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64
from scipy import stats

ALPHA = 0.05  # 95 % intervals


@dataclass(frozen=True, slots=True)
class Share:
    """An estimate in [0, 1] and its 95 % interval; NaN, within [0, 1], where nothing was observed."""

    value: float
    low: float
    high: float

    def times(self, factor: float) -> "Share":
        """The share of a whole of which this is the share of a part."""
        return Share(self.value * factor, self.low * factor, self.high * factor)


NOTHING_KNOWN = Share(float("nan"), 0.0, 1.0)


def share(
    hits: Float64[np.ndarray, "k"],
    totals: Float64[np.ndarray, "k"],
    observations: Int64[np.ndarray, "k"],
) -> Share:
    """Σ hits / Σ totals over clusters that are drawn as a whole: boxes, or groups of alike objects.

    `totals` is what a cluster counts for, `observations` how many tell of its hits; where every observation
    stands for itself they are the same. The interval is Clopper & Pearson's for the effective number of
    observations (Korn & Graubard 1998): that at which independent ones would vary as much as the ratio does
    over clusters, corrected for degrees of freedom, and at most all of them. With equal clusters of one
    observation it is the exact interval. Where all are hits, or none, or there is one cluster alone, nothing
    says how alike the observations of a cluster are, and each cluster counts as one.

    Raises:
        ValueError: If a cluster has more hits than its total, or a number is negative.
    """
    if not ((hits >= 0) & (hits <= totals) & (observations >= 0)).all():
        raise ValueError("expected hits of each cluster between 0 and its total")
    counted = (totals > 0) & (observations > 0)
    hits, totals, observations = hits[counted], totals[counted], observations[counted]
    if not len(totals):
        return NOTHING_KNOWN
    ratio = float(hits.sum() / totals.sum())
    low, high = _clopper_pearson(ratio, _effective(hits, totals, observations))
    return Share(ratio, low, high)


def lead(
    first: Float64[np.ndarray, "k"], second: Float64[np.ndarray, "k"], totals: Float64[np.ndarray, "k"]
) -> tuple[float, float, float]:
    """Σ (first − second) / Σ totals, and its 95 % interval by Student's t over clusters.

    With less than two clusters the interval is infinitely wide; with none the estimate is NaN.
    """
    kept = totals > 0
    gaps, totals = (first - second)[kept], totals[kept]
    if not len(totals):
        return float("nan"), -np.inf, np.inf
    ratio = float(gaps.sum() / totals.sum())
    if len(totals) == 1:
        return ratio, -np.inf, np.inf
    width = stats.t.ppf(1 - ALPHA / 2, len(totals) - 1) * np.sqrt(_variance(gaps, totals, ratio))
    return ratio, ratio - float(width), ratio + float(width)


def _effective(
    hits: Float64[np.ndarray, "k"], totals: Float64[np.ndarray, "k"], observations: Int64[np.ndarray, "k"]
) -> float:
    """How many independent observations say as much."""
    count, observed, ratio = len(totals), int(observations.sum()), float(hits.sum() / totals.sum())
    one_each = observed == count and np.ptp(totals) == 0
    if count == 1 or one_each or not 0 < ratio < 1:
        return float(count)
    variance = _variance(hits, totals, ratio)
    alike = stats.t.ppf(1 - ALPHA / 2, observed - 1) / stats.t.ppf(1 - ALPHA / 2, count - 1)
    independent = ratio * (1 - ratio) * float(alike) ** 2
    return independent / variance if independent < observed * variance else float(observed)


def _variance(parts: Float64[np.ndarray, "k"], totals: Float64[np.ndarray, "k"], ratio: float) -> float:
    """Of a ratio of sums over clusters, linearised (Cochran 1977)."""
    residuals = parts - ratio * totals
    count = len(totals)
    return float(count / (count - 1) * (residuals**2).sum() / totals.sum() ** 2)


def _clopper_pearson(ratio: float, count: float) -> tuple[float, float]:
    """For any count, whole or not; the ends are 0 and 1 where all or none are hits."""
    hits = ratio * count
    low = stats.beta.ppf(ALPHA / 2, hits, count - hits + 1) if ratio > 0 else 0.0
    high = stats.beta.ppf(1 - ALPHA / 2, hits + 1, count - hits) if ratio < 1 else 1.0
    return float(low), float(high)
