"""How well objects were found: instances that match, proposals ranked by probability, and verdicts.

Empty cases: with no true object recall is 1, with no predicted one precision is 1, each as long as the other
side is empty too, else 0.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from jaxtyping import Bool, Float64, Shaped
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_bipartite_matching

from microtome.labels import BACKGROUND

Key = TypeVar("Key", int, tuple[int, int])


@dataclass(frozen=True, eq=False)
class Overlaps:
    """Sizes of true and predicted instances in voxels, and of their intersections; blocks add up."""

    true: dict[int, int]
    predicted: dict[int, int]
    both: dict[tuple[int, int], int]

    def __add__(self, other: "Overlaps") -> "Overlaps":
        return Overlaps(
            _summed(self.true, other.true),
            _summed(self.predicted, other.predicted),
            _summed(self.both, other.both),
        )


@dataclass(frozen=True, slots=True)
class InstanceScores:
    """How many instances there are, and how many of them were matched one to one."""

    true: int
    predicted: int
    matched: int

    @property
    def recall(self) -> float:
        """Share of the true instances that were found."""
        return self.matched / self.true if self.true else float(not self.predicted)

    @property
    def precision(self) -> float:
        """Share of the predicted instances that are right."""
        return self.matched / self.predicted if self.predicted else float(not self.true)

    @property
    def f1(self) -> float:
        """Harmonic mean of both."""
        total = self.true + self.predicted
        return 2 * self.matched / total if total else 1.0


def overlaps(
    truth: Shaped[np.ndarray, "z y x"],
    predicted: Shaped[np.ndarray, "_ _ _"],
    known: Bool[np.ndarray, "_ _ _"] | None = None,
) -> Overlaps:
    """Sizes and intersections of the instances in a block; 0 is background, and only `known` voxels count.

    Raises:
        ValueError: If the shapes differ.
    """
    shapes = {block.shape for block in (truth, predicted, known) if block is not None}
    if len(shapes) > 1:
        raise ValueError(f"expected blocks of one shape; got {sorted(shapes)}")
    counted = (truth != BACKGROUND) | (predicted != BACKGROUND)
    if known is not None:
        counted &= known
    true, predicted = truth[counted], predicted[counted]
    shared = (true != BACKGROUND) & (predicted != BACKGROUND)
    rows, row = np.unique(true[shared], return_inverse=True)
    columns, column = np.unique(predicted[shared], return_inverse=True)
    table = csr_array((np.ones(len(row), dtype=np.int64), (row, column)), (len(rows), len(columns))).tocoo()
    names = zip(rows[table.row].tolist(), columns[table.col].tolist(), strict=True)
    return Overlaps(_sizes(true), _sizes(predicted), dict(zip(names, table.data.tolist(), strict=True)))


def matched(found: Overlaps, least: float = 0.5) -> InstanceScores:
    """As many pairs as can be of one true and one predicted instance with an IoU of at least `least`.

    Raises:
        ValueError: If `least` is not above 0 and at most 1.
    """
    return InstanceScores(len(found.true), len(found.predicted), len(matches(found, least)))


def matches(found: Overlaps, least: float = 0.5) -> dict[int, int]:
    """The true instance that belongs to each predicted one that was matched, as `matched` counts them.

    Raises:
        ValueError: If `least` is not above 0 and at most 1.
    """
    if not 0 < least <= 1:
        raise ValueError(f"instances match from an IoU in (0, 1] on; got {least}")
    pairs = [
        pair
        for pair, both in found.both.items()
        if both >= least * (found.true[pair[0]] + found.predicted[pair[1]] - both)
    ]
    if not pairs:
        return {}
    (true, row), (predicted, column) = (
        np.unique(side, return_inverse=True) for side in zip(*pairs, strict=True)
    )
    graph = csr_array((np.ones(len(pairs)), (row, column)))
    chosen = maximum_bipartite_matching(graph)  # of each column the row, or -1
    return {int(predicted[k]): int(true[chosen[k]]) for k in np.flatnonzero(chosen >= 0).tolist()}


def average_precision(
    probability: Float64[np.ndarray, "n"], correct: Bool[np.ndarray, "n"], true: int | None = None
) -> float:
    """Σ (R_k − R_{k−1}) P_k over proposals from the most probable down, equals taken together, in [0, 1].

    `true` is how many objects there are, those that nobody proposed among them; unless it is given, all were.
    Without any true object it is 1 if nothing was proposed either, else 0.

    Raises:
        ValueError: If there are more correct proposals than true objects, or a probability is not finite.
    """
    hits = int(correct.sum())
    true = hits if true is None else true
    if hits > true or not np.isfinite(probability).all():
        raise ValueError(f"expected finite probabilities and at most {true} correct proposals; got {hits}")
    if not true:
        return float(not len(probability))
    order = np.argsort(-probability, kind="stable")
    last = np.append(np.diff(probability[order]) != 0, True)[: len(order)]
    found = np.cumsum(correct[order])[last]
    precision = found / (1 + np.flatnonzero(last))
    return float((np.diff(found, prepend=0) * precision).sum() / true)


def covers_half(proposal: Bool[np.ndarray, "z y x"], truth: Bool[np.ndarray, "_ _ _"]) -> bool:
    """Whether a proposal is correct: it covers more than half of the truth in its box (Lin et al. 2020).

    Not where the box holds no truth.

    Raises:
        ValueError: If the shapes differ.
    """
    if proposal.shape != truth.shape:
        raise ValueError(f"the proposal has shape {proposal.shape}, the truth {truth.shape}")
    return bool(2 * np.count_nonzero(proposal & truth) > np.count_nonzero(truth))


def roi_accuracy(
    probability: Float64[np.ndarray, "n"], correct: Bool[np.ndarray, "n"], threshold: float = 0.5
) -> float:
    """The share of proposals that a model decides rightly (Lin et al. 2020).

    It accepts a proposal whose mean foreground probability over its mask is above `threshold`. Before it was
    taught anything of them it accepts every one: then this is the share of correct ones.

    Raises:
        ValueError: If there is no proposal, or a probability lies outside [0, 1].
    """
    if not len(probability) or not ((probability >= 0) & (probability <= 1)).all():
        raise ValueError("expected the probabilities, in [0, 1], of at least one proposal")
    return float(((probability > threshold) == correct).mean())


def _sizes(ids: Shaped[np.ndarray, "n"]) -> dict[int, int]:
    values, counts = np.unique(ids[ids != BACKGROUND], return_counts=True)
    return dict(zip(values.tolist(), counts.tolist(), strict=True))


def _summed(first: Mapping[Key, int], second: Mapping[Key, int]) -> dict[Key, int]:
    return {key: first.get(key, 0) + second.get(key, 0) for key in {**first, **second}}
