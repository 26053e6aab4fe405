"""Which shapes and number types a volume may have, and what a new one is to be."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from microtome.box import Int3
from microtome.volume.voxel_size import VoxelSize, checked_voxel_size


def stack_shape(shape: Sequence[int], where: str) -> Int3:
    """The shape as z y x; an image with two axes becomes one section.

    Raises:
        ValueError: If there are not two or three axes, or one has no voxels; names `where`.
    """
    if len(shape) not in (2, 3):
        raise ValueError(f"{where}: expected two or three axes (z y x); got shape {tuple(shape)}")
    if min(shape) < 1:
        raise ValueError(f"{where}: expected at least one voxel along every axis; got shape {tuple(shape)}")
    z, y, x = (1, *shape) if len(shape) == 2 else shape
    return (int(z), int(y), int(x))


def plain_dtype(dtype: np.dtype, where: str) -> np.dtype:
    """The type in the machine's byte order.

    Raises:
        ValueError: If it is neither boolean, integer nor real; names `where`.
    """
    if dtype.kind not in "buif":
        raise ValueError(f"{where}: expected a boolean, integer or real type; got {dtype}")
    return dtype.newbyteorder("=")


def chunks_in_blocks(usual: Int3, block: Int3, volume: Int3) -> Int3:
    """Chunks each of which lies in one of the blocks that tile a volume from its corner.

    The usual ones where whole ones fill a block, or one block the axis, else a block.
    """
    z, y, x = (
        n if n % chunk and n < side else chunk for n, side, chunk in zip(block, volume, usual, strict=True)
    )
    return (z, y, x)


@dataclass(frozen=True, slots=True)
class VolumeSpec:
    """What a new volume is to be; without `chunks` they are chosen from shape and voxel size.

    Raises:
        ValueError: If shape, type, voxel size or chunks are impossible.
    """

    shape: Int3
    dtype: np.dtype
    voxel_size_nm: VoxelSize
    chunks: Int3 | None = None

    def __post_init__(self) -> None:
        stack_shape(self.shape, "new volume")
        plain_dtype(self.dtype, "new volume")
        checked_voxel_size(self.voxel_size_nm, "new volume")
        if self.chunks is not None and (len(self.chunks) != 3 or min(self.chunks) < 1):
            raise ValueError(f"expected three chunk lengths of at least 1; got {self.chunks}")

    @property
    def stored_chunks(self) -> Int3:
        """The chunks, never longer than the volume.

        By default 256 in y and x; along z 32, or 1 where sections are over twice as thick as a pixel is wide,
        since such volumes are mostly read by section.
        """
        z_nm, y_nm, x_nm = self.voxel_size_nm
        depth = 1 if z_nm > 2 * max(y_nm, x_nm) else 32
        z, y, x = self.chunks or (depth, 256, 256)
        return (min(z, self.shape[0]), min(y, self.shape[1]), min(x, self.shape[2]))
