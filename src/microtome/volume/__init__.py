"""Volumes: reading, writing and viewing big images and label maps by box, whatever their format."""

from microtome.volume.array import ArrayVolume
from microtome.volume.fingerprint import fingerprint
from microtome.volume.intensity import Window, Windowed, intensity_window
from microtome.volume.open import create_volume, open_volume, stated_voxel_size
from microtome.volume.protocol import Volume, require_fitting, require_inside
from microtome.volume.resample import Downsampled, DownsampledLabels
from microtome.volume.spec import VolumeSpec
from microtome.volume.voxel_size import VoxelSize

__all__ = [
    "ArrayVolume",
    "Downsampled",
    "DownsampledLabels",
    "Volume",
    "VolumeSpec",
    "VoxelSize",
    "Window",
    "Windowed",
    "create_volume",
    "fingerprint",
    "intensity_window",
    "open_volume",
    "require_fitting",
    "require_inside",
    "stated_voxel_size",
]
