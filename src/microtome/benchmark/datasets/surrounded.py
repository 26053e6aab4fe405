"""Labels of a box of a larger image."""

import io
from dataclasses import dataclass

import numpy as np
from jaxtyping import Shaped, UInt8

from microtome.box import Box, Int3
from microtome.labels import IGNORE
from microtome.volume import Volume, VoxelSize, require_inside


@dataclass(frozen=True, slots=True, eq=False)
class Surrounded:
    """Class labels (uint8) that begin at voxel `start` of an image of `shape`, IGNORE around them; read-only.

    Raises:
        ValueError: If they are not uint8, or leave the image.
    """

    labels: Volume
    start: Int3
    shape: Int3

    def __post_init__(self) -> None:
        if self.labels.dtype != np.uint8:
            raise ValueError(f"expected labels of uint8; got {self.labels.dtype}")
        if min(self.start) < 0 or not Box.of(self.shape).contains(self.labelled):
            raise ValueError(f"expected labels inside {Box.of(self.shape)}; got {self.labelled}")

    @property
    def labelled(self) -> Box:
        """Where the labels lie in the image."""
        return Box.of(self.labels.shape).shifted(self.start)

    @property
    def dtype(self) -> np.dtype:
        return np.dtype(np.uint8)

    @property
    def voxel_size_nm(self) -> VoxelSize:
        return self.labels.voxel_size_nm

    def read(self, box: Box) -> UInt8[np.ndarray, "z y x"]:
        require_inside(self, box)
        result = np.full(box.shape, IGNORE, np.uint8)
        shared = box.intersection(self.labelled)
        if shared.size:
            result[shared.relative_to(box).slices] = self.labels.read(shared.relative_to(self.labelled))
        return result

    def write(self, box: Box, data: Shaped[np.ndarray, "z y x"]) -> None:
        raise io.UnsupportedOperation("known labels are only read, never written")
