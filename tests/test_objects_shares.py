"""Shares and their intervals."""

import numpy as np
import pytest
from statsmodels.stats.proportion import proportion_confint

from microtome.objects.shares import Share, lead, share


def of(hits: list[float], totals: list[float]) -> Share:
    return share(np.array(hits, float), np.array(totals, float), np.array(totals, np.int64))


def test_with_one_observation_a_cluster_the_interval_is_that_of_clopper_and_pearson() -> None:
    found = of([1] * 7 + [0] * 3, [1] * 10)
    assert found.value == 0.7
    assert (found.low, found.high) == pytest.approx(proportion_confint(7, 10, method="beta"))
    assert (found.low, found.high) == pytest.approx((0.3475, 0.9333), abs=1e-4)  # as in tables


def test_clusters_that_agree_in_themselves_count_less_than_their_observations() -> None:
    split = of([5, 0] * 10, [5] * 20)  # all or none of each cluster
    mixed = of([2, 3] * 10, [5] * 20)
    assert split.value == mixed.value == 0.5
    assert split.high - split.low > 1.8 * (mixed.high - mixed.low)
    independent = proportion_confint(50, 100, method="beta")
    assert (mixed.low, mixed.high) == pytest.approx(independent)  # never more than the observations


def test_the_effective_number_is_as_worked_out_by_hand() -> None:
    # p = ½; residuals ±2.5; variance 4/3 · 4 · 6.25 / 400 = 1/12; p(1 − p) / variance = 3,
    # times (t(19) / t(3))² = (2.0930 / 3.1824)² = 0.43253: 1.2976 observations
    found = of([5, 0, 5, 0], [5, 5, 5, 5])
    low, high = proportion_confint(0.5 * 1.29759, 1.29759, method="beta")
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-4)


@pytest.mark.parametrize(("hits", "end"), [(0, 0.0), (1, 1.0)])
def test_where_all_or_none_are_hits_each_cluster_counts_once(hits: int, end: float) -> None:
    found = of([10 * hits] * 8, [10] * 8)
    assert found.value == end
    assert (found.low, found.high) == pytest.approx(
        proportion_confint(8 * hits, 8, method="beta"), nan_ok=True
    )


def test_one_cluster_alone_counts_once() -> None:
    found = of([8], [10])
    assert found.low < 0.05
    assert found.high > 0.99


def test_empty_clusters_say_nothing_and_without_any_other_nothing_is_known() -> None:
    assert of([3, 0, 1, 0], [4, 0, 2, 0]) == of([3, 1], [4, 2])
    empty = of([0, 0], [0, 0])
    assert np.isnan(empty.value)
    assert (empty.low, empty.high) == (0, 1)


def test_the_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    rng, inside = np.random.default_rng(0), 0
    for _ in range(400):
        chance = rng.beta(2, 1, 30)  # of each cluster: mean 2/3
        sizes = rng.integers(1, 8, 30)
        found = of(rng.binomial(sizes, chance).tolist(), sizes.tolist())
        inside += found.low <= 2 / 3 <= found.high
    assert 0.93 <= inside / 400 <= 0.995


def test_a_lead_is_a_ratio_with_students_interval() -> None:
    gain, low, high = lead(np.array([3.0, 1.0]), np.array([1.0, 1.0]), np.array([4.0, 4.0]))
    assert gain == 0.25
    # residuals ±1, variance 2/1 · 2 / 64 = 1/16, t(1) = 12.706
    assert (low, high) == pytest.approx((0.25 - 12.7062 / 4, 0.25 + 12.7062 / 4), abs=1e-4)


def test_a_lead_of_one_cluster_may_be_anything() -> None:
    assert lead(np.array([3.0]), np.array([1.0]), np.array([4.0])) == (0.5, -np.inf, np.inf)
    nothing = np.zeros(0)
    assert np.isnan(lead(nothing, nothing, nothing)[0])


def test_more_hits_than_their_total_are_refused() -> None:
    with pytest.raises(ValueError, match="between 0 and its total"):
        of([2], [1])
