"""The foreground of a stored probability, box by box: smoothed and thresholded as the whole would be."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float32
from scipy import ndimage

from microtome.box import Box, Int3
from microtome.segment.probability import Stored, at_least, require_range, unit
from microtome.volume import Volume, VoxelSize, open_volume

TRUNCATED = 4  # standard deviations after which the Gaussian ends


@dataclass(frozen=True)
class Probability:
    """A stored volume: bytes with 255 for 1, real numbers in [0, 1], or a mask; smoothed by a Gaussian.

    It is opened where it is used, so that it can be sent to another process.
    """

    uri: str
    smoothing_nm: float = 0.0

    @cached_property
    def volume(self) -> Volume:
        return open_volume(self.uri)

    def __getstate__(self) -> dict[str, object]:
        return {"uri": self.uri, "smoothing_nm": self.smoothing_nm}

    def read(self, box: Box) -> Stored:
        """What is in the box: as stored, or, if it is smoothed, real numbers in [0, 1].

        Raises:
            ValueError: If the stored data are damaged, or are smoothed and hold a real number not in [0, 1].
        """
        if self.smoothing_nm == 0:
            return self.volume.read(box)
        sigma = [self.smoothing_nm / nm for nm in self.volume.voxel_size_nm]
        z, y, x = radius = [int(TRUNCATED * voxels + 0.5) for voxels in sigma]
        around = box.grown((z, y, x)).intersection(Box.of(self.volume.shape))
        stored = self.volume.read(around)
        require_range(stored)
        smooth = ndimage.gaussian_filter(proportion(stored), sigma, radius=radius)
        return np.clip(smooth[box.relative_to(around).slices], 0, 1)  # rounding may lift it above 1

    def proportion(self, box: Box) -> Float32[np.ndarray, "z y x"]:
        """The same as real numbers in [0, 1]."""
        return proportion(self.read(box))


@dataclass(frozen=True)
class Foreground:
    """Where a probability reaches a threshold, or, `below`, where it does not."""

    probability: Probability
    threshold: float = 0.5
    below: bool = False

    def __call__(self, box: Box) -> Bool[np.ndarray, "z y x"]:
        """The mask of a box.

        Raises:
            ValueError: If the stored data are damaged, or a real number is not in [0, 1].
        """
        reached = at_least(self.probability.read(box), self.threshold)
        return ~reached if self.below else reached

    def distance_nm(self, box: Box, farthest: float) -> Float32[np.ndarray, "z y x"]:
        """How far each voxel's centre is from that of the nearest background voxel, `farthest` at most.

        What lies outside the volume is not background.
        """
        volume = self.probability.volume
        around = box.grown(voxels_of(farthest, volume.voxel_size_nm)).intersection(Box.of(volume.shape))
        mask = self(around)
        if mask.all():
            return np.full(box.shape, farthest, np.float32)
        distance = np.zeros(mask.shape, np.float32)
        for part in ndimage.find_objects(
            mask.view(np.uint8)
        ):  # one box around all; beyond it there is nothing
            wide = tuple(slice(max(0, side.start - 1), side.stop + 1) for side in part)
            distance[wide] = ndimage.distance_transform_edt(mask[wide], volume.voxel_size_nm)
        return np.minimum(distance[box.relative_to(around).slices], np.float32(farthest))


def voxels_of(nm: float, voxel_size_nm: VoxelSize) -> Int3:
    """The voxels along each axis that a length reaches over."""
    z, y, x = (int(np.ceil(nm / size)) for size in voxel_size_nm)
    return (z, y, x)


def proportion(stored: Stored) -> Float32[np.ndarray, "z y x"]:
    """Stored probabilities as real numbers in [0, 1]."""
    return stored.astype(np.float32) / np.float32(unit(stored.dtype))
