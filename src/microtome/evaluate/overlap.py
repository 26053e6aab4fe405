"""Overlap of two class maps: one contingency table, and every metric as arithmetic on it.

Tables of blocks add up to the table of the volume, so a metric is always pooled over all voxels and never
a mean of block scores.

Empty cases, for a class and for all classes pooled:

* Jaccard, Dice: 1 where neither truth nor prediction holds the class.
* Precision: nothing predicted gives 1 if the truth is empty too, else 0.
* Recall: nothing to find gives 1 if nothing was predicted either, else 0.
* A table without a single voxel has no scores: `scores`, `pooled_scores` and `pixel_accuracy` raise.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64, UInt8

from microtome.labels import IGNORE


@dataclass(frozen=True, eq=False)
class ContingencyTable:
    """Voxel counts by true class (row) and predicted class (column), for classes 0 (background) to C.

    Raises:
        ValueError: If the counts are not square, hold fewer than two classes, or are negative.
    """

    counts: Int64[np.ndarray, "c c"]

    def __post_init__(self) -> None:
        shape = self.counts.shape
        if len(shape) != 2 or shape[0] != shape[1] or shape[0] < 2:
            raise ValueError(f"a contingency table is square with at least two classes; got shape {shape}")
        if self.counts.min() < 0:
            raise ValueError(f"voxel counts must not be negative; got {self.counts.min()}")
        counts = self.counts.copy()
        counts.setflags(write=False)
        object.__setattr__(self, "counts", counts)

    @property
    def classes(self) -> int:
        """Number of classes besides the background."""
        return self.counts.shape[0] - 1

    @property
    def voxels(self) -> int:
        """Number of voxels counted."""
        return int(self.counts.sum())

    def __add__(self, other: "ContingencyTable") -> "ContingencyTable":
        if self.classes != other.classes:
            raise ValueError(f"tables of {self.classes} and of {other.classes} classes cannot be added")
        return ContingencyTable(self.counts + other.counts)


@dataclass(frozen=True)
class Scores:
    """The metrics of one class, or of all classes pooled; each in [0, 1], 1 is perfect."""

    jaccard: float
    dice: float
    precision: float
    recall: float
    voc_score: float
    truth_voxels: int
    predicted_voxels: int


def empty_table(classes: int) -> ContingencyTable:
    """The table of no voxels, to which the tables of blocks are added.

    Raises:
        ValueError: If `classes` is not in 1..254.
    """
    _require_class_count(classes)
    return ContingencyTable(np.zeros((classes + 1, classes + 1), dtype=np.int64))


def contingency(
    truth: UInt8[np.ndarray, "z y x"], predicted: UInt8[np.ndarray, "_ _ _"], classes: int
) -> ContingencyTable:
    """The table of two class maps; voxels whose truth is IGNORE are left out, whatever was predicted there.

    Raises:
        ValueError: If the shapes differ, or a counted voxel holds a class above `classes`.
    """
    _require_class_count(classes)
    if truth.shape != predicted.shape:
        raise ValueError(f"truth has shape {truth.shape}, the prediction {predicted.shape}")
    known = truth != IGNORE
    rows, columns = truth[known], predicted[known]
    _require_known_classes("truth", rows, classes)
    _require_known_classes("prediction", columns, classes)
    n = classes + 1
    pairs = rows.astype(np.uint16) * np.uint16(n) + columns  # below 255², so 16 bits are enough
    counts = np.bincount(pairs, minlength=n * n).astype(np.int64)
    return ContingencyTable(counts.reshape(n, n))


def jaccard(table: ContingencyTable, label: int) -> float:
    """Intersection over union of one class; 1 where truth and prediction are both empty.

    Raises:
        ValueError: If the table has no such class.
    """
    return _jaccard(_one_against_rest(table, label))


def dice(table: ContingencyTable, label: int) -> float:
    """Twice the intersection over the sum of sizes; 1 where truth and prediction are both empty.

    Raises:
        ValueError: If the table has no such class.
    """
    return _dice(_one_against_rest(table, label))


def precision(table: ContingencyTable, label: int) -> float:
    """Share of the predicted voxels that are right; with none predicted 1 if the truth is empty too, else 0.

    Raises:
        ValueError: If the table has no such class.
    """
    return _precision(_one_against_rest(table, label))


def recall(table: ContingencyTable, label: int) -> float:
    """Share of the true voxels that were found; with none true 1 if none was predicted either, else 0.

    Raises:
        ValueError: If the table has no such class.
    """
    return _recall(_one_against_rest(table, label))


def voc_score(table: ContingencyTable, label: int) -> float:
    """Mean of the Jaccard index of the class and that of everything else.

    Raises:
        ValueError: If the table has no such class.
    """
    return _voc_score(_one_against_rest(table, label))


def pixel_accuracy(table: ContingencyTable) -> float:
    """Share of all voxels, background included, with the right class.

    Raises:
        ValueError: If the table counts no voxel.
    """
    _require_voxels(table)
    return int(np.trace(table.counts)) / table.voxels


def scores(table: ContingencyTable, class_names: Sequence[str]) -> dict[str, Scores]:
    """The scores of every named class; the k-th name is class k, from 1.

    Raises:
        ValueError: If there is not one name for each class, or the table counts no voxel.
    """
    if len(class_names) != table.classes:
        raise ValueError(f"the table has {table.classes} classes; got {len(class_names)} names")
    _require_voxels(table)
    return {name: _scores(_one_against_rest(table, label)) for label, name in enumerate(class_names, start=1)}


def pooled_scores(table: ContingencyTable) -> Scores:
    """The scores of all classes but the background, their hits and errors summed first.

    Raises:
        ValueError: If the table counts no voxel.
    """
    _require_voxels(table)
    parts = [_one_against_rest(table, label) for label in range(1, table.classes + 1)]
    return _scores(
        _Outcomes(
            hits=sum(part.hits for part in parts),
            false_alarms=sum(part.false_alarms for part in parts),
            misses=sum(part.misses for part in parts),
            rest=sum(part.rest for part in parts),
        )
    )


@dataclass(frozen=True)
class _Outcomes:
    """Voxels of one class against the rest: TP, FP, FN, TN."""

    hits: int
    false_alarms: int
    misses: int
    rest: int


def _one_against_rest(table: ContingencyTable, label: int) -> _Outcomes:
    if not 0 <= label <= table.classes:
        raise ValueError(f"expected a class in 0..{table.classes}; got {label}")
    hits = int(table.counts[label, label])
    false_alarms = int(table.counts[:, label].sum()) - hits
    misses = int(table.counts[label].sum()) - hits
    return _Outcomes(hits, false_alarms, misses, rest=table.voxels - hits - false_alarms - misses)


def _jaccard(outcomes: _Outcomes) -> float:
    union = outcomes.hits + outcomes.false_alarms + outcomes.misses
    return outcomes.hits / union if union else 1.0


def _dice(outcomes: _Outcomes) -> float:
    sizes = 2 * outcomes.hits + outcomes.false_alarms + outcomes.misses
    return 2 * outcomes.hits / sizes if sizes else 1.0


def _precision(outcomes: _Outcomes) -> float:
    predicted = outcomes.hits + outcomes.false_alarms
    return outcomes.hits / predicted if predicted else float(outcomes.misses == 0)


def _recall(outcomes: _Outcomes) -> float:
    true = outcomes.hits + outcomes.misses
    return outcomes.hits / true if true else float(outcomes.false_alarms == 0)


def _voc_score(outcomes: _Outcomes) -> float:
    swapped = _Outcomes(outcomes.rest, outcomes.misses, outcomes.false_alarms, outcomes.hits)
    return (_jaccard(outcomes) + _jaccard(swapped)) / 2


def _scores(outcomes: _Outcomes) -> Scores:
    return Scores(
        jaccard=_jaccard(outcomes),
        dice=_dice(outcomes),
        precision=_precision(outcomes),
        recall=_recall(outcomes),
        voc_score=_voc_score(outcomes),
        truth_voxels=outcomes.hits + outcomes.misses,
        predicted_voxels=outcomes.hits + outcomes.false_alarms,
    )


def _require_class_count(classes: int) -> None:
    if not 1 <= classes < IGNORE:
        raise ValueError(f"expected 1 to {IGNORE - 1} classes; got {classes}")


def _require_known_classes(what: str, labels: UInt8[np.ndarray, " n"], classes: int) -> None:
    if labels.size and labels.max() > classes:
        unknown = np.unique(labels[labels > classes]).tolist()
        raise ValueError(f"the {what} may hold classes 0..{classes}; got {unknown}")


def _require_voxels(table: ContingencyTable) -> None:
    if table.voxels == 0:
        raise ValueError("nothing to score: the truth holds no labelled voxel")
