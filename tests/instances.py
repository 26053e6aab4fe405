"""Instances of a whole volume in memory, to compare with, and small volumes on disk."""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from microtome.box import Box, Int3
from microtome.segment.instances import label_instances
from microtome.segment.plan import InstanceSummary
from microtome.segment.settings import InstanceSettings
from microtome.volume import VoxelSize, create_volume, open_volume

ISOTROPIC = (10.0, 10.0, 10.0)
ROOT = Path(os.environ.get("MICROTOME_DATA", Path(__file__).parents[2] / "shared" / "data"))


def stored(path: Path, data: np.ndarray, nm: VoxelSize = ISOTROPIC) -> Path:
    """The path of a new OME-Zarr volume that holds the data."""
    create_volume(path, data.shape, data.dtype, nm).write(Box.of(data.shape), data)
    return path


def labelled(
    probability: Path, folder: Path, settings: InstanceSettings, block: Int3 | None = None
) -> tuple[np.ndarray, InstanceSummary]:
    """The instances that are found in blocks of that shape, and their summary."""
    if block is not None:
        settings = replace(settings, block=block)
    folder.mkdir(exist_ok=True)
    summary = label_instances(probability, folder / "ids.zarr", settings, folder / "work")
    return whole(folder / "ids.zarr"), summary


def whole(path: Path) -> np.ndarray:
    volume = open_volume(path)
    return volume.read(Box.of(volume.shape))


def in_order(labels: np.ndarray) -> np.ndarray:
    """The same labels, from 1 in the order of their first voxels."""
    found, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    ids = np.zeros(len(found), np.uint64)
    named = np.flatnonzero(found)
    ids[named[np.argsort(first[named])]] = np.arange(1, len(named) + 1)
    return ids[inverse.reshape(labels.shape)]


def components_of(mask: np.ndarray, settings: InstanceSettings) -> np.ndarray:
    """Scipy's components of the whole mask, its holes filled, without the small ones, in order."""
    labels, _ = ndimage.label(without_holes(mask, settings), settings.neighbours.structure)
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    return in_order(np.where(sizes[labels] >= settings.smallest, labels, 0))


def without_holes(mask: np.ndarray, settings: InstanceSettings) -> np.ndarray:
    """The mask with enclosed background of at most so many voxels filled."""
    labels, _ = ndimage.label(~mask, settings.neighbours_of_holes.structure)
    border = np.zeros(mask.shape, bool)
    for axis in range(1 if settings.holes_per_section else 0, 3):
        if mask.shape[axis] > 1:
            np.moveaxis(border, axis, 0)[[0, -1]] = True
    hole = np.bincount(labels.ravel()) <= settings.holes
    hole[labels[border]] = False
    return mask | (hole[labels] & ~mask)


def real(name: str, box: Box) -> np.ndarray:
    """A part of a real volume, such as vnc_sstem/mitochondria.tif."""
    path = ROOT / name
    if not path.is_file():
        pytest.skip(f"{path} is not here; set MICROTOME_DATA to test with real data")
    return open_volume(path, ISOTROPIC).read(box)


def spheres(shape: Int3, centres: Sequence[Int3], radius: float) -> np.ndarray:
    """A mask of spheres."""
    places = np.stack(np.meshgrid(*(np.arange(side) for side in shape), indexing="ij"), axis=-1)
    return np.any([((places - centre) ** 2).sum(-1) <= radius**2 for centre in centres], axis=0)
