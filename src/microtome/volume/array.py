"""A volume in memory."""

import io
from dataclasses import dataclass

import numpy as np
from jaxtyping import Shaped

from microtome.box import Box, Int3
from microtome.volume.protocol import require_fitting, require_inside
from microtome.volume.spec import plain_dtype, stack_shape
from microtome.volume.voxel_size import VoxelSize, checked_voxel_size


@dataclass(frozen=True, slots=True, eq=False)
class ArrayVolume:
    """An array (or memory map) of axes z y x, or y x for one section; writes go into that array.

    Raises:
        ValueError: If the array has other axes, no voxels or no plain numbers, or a voxel no size.
    """

    array: np.ndarray
    voxel_size_nm: VoxelSize

    def __post_init__(self) -> None:
        stack_shape(self.array.shape, "array")
        plain_dtype(self.array.dtype, "array")
        checked_voxel_size(self.voxel_size_nm, "array")

    @property
    def shape(self) -> Int3:
        return stack_shape(self.array.shape, "array")

    @property
    def dtype(self) -> np.dtype:
        return self.array.dtype.newbyteorder("=")

    def read(self, box: Box) -> Shaped[np.ndarray, "z y x"]:
        require_inside(self, box)
        return np.array(self._stack[box.slices], self.dtype)

    def write(self, box: Box, data: Shaped[np.ndarray, "z y x"]) -> None:
        require_fitting(self, box, data)
        if not self.array.flags.writeable:
            raise io.UnsupportedOperation("the array is read-only")
        self._stack[box.slices] = data

    @property
    def _stack(self) -> Shaped[np.ndarray, "z y x"]:
        return self.array if self.array.ndim == 3 else self.array[np.newaxis]
