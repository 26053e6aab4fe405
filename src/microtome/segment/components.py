"""Connected components of a mask, block by block: right across block borders, in the memory of a block."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Int32, Int64, Shaped
from scipy import ndimage
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from microtome.box import Box, Int3, tile

Plane = Shaped[np.ndarray, "_ _"]


@dataclass(frozen=True, slots=True)
class Neighbours:
    """Which voxels touch: by a face (6), or an edge or a corner too (26); `flat`: only within a section.

    Raises:
        ValueError: If the connectivity is another.
    """

    connectivity: int = 6
    flat: bool = False

    def __post_init__(self) -> None:
        if self.connectivity not in (6, 26):
            raise ValueError(f"expected a connectivity of 6 or 26; got {self.connectivity}")

    @property
    def structure(self) -> Bool[np.ndarray, "3 3 3"]:
        """True at the offsets, -1 to 1 on each axis, of voxels that touch the middle one."""
        touching = ndimage.generate_binary_structure(3, 1 if self.connectivity == 6 else 3)
        if self.flat:
            touching[[0, 2]] = False
        return touching

    def shifts(self, axis: int) -> list[tuple[int, int]]:
        """Offsets along the other two axes of the voxels that touch one across a plane of constant `axis`."""
        return [(int(u) - 1, int(v) - 1) for u, v in np.argwhere(np.take(self.structure, 2, axis))]


@dataclass(frozen=True, eq=False)
class Faces:
    """The outermost layers of a block's component numbers, along z, y and x; 0 is background."""

    first: tuple[Plane, Plane, Plane]
    last: tuple[Plane, Plane, Plane]


@dataclass(frozen=True, eq=False)
class Layer:
    """The components of a mask within one block.

    Those that are smaller than asked for and end within the block are left out: they have no number.
    """

    labels: Int32[np.ndarray, "z y x"]  # as found: 0 background, 1, 2, … in the order of their first voxels
    numbers: Int64[np.ndarray, "_"]  # of each label: 0 if left out, else 1, 2, …

    @property
    def count(self) -> int:
        """How many have a number."""
        return int(self.numbers.max())

    def restricted(self, labels: Int32[np.ndarray, "_"]) -> "Layer":
        """Only the components of these labels, and those that may go on in another block."""
        kept = np.zeros(len(self.numbers), bool)
        kept[labels] = True
        return Layer(self.labels, _numbered(self.labels, kept))

    @property
    def faces(self) -> Faces:
        """For `joined`."""
        small = self.numbers.astype(np.min_scalar_type(self.count))
        planes = [(small[first], small[last]) for first, last in _borders(self.labels)]
        return Faces(*zip(*planes, strict=True))


def layer(mask: Bool[np.ndarray, "z y x"], neighbours: Neighbours, smallest: int = 1) -> Layer:
    """The components of a block; those below `smallest` voxels only if they may go on in another block."""
    labels = np.zeros(mask.shape, np.int32)
    if not mask.any():  # most blocks of a sparse volume
        return Layer(labels, np.zeros(1, np.int64))
    count = int(ndimage.label(mask, neighbours.structure, output=labels))
    kept = np.ones(count + 1, bool)
    if smallest > 1:
        kept = np.bincount(labels[mask], minlength=count + 1) >= smallest
    return Layer(labels, _numbered(labels, kept))


