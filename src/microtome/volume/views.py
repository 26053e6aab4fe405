"""A part of a volume, and a volume with its numbers in another type."""

import io
from dataclasses import dataclass

import numpy as np
from jaxtyping import Shaped

from microtome.box import Box, Int3
from microtome.volume.protocol import Volume, require_inside, sections_together
from microtome.volume.voxel_size import VoxelSize


@dataclass(frozen=True, slots=True, eq=False)
class Cropped:
    """The voxels of a volume in `box`, whose first one becomes 0 0 0; read-only.

    Raises:
        ValueError: If the box leaves the volume or is empty.
    """

    volume: Volume
    box: Box

    def __post_init__(self) -> None:
        require_inside(self.volume, self.box)
        if not self.box.size:
            raise ValueError(f"expected a box with voxels; got {self.box}")

    @property
    def shape(self) -> Int3:
        return self.box.shape

    @property
    def dtype(self) -> np.dtype:
        return self.volume.dtype

    @property
    def voxel_size_nm(self) -> VoxelSize:
        return self.volume.voxel_size_nm

    @property
    def sections_together(self) -> int:
        return sections_together(self.volume)

    def read(self, box: Box) -> Shaped[np.ndarray, "z y x"]:
        require_inside(self, box)
        return self.volume.read(box.shifted(self.box.start))

    def write(self, box: Box, data: Shaped[np.ndarray, "z y x"]) -> None:
        raise io.UnsupportedOperation("a part of a volume is read-only")


@dataclass(frozen=True, slots=True, eq=False)
class Cast:
    """The same numbers as `dtype`, real ones rounded to its precision; read-only.

    Reading raises ValueError where the type cannot hold a number: a whole one exactly, a real one at all.
    """

    volume: Volume
    dtype: np.dtype

    @property
    def shape(self) -> Int3:
        return self.volume.shape

    @property
    def voxel_size_nm(self) -> VoxelSize:
        return self.volume.voxel_size_nm

    @property
    def sections_together(self) -> int:
        return sections_together(self.volume)

    def read(self, box: Box) -> Shaped[np.ndarray, "z y x"]:
        data = self.volume.read(box)
        with np.errstate(invalid="ignore", over="ignore"):  # numbers beyond the type are found by comparing
            cast = data.astype(self.dtype)
        if self.dtype.kind != "f":
            lost = cast != data
        elif data.dtype.kind == "f":
            lost = np.isinf(cast) & np.isfinite(data)
        else:
            exact = 2 ** (np.finfo(self.dtype).nmant + 1)  # all whole numbers up to it
            lost = (data > exact) | (data < -exact)
        if lost.any():
            raise ValueError(f"expected voxels that {self.dtype} holds; got {data[lost][0]} in box {box}")
        return cast

    def write(self, box: Box, data: Shaped[np.ndarray, "z y x"]) -> None:
        raise io.UnsupportedOperation("a volume in another type is read-only")
