"""Labelled examples, and the training windows that are drawn from them."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64, Integer, UInt8

from microtome.box import Box, Int3
from microtome.labels import BACKGROUND, IGNORE
from microtome.learn.corrections import marks

MOST_ANCHORS = 20_000  # foreground voxels remembered per example and class; enough to draw from


@dataclass(frozen=True)
class Example:
    """A piece of image and what is known about it; `IGNORE` where nothing is.

    Raises:
        ValueError: If the shapes differ, or the weight is not positive.
    """

    image: UInt8[np.ndarray, "z y x"]
    labels: UInt8[np.ndarray, "z y x"]
    voxel_size_nm: tuple[float, float, float] | None = None  # z y x; only distances need it
    weight: float | None = None  # of the windows not drawn around foreground; None by its labelled voxels
    emphasis: UInt8[np.ndarray, "z y x"] | None = None  # see `microtome.learn.corrections`

    def __post_init__(self) -> None:
        if self.emphasis is not None and self.emphasis.shape != self.labels.shape:
            raise ValueError(
                f"emphasis must have the labels' shape {self.labels.shape}; got {self.emphasis.shape}"
            )
        if self.image.shape != self.labels.shape:
            raise ValueError(
                f"an example's labels must have its image's shape {self.image.shape}; got {self.labels.shape}"
            )
        if self.weight is not None and not 0 < self.weight < math.inf:
            raise ValueError(f"an example's weight must be positive; got {self.weight}")


class Windows:
    """Draws batches of windows, each around a labelled voxel, from examples of any size."""

    def __init__(self, examples: Sequence[Example], window: Int3, classes: int, *, seed: int) -> None:
        """Index `examples` for windows of `window` voxels and labels 0 … `classes` - 1.

        Raises:
            ValueError: If no voxel is labelled, or a label is not a class.
        """
        rng = np.random.default_rng((seed, 1))
        self._window = window
        self._examples = [_padded(example, window) for example in examples]
        self.emphasised = any(example.emphasis is not None for example in examples)
        self._taught = [_taught(example, marked=self.emphasised) for example in self._examples]
        self.counts = np.zeros(classes, dtype=np.int64)
        self._known: list[Int64[np.ndarray, "n"]] = []
        self._anchors: list[list[tuple[int, Int64[np.ndarray, "n"]]]] = [[] for _ in range(classes)]
        for index, example in enumerate(self._examples):
            self._index(index, example.labels, rng)
        if not self.counts.sum():
            raise ValueError("training expects at least one labelled voxel; got none")
        self._shares = _shares(examples, [len(known) for known in self._known])
        self._present = [c for c, anchors in enumerate(self._anchors) if c != BACKGROUND and anchors]

    def draw(
        self,
        batch: int,
        foreground: float,
        rng: np.random.Generator,
        *,
        reject: float = 0.0,
        reject_below: int = 1,
    ) -> tuple[UInt8[np.ndarray, "b z y x"], Integer[np.ndarray, "b z y x"]]:
        """Images and labels of `batch` windows, a share `foreground` of them around a foreground voxel.

        Where an example is `emphasised` they are marks in place of labels (`microtome.learn.corrections`).
        With probability `reject` a window with fewer than `reject_below` foreground voxels is drawn anew.
        """
        images = np.empty((batch, *self._window), dtype=np.uint8)
        labels = np.empty((batch, *self._window), dtype=self._taught[0].dtype)
        for k in range(batch):
            while True:
                images[k], labels[k] = self._one(foreground, rng)
                if not reject or _foreground_voxels(labels[k]) >= reject_below or rng.random() >= reject:
                    break
        return images, labels

    def _one(
        self, foreground: float, rng: np.random.Generator
    ) -> tuple[UInt8[np.ndarray, "z y x"], Integer[np.ndarray, "z y x"]]:
        if self._present and rng.random() < foreground:
            index, voxel = self._foreground_voxel(int(rng.choice(self._present)), rng)
        else:
            index = int(rng.choice(len(self._shares), p=self._shares))
            voxel = int(rng.choice(self._known[index]))
        example = self._examples[index]
        box = _window_around(voxel, example.labels.shape, self._window, rng)
        return example.image[box.slices], self._taught[index][box.slices]

    def _index(self, index: int, labels: UInt8[np.ndarray, "z y x"], rng: np.random.Generator) -> None:
        flat = labels.ravel()
        known = np.flatnonzero(flat != IGNORE)
        found = np.bincount(flat[known], minlength=len(self.counts))
        if len(found) > len(self.counts):
            raise ValueError(f"labels must be 0 … {len(self.counts) - 1} or unlabelled; got {len(found) - 1}")
        self.counts += found
        self._known.append(known)
        for c in np.flatnonzero(found[1:]) + 1:
            voxels = np.flatnonzero(flat == c)
            if len(voxels) > MOST_ANCHORS:
                voxels = rng.choice(voxels, MOST_ANCHORS, replace=False)
            self._anchors[c].append((index, voxels))

    def _foreground_voxel(self, c: int, rng: np.random.Generator) -> tuple[int, int]:
        anchors = self._anchors[c]
        sizes = np.array([len(voxels) for _, voxels in anchors], dtype=np.float64)
        index, voxels = anchors[int(rng.choice(len(anchors), p=sizes / sizes.sum()))]
        return index, int(rng.choice(voxels))


def composed(
    read: Callable[[Box], UInt8[np.ndarray, "z y x"]],
    whole: Box,
    labelled: Sequence[tuple[Box, UInt8[np.ndarray, "z y x"]]],
    margin: Int3,
    voxel_size_nm: tuple[float, float, float] | None = None,
    emphases: Sequence[UInt8[np.ndarray, "z y x"] | None] = (),
) -> list[Example]:
    """Each labelled box with `margin` voxels of image around it, and every label that falls into it.

    `emphases` are those of the labels, one each, or none at all.
    """
    examples, given = [], emphases or [None] * len(labelled)
    for box, _ in labelled:
        outer = box.grown(margin).intersection(whole)
        labels = np.full(outer.shape, IGNORE, dtype=np.uint8)
        emphasis = np.zeros(outer.shape, dtype=np.uint8)
        for (other, known), corrected in zip(labelled, given, strict=True):
            shared = other.intersection(outer)
            if not shared.size:
                continue
            here, there = shared.relative_to(outer).slices, shared.relative_to(other).slices
            said = known[there] != IGNORE
            labels[here][said] = known[there][said]
            emphasis[here][said] = 0 if corrected is None else corrected[there][said]
        emphasised = emphasis if emphasis.any() else None
        examples.append(Example(read(outer), labels, voxel_size_nm, emphasis=emphasised))
    return examples


def half(window: Int3) -> Int3:
    """The margin of image that lets every labelled voxel lie anywhere in a window."""
    z, y, x = window
    return z // 2, y // 2, x // 2


def image_statistics(examples: Sequence[Example]) -> tuple[float, float]:
    """Mean and standard deviation of the images' grey values; the deviation is at least 1."""
    histogram: Float64[np.ndarray, "256"] = np.zeros(256)
    for example in examples:
        histogram += np.bincount(example.image.ravel(), minlength=256)
    grey = np.arange(256)
    mean = float((histogram * grey).sum() / histogram.sum())
    variance = float((histogram * (grey - mean) ** 2).sum() / histogram.sum())
    return mean, max(variance**0.5, 1.0)