@dataclass(frozen=True)
class Blocks:
    """Boxes of equal shape that partition a volume, the last of an axis cut; numbered in z y x order."""

    volume: Int3
    shape: Int3

    @cached_property
    def boxes(self) -> list[Box]:
        return [block.write for block in tile(Box.of(self.volume), self.shape, (0, 0, 0))]

    @property
    def counts(self) -> Int3:
        """How many along each axis."""
        z, y, x = (-(-side // n) for side, n in zip(self.volume, self.shape, strict=True))
        return (z, y, x)

    def place(self, number: int) -> Int3:
        """Of a block: how many lie before it along each axis."""
        z, y, x = np.unravel_index(number, self.counts)
        return (int(z), int(y), int(x))

    def number(self, place: Int3) -> int | None:
        """The block there; None outside the volume."""
        if any(not 0 <= k < n for k, n in zip(place, self.counts, strict=True)):
            return None
        return int(np.ravel_multi_index(place, self.counts))


def joined(
    blocks: Blocks, faces: Callable[[int], Faces], counts: Int64[np.ndarray, "b"], neighbours: Neighbours
) -> Int64[np.ndarray, "m"]:
    """The component, from 0, of every numbered one of every block, those of the first block first.

    `faces` are asked for by the block's number, several times each; `counts` says how many each has.
    """
    before = np.cumsum(counts) - counts
    found = [pairs for number in range(len(counts)) for pairs in _across(blocks, number, faces, neighbours)]
    edges = [np.stack([a + before[i], b + before[j]]) - 1 for i, j, a, b in found]
    one, other = np.concatenate(edges, axis=1) if edges else np.empty((2, 0), np.int64)
    total = int(counts.sum())
    graph = coo_array((np.ones(len(one), bool), (one, other)), shape=(total, total))
    return connected_components(graph, directed=False)[1].astype(np.int64) if total else np.empty(0, np.int64)


def _across(
    blocks: Blocks, number: int, faces: Callable[[int], Faces], neighbours: Neighbours
) -> Iterator[tuple[int, int, Int64[np.ndarray, "e"], Int64[np.ndarray, "e"]]]:
    """Pairs of components, of the block and of each one before it along an axis, that touch."""
    place = blocks.place(number)
    for axis in range(3):
        shifts = neighbours.shifts(axis)
        reach = range(-1, 2) if len(shifts) > 1 else range(1)
        for du, dv in ((du, dv) for du in reach for dv in reach):
            step = [du, dv]
            step.insert(axis, -1)
            earlier = blocks.number(tuple(k + d for k, d in zip(place, step, strict=True)))  # type: ignore[arg-type]
            if earlier is None or not shifts:
                continue
            mine, theirs = faces(number).first[axis], faces(earlier).last[axis]
            pairs = [_touching(mine, theirs, (du, dv), shift) for shift in shifts]
            a, b = np.concatenate(pairs, axis=1)
            base = b.max(initial=0) + 1
            a, b = np.divmod(np.unique(a * base + b), base)
            yield number, earlier, a, b


def _touching(
    mine: Plane, theirs: Plane, block: tuple[int, int], shift: tuple[int, int]
) -> Int64[np.ndarray, "2 e"]:
    """Numbers that meet where a plane is laid over that of a block at `block`, moved by `shift` voxels."""
    cuts = [_meeting(*sides) for sides in zip(mine.shape, theirs.shape, block, shift, strict=True)]
    if any(cut is None for cut in cuts):
        return np.empty((2, 0), np.int64)
    (u, u2), (v, v2) = cuts  # type: ignore[misc]
    a, b = mine[u, v], theirs[u2, v2]
    both = (a != 0) & (b != 0)
    return np.stack([a[both], b[both]]).astype(np.int64)


def _meeting(mine: int, theirs: int, block: int, shift: int) -> tuple[slice, slice] | None:
    """Where voxel i of mine and voxel i + shift, counted from my first, lie in both; None if nowhere."""
    offset = {-1: -theirs, 0: 0, 1: mine}[block]  # of their first voxel from mine
    low, high = max(0, offset - shift), min(mine, offset + theirs - shift)
    if low >= high:
        return None
    return slice(low, high), slice(low + shift - offset, high + shift - offset)


def _numbered(labels: Int32[np.ndarray, "z y x"], kept: Bool[np.ndarray, "_"]) -> Int64[np.ndarray, "_"]:
    """Numbers from 1 of the labels to keep and of those at the block's border; 0 of the others."""
    wanted = kept.copy()
    for first, last in _borders(labels):
        wanted[first] = wanted[last] = True
    wanted[0] = False
    return np.where(wanted, np.cumsum(wanted), 0)


def _borders(labels: Int32[np.ndarray, "z y x"]) -> Iterator[tuple[Plane, Plane]]:
    for axis in range(3):
        yield np.take(labels, 0, axis), np.take(labels, -1, axis)
