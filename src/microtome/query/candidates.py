"""The open queries a strategy may choose from, with what is known of each computed only when asked for."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Generic, Protocol, TypeVar, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64, UInt8

from microtome.box import Box, Int3
from microtome.labels import BACKGROUND, IGNORE, borders
from microtome.predict.posterior import Posterior, class_map
from microtome.predict.sampling import Sampling
from microtome.query.subsets import apart
from microtome.schedule import Schedule, in_turn

PIECE: Int3 = (8, 1024, 1024)  # voxels; candidates that start in one such cell are predicted together
SPARSE = 8  # unless their hull is so many times their own voxels: context costs about as much

Predictor = Callable[[Box], Posterior]
Reader = Callable[[Box], UInt8[np.ndarray, "z y x"]]
Feature = Callable[[UInt8[np.ndarray, "z y x"]], Float64[np.ndarray, "d"]]
Counts = tuple[Int64[np.ndarray, "c"], int]
V = TypeVar("V")


@runtime_checkable
class ModelView(Protocol):
    """What a trained model tells a strategy of the volume, computed when it is asked for.

    What the model cannot tell (no dropout, no head that predicts losses) raises a ValueError.
    """

    def posterior(self, box: Box, sampling: Sampling | None = None) -> Posterior:
        """The posterior of a box; sampled as the project is set to, or as asked for."""

    def features(self, boxes: Sequence[Box]) -> Float32[np.ndarray, "n d"]:
        """The network's own description of each box: its deepest activations, mean over the box."""

    def gradients(self, boxes: Sequence[Box]) -> Float32[np.ndarray, "n d"]:
        """Gradient of the loss at the last layer, were the predicted classes true; mean over the box."""

    def losses(self, boxes: Sequence[Box]) -> Float64[np.ndarray, "n"]:
        """The loss that the network predicts for itself in each box."""

    def taught(self, box: Box, labels: UInt8[np.ndarray, "z y x"], seed: int) -> Predictor:
        """A new model of the same kind, trained from scratch on this one box."""


@dataclass(frozen=True)
class Census:
    """How many voxels of each class, and of class borders, lie in each candidate."""

    classes: Int64[np.ndarray, "n c"]  # background first
    borders: Int64[np.ndarray, "n"]


@dataclass(frozen=True)
class Candidates:
    """Boxes that may be asked for. Statistics stream over them piece by piece and are not kept.

    `model` is None before there is one, `truth` is None where there are people in its place.
    """

    boxes: tuple[Box, ...]
    classes: int  # background included
    model: ModelView | None = None
    truth: Reader | None = None
    image: Reader | None = None
    labelled: tuple[Box, ...] = ()  # asked already
    elapsed: float = 0.0  # of the planned rounds: 0 in the first that a model asks in, 1 in the last
    sharing: bool = False  # whether picks may share voxels: objects lie in boxes that overlap, places do not
    schedule: Schedule = in_turn  # who looks at posteriors, where a number a box is all that is wanted

    def __len__(self) -> int:
        return len(self.boxes)

    @property
    def view(self) -> ModelView:
        """The model.

        Raises:
            ValueError: If there is none yet.
        """
        if self.model is None:
            raise ValueError("this strategy expects a trained model; there is none yet")
        return self.model

    @property
    def known_truth(self) -> Reader:
        """The true labels.

        Raises:
            ValueError: If they are not known.
        """
        if self.truth is None:
            raise ValueError(
                "this strategy expects known labels to simulate with; the project has no [truth]"
            )
        return self.truth

    def first_together(self, order: Sequence[int], n: int) -> list[int]:
        """The first `n` of `order` that may be asked for in one batch, none twice."""
        return list(dict.fromkeys(order))[:n] if self.sharing else disjoint(order, self.boxes, n)

    def together(self, indices: Sequence[int]) -> Bool[np.ndarray, "n n"]:
        """Which two of these may be asked for in one batch; a candidate never with itself."""
        if self.sharing:
            return ~np.eye(len(indices), dtype=bool)
        return apart([self.boxes[index] for index in indices])

    def described(self, feature: Feature, boxes: Sequence[Box]) -> Float64[np.ndarray, "n d"]:
        """`feature` of the image in each of these boxes, neighbours read together.

        Raises:
            ValueError: If there is no image, or no box.
            OSError: If the image cannot be read.
        """
        if self.image is None or not boxes:
            raise ValueError("features of the image expect an image and at least one box to look at")
        rows: list[Float64[np.ndarray, "d"]] = [np.empty(0)] * len(boxes)
        for hull, members in pieces(boxes, PIECE):
            block = self.image(hull)
            for row in members:
                rows[row] = feature(block[boxes[row].relative_to(hull).slices])
        return np.stack(rows)

    def posteriors(self, sampling: Sampling | None = None) -> Iterator[tuple[int, Posterior]]:
        """Index and posterior of every box, neighbours predicted together.

        Raises:
            ValueError: If there is no model yet, or it cannot be sampled so.
        """
        for hull, members in pieces(self.boxes, PIECE):
            posterior = self.view.posterior(hull, sampling)
            for index in members:
                yield index, posterior.crop(self.boxes[index].relative_to(hull))

    def told(
        self, value: Callable[[Posterior], V], sampling: Sampling | None = None
    ) -> Iterator[tuple[int, V]]:
        """Index of every box and `value` of its posterior, which stays where the schedule has it computed.

        Other processes get the model and `value`, which must pickle, and give back values alone.

        Raises:
            ValueError: If there is no model yet, or it cannot be sampled so.
            OSError: If the image cannot be read.
        """
        groups = pieces(self.boxes, PIECE)
        items = [(hull, tuple(self.boxes[index] for index in members)) for hull, members in groups]
        for number, values in self.schedule(_Telling(self.view, value, sampling), items):
            yield from zip(groups[number][1], values, strict=True)

    def census_of_truth(self) -> Census:
        """Counts of the true labels: what an expert who points at objects knows.

        Raises:
            ValueError: If the truth is not known.
        """
        truth = self.known_truth
        return self._census((k, _counts(self.classes, truth(box))) for k, box in enumerate(self.boxes))

    def census_of_prediction(self) -> Census:
        """Counts of the predicted labels.

        Raises:
            ValueError: If there is no model yet.
        """
        return self._census(self.told(partial(_predicted_counts, self.classes)))

    def _census(self, counted: Iterable[tuple[int, Counts]]) -> Census:
        classes = np.zeros((len(self.boxes), self.classes), dtype=np.int64)
        edges = np.zeros(len(self.boxes), dtype=np.int64)
        for index, counts in counted:
            classes[index], edges[index] = counts
        return Census(classes, edges)


