"""What the curves of a study say: labels to a score, paired tests and their corrections.

Everything here is a pure function of numbers; where chance is drawn, its seed is a parameter.
"""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float64, Int64
from scipy import optimize, stats
from sklearn.isotonic import IsotonicRegression
from statsmodels.stats.multitest import multipletests

from microtome.benchmark.analysis.curves import Curves

NEARLY_ALL = 0.99  # of full supervision
RESAMPLES = 4999
FEWEST = 6  # seeds with an interval: less have none in the signed-rank test either, and a bootstrap misleads
Interval = tuple[float, float]
Bound = Literal["exact", "at least", "at most", "unclear", "none"]


@dataclass(frozen=True, slots=True)
class Labels:
    """Patches to a target score; where `censored`, it was not reached and `patches` is a lower bound."""

    patches: float
    censored: bool


def labels_to(budgets: Int64[np.ndarray, "b"], scores: Float64[np.ndarray, "b"], target: float) -> Labels:
    """Patches at which the isotonic fit of one curve reaches `target`, interpolated on log budgets.

    The first budget where the start set is enough; the largest, censored, where nothing is.
    """
    if not len(budgets) or not np.isfinite(target):
        return Labels(float("nan"), True)
    fit = IsotonicRegression().fit_transform(np.arange(len(scores)), scores)
    reached = np.flatnonzero(fit >= target)
    if not len(reached):
        return Labels(float(budgets[-1]), True)
    k = int(reached[0])
    if k == 0:
        return Labels(float(budgets[0]), False)
    part = (target - fit[k - 1]) / (fit[k] - fit[k - 1])
    return Labels(float(budgets[k - 1] * (budgets[k] / budgets[k - 1]) ** part), False)


def labels_by_seed(known: Curves, strategy: str, share: float) -> list[Labels]:
    """Labels to `share` of the mean score of full supervision, one a seed."""
    return [labels_to(known.budgets, row, share * known.full) for row in known.scores[strategy]]


def labels_of_mean(known: Curves, strategy: str, share: float) -> Labels:
    """Labels at which the mean curve reaches `share` of the mean score of full supervision."""
    if not known.seeds:
        return Labels(float("nan"), True)
    return labels_to(known.budgets, known.scores[strategy].mean(axis=0), share * known.full)


@dataclass(frozen=True, slots=True)
class Saving:
    """How many times more labels the reference needs: a geometric mean over pairs, with a 95 % interval.

    `bound` says what censoring makes of it: a pair whose reference alone did not arrive gives a lower bound
    of its ratio, a pair whose method alone did not gives an upper bound; both kinds together, or a pair of
    which neither arrived and which is left out, make it unclear. The end of the interval that a bound does
    not support is infinite or 0; both are where it is unclear.
    """

    ratio: float
    low: float
    high: float
    bound: Bound
    pairs: int  # that say something
    silent: int  # that say nothing


def saving(reference: Sequence[Labels], method: Sequence[Labels], seed: int) -> Saving:
    """Labels of the reference over those of the method, paired by seed.

    Raises:
        ValueError: If the two do not have the same number of seeds.
    """
    pairs = [
        (r, m)
        for r, m in zip(reference, method, strict=True)
        if not (r.censored and m.censored) and np.isfinite(r.patches) and np.isfinite(m.patches)
    ]
    logs = np.log(np.array([r.patches / m.patches for r, m in pairs], dtype=np.float64))
    ratio = float(np.exp(logs.mean())) if pairs else float("nan")
    low, high = np.exp(mean_interval(logs, seed))
    bound = _bound(any(r.censored for r, _ in pairs), any(m.censored for _, m in pairs), bool(pairs))
    silent = len(reference) - len(pairs)
    if silent and pairs:
        bound = "unclear"
    low = 0.0 if bound in ("at most", "unclear") else float(low)
    high = float("inf") if bound in ("at least", "unclear") else float(high)
    return Saving(ratio, low, high, bound, len(pairs), silent)


def saving_of_means(reference: Labels, method: Labels) -> tuple[float, Bound]:
    """The ratio of two mean curves' labels, and what it bounds; NaN where neither arrived."""
    if reference.censored and method.censored:
        return float("nan"), "none"
    return reference.patches / method.patches, _bound(reference.censored, method.censored, True)


def mean_interval(values: Float64[np.ndarray, "n"], seed: int) -> Interval:
    """95 % bootstrap interval of a mean: BCa (Efron 1987), or percentiles where that cannot be had.

    NaN for less than two values; no width where all are the same.
    """
    if len(values) < 2 or not np.isfinite(values).all():
        return float("nan"), float("nan")
    if np.ptp(values) <= 1e-12:
        return float(values.mean()), float(values.mean())
    low, high = _bootstrap(values, "BCa", seed)
    if not np.isfinite([low, high]).all():
        low, high = _bootstrap(values, "percentile", seed)
    return float(low), float(high)