def _shares(examples: Sequence[Example], labelled: Sequence[int]) -> Float64[np.ndarray, "n"]:
    """How often windows are drawn from each example; never from one on which nothing is labelled."""
    weights = [
        float(voxels) if example.weight is None else example.weight * (voxels > 0)
        for example, voxels in zip(examples, labelled, strict=True)
    ]
    return np.array(weights) / sum(weights)


def _taught(example: Example, *, marked: bool) -> Integer[np.ndarray, "z y x"]:
    if not marked:
        return example.labels
    none = np.zeros_like(example.labels)
    return marks(example.labels, none if example.emphasis is None else example.emphasis)


def _foreground_voxels(taught: Integer[np.ndarray, "z y x"]) -> int:
    labels = taught & IGNORE
    return int(np.count_nonzero((labels != BACKGROUND) & (labels != IGNORE)))


def _window_around(voxel: int, shape: tuple[int, ...], window: Int3, rng: np.random.Generator) -> Box:
    """A window that holds the voxel in its middle half, moved to lie inside the example."""
    start = []
    for at, side, length in zip(np.unravel_index(voxel, shape), shape, window, strict=True):
        middle = length // 4
        offset = int(rng.integers(middle, max(length - middle, middle + 1)))
        start.append(int(np.clip(at - offset, 0, side - length)))
    z, y, x = start
    return Box((z, y, x), (z + window[0], y + window[1], x + window[2]))


def _padded(example: Example, window: Int3) -> Example:
    """The example made at least as large as a window: image mirrored, labels unknown."""
    margin = [(0, max(0, need - have)) for need, have in zip(window, example.image.shape, strict=True)]
    if not any(after for _, after in margin):
        return example
    return Example(
        image=np.pad(example.image, margin, mode="symmetric"),
        labels=np.pad(example.labels, margin, constant_values=IGNORE),
        voxel_size_nm=example.voxel_size_nm,
        weight=example.weight,
        emphasis=None if example.emphasis is None else np.pad(example.emphasis, margin),
    )
