import math
import warnings

import numpy as np
import pytest
from scipy import stats

from microtome.benchmark.analysis.curves import Curves, area, curves, gather, to_full
from microtome.benchmark.analysis.statistics import (
    Labels,
    band,
    best_gain,
    compare,
    foreground_efficiency,
    hodges_lehmann,
    labels_by_seed,
    labels_of_mean,
    labels_to,
    mean_interval,
    penalties,
    saving,
    saving_of_means,
    signed_rank_p,
    smallest_p,
)
from microtome.benchmark.protocol.rounds import FULL, Row

BUDGETS = np.array([8, 16, 32], dtype=np.int64)


def known(scores: dict[str, list[list[float]]], **fields: object) -> Curves:
    arrays = {name: np.array(values, dtype=np.float64) for name, values in scores.items()}
    seeds = tuple(range(len(next(iter(arrays.values())))))
    return Curves(BUDGETS, seeds, arrays, **fields)


def rows(strategy: str, seed: int, scores: list[float], budgets: tuple[int, ...] = (8, 16, 32)) -> list[Row]:
    return [
        Row(strategy, seed, number, patches, {"jaccard": score})
        for number, (patches, score) in enumerate(zip(budgets, scores, strict=True))
    ]


def test_curves_keep_the_seeds_that_every_strategy_has_finished() -> None:
    table = [
        *rows("a", 0, [0.1, 0.2, 0.3]),
        *rows("a", 1, [0.2, 0.3, 0.4]),
        *rows("b", 0, [0.1, math.nan, 0.3]),
        *rows("b", 1, [0.2, 0.3, 0.5]),
        *rows("late", 1, [0.2, 0.4], (8, 16)),
        Row(FULL, 0, 0, 100, {"jaccard": 0.7}),
        Row(FULL, 5, 0, 100, {"jaccard": 0.8}),
    ]
    found = curves(table, "jaccard")
    assert found.seeds == (1,)
    assert found.dropped == (0,)
    assert found.left_out == ("late",)
    assert {name: scores.tolist() for name, scores in found.scores.items()} == {
        "a": [[0.2, 0.3, 0.4]],
        "b": [[0.2, 0.3, 0.5]],
    }
    assert found.full == pytest.approx(0.75)
    assert found.pool == 100


def test_strategy_far_behind_does_not_take_the_seeds_of_others_away() -> None:
    table = [row for seed in range(4) for row in rows("a", seed, [0.1, 0.2, 0.3])]
    found = curves([*table, *rows("new", 0, [0.1, 0.2, 0.3])], "jaccard")
    assert found.seeds == (0, 1, 2, 3)
    assert found.left_out == ("new",)


def test_no_rows_are_curves_without_seeds() -> None:
    found = curves([], "jaccard")
    assert (found.seeds, found.scores, found.pool) == ((), {}, 0)
    assert math.isnan(found.full)


def test_column_is_gathered_with_gaps() -> None:
    table = rows("a", 3, [0.1, 0.2, 0.3])
    np.testing.assert_array_equal(
        gather(table, "jaccard", "a", [3, 4], [8, 64]), [[0.1, np.nan], [np.nan] * 2]
    )
    assert np.isnan(gather(table, "dice", "a", [3], [8])).all()


@pytest.mark.parametrize(
    ("budgets", "scores"), [([8, 8, 16], [[0.1, 0.2, 0.3]]), ([8, 16, 32], [[0.1, np.nan, 0.3]])]
)
def test_curves_expect_rising_budgets_and_finite_scores(
    budgets: list[int], scores: list[list[float]]
) -> None:
    with pytest.raises(ValueError, match="expected"):
        Curves(np.array(budgets, dtype=np.int64), (0,), {"a": np.array(scores)})


def test_area_on_log_budgets_counts_every_doubling_the_same() -> None:
    scores = np.array([[0.2, 0.4, 0.8], [0.5, 0.5, 0.5]])
    # (0.2 + 0.4)/2 · ½ + (0.4 + 0.8)/2 · ½, and with widths of 8/24 and 16/24
    np.testing.assert_allclose(area(BUDGETS, scores, log2=True), [0.45, 0.5])
    np.testing.assert_allclose(area(BUDGETS, scores, log2=False), [0.5, 0.5])


def test_one_budget_has_no_area() -> None:
    assert np.isnan(area(BUDGETS[:1], np.array([[0.3]]), log2=True)).all()


