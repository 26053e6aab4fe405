"""Grey values as uint8: a window of intensities, and how to choose it."""

import io
import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Shaped, UInt8

from microtome.box import Box, Int3
from microtome.volume.protocol import Volume, sections_together
from microtome.volume.sample import sample_boxes
from microtome.volume.voxel_size import VoxelSize

Window = tuple[float, float]
"""The intensities that become 0 and 255."""


@dataclass(frozen=True, slots=True, eq=False)
class Windowed:
    """A volume as uint8, linear from the lower end of `window` (0) to the upper (255), clipped; read-only.

    Raises:
        ValueError: If the window is empty or not finite.
    """

    volume: Volume
    window: Window

    def __post_init__(self) -> None:
        low, high = self.window
        if not (math.isfinite(low) and math.isfinite(high) and low < high):
            raise ValueError(f"expected a window of two finite intensities, low < high; got {self.window}")

    @property
    def shape(self) -> Int3:
        return self.volume.shape

    @property
    def dtype(self) -> np.dtype:
        return np.dtype(np.uint8)

    @property
    def voxel_size_nm(self) -> VoxelSize:
        return self.volume.voxel_size_nm

    @property
    def sections_together(self) -> int:
        return sections_together(self.volume)

    def read(self, box: Box) -> UInt8[np.ndarray, "z y x"]:
        data = self.volume.read(box)
        require_finite(data, box)
        low, high = self.window
        # float32 holds every 16-bit integer; wider ones become float64
        real = data.astype(np.result_type(data.dtype, np.float32))
        return np.rint((np.clip(real, low, high) - low) * (255 / (high - low))).astype(np.uint8)

    def write(self, box: Box, data: Shaped[np.ndarray, "z y x"]) -> None:
        raise io.UnsupportedOperation("a windowed volume is read-only")


def intensity_window(volume: Volume, percentiles: tuple[float, float] = (0.1, 99.9), seed: int = 0) -> Window:
    """Percentiles of the intensities in at most 64 random pieces of 256 × 256 voxels.

    Raises:
        ValueError: If the percentiles agree, as in a constant image, or an intensity is NaN or infinite.
    """
    pieces = []
    for box in sample_boxes(volume.shape, (1, 256, 256), 64, seed):
        piece = volume.read(box)
        require_finite(piece, box)
        pieces.append(piece.ravel())
    low, high = np.percentile(np.concatenate(pieces).astype(np.float64), percentiles)
    if low >= high:
        raise ValueError(
            f"expected an image with contrast; got percentiles {percentiles} both {low}; give a window"
        )
    return (float(low), float(high))


def require_finite(data: Shaped[np.ndarray, "..."], box: Box) -> None:
    """Check the intensities read from `box`.

    Raises:
        ValueError: If some are NaN or infinite.
    """
    if data.dtype.kind == "f" and (bad := int(np.count_nonzero(~np.isfinite(data)))):
        raise ValueError(f"expected finite intensities; got {bad} NaN or infinite voxels in box {box}")
