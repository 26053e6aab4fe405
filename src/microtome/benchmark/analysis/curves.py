"""The curves of a study: one metric of every strategy over the same seeds and budgets."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float64, Int64

from microtome.benchmark.protocol.rounds import FULL, Row


@dataclass(frozen=True, eq=False)
class Curves:
    """A metric of every strategy over the same seeds and budgets: a paired design without gaps.

    Raises:
        ValueError: If budgets do not rise, or an array has another shape or a value that is not finite.
    """

    budgets: Int64[np.ndarray, "b"]  # patches
    seeds: tuple[int, ...]
    scores: Mapping[str, Float64[np.ndarray, "s b"]]
    full: float = float("nan")  # mean score of full supervision
    pool: int = 0  # patches of full supervision; 0 where it was not run
    dropped: tuple[int, ...] = ()  # seeds that a strategy lacks
    left_out: tuple[str, ...] = ()  # strategies that are too far behind to compare

    def __post_init__(self) -> None:
        if len(self.budgets) and (np.diff(self.budgets, prepend=0) <= 0).any():
            raise ValueError(f"expected rising budgets; got {self.budgets.tolist()}")
        shape = (len(self.seeds), len(self.budgets))
        for name, scores in self.scores.items():
            if scores.shape != shape or not np.isfinite(scores).all():
                raise ValueError(f"expected {shape} finite scores of {name}; got {scores.shape}")


def curves(rows: Sequence[Row], metric: str) -> Curves:
    """The curves of a metric over the seeds that every strategy has finished.

    A strategy with less than half the seeds of the one that has most is left out, so that one which has
    just begun does not take the seeds of all others away.
    """
    own = [row for row in rows if row.strategy != FULL]
    budgets = sorted({row.patches for row in own})
    seeds = sorted({row.seed for row in own})
    every = {name: gather(rows, metric, name, seeds, budgets) for name in _in_order(own)}
    done = {name: np.isfinite(values).all(axis=1) for name, values in every.items()}
    most = max((int(mask.sum()) for mask in done.values()), default=0)
    kept = [name for name, mask in done.items() if mask.any() and 2 * mask.sum() >= most]
    shared = np.logical_and.reduce([done[name] for name in kept]) if kept else np.zeros(len(seeds), bool)
    paired = tuple(seed for seed, good in zip(seeds, shared, strict=True) if good)
    whole = [row for row in rows if row.strategy == FULL and np.isfinite(_value(row, metric))]
    whole = [row for row in whole if row.seed in paired] or whole  # of the same seeds where they are there
    return Curves(
        budgets=np.array(budgets, dtype=np.int64),
        seeds=paired,
        scores={name: every[name][shared] for name in kept},
        full=float(np.mean([_value(row, metric) for row in whole])) if whole else float("nan"),
        pool=max((row.patches for row in whole), default=0),
        dropped=tuple(seed for seed, good in zip(seeds, shared, strict=True) if not good),
        left_out=tuple(name for name in every if name not in kept),
    )


def gather(
    rows: Sequence[Row], column: str, strategy: str, seeds: Sequence[int], budgets: Sequence[int]
) -> Float64[np.ndarray, "s b"]:
    """A column of a strategy by seed and budget; NaN where there is no row or no value."""
    found = {(row.seed, row.patches): _value(row, column) for row in rows if row.strategy == strategy}
    values = [[found.get((seed, patches), np.nan) for patches in budgets] for seed in seeds]
    return np.array(values, dtype=np.float64).reshape(len(seeds), len(budgets))


def area(
    budgets: Int64[np.ndarray, "b"], scores: Float64[np.ndarray, "s b"], *, log2: bool
) -> Float64[np.ndarray, "s"]:
    """Area under each seed's curve by trapezoids, the budget axis stretched to 0 … 1; NaN for one budget.

    On `log2` budgets every doubling counts the same; otherwise every patch does.
    """
    if len(budgets) < 2:
        return np.full(len(scores), np.nan)
    x = np.log2(budgets) if log2 else budgets.astype(np.float64)
    return np.trapezoid(scores, (x - x[0]) / (x[-1] - x[0]), axis=1)


def to_full(known: Curves) -> Curves:
    """The curves with full supervision, at its mean score, as the last point of every seed.

    This bounds what would be censored: beyond the largest budget, labels to a score are interpolated
    between it and the whole pool. They are a guess about budgets that nobody ran.
    """
    if not np.isfinite(known.full) or not len(known.budgets) or known.pool <= known.budgets[-1]:
        return known
    last = np.full((len(known.seeds), 1), known.full)
    scores = {name: np.hstack([values, last]) for name, values in known.scores.items()}
    return replace(known, budgets=np.append(known.budgets, known.pool), scores=scores)


def _in_order(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(row.strategy for row in rows))


def _value(row: Row, column: str) -> float:
    return row.values.get(column, float("nan"))
