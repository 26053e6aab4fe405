"""Filters count in float32: what they see of an image, and the views that lead there and back."""

import io
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float32, Shaped

from microtome.box import Box, Int3
from microtome.volume.intensity import require_finite
from microtome.volume.protocol import Volume
from microtome.volume.voxel_size import VoxelSize


@runtime_checkable
class Readable(Protocol):
    """What filters and measurements need of an image: any volume has it, and so have the filters."""

    @property
    def shape(self) -> Int3: ...

    def read(self, box: Box) -> Shaped[np.ndarray, "z y x"]:
        """A copy of the voxels in `box`."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Real:
    """An image in float32, which holds all its intensities exactly.

    Raises:
        ValueError: If it holds neither integers of at most 16 bits nor float32.
    """

    volume: Volume

    def __post_init__(self) -> None:
        kind, size = self.volume.dtype.kind, self.volume.dtype.itemsize
        if not (kind in "ui" and size <= 2) and self.volume.dtype != np.float32:
            raise ValueError(
                f"expected an image of integers of at most 16 bits or of float32; got {self.volume.dtype}"
            )

    @property
    def shape(self) -> Int3:
        return self.volume.shape

    def read(self, box: Box) -> Float32[np.ndarray, "z y x"]:
        data = self.volume.read(box)
        require_finite(data, box)
        return data.astype(np.float32)


def require_padding(volume: Volume, padding: float | None) -> None:
    """Check that voxels of the volume can have the value `padding`.

    Raises:
        ValueError: If its type does not hold that number.
    """
    if padding is None:
        return
    whole, low, high = volume.dtype.kind != "f", 0.0, 1.0
    if volume.dtype != bool:
        limits = np.iinfo(volume.dtype) if whole else np.finfo(volume.dtype)
        low, high = float(limits.min), float(limits.max)
    if not low <= padding <= high or (whole and padding != int(padding)):
        raise ValueError(
            f"expected a padding that {volume.dtype} holds, from {low:g} to {high:g}; got {padding}"
        )


@dataclass(frozen=True, slots=True, eq=False)
class Rounded:
    """A filtered image as a volume like the one it was: clipped to its type and rounded; read-only."""

    image: Readable
    like: Volume

    @property
    def shape(self) -> Int3:
        return self.image.shape

    @property
    def dtype(self) -> np.dtype:
        return self.like.dtype

    @property
    def voxel_size_nm(self) -> VoxelSize:
        return self.like.voxel_size_nm

    def read(self, box: Box) -> Shaped[np.ndarray, "z y x"]:
        data = self.image.read(box)
        if self.dtype.kind == "f":
            return data.astype(self.dtype)
        limits = np.iinfo(self.dtype)
        return np.rint(np.clip(data, limits.min, limits.max)).astype(self.dtype)

    def write(self, box: Box, data: Shaped[np.ndarray, "z y x"]) -> None:
        raise io.UnsupportedOperation("a filtered volume is read-only")
