"""A coarser view of an image or of labels."""

import io
import itertools
from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from jaxtyping import Shaped

from microtome.box import Box, Int3
from microtome.volume.protocol import Volume, require_inside, sections_together
from microtome.volume.voxel_size import VoxelSize


@dataclass(frozen=True, slots=True, eq=False)
class _Coarser(ABC):
    """One voxel for each block of `factors`, read-only; those at the end that fill no block are left out."""

    volume: Volume
    factors: Int3

    def __post_init__(self) -> None:
        if any(f < 1 or f > n for f, n in zip(self.factors, self.volume.shape, strict=True)):
            raise ValueError(
                f"expected factors from 1 to the volume's shape {self.volume.shape}; got {self.factors}"
            )

    @property
    def shape(self) -> Int3:
        (z, y, x), (a, b, c) = self.volume.shape, self.factors
        return (z // a, y // b, x // c)

    @property
    def dtype(self) -> np.dtype:
        return self.volume.dtype

    @property
    def voxel_size_nm(self) -> VoxelSize:
        (z, y, x), (a, b, c) = self.volume.voxel_size_nm, self.factors
        return (z * a, y * b, x * c)

    @property
    def sections_together(self) -> int:
        return max(1, sections_together(self.volume) // self.factors[0])

    def read(self, box: Box) -> Shaped[np.ndarray, "z y x"]:
        require_inside(self, box)
        return self._of_blocks(self.volume.read(_finer(box, self.factors)), self.factors)

    def write(self, box: Box, data: Shaped[np.ndarray, "z y x"]) -> None:
        raise io.UnsupportedOperation("a downsampled volume is read-only")

    @staticmethod
    @abstractmethod
    def _of_blocks(data: Shaped[np.ndarray, "z y x"], factors: Int3) -> Shaped[np.ndarray, "a b c"]: ...


class Downsampled(_Coarser):
    """The mean over blocks of `factors` voxels, read-only; integers are rounded, half a step upwards.

    Voxels at the end that do not fill a block are left out.

    Raises:
        ValueError: If a factor is not positive or larger than the volume.
    """

    __slots__ = ()

    @staticmethod
    def _of_blocks(data: Shaped[np.ndarray, "z y x"], factors: Int3) -> Shaped[np.ndarray, "a b c"]:
        return block_mean(data, factors)


class DownsampledLabels(_Coarser):
    """The most frequent label of blocks of `factors` voxels, the larger one of equals; read-only.

    Voxels at the end that do not fill a block are left out.

    Raises:
        ValueError: If a factor is not positive or larger than the volume.
    """

    __slots__ = ()

    @staticmethod
    def _of_blocks(data: Shaped[np.ndarray, "z y x"], factors: Int3) -> Shaped[np.ndarray, "a b c"]:
        return block_mode(data, factors)


def block_mean(data: Shaped[np.ndarray, "z y x"], factors: Int3) -> Shaped[np.ndarray, "a b c"]:
    """The mean of each block, in the type of `data`; integers are rounded, half a step upwards."""
    views = _views(data, factors)
    if data.dtype.kind == "f":
        total = np.zeros(views[0].shape, np.float64)
        for view in views:
            total += view
        return (total / len(views)).astype(data.dtype)
    sums = np.zeros(views[0].shape, _sum_type(data.dtype, len(views)))
    for view in views:
        sums += view
    n = sums.dtype.type(len(views))
    return ((sums + n // 2) // n).astype(data.dtype)


def block_mode(data: Shaped[np.ndarray, "z y x"], factors: Int3) -> Shaped[np.ndarray, "a b c"]:
    """The most frequent label of each block, the larger one of equals."""
    views = _views(data, factors)
    result = views[0].copy()
    mixed = np.zeros(result.shape, bool)
    for view in views[1:]:
        mixed |= view != result
    # most blocks hold one label; only the others are sorted and counted
    labels = np.sort(np.stack([view[mixed] for view in views]), axis=0)
    best, most, run = labels[0].copy(), np.ones(labels.shape[1], np.int64), np.ones(labels.shape[1], np.int64)
    for before, label in itertools.pairwise(labels):
        run = np.where(label == before, run + 1, 1)
        wins = run >= most  # labels rise, so of two equally frequent ones the later is larger
        best[wins], most[wins] = label[wins], run[wins]
    result[mixed] = best
    return result


def _sum_type(dtype: np.dtype, n: int) -> np.dtype:
    """An integer type for sums of `n` voxels; 32 bits where they do, which is faster."""
    size = 4 if dtype.itemsize <= 2 and n < 2**15 else 8
    return np.dtype(f"{'i' if dtype.kind == 'i' else 'u'}{size}")


def _views(data: Shaped[np.ndarray, "z y x"], factors: Int3) -> list[Shaped[np.ndarray, "a b c"]]:
    """Each voxel of a block, over all blocks."""
    fz, fy, fx = factors
    offsets = itertools.product(range(fz), range(fy), range(fx))
    return [data[a::fz, b::fy, c::fx] for a, b, c in offsets]


def _finer(box: Box, factors: Int3) -> Box:
    (a, b, c), (d, e, f), (z, y, x) = box.start, box.stop, factors
    return Box((a * z, b * y, c * x), (d * z, e * y, f * x))
