"""The numbers of a study by strategy, as the page and summary.csv show them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64
from scipy import stats

from microtome.benchmark.analysis.curves import Curves, area, curves, gather, to_full
from microtome.benchmark.analysis.statistics import (
    Bound,
    Comparison,
    Efficiency,
    Gain,
    Labels,
    Penalties,
    Saving,
    best_gain,
    compare,
    foreground_efficiency,
    labels_by_seed,
    labels_of_mean,
    penalties,
    saving,
    saving_of_means,
)
from microtome.benchmark.protocol.rounds import FULL, Row

SHARES = (0.90, 0.95)
COST_MODELS = {
    "minutes_correcting": "draws or corrects, whichever is quicker",
    "minutes_drawing": "draws everything from nothing",
    "minutes_slow": "draws and starts three times slower",
}
ALPHA = 0.05
BASELINES = "Baselines and oracles"

_FAMILIES = (
    ("Semi-supervised and pretrained", ("+", "ssl", "pretrain", "mean-teacher", "unimatch")),
    (BASELINES, ("random", "strided", "oracle")),
    (
        "Uncertainty with diversity or noise",
        ("badge", "uncertainty-herding", "uherding", "clasp", "power", "softrank", "softmax", "stochastic"),
    ),
    (
        "Diversity",
        (
            "core-set",
            "coreset",
            "centre",
            "center",
            "means",
            "clust",
            "cover",
            "herding",
            "cold",
            "dens",
            "div",
        ),
    ),
    (
        "Uncertainty",
        (
            "entropy",
            "confidence",
            "margin",
            "information",
            "bald",
            "deviation",
            "varia",
            "loss",
            "committee",
            "mc-",
            "lubrano",
        ),
    ),
)
"""A strategy is in the first family that names a part of its name."""


@dataclass(frozen=True, eq=False)
class Target:
    """Labels to a share of full supervision: `labels` is a geometric mean, a lower bound if some did not.

    What ends in `_to_full` interpolates between the largest budget and the whole pool.
    """

    share: float
    labels: float
    reached: int  # of the seeds
    of_mean: Labels
    of_mean_to_full: Labels
    savings: Mapping[str, Saving]  # by reference, like the next two
    of_means: Mapping[str, tuple[float, Bound]]
    of_means_to_full: Mapping[str, tuple[float, Bound]]


@dataclass(frozen=True, eq=False)
class Summary:
    """What one strategy did; means are over seeds, `means` of other columns at the largest budget."""

    strategy: str
    family: str
    final: float
    final_sd: float
    area_log2: float
    area_log2_sd: float
    area_linear: float
    against: Mapping[str, Comparison]  # by reference, areas on log2 budgets
    against_linear: Mapping[str, Comparison]
    gains: Mapping[str, Gain]
    targets: tuple[Target, ...]
    efficiency: Efficiency
    means: Mapping[str, float]
    train_seconds: float  # of one seed, all rounds
    predict_seconds: float
    choose_seconds: float

    def better_than(self, reference: str) -> bool:
        """Whether it is significantly above the reference, all comparisons with it counted."""
        return reference in self.against and self.against[reference].estimate > 0 and self.differs(reference)

    def worse_than(self, reference: str) -> bool:
        """Whether it is significantly below."""
        return reference in self.against and self.against[reference].estimate < 0 and self.differs(reference)

    def differs(self, reference: str) -> bool:
        """Whether the difference is significant in either direction."""
        return reference in self.against and self.against[reference].p_holm < ALPHA

    @property
    def knows_truth(self) -> bool:
        """Whether it chooses by the true error, which nobody has who labels."""
        return self.strategy.startswith("oracle")


@dataclass(frozen=True, eq=False)
class Analysis:
    """All numbers; strategies come best area first."""

    rows: Sequence[Row]
    curves: Curves
    references: tuple[str, ...]  # those that were run
    summaries: tuple[Summary, ...]
    penalties: Penalties
    full_scores: Float64[np.ndarray, "f"]

    def column(self, name: str, strategy: str) -> Float64[np.ndarray, "s b"]:
        """Another column of a strategy, on the seeds and budgets of the curves."""
        return gather(self.rows, name, strategy, self.curves.seeds, self.curves.budgets.tolist())


def family(strategy: str) -> str:
    """The family that a strategy is drawn with; Other where its name says nothing."""
    return next(
        (title for title, parts in _FAMILIES if any(p in strategy for p in parts)), "Other strategies"
    )


def summarise(rows: Sequence[Row], references: Sequence[str], seed: int = 0) -> Analysis:
    """Every number of a study, from its rows; `seed` is that of the bootstrap."""
    known = curves(rows, "jaccard")
    present = tuple(name for name in references if name in known.scores)
    log2 = {name: area(known.budgets, scores, log2=True) for name, scores in known.scores.items()}
    linear = {name: area(known.budgets, scores, log2=False) for name, scores in known.scores.items()}
    order = sorted(known.scores, key=lambda name: (-round(mean(log2[name]), 12), name))
    against = {reference: compare(log2, reference) for reference in present}
    against_linear = {reference: compare(linear, reference) for reference in present}
    targets = _targets(known, present, seed)
    summaries = [
        Summary(
            strategy=name,
            family=family(name),
            final=mean(known.scores[name][:, -1:]),
            final_sd=_sd(known.scores[name][:, -1]),
            area_log2=mean(log2[name]),
            area_log2_sd=_sd(log2[name]),
            area_linear=mean(linear[name]),
            against={r: table[name] for r, table in against.items() if name in table},
            against_linear={r: table[name] for r, table in against_linear.items() if name in table},
            gains={r: best_gain(known, name, r, seed) for r in present if r != name},
            targets=targets[name],
            efficiency=_efficiency(rows, known, name),
            means=_final_means(rows, known, name),
            train_seconds=_total(rows, known, name, "train_seconds"),
            predict_seconds=_total(rows, known, name, "predict_seconds"),
            choose_seconds=_total(rows, known, name, "choose_seconds"),
        )
        for name in order
    ]
    full = [row.values["jaccard"] for row in rows if row.strategy == FULL]
    return Analysis(
        rows=rows,
        curves=known,
        references=present,
        summaries=tuple(summaries),
        penalties=penalties(known, order),
        full_scores=np.array([score for score in full if np.isfinite(score)], dtype=np.float64),
    )


def foreground_rank(study: Analysis) -> float:
    """Spearman's correlation over strategies of the foreground asked and the area, or NaN."""
    pairs = [(one.means["asked_foreground"], one.area_log2) for one in study.summaries]
    known = np.array([pair for pair in pairs if np.isfinite(pair).all()], dtype=np.float64).reshape(-1, 2)
    if len(known) < 3 or (np.ptp(known, axis=0) == 0).any():
        return float("nan")
    return float(stats.spearmanr(known).statistic)