def test_labels_are_interpolated_on_log_budgets() -> None:
    # 0.6 lies half way from 0.4 to 0.8, so half a doubling beyond 16
    assert labels_to(BUDGETS, np.array([0.2, 0.4, 0.8]), 0.6).patches == pytest.approx(16 * math.sqrt(2))


def test_labels_that_the_start_set_reaches_are_those_of_the_start() -> None:
    assert labels_to(BUDGETS, np.array([0.7, 0.8, 0.9]), 0.7) == Labels(8.0, False)


def test_labels_that_are_not_reached_are_a_flagged_lower_bound() -> None:
    assert labels_to(BUDGETS, np.array([0.2, 0.4, 0.5]), 0.6) == Labels(32.0, True)


def test_a_dip_is_levelled_before_labels_are_read() -> None:
    # 0.6 and 0.4 pool to 0.5: the target is not taken from the peak of a noisy curve
    assert labels_to(BUDGETS, np.array([0.2, 0.6, 0.4]), 0.55) == Labels(32.0, True)
    assert labels_to(BUDGETS, np.array([0.2, 0.6, 0.4]), 0.5).patches == pytest.approx(16.0)


def test_labels_to_an_unknown_score_are_unknown() -> None:
    labels = labels_to(BUDGETS, np.array([0.2, 0.6, 0.4]), math.nan)
    assert math.isnan(labels.patches)
    assert labels.censored


def test_full_supervision_bounds_what_was_not_reached() -> None:
    study = known({"a": [[0.2, 0.4, 0.6], [0.2, 0.4, 0.6]]}, full=1.0, pool=128)
    assert labels_of_mean(study, "a", 0.8).censored
    # half way from 0.6 at 32 to 1.0 at 128 is one doubling
    assert labels_of_mean(to_full(study), "a", 0.8).patches == pytest.approx(64.0)
    assert [labels.patches for labels in labels_by_seed(to_full(study), "a", 0.8)] == pytest.approx([64, 64])


def test_curves_without_full_supervision_or_that_reach_the_pool_stay_as_they_are() -> None:
    study = known({"a": [[0.2, 0.4, 0.6]]})
    assert to_full(study) is study
    whole = known({"a": [[0.2, 0.4, 0.6]]}, full=1.0, pool=32)
    assert to_full(whole) is whole


def test_saving_is_the_geometric_mean_of_paired_ratios() -> None:
    found = saving([Labels(32, False), Labels(64, False)], [Labels(16, False), Labels(8, False)], 0)
    assert found.ratio == pytest.approx(4.0)  # √(2 · 8)
    assert (found.bound, found.pairs, found.silent) == ("exact", 2, 0)
    assert (found.low, found.high) == pytest.approx((2.0, 8.0))  # all that two pairs can say


@pytest.mark.parametrize(
    ("reference", "method", "bound", "pairs"),
    [
        ([True, False], [False, False], "at least", 2),
        ([False, False], [True, False], "at most", 2),
        ([True, False], [False, True], "unclear", 2),
        ([True, False], [True, False], "unclear", 1),
        ([False, False], [False, False], "exact", 2),
        ([True, True], [True, True], "none", 0),
    ],
)
def test_censoring_makes_a_saving_a_bound(
    reference: list[bool], method: list[bool], bound: str, pairs: int
) -> None:
    found = saving([Labels(32, c) for c in reference], [Labels(16, c) for c in method], 0)
    assert (found.bound, found.pairs, found.silent) == (bound, pairs, 2 - pairs)
    assert math.isnan(found.ratio) if not pairs else found.ratio == pytest.approx(2.0)


def test_saving_of_mean_curves_says_what_it_bounds() -> None:
    assert saving_of_means(Labels(128, True), Labels(32, False)) == (4.0, "at least")
    assert saving_of_means(Labels(64, False), Labels(128, True)) == (0.5, "at most")
    assert math.isnan(saving_of_means(Labels(128, True), Labels(128, True))[0])


def test_saving_expects_pairs() -> None:
    with pytest.raises(ValueError):
        saving([Labels(8, False)], [], 0)


def test_bootstrap_interval_is_seeded_and_near_that_of_student() -> None:
    values = np.random.default_rng(0).normal(1.0, 0.2, 60)
    low, high = mean_interval(values, 5)
    assert (low, high) == mean_interval(values, 5)
    student = stats.t.interval(0.95, 59, values.mean(), stats.sem(values))
    assert (low, high) == pytest.approx(student, abs=0.01)


