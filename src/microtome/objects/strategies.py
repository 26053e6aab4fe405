"""Strategies that choose objects: the same contract as for places, with candidates that know their row."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
from jaxtyping import Float, Float64, Int64
from scipy.special import entr

from microtome.box import Box
from microtome.objects.clustering import Clusters, hierarchical
from microtome.objects.table import ObjectTable
from microtome.query.candidates import Candidates, ModelView
from microtome.query.embedding import Embedding
from microtome.query.strategy import Pick, Selection


@dataclass(frozen=True, slots=True)
class ObjectBox(Box):
    """The bounding box of an object, and the object's row in the table of its proposals."""

    row: int


def object_candidates(
    table: ObjectTable,
    answered: Int64[np.ndarray, "m"],
    model: ModelView | None = None,
) -> Candidates:
    """All objects of a table but the answered rows, which strategies know of.

    Raises:
        ValueError: If there is no such row.
    """
    if answered.size and not (answered.min() >= 0 and answered.max() < len(table)):
        raise ValueError(f"expected answered rows in 0..{len(table) - 1}; got {answered.tolist()}")
    corners = zip(table.start.tolist(), table.stop.tolist(), strict=True)
    boxes = [ObjectBox(tuple(start), tuple(stop), row) for row, (start, stop) in enumerate(corners)]
    done = set(answered.tolist())
    return Candidates(
        tuple(box for box in boxes if box.row not in done),
        classes=2,
        model=model,
        labelled=tuple(boxes[row] for row in sorted(done)),
        sharing=True,
    )


@dataclass(frozen=True, eq=False)
class Known:
    """Vectors of objects that were computed before, by row of the table: an embedding."""

    vectors: Float[np.ndarray, "n d"]

    def __call__(self, candidates: Candidates, boxes: Sequence[Box]) -> Float[np.ndarray, "k d"]:
        """Raises ValueError if a box is of no object, or of one without a vector."""
        return self.vectors[_rows(boxes, len(self.vectors))]


@dataclass(frozen=True, eq=False)
class MeanEntropy:
    """How unsure the model is of an object: the entropy, in nats, of its mean foreground probability.

    0 where that is 0 or 1, ln 2 where it is ½.
    """

    probability: Float64[np.ndarray, "n"]  # by row of the table, in [0, 1]

    def __call__(self, candidates: Candidates) -> Float64[np.ndarray, "k"]:
        """Raises ValueError if a candidate is no object, or has a probability that is none."""
        p = self.probability[_rows(candidates.boxes, len(self.probability))]
        if not ((p >= 0) & (p <= 1)).all():
            raise ValueError("expected the probabilities of objects in [0, 1]")
        return np.asarray(entr(p) + entr(1 - p), dtype=np.float64)

    def __str__(self) -> str:
        return "entropy of the mean probability"


@dataclass(frozen=True, slots=True)
class TwoStream:
    """Two-stream active query suggestion (Lin et al. 2020): objects that stand for groups of alike ones.

    `clusters` is N, M and Q: N groups by the masks, each parted into M by the images, of which Q objects each
    are asked about. 64 × 4 × 5 is the paper's setting. Where fewer are wanted there are fewer groups, so that
    each still has Q answers to vote, N and M less in proportion; where more are wanted each gives more.

    Raises:
        ValueError: If N, M or Q is below 1.
    """

    masks: Embedding
    images: Embedding
    clusters: tuple[int, int, int] = (64, 4, 5)
    standardise: bool = False

    def __post_init__(self) -> None:
        if min(self.clusters) < 1:
            raise ValueError(f"expected N, M and Q of at least 1; got {self.clusters}")

    def select(self, candidates: Candidates, n: int, rng: np.random.Generator) -> Selection:
        """Choose n, in turns from all groups, so that the first stand for the most objects.

        Raises:
            ValueError: If a stream cannot be had, or is not finite.
        """
        if not len(candidates) or n < 1:
            return ()
        return self.chosen(self.grouped(candidates, n, rng), candidates, n, rng)

    def grouped(self, candidates: Candidates, n: int, rng: np.random.Generator) -> Clusters:
        """The groups from which `select` with the same generator chooses: of candidates, then of answered.

        Raises:
            ValueError: If a stream cannot be had, or is not finite.
        """
        first, second, each = self.clusters
        groups = max(1, (n + len(candidates.labelled)) // each)
        if groups < first * second:
            second = min(groups, max(1, round(second * sqrt(groups / (first * second)))))
            first = groups // second
        boxes = [*candidates.boxes, *candidates.labelled]
        masks, images = self.masks(candidates, boxes), self.images(candidates, boxes)
        return hierarchical(masks, images, (first, second), rng, standardise=self.standardise)

    def chosen(
        self, clusters: Clusters, candidates: Candidates, n: int, rng: np.random.Generator
    ) -> Selection:
        """What `select` chooses from the groups that `grouped` has just made with the same generator."""
        answered = np.arange(len(candidates), len(candidates) + len(candidates.labelled))
        sizes = np.bincount(clusters.groups)
        rows = clusters.representatives(n, rng, answered).tolist()
        return tuple(Pick(row, 0.0, _reason(int(sizes[clusters.groups[row]]))) for row in rows)


def _reason(size: int) -> str:
    return f"stands for a group of {size} objects that look alike"


def _rows(boxes: Sequence[Box], count: int) -> Int64[np.ndarray, "k"]:
    """The table's rows of these boxes."""
    rows = np.array([box.row for box in boxes if isinstance(box, ObjectBox)], dtype=np.int64)
    if len(rows) < len(boxes):
        raise ValueError(f"expected objects; {len(boxes) - len(rows)} of {len(boxes)} boxes are places")
    if rows.size and rows.max() >= count:
        raise ValueError(f"expected what is known of object {rows.max()}; it is known of {count} objects")
    return rows
