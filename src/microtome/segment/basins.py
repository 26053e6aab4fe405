"""Basins of a relief: all voxels from which the steepest way up leads to the same place."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Int8, Int32, Int64, Shaped, UInt8

from microtome.box import Box, Int3
from microtome.segment.adjacency import contacts_within
from microtome.segment.components import Faces, Layer
from microtome.segment.contraction import contracted
from microtome.segment.parts import Found
from microtome.segment.relief import INSIDE, OUTSIDE, SEED, SEEDED, Relief

STAYS = 3  # the way that leads nowhere; 0 to 2 lead one voxel back along z, y, x, 6 to 4 one ahead
HALO = 2  # voxels: a voxel beyond the border, and its neighbours


@dataclass(frozen=True)
class Basins:
    """Finds the parts of basins in a box; `flat`: the ways up stay within their section.

    Of several neighbours that are as high the first in z y x order is gone to: there are no flat places, and
    no way leads back. So the basins of a volume are the same whatever its blocks.
    """

    relief: Relief
    volume: Int3
    flat: bool = False

    def __call__(self, box: Box) -> Found:
        heights = self._around(box)
        ways = steepest(heights, flat=self.flat)
        inner = heights[2:-2, 2:-2, 2:-2]
        labels, tops = led_to(ways[1:-1, 1:-1, 1:-1], inner > OUTSIDE)
        labels, marks = self._contracted(labels, _marks(inner.ravel()[tops]), inner, box)
        return Found(Layer(labels, np.arange(len(marks) + 1)), _crossed(labels, ways), marks)

    def _contracted(
        self,
        labels: Int32[np.ndarray, "z y x"],
        marks: UInt8[np.ndarray, "n"],
        heights: Float32[np.ndarray, "z y x"],
        box: Box,
    ) -> tuple[Int32[np.ndarray, "z y x"], UInt8[np.ndarray, "_"]]:
        """Basins that this block alone shows to be of one instance, as one, and their marks."""
        if not len(marks):
            return labels, marks
        nothing = np.zeros(box.shape, np.float32)
        touching = contacts_within(
            labels.astype(np.int64), heights, nothing, box, box, self.volume, flat=self.flat
        )
        groups = contracted(touching, marks, self._open(labels, len(marks), box))
        highest = np.zeros(int(groups.max()) + 1, np.uint8)
        np.maximum.at(highest, groups, marks)
        return np.concatenate([[0], groups + 1]).astype(np.int32)[labels], highest

    def _open(self, labels: Int32[np.ndarray, "z y x"], count: int, box: Box) -> Bool[np.ndarray, "n"]:
        """Which basins may have more contacts in other blocks."""
        reached = np.zeros(count + 1, bool)
        for axis in range(1 if self.flat else 0, 3):
            if box.start[axis] > 0:
                reached[np.take(labels, 0, axis)] = True
            if box.stop[axis] < self.volume[axis]:
                reached[np.take(labels, -1, axis)] = True
        return reached[1:]

    def _around(self, box: Box) -> Float32[np.ndarray, "z y x"]:
        """The heights of the box and of what lies around it; OUTSIDE beyond the volume."""
        wide = box.grown((HALO, HALO, HALO))
        read = wide.intersection(Box.of(self.volume))
        heights = np.full(wide.shape, OUTSIDE)
        heights[read.relative_to(wide).slices] = self.relief(read)
        return heights


def steepest(heights: Float32[np.ndarray, "z y x"], *, flat: bool) -> Int8[np.ndarray, "_ _ _"]:
    """The way up from each voxel but the outermost ones."""
    own = heights[1:-1, 1:-1, 1:-1]
    best, ways = np.full(own.shape, OUTSIDE), np.full(own.shape, STAYS, np.int8)
    for way in range(7):
        if flat and way in (0, 6):
            continue
        there = heights[_moved(way)]
        higher = there > best
        np.copyto(best, there, where=higher)
        ways[higher] = way
    ways[own == OUTSIDE] = STAYS
    return ways


def _moved(way: int) -> tuple[slice, slice, slice]:
    """All but the outermost voxels of an array, moved one step that way."""
    by = [0, 0, 0]
    if way != STAYS:
        by[min(way, 6 - way)] = -1 if way < STAYS else 1
    return tuple(slice(1 + d, d - 1 or None) for d in by)  # type: ignore[return-value]


def led_to(
    ways: Int8[np.ndarray, "z y x"], inside: Bool[np.ndarray, "z y x"]
) -> tuple[Int32[np.ndarray, "z y x"], Int64[np.ndarray, "n"]]:
    """Where the ways lead within the block, numbered from 1 by first voxels; and the voxel of each end."""
    kept = ways.copy()
    for axis in range(3):
        first, last = (np.moveaxis(kept, axis, 0)[end] for end in (0, -1))
        first[first == axis] = STAYS
        last[last == 6 - axis] = STAYS
    _, y, x = ways.shape
    steps = np.array([-y * x, -x, -1, 0, 1, x, y * x], np.int32)
    places = np.flatnonzero(inside)
    rank = np.zeros(inside.size, np.int32)
    rank[places] = np.arange(len(places), dtype=np.int32)
    ends = rank[places + steps[kept.ravel()[places]]]
    while not np.array_equal(further := ends[ends], ends):
        ends = further
    numbers, tops = _numbered(ends)
    labels = np.zeros(inside.size, np.int32)
    labels[places] = numbers
    return labels.reshape(inside.shape), places[tops]


def _numbered(ends: Int32[np.ndarray, "v"]) -> tuple[Int32[np.ndarray, "v"], Int64[np.ndarray, "n"]]:
    """Numbers from 1 in the order in which the ends come first, and the end of each number."""
    first = np.zeros(len(ends), np.int32)
    first[ends[::-1]] = np.arange(len(ends), dtype=np.int32)[::-1]
    tops = np.flatnonzero(ends == np.arange(len(ends)))
    tops = tops[np.argsort(first[tops])]
    number = np.zeros(len(ends), np.int32)
    number[tops] = np.arange(1, len(tops) + 1)
    return number[ends], tops


def _crossed(labels: Int32[np.ndarray, "z y x"], ways: Int8[np.ndarray, "_ _ _"]) -> Faces:
    """The labels where a way crosses the border of the block, outwards or inwards; 0 elsewhere.

    The block beyond sees the same ways, and so has numbers just where this one has.
    """
    planes: list[list[Shaped[np.ndarray, "_ _"]]] = [[], []]
    for axis in range(3):
        labels_along, ways_along = np.moveaxis(labels, axis, 0), np.moveaxis(ways, axis, 0)
        for end, (own, beyond, out) in enumerate(((1, 0, axis), (-2, -1, 6 - axis))):
            crossed = (ways_along[own] == out) | (ways_along[beyond] == 6 - out)
            plane = labels_along[0 if end == 0 else -1] * crossed[1:-1, 1:-1]
            planes[end].append(plane.astype(np.int32))
    return Faces(*(tuple(plane) for plane in planes))  # type: ignore[arg-type]


def _marks(heights: Float32[np.ndarray, "n"]) -> UInt8[np.ndarray, "n"]:
    """The marks of basins by their greatest heights."""
    return np.where(heights == SEED, SEEDED, np.where(heights > 0, INSIDE, 0)).astype(np.uint8)
