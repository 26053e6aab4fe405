"""Areas of surfaces in label volumes, from how often steps in 13 directions cross them."""

import functools
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int64, Shaped
from scipy.optimize import nnls

from microtome.box import Box, Int3
from microtome.volume import VoxelSize

NORMALS = 4000  # directions of planes, over which the error is least
Rows = Shaped[np.ndarray, "..."]
Lines = list[Shaped[np.ndarray, "n"]]
"""The labels at the first point of every line, at the second, …"""

Wanted = Callable[[Shaped[np.ndarray, "n"], Shaped[np.ndarray, "n"]], Bool[np.ndarray, "n"]]
"""Which lines, from the labels at their ends."""


_DIRECTIONS = [d for d in itertools.product((-1, 0, 1), repeat=3) if d > (0, 0, 0)]


@dataclass(frozen=True, eq=False)
class Steps:
    """Steps from voxel to voxel, and the area that each crossing of a surface by one of them stands for.

    The 13 directions are those of a cube's faces, edges and corners, in nm: where voxels are 45 × 4.6 × 4.6,
    the edge between z and x is a step of (1, 0, 10) voxels. Without that, nine of 13 directions of such
    voxels would almost be z. A plane of area A is crossed A · |normal · step| / voxel volume times (Crofton
    1868; Ohser & Mücklich 2000), and the areas are such that they add up to A, with an error that is, over
    planes of all directions, 0 in the mean and least in the square: 1.6 %, and 8 % where it is worst, at
    planes normal to an axis.
    """

    voxels: Int64[np.ndarray, "13 3"]
    area_um2: Float64[np.ndarray, "13"]

    @property
    def reach(self) -> Int3:
        """The longest along each axis."""
        z, y, x = np.abs(self.voxels).max(axis=0).tolist()
        return (z, y, x)


@functools.cache
def steps(voxel_size_nm: VoxelSize) -> Steps:
    """For voxels of that size."""
    size = np.array(voxel_size_nm)
    coarse = np.rint(size.max() / size).astype(np.int64)
    voxels = np.array(_DIRECTIONS) * coarse
    voxels //= np.gcd.reduce(voxels, axis=1)[:, None]
    length = np.linalg.norm(voxels * size, axis=1)
    shares, _ = nnls(np.abs(_normals() @ (voxels * size / length[:, None]).T), np.ones(NORMALS))
    return Steps(voxels, shares * size.prod() / length / 1e6)


def crossings(
    labels: Shaped[np.ndarray, "z y x"],
    read: Box,
    box: Box,
    volume: Int3,
    step: Int64[np.ndarray, "3"],
    parts: int = 1,
    wanted: Wanted | None = None,
) -> Lines:
    """The labels before and after each crossing of a surface, by one step from every voxel of `box`.

    `labels` are those of `read`: the box, grown by the reach of the steps as far as the volume goes. A step
    that leaves the volume, or enters it, is cut off at its border: what would lie outside is nowhere. If the
    steps are divided into `parts`, the labels in between are given too; of all crossings, or only of those
    that are `wanted` for the labels at their ends.
    """
    z, y, x = step.tolist()
    lines = [_crossing(labels, read, _staying(box, volume, (z, y, x)), (z, y, x), parts, wanted)]
    for direction in ((z, y, x), (-z, -y, -x)):
        edges = _without(box, _staying(box, volume, direction))
        lines += [_cut_off(labels, read, edge, volume, direction, parts, wanted) for edge in edges]
    return [np.concatenate(points) for points in zip(*lines, strict=True)]


def _crossing(
    labels: Shaped[np.ndarray, "z y x"], read: Box, inner: Box, step: Int3, parts: int, wanted: Wanted | None
) -> Lines:
    before = labels[inner.relative_to(read).slices].ravel()
    after = labels[inner.shifted(step).relative_to(read).slices].ravel()
    at = np.flatnonzero(before != after)
    if wanted is not None:
        at = at[wanted(before[at], after[at])]
    if parts == 1:
        return [before[at], after[at]]
    start = inner.relative_to(read).start
    places = [place + first for place, first in zip(np.unravel_index(at, inner.shape), start, strict=True)]
    shares = np.linspace(0, 1, parts + 1)
    return [
        labels[tuple(p + round(share * d) for p, d in zip(places, step, strict=True))] for share in shares
    ]


def _staying(box: Box, volume: Int3, step: Int3) -> Box:
    """The voxels of a box that a step does not lead out of the volume."""
    z, y, x = step
    inner = box.intersection(Box.of(volume).shifted((-z, -y, -x)))
    return inner if inner.size else Box(box.start, box.start)


def _without(box: Box, inner: Box) -> Iterator[Box]:
    """Boxes that partition what a box has outside of another one in it."""
    start, stop = list(box.start), list(box.stop)
    for axis, (low, high) in enumerate(zip(inner.start, inner.stop, strict=True)):
        for first, last in ((start[axis], low), (high, stop[axis])):
            if first < last:
                a, b = start.copy(), stop.copy()
                a[axis], b[axis] = first, last
                yield Box(tuple(a), tuple(b))  # type: ignore[arg-type]
        start[axis], stop[axis] = low, high
        if low == high:
            return


def _cut_off(
    labels: Shaped[np.ndarray, "z y x"],
    read: Box,
    edge: Box,
    volume: Int3,
    step: Int3,
    parts: int,
    wanted: Wanted | None,
) -> Lines:
    """Crossings by steps from the voxels of `edge`, all of which lead out of the volume, to its border."""
    places = np.ogrid[edge.slices]
    before = labels[edge.relative_to(read).slices]
    after = labels[_on_the_way(places, 1, step, read, volume)]
    differ = before != after
    if wanted is not None:
        differ[differ] = wanted(before[differ], after[differ])
    few = [row + first for row, first in zip(np.nonzero(differ), edge.start, strict=True)]
    between = [labels[_on_the_way(few, k / parts, step, read, volume)] for k in range(1, parts)]
    return [before[differ], *between, after[differ]]


def _on_the_way(
    places: Sequence[Rows], share: float, step: Int3, read: Box, volume: Int3
) -> tuple[Rows, Rows, Rows]:
    """Where in `read` one is after a share of the way to the border, half a voxel behind the last one."""
    ways = [
        (side - 0.5 - place if d > 0 else place + 0.5) / abs(d)
        for place, side, d in zip(places, volume, step, strict=True)
        if d
    ]
    way = share * functools.reduce(np.minimum, ways)
    z, y, x = (
        (np.clip(np.rint(place + way * d).astype(np.int64), 0, side - 1) if d else place) - first
        for place, side, d, first in zip(places, volume, step, read.start, strict=True)
    )
    return z, y, x


def _normals() -> Float64[np.ndarray, "n 3"]:
    """Unit vectors, evenly spread over the sphere: a spiral by the golden ratio."""
    turn = np.arange(NORMALS) + 0.5
    z, angle = 1 - 2 * turn / NORMALS, np.pi * (1 + 5**0.5) * turn
    return np.stack([z, np.sqrt(1 - z**2) * np.cos(angle), np.sqrt(1 - z**2) * np.sin(angle)], axis=1)