def band(
    scores: Float64[np.ndarray, "s b"], seed: int
) -> tuple[Float64[np.ndarray, "b"], Float64[np.ndarray, "b"]]:
    """95 % percentile bootstrap band of the mean curve, whole seeds drawn; NaN for less than six."""
    if len(scores) < FEWEST:
        nothing = np.full(scores.shape[1], np.nan)
        return nothing, nothing.copy()
    drawn = np.random.default_rng(seed).integers(len(scores), size=(RESAMPLES, len(scores)))
    weights = np.apply_along_axis(np.bincount, 1, drawn, minlength=len(scores)) / len(scores)
    low, high = np.percentile(weights @ scores, [2.5, 97.5], axis=0)
    return low, high


@dataclass(frozen=True, slots=True)
class Gain:
    """The largest mean lead over a reference, in points of 100, and the budget where it is.

    The interval is of that budget alone; chosen as the best of several, it flatters.
    """

    patches: int
    points: float
    low: float
    high: float


def best_gain(known: Curves, strategy: str, reference: str, seed: int) -> Gain:
    """Where, beyond the start set, `strategy` leads `reference` by most (or trails it by least).

    Less than six seeds have no interval.
    """
    if not known.seeds or len(known.budgets) < 2:
        return Gain(0, float("nan"), float("nan"), float("nan"))
    lead = 100 * (known.scores[strategy] - known.scores[reference])[:, 1:]
    k = int(lead.mean(axis=0).argmax())
    low, high = mean_interval(lead[:, k], seed) if len(lead) >= FEWEST else (float("nan"), float("nan"))
    return Gain(int(known.budgets[1 + k]), float(lead[:, k].mean()), low, high)


@dataclass(frozen=True, slots=True)
class Comparison:
    """A strategy's paired difference to a reference: Hodges–Lehmann estimate, 95 % interval, p values."""

    strategy: str
    reference: str
    estimate: float
    low: float
    high: float
    p: float  # Wilcoxon's signed-rank test, two sides
    p_holm: float  # corrected for all strategies that were compared with this reference


def compare(values: Mapping[str, Float64[np.ndarray, "s"]], reference: str) -> dict[str, Comparison]:
    """Every strategy against `reference`, paired by seed (Wilcoxon 1945; Holm 1979)."""
    differences = {name: mine - values[reference] for name, mine in values.items() if name != reference}
    p = np.array([signed_rank_p(d) for d in differences.values()], dtype=np.float64)
    corrected = _holm(p)
    return {
        name: Comparison(name, reference, *hodges_lehmann(d), float(p[k]), float(corrected[k]))
        for k, (name, d) in enumerate(differences.items())
    }


def signed_rank_p(differences: Float64[np.ndarray, "n"]) -> float:
    """Two-sided p of Wilcoxon's signed-rank test; 1 where all differences are 0, NaN where there is none."""
    if not len(differences) or not np.isfinite(differences).all():
        return float("nan")
    if not differences.any():
        return 1.0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # small samples with ties or zeros: p is the normal approximation
        return float(stats.wilcoxon(differences).pvalue)


def hodges_lehmann(differences: Float64[np.ndarray, "n"]) -> tuple[float, float, float]:
    """The median of all Walsh averages, and its exact 95 % interval (Hodges & Lehmann 1963).

    The interval is that of the signed-rank distribution; less than six pairs have none, and give NaN.
    """
    n = len(differences)
    if not n or not np.isfinite(differences).all():
        return float("nan"), float("nan"), float("nan")
    i, j = np.triu_indices(n)
    walsh = np.sort((differences[i] + differences[j]) / 2)
    below = int((np.cumsum(_signed_rank_distribution(n)) <= 0.025).sum()) - 1
    if below < 0:
        return float(np.median(walsh)), float("nan"), float("nan")
    return float(np.median(walsh)), float(walsh[below]), float(walsh[len(walsh) - 1 - below])


def smallest_p(seeds: int, comparisons: int) -> float:
    """The smallest p that the signed-rank test can give after Holm: above 0.05, no result is possible."""
    return min(1.0, 2.0 ** (1 - seeds) * comparisons)


@dataclass(frozen=True, eq=False)
class Penalties:
    """Share of budgets beyond the start at which the row's strategy is significantly better."""

    strategies: tuple[str, ...]
    wins: Float64[np.ndarray, "k k"]
    tests: int


def penalties(known: Curves, strategies: Sequence[str], alpha: float = 0.05) -> Penalties:
    """Pairwise penalty matrix (Ash et al. 2020): a paired t-test a pair and budget, Holm over all of them.

    The start is left out, and budgets at which the mean of all is beyond 99 % of full supervision. NaN where
    there is nothing to test: less than two seeds, or no budget.
    """
    k = len(strategies)
    every = np.stack([known.scores[name] for name in strategies]) if k else np.zeros((0, 0, 0))
    budgets = _undecided(every, known.full) if k and len(known.seeds) >= 2 else np.zeros(0, dtype=np.int64)
    if not len(budgets):
        return Penalties(tuple(strategies), np.full((k, k), np.nan), 0)
    i, j = np.triu_indices(k, 1)
    scores = every[:, :, budgets]
    leads = scores[i] - scores[j]  # pair, seed, budget
    better = _holm(_paired_t_p(leads)) < alpha
    wins = np.zeros((k, k))
    wins[i, j] = (better & (leads.mean(axis=1) > 0)).mean(axis=1)
    wins[j, i] = (better & (leads.mean(axis=1) < 0)).mean(axis=1)
    return Penalties(tuple(strategies), wins, better.size)


