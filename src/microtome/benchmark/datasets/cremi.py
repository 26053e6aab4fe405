"""The HDF5 files of the CREMI challenge: a raw image, and labels of a box inside it.

The layout is that of https://cremi.org/data and of the challenge's own reader (cremi_python): `volumes/raw`,
`volumes/labels/clefts` and `volumes/labels/neuron_ids`, each with its `resolution` in nm. Labels have an
`offset` in nm, z y x, where they begin in the image, or none where both begin together.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from microtome.benchmark.datasets.surrounded import Surrounded
from microtome.box import Box, Int3, tile
from microtome.labels import BACKGROUND, IGNORE
from microtome.volume import ArrayVolume, Volume, VoxelSize, open_volume
from microtome.volume.hdf5 import ONE_THREAD

RAW = "volumes/raw"
CLEFTS = "volumes/labels/clefts"
NO_CLEFT = np.uint64(2**64 - 1)
"""Value of a voxel outside of every cleft."""

UNKNOWN = np.uint64(2**64 - 2)
"""Value of a voxel of which it is not known; the challenge leaves it out of its scores."""

CLEFT = 1
SECTIONS = 8  # of 64-bit ids that are in memory at a time: 100 MB of 1250 x 1250 voxels
TOLERANCE = 1e-3  # voxels by which an offset may differ from a whole number


def cremi_volumes(path: Path, voxel_size_nm: VoxelSize) -> tuple[Volume, Surrounded]:
    """The image, read when it is asked for, and labels: 0 background, 1 cleft, IGNORE where nobody looked.

    Raises:
        ValueError: If the file has another layout, or voxels of another size.
        OSError: If it cannot be read.
    """
    image, clefts, start = _parts(path, voxel_size_nm)
    labels = np.empty(clefts.shape, np.uint8)
    for block in tile(Box.of(clefts.shape), (SECTIONS, *clefts.shape[1:]), (0, 0, 0)):
        ids = clefts.read(block.write)
        classes = np.where(ids == NO_CLEFT, np.uint8(BACKGROUND), np.uint8(CLEFT))
        classes[ids == UNKNOWN] = IGNORE
        labels[block.write.slices] = classes
    return image, Surrounded(ArrayVolume(labels, voxel_size_nm), start, image.shape)


def require_cremi(path: Path, voxel_size_nm: VoxelSize) -> None:
    """Refuse a file that `cremi_volumes` could not read, by a look at its metadata.

    Raises:
        ValueError: If the file has another layout, or voxels of another size.
        OSError: If it is no HDF5 file, or cannot be read.
    """
    with opened_hdf5(path):
        _parts(path, voxel_size_nm)


@contextmanager
def opened_hdf5(path: Path) -> Iterator[h5py.File]:
    """The open file, to read.

    Raises:
        OSError: If it is no HDF5 file, or cannot be read.
    """
    try:
        with ONE_THREAD, h5py.File(path, "r") as file:
            yield file
    except OSError as error:
        if error.errno is not None:  # missing or not permitted: the operating system's words
            raise
        raise OSError(f"{path.name} cannot be read as HDF5: {error}") from error


def offset_nm(attributes: Mapping[str, Any], where: str) -> tuple[float, float, float]:
    """The attribute `offset`, z y x in nm; zeros where there is none.

    Raises:
        ValueError: If it is not three finite numbers; names `where`.
    """
    offset = np.atleast_1d(attributes.get("offset", (0.0, 0.0, 0.0)))
    if offset.shape != (3,) or offset.dtype.kind not in "uif" or not np.isfinite(offset).all():
        raise ValueError(f"{where}, attribute 'offset': expected three numbers z, y, x; got {offset}")
    z, y, x = (float(side) for side in offset)
    return z, y, x


def _parts(path: Path, voxel_size_nm: VoxelSize) -> tuple[Volume, Volume, Int3]:
    """Image, cleft ids, and the voxel of the image at which the ids begin."""
    image = _volume(path, RAW, np.dtype(np.uint8), voxel_size_nm)
    clefts = _volume(path, CLEFTS, np.dtype(np.uint64), voxel_size_nm)
    where = f"{path}::{CLEFTS}"
    with opened_hdf5(path) as file:
        offset = np.array(offset_nm(file[CLEFTS].attrs, where))
    start = np.rint(offset / voxel_size_nm)
    if np.abs(offset / voxel_size_nm - start).max() > TOLERANCE:
        raise ValueError(f"{where}: expected an offset of whole voxels of {voxel_size_nm} nm; got {offset}")
    z, y, x = (int(side) for side in start)
    if not Box.of(image.shape).contains(Box.of(clefts.shape).shifted((z, y, x))):
        raise ValueError(
            f"{where}: expected labels inside the image of {image.shape}; got {clefts.shape} at {(z, y, x)}"
        )
    return image, clefts, (z, y, x)


def _volume(path: Path, name: str, dtype: np.dtype, voxel_size_nm: VoxelSize) -> Volume:
    volume = open_volume(f"{path}::{name}")
    if volume.dtype != dtype:
        raise ValueError(f"{path}::{name}: expected {dtype}; got {volume.dtype}")
    if not np.allclose(volume.voxel_size_nm, voxel_size_nm, rtol=1e-6):
        raise ValueError(f"{path}::{name}: expected voxels of {voxel_size_nm} nm; got {volume.voxel_size_nm}")
    return volume
