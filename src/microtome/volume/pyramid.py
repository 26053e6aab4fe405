"""Coarser and coarser levels of an image or of labels, until one is small enough to look at whole."""

import io
from dataclasses import dataclass

import numpy as np
from jaxtyping import Shaped

from microtome.box import Box, Int3
from microtome.volume.protocol import Volume, require_inside
from microtome.volume.resample import block_mean, block_mode
from microtome.volume.spec import VolumeSpec
from microtome.volume.voxel_size import VoxelSize

SMALL = 256  # voxels along the longest side of the coarsest level, at most
ALIKE = 2**0.5  # an axis whose voxels are less than this times the finest is halved with it


@dataclass(frozen=True, slots=True)
class Level:
    """One level: what its array is to be, and how many voxels of the level before make one of its own."""

    spec: VolumeSpec
    factors: Int3


def pyramid(base: VolumeSpec, count: int | None = None) -> list[Level]:
    """The levels of a new image, `base` first; `count` of them, or until no side is longer than 256 voxels.

    Along each axis voxels are halved while they are the finest, so that thick sections wait until voxels are
    nearly cubes: 45 × 4.6 × 4.6 nm becomes 45 × 9.2 × 9.2, …, 45 × 36.8 × 36.8, 90 × 73.6 × 73.6.

    Raises:
        ValueError: If `count` is not positive, or more than there are before one voxel is left.
    """
    if count is not None and count < 1:
        raise ValueError(f"expected at least one level; got {count}")
    levels = [Level(base, (1, 1, 1))]
    while len(levels) < count if count is not None else max(levels[-1].spec.shape) > SMALL:
        spec = levels[-1].spec
        factors = _halved(spec)
        if factors == (1, 1, 1):
            raise ValueError(f"expected at most {len(levels)} levels, as the last has one voxel; got {count}")
        coarser = VolumeSpec(_ceiled(spec.shape, factors), spec.dtype, _larger(spec, factors), base.chunks)
        levels.append(Level(coarser, factors))
    return levels


@dataclass(frozen=True, slots=True, eq=False)
class Coarser:
    """A volume at the next level: means of grey values, or the most frequent label (the larger of equals).

    At its end a side that does not fill a voxel is filled with its last voxels; read-only.
    """

    volume: Volume
    factors: Int3
    labels: bool

    @property
    def shape(self) -> Int3:
        return _ceiled(self.volume.shape, self.factors)

    @property
    def dtype(self) -> np.dtype:
        return self.volume.dtype

    @property
    def voxel_size_nm(self) -> VoxelSize:
        return _larger(self.volume, self.factors)

    def read(self, box: Box) -> Shaped[np.ndarray, "z y x"]:
        require_inside(self, box)
        if not box.size:
            return np.empty(box.shape, self.dtype)
        start, stop = (_times(corner, self.factors) for corner in (box.start, box.stop))
        inside = Box(start, stop).intersection(Box.of(self.volume.shape))
        data = self.volume.read(inside)
        lacking = [(0, b - a) for a, b in zip(inside.stop, stop, strict=True)]
        whole = np.pad(data, lacking, mode="edge") if inside.stop != stop else data
        return block_mode(whole, self.factors) if self.labels else block_mean(whole, self.factors)

    def write(self, box: Box, data: Shaped[np.ndarray, "z y x"]) -> None:
        raise io.UnsupportedOperation("a coarser view is read-only")


def _halved(spec: VolumeSpec) -> Int3:
    """2 along the axes that are longer than a voxel and whose voxels are about the finest of those."""
    sizes = [nm for nm, side in zip(spec.voxel_size_nm, spec.shape, strict=True) if side > 1]
    finest = min(sizes, default=0.0)
    z, y, x = (
        2 if side > 1 and nm < ALIKE * finest else 1
        for nm, side in zip(spec.voxel_size_nm, spec.shape, strict=True)
    )
    return (z, y, x)


def _ceiled(shape: Int3, factors: Int3) -> Int3:
    z, y, x = (-(-side // factor) for side, factor in zip(shape, factors, strict=True))
    return (z, y, x)


def _times(corner: Int3, factors: Int3) -> Int3:
    z, y, x = (place * factor for place, factor in zip(corner, factors, strict=True))
    return (z, y, x)


def _larger(sized: Volume | VolumeSpec, factors: Int3) -> VoxelSize:
    z, y, x = (nm * factor for nm, factor in zip(sized.voxel_size_nm, factors, strict=True))
    return (z, y, x)