def _undecided(scores: Float64[np.ndarray, "k s b"], full: float) -> Int64[np.ndarray, "_"]:
    """The budgets beyond the start at which there is still something to gain."""
    means = scores.mean(axis=(0, 1))
    open_still = ~(means >= NEARLY_ALL * full) if np.isfinite(full) else np.ones(len(means), dtype=bool)
    return 1 + np.flatnonzero(open_still[1:])


@dataclass(frozen=True, slots=True)
class Efficiency:
    """γ of y = c − a·exp(−γ(x − x₀)); where it is NaN, `reason` says why."""

    gamma: float
    reason: str = ""


def foreground_efficiency(
    found: Float64[np.ndarray, "s b"], scores: Float64[np.ndarray, "s b"], full: float
) -> Efficiency:
    """How fast scores rise with the labelled foreground (nnActive, TMLR 2025); more is better.

    `found` is the labelled share of all foreground of the pool; c is the score of full supervision, a what
    the mean start lacks to it, x₀ the mean start share. All seeds and budgets are fitted at once by least
    squares.
    """
    if not scores.size or not np.isfinite(found).all() or not np.isfinite(full):
        return Efficiency(float("nan"), "full supervision or the share of foreground is not known")
    lack, x = full - scores[:, 0].mean(), found - found[:, 0].mean()
    if lack <= 0:
        return Efficiency(float("nan"), "the start set is as good as full supervision")
    if x.max() <= 0:
        return Efficiency(float("nan"), "no foreground was added to the start set")

    def misfit(log_gamma: float) -> float:
        fit = full - lack * np.exp(np.minimum(-np.exp(log_gamma) * x, 50))
        return float(np.square(fit - scores).sum())

    ends = (np.log(1e-3 / x.max()), np.log(1e3 / x.max()))
    best = optimize.minimize_scalar(misfit, bounds=ends, method="bounded", options={"xatol": 1e-9})
    gamma = float(np.exp(best.x))
    if gamma * x.max() < 2e-3:
        return Efficiency(float("nan"), "scores do not rise with the labelled foreground")
    if gamma * x[:, 1].mean() > 7:  # the first round leaves less than a thousandth of what was lacking
        return Efficiency(float("nan"), "scores are at those of full supervision at once")
    return Efficiency(gamma)


def _bound(lower: bool, upper: bool, known: bool) -> Bound:
    if not known:
        return "none"
    if lower and upper:
        return "unclear"
    return "at least" if lower else "at most" if upper else "exact"


def _bootstrap(
    values: Float64[np.ndarray, "n"], method: Literal["BCa", "percentile"], seed: int
) -> Float64[np.ndarray, "2"]:
    rng = np.random.default_rng(seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a degenerate sample gives NaN, which the caller handles
        result = stats.bootstrap(
            (values,), np.mean, n_resamples=RESAMPLES, method=method, rng=rng, vectorized=True
        )
    return np.array(result.confidence_interval, dtype=np.float64)


def _signed_rank_distribution(n: int) -> Float64[np.ndarray, "m"]:
    """Probabilities of the signed-rank sums 0 … n(n + 1)/2 where either sign is as likely."""
    chances = np.ones(1)
    for rank in range(1, n + 1):
        without = np.pad(chances, (0, rank))
        chances = (without + np.roll(without, rank)) / 2
    return chances


def _paired_t_p(leads: Float64[np.ndarray, "q s b"]) -> Float64[np.ndarray, "q b"]:
    """Two-sided p of the paired t-test over seeds; of a constant difference 0, or 1 where that is 0."""
    mean, deviation = leads.mean(axis=1), leads.std(axis=1, ddof=1)
    constant = deviation <= 1e-12
    t = mean / np.where(constant, 1.0, deviation / np.sqrt(leads.shape[1]))
    p = 2 * stats.t.sf(np.abs(t), leads.shape[1] - 1)
    return np.where(constant, np.where(np.abs(mean) <= 1e-12, 1.0, 0.0), p)


def _holm(p: Float64[np.ndarray, "*shape"]) -> Float64[np.ndarray, "*shape"]:
    """Each p corrected for their number (Holm 1979); NaN stays NaN and does not count."""
    corrected = np.full(p.shape, np.nan)
    tested = np.isfinite(p)
    if tested.any():
        corrected[tested] = multipletests(p[tested], method="holm")[1]
    return corrected
