"""What every volume can do, and the checks of a read or a write that all of them share."""

from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Shaped

from microtome.box import Box, Int3
from microtome.volume.voxel_size import VoxelSize


@runtime_checkable
class Volume(Protocol):
    """One resolution level of an image or a label map, axes z y x, wherever it is stored."""

    @property
    def shape(self) -> Int3: ...

    @property
    def dtype(self) -> np.dtype: ...

    @property
    def voxel_size_nm(self) -> VoxelSize: ...

    def read(self, box: Box) -> Shaped[np.ndarray, "z y x"]:
        """A copy of the voxels in `box`, in the machine's byte order; never written voxels are 0.

        Raises:
            ValueError: If `box` leaves the volume, or the stored data are damaged.
        """
        ...

    def write(self, box: Box, data: Shaped[np.ndarray, "z y x"]) -> None:
        """Store `data` in `box`.

        Raises:
            ValueError: If `box` leaves the volume, or shape or dtype of `data` do not fit.
            io.UnsupportedOperation: If the volume is read-only (both a ValueError and an OSError).
        """
        ...


def sections_together(volume: Volume) -> int:
    """Sections that storage keeps in one piece: who reads one has decoded, or fetched, all of them."""
    return getattr(volume, "sections_together", 1)


def require_inside(volume: Volume, box: Box) -> None:
    """Check a box to read.

    Raises:
        ValueError: If `box` leaves the volume.
    """
    if not Box.of(volume.shape).contains(box):
        raise ValueError(f"expected a box inside {Box.of(volume.shape)}; got {box}")


def require_fitting(volume: Volume, box: Box, data: Shaped[np.ndarray, "z y x"]) -> None:
    """Check a box and the data to write there.

    Raises:
        ValueError: If `box` leaves the volume, or shape or dtype of `data` do not fit.
    """
    require_inside(volume, box)
    if data.shape != box.shape:
        raise ValueError(f"expected data of shape {box.shape} for box {box}; got {data.shape}")
    if data.dtype != volume.dtype:
        raise ValueError(f"expected data of type {volume.dtype}; got {data.dtype}")