def test_degenerate_samples_have_no_interval_or_one_without_width() -> None:
    assert np.isnan(mean_interval(np.array([0.5]), 0)).all()
    assert np.isnan(mean_interval(np.array([]), 0)).all()
    assert np.isnan(mean_interval(np.array([0.5, np.nan]), 0)).all()
    assert mean_interval(np.full(5, 0.25), 0) == (0.25, 0.25)
    assert np.isfinite(mean_interval(np.array([0.1, 0.3]), 0)).all()


def test_band_surrounds_the_mean_and_needs_six_seeds() -> None:
    scores = np.random.default_rng(0).normal(0.5, 0.1, (12, 4))
    low, high = band(scores, 1)
    assert (low < scores.mean(axis=0)).all()
    assert (scores.mean(axis=0) < high).all()
    assert np.isfinite(band(scores[:6], 1)).all()
    assert np.isnan(band(scores[:5], 1)).all()


def test_best_gain_is_the_largest_mean_lead_beyond_the_start() -> None:
    mine, theirs = [[0.9, 0.5, 0.5], [0.9, 0.6, 0.5]], [[0.1, 0.4, 0.45], [0.1, 0.4, 0.45]]
    gain = best_gain(known({"a": mine, "b": theirs}), "a", "b", 0)
    assert gain.patches == 16
    assert gain.points == pytest.approx(15.0)
    assert np.isnan([gain.low, gain.high]).all()  # two seeds say little
    gain = best_gain(known({"a": 3 * mine, "b": 3 * theirs}), "a", "b", 0)
    assert gain.points == pytest.approx(15.0)
    assert 10 <= gain.low < 15 < gain.high <= 20


def test_hodges_lehmann_is_the_median_of_walsh_averages() -> None:
    # pairs of 1, 2, 6: 1, 1.5, 2, 3.5, 4, 6
    estimate, low, high = hodges_lehmann(np.array([1.0, 2.0, 6.0]))
    assert estimate == 2.75
    assert math.isnan(low)
    assert math.isnan(high)


def test_hodges_lehmann_interval_cuts_off_the_tabled_number_of_walsh_averages() -> None:
    # n = 10, two-sided 0.05: the critical value of the signed-rank table is 8, so the 9th from either end
    values = np.random.default_rng(2).normal(size=10)
    walsh = sorted((values[i] + values[j]) / 2 for i in range(10) for j in range(i, 10))
    assert hodges_lehmann(values)[1:] == (walsh[8], walsh[-9])


def test_hodges_lehmann_interval_holds_zero_exactly_where_wilcoxon_finds_nothing() -> None:
    rng = np.random.default_rng(3)
    for shift in rng.uniform(0, 1.5, 40):
        values = rng.normal(shift, 1.0, 12)
        _, low, high = hodges_lehmann(values)
        assert (low <= 0 <= high) == (signed_rank_p(values) > 0.05)


def test_signed_rank_p_is_exact_by_hand() -> None:
    assert signed_rank_p(np.array([1.0, 2.0, 3.0, 4.0, 5.0])) == pytest.approx(2 / 32)
    assert signed_rank_p(np.array([-1.0, 2.0, 3.0, 4.0, 5.0])) == pytest.approx(4 / 32)


@pytest.mark.parametrize(
    ("differences", "p"), [([0.0] * 5, 1.0), ([], math.nan), ([0.1, math.nan], math.nan), ([0.3], 1.0)]
)
def test_degenerate_differences_have_a_sensible_p(differences: list[float], p: float) -> None:
    assert signed_rank_p(np.array(differences, dtype=np.float64)) == pytest.approx(p, nan_ok=True)


def test_equal_differences_warn_of_nothing() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert 0 < signed_rank_p(np.full(12, 0.1)) < 0.05
        assert hodges_lehmann(np.full(12, 0.1)) == pytest.approx((0.1, 0.1, 0.1))


def test_comparisons_are_corrected_by_holm() -> None:
    rising = np.arange(1.0, 7.0)
    values = {"r": np.zeros(6), "up": rising, "down": -rising, "mixed": rising * [1, -1, 1, -1, 1, -1]}
    found = compare(values, "r")
    assert set(found) == {"up", "down", "mixed"}
    p = 2 / 64
    assert (found["up"].p, found["up"].p_holm) == (p, pytest.approx(3 * p))
    assert found["down"].p_holm == pytest.approx(3 * p)  # monotone: never below the one before it
    assert found["mixed"].p_holm == pytest.approx(found["mixed"].p)
    assert (found["up"].estimate, found["down"].estimate) == (3.5, -3.5)


