"""Volumes that lie uncompressed and in one piece in a file: .npy, and most plain TIFF stacks."""

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Shaped

from microtome.box import Box, Int3
from microtome.volume.protocol import Volume, require_fitting, require_inside
from microtome.volume.space import require_room, reserve
from microtome.volume.spec import VolumeSpec, plain_dtype, stack_shape
from microtome.volume.voxel_size import VoxelSize, chosen_voxel_size


@dataclass(frozen=True, slots=True)
class MappedVolume:
    """Voxels from byte `offset` of a file on, z y x, x fastest.

    The file is mapped for each read and write anew (about 50 µs), so the volume holds no handle and pickles
    in a few bytes.
    """

    path: Path
    offset: int
    stored_dtype: np.dtype
    shape: Int3
    voxel_size_nm: VoxelSize
    writable: bool = False

    @property
    def dtype(self) -> np.dtype:
        return self.stored_dtype.newbyteorder("=")

    def read(self, box: Box) -> Shaped[np.ndarray, "z y x"]:
        require_inside(self, box)
        array = np.memmap(self.path, self.stored_dtype, "r", self.offset, self.shape)
        return np.array(array[box.slices], self.dtype)

    def write(self, box: Box, data: Shaped[np.ndarray, "z y x"]) -> None:
        require_fitting(self, box, data)
        if not self.writable:
            raise io.UnsupportedOperation(f"{self.path} was opened read-only")
        array = np.memmap(self.path, self.stored_dtype, "r+", self.offset, self.shape)
        array[box.slices] = data


def require_whole(volume: MappedVolume) -> None:
    """Check that the file holds all voxels its header announces.

    Raises:
        ValueError: If it is shorter.
    """
    needed = volume.offset + Box.of(volume.shape).size * volume.stored_dtype.itemsize
    size = volume.path.stat().st_size
    if size < needed:
        raise ValueError(f"{volume.path} is truncated: expected {needed} bytes; got {size}")


def open_npy(path: Path, voxel_size_nm: VoxelSize | None, *, writable: bool = False) -> Volume:
    """The array of an .npy file, which states no voxel size.

    Raises:
        ValueError: If the file is damaged, is not a stack of plain numbers, or no voxel size is given.
    """
    try:
        # memory-mapped, so that only the header is read
        array = np.lib.format.open_memmap(path, mode="r")
    except ValueError as error:
        raise ValueError(f"{path} is no readable .npy array: {error}") from error
    plain_dtype(array.dtype, str(path))
    shape = stack_shape(array.shape, str(path))
    if not array.flags.c_contiguous:
        raise ValueError(f"{path}: expected an array in C order; got Fortran order")
    size_nm = chosen_voxel_size(voxel_size_nm, None, str(path))
    return MappedVolume(path, array.offset, array.dtype, shape, size_nm, writable)


def create_npy(path: Path, spec: VolumeSpec) -> Volume:
    """A new .npy file full of zeros; its voxel size is not stored.

    Raises:
        OSError: If the file cannot be written, or the disk has no room for it.
    """
    require_room(path, Box.of(spec.shape).size * spec.dtype.itemsize)
    np.lib.format.open_memmap(path, "w+", spec.dtype, spec.shape)
    reserve(path)
    return open_npy(path, spec.voxel_size_nm, writable=True)