@dataclass(frozen=True)
class _Telling(Generic[V]):
    """What is done to a piece, a hull and the boxes in it: a value for each of these."""

    model: ModelView
    value: Callable[[Posterior], V]
    sampling: Sampling | None

    def __call__(self, piece: tuple[Box, tuple[Box, ...]]) -> list[V]:
        hull, boxes = piece
        posterior = self.model.posterior(hull, self.sampling)
        return [self.value(posterior.crop(box.relative_to(hull))) for box in boxes]


def _predicted_counts(classes: int, posterior: Posterior) -> Counts:
    return _counts(classes, class_map(posterior))


def _counts(classes: int, block: UInt8[np.ndarray, "z y x"]) -> Counts:
    """Voxels of each class, and of their borders."""
    said = np.where(block == IGNORE, BACKGROUND, block)  # what nobody labelled has no border
    edges = int(np.count_nonzero(borders(said))) if said.max(initial=BACKGROUND) else 0
    return np.bincount(block.ravel(), minlength=classes)[:classes], edges


def pieces(boxes: Sequence[Box], cell: Int3) -> list[tuple[Box, list[int]]]:
    """Boxes grouped by the cell in which they start: the hull of each group and its members' indices.

    Where the boxes of a cell fill little of their hull, each is a group of its own.
    """
    groups: dict[Int3, list[int]] = {}
    for index, box in enumerate(boxes):
        z, y, x = (a // side for a, side in zip(box.start, cell, strict=True))
        groups.setdefault((z, y, x), []).append(index)
    found = []
    for members in groups.values():
        hull = _hull([boxes[i] for i in members])
        if hull.size > SPARSE * sum(boxes[i].size for i in members):
            found += [(boxes[i], [i]) for i in members]
        else:
            found.append((hull, members))
    return found


def open_boxes(boxes: Sequence[Box], asked: Sequence[Box]) -> tuple[Box, ...]:
    """The boxes that share no voxel with one already asked for."""
    if not asked:
        return tuple(boxes)
    low, high = _corners(asked)
    return tuple(box for box in boxes if not _overlaps_any(box, low, high))


def disjoint(order: Sequence[int], boxes: Sequence[Box], n: int) -> list[int]:
    """The first `n` of `order` whose boxes share no voxel with one before them."""
    chosen: list[int] = []
    low = np.zeros((n, 3), dtype=np.int64)
    high = np.zeros((n, 3), dtype=np.int64)
    for index in order:
        if len(chosen) == n:
            break
        box = boxes[index]
        if not _overlaps_any(box, low[: len(chosen)], high[: len(chosen)]):
            low[len(chosen)], high[len(chosen)] = box.start, box.stop
            chosen.append(int(index))
    return chosen


def _overlaps_any(box: Box, low: Int64[np.ndarray, "n 3"], high: Int64[np.ndarray, "n 3"]) -> bool:
    return bool(((low < box.stop) & (high > box.start)).all(axis=1).any())


def _corners(boxes: Sequence[Box]) -> tuple[Int64[np.ndarray, "n 3"], Int64[np.ndarray, "n 3"]]:
    return np.array([box.start for box in boxes]), np.array([box.stop for box in boxes])


def _hull(boxes: Sequence[Box]) -> Box:
    low, high = _corners(boxes)
    return Box(tuple(low.min(axis=0).tolist()), tuple(high.max(axis=0).tolist()))