def test_comparison_without_seeds_is_nan() -> None:
    found = compare({"r": np.array([0.5]), "a": np.array([math.nan])}, "r")["a"]
    assert np.isnan([found.estimate, found.p, found.p_holm]).all()


def test_too_few_seeds_for_many_comparisons_are_seen() -> None:
    assert smallest_p(10, 29) == pytest.approx(29 / 512)
    assert smallest_p(12, 10) < 0.05
    assert smallest_p(1, 3) == 1.0


def test_penalty_is_the_share_of_budgets_with_a_significant_win() -> None:
    noise = np.random.default_rng(0).normal(0, 0.01, (10, 3))
    base = np.full((10, 3), 0.5)
    study = Curves(
        BUDGETS, tuple(range(10)), {"a": base + noise + [0, 0, 0.2], "b": base, "c": base - 0.3 + noise[::-1]}
    )
    found = penalties(study, ["a", "b", "c"])
    assert found.tests == 6  # 3 pairs, 2 budgets beyond the start
    np.testing.assert_array_equal(found.wins, [[0, 0.5, 1], [0, 0, 1], [0, 0, 0]])


def test_penalty_of_each_pair_is_the_paired_t_test_with_holm() -> None:
    rng = np.random.default_rng(4)
    study = Curves(BUDGETS, tuple(range(12)), {n: rng.normal(0.5, 0.05, (12, 3)) for n in "ab"})
    study.scores["a"][:, 2] += 0.05
    p = np.array([stats.ttest_rel(study.scores["a"][:, k], study.scores["b"][:, k]).pvalue for k in (1, 2)])
    holm = np.where(p == p.min(), 2 * p.min(), max(2 * p.min(), p.max()))
    assert penalties(study, ["a", "b"]).wins[0, 1] == (holm < 0.05).mean()


def test_constant_leads_are_told_apart_and_equal_curves_are_not() -> None:
    study = known({"a": [[0.5, 0.6, 0.7]] * 3, "b": [[0.5, 0.5, 0.5]] * 3, "c": [[0.5, 0.5, 0.5]] * 3})
    wins = penalties(study, ["a", "b", "c"]).wins
    np.testing.assert_array_equal(wins, [[0, 1, 1], [0, 0, 0], [0, 0, 0]])


def test_one_seed_or_one_strategy_has_no_penalty() -> None:
    one = penalties(known({"a": [[0.5, 0.6, 0.7]], "b": [[0.5, 0.5, 0.5]]}), ["a", "b"])
    assert np.isnan(one.wins).all()
    assert penalties(known({"a": [[0.5, 0.6, 0.7]] * 2}), ["a"]).wins.tolist() == [[0.0]]


def test_foreground_efficiency_recovers_the_rate_of_a_curve_made_with_it() -> None:
    found = np.array([[0.02, 0.1, 0.3], [0.02, 0.2, 0.4]])
    scores = 0.8 - 0.5 * np.exp(-6.0 * (found - 0.02))
    fit = foreground_efficiency(found, scores, 0.8)
    assert fit.gamma == pytest.approx(6.0, rel=1e-4)
    assert fit.reason == ""


@pytest.mark.parametrize(
    ("found", "scores", "full", "reason"),
    [
        ([[0.1, 0.2]], [[0.5, 0.6]], math.nan, "not known"),
        ([[0.1, math.nan]], [[0.5, 0.6]], 0.8, "not known"),
        ([[0.1, 0.2]], [[0.9, 0.9]], 0.8, "as good as full"),
        ([[0.1, 0.1]], [[0.5, 0.6]], 0.8, "no foreground was added"),
        ([[0.1, 0.2]], [[0.5, 0.4]], 0.8, "do not rise"),
        ([[0.1, 0.2]], [[0.5, 0.9]], 0.8, "at once"),
    ],
)
def test_foreground_efficiency_that_cannot_be_fitted_says_why(
    found: list[list[float]], scores: list[list[float]], full: float, reason: str
) -> None:
    fit = foreground_efficiency(np.array(found), np.array(scores), full)
    assert math.isnan(fit.gamma)
    assert reason in fit.reason