def mean(values: Float64[np.ndarray, "*shape"]) -> float:
    """The mean of what is finite; NaN where nothing is."""
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if finite.size else float("nan")


def _targets(known: Curves, references: Sequence[str], seed: int) -> dict[str, tuple[Target, ...]]:
    """Labels to each share, by strategy."""
    whole = to_full(known)
    found: dict[str, list[Target]] = {name: [] for name in known.scores}
    for share in SHARES:
        by_seed = {name: labels_by_seed(known, name, share) for name in found}
        of_mean = {name: labels_of_mean(known, name, share) for name in found}
        of_mean_to_full = {name: labels_of_mean(whole, name, share) for name in found}
        for name, targets in found.items():
            others = [reference for reference in references if reference != name]
            patches = np.array([labels.patches for labels in by_seed[name]], dtype=np.float64)
            targets.append(
                Target(
                    share=share,
                    labels=float(np.exp(mean(np.log(patches)))),
                    reached=sum(not labels.censored for labels in by_seed[name]),
                    of_mean=of_mean[name],
                    of_mean_to_full=of_mean_to_full[name],
                    savings={r: saving(by_seed[r], by_seed[name], seed) for r in others},
                    of_means={r: saving_of_means(of_mean[r], of_mean[name]) for r in others},
                    of_means_to_full={
                        r: saving_of_means(of_mean_to_full[r], of_mean_to_full[name]) for r in others
                    },
                )
            )
    return {name: tuple(targets) for name, targets in found.items()}


def _efficiency(rows: Sequence[Row], known: Curves, strategy: str) -> Efficiency:
    """Foreground efficiency; the pool's foreground is that of full supervision."""
    whole = [row.values for row in rows if row.strategy == FULL]
    pool = mean(np.array([v["foreground"] * v["voxels"] for v in whole], dtype=np.float64))
    budgets = known.budgets.tolist()
    share = gather(rows, "foreground", strategy, known.seeds, budgets)
    found = share * gather(rows, "voxels", strategy, known.seeds, budgets)
    if not pool > 0:
        return Efficiency(float("nan"), "full supervision or the share of foreground is not known")
    return foreground_efficiency(found / pool, known.scores[strategy], known.full)


def _final_means(rows: Sequence[Row], known: Curves, strategy: str) -> dict[str, float]:
    """Columns at the largest budget; those of signal and batches over all rounds after the start."""
    budgets = known.budgets.tolist()
    values = {}
    for column in ("dice", "boundary_f", "fn_n", "foreground", *COST_MODELS):
        values[column] = mean(gather(rows, column, strategy, known.seeds, budgets)[:, -1:])
    for column in ("asked_foreground", "spearman", "auroc", "ece", "redundancy"):
        values[column] = mean(gather(rows, column, strategy, known.seeds, budgets)[:, 1:])
    return values


def _total(rows: Sequence[Row], known: Curves, strategy: str, column: str) -> float:
    """The sum over rounds of the mean over seeds; NaN where no round has a value."""
    by_round = gather(rows, column, strategy, known.seeds, known.budgets.tolist())
    finite = [
        value for value in (mean(by_round[:, k]) for k in range(by_round.shape[1])) if np.isfinite(value)
    ]
    return float(np.sum(finite)) if finite else float("nan")


def _sd(values: Float64[np.ndarray, "n"]) -> float:
    return float(values.std(ddof=1)) if len(values) > 1 else float("nan")
