"""The arrays in the files of a data set, and whether they are those we know."""

import hashlib
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import tifffile
from jaxtyping import Shaped

from microtome.benchmark.datasets.cremi import require_cremi
from microtome.benchmark.datasets.dataset import Dataset
from microtome.box import Box, Int3
from microtome.volume import open_volume


def read(dataset: Dataset, file: str, folder: Path) -> Shaped[np.ndarray, "z y x"]:
    """The array in one file of `dataset`, e.g. instance ids; a 2-D image has one section.

    Of an HDF5 file, "file.hdf::path/inside" names the array; it is returned as it is.

    Raises:
        ValueError: If its content is not what we know.
    """
    if "::" in file:
        volume = open_volume(folder / file)
        return volume.read(Box.of(volume.shape))
    path = folder / file
    array = tifffile.imread(path) if path.suffix == ".tif" else iio.imread(path)
    array = array[None] if array.ndim == 2 else array
    if file in dataset.shapes:
        _require_bytes(array, dataset.shapes[file], path)
        return array
    got, expected = checksum(array), dataset.checksums[file]
    if got != expected:
        raise ValueError(f"{path} is not the file we know: expected checksum {expected}, got {got}")
    return array


def verify(dataset: Dataset, file: str, folder: Path) -> None:
    """Refuse a file that is not the one we know, as far as we know it.

    Raises:
        ValueError: If its content is not what we know.
        OSError: If it is an HDF5 file that cannot be read.
    """
    if file.endswith(".hdf"):
        require_cremi(folder / file, dataset.voxel_size_nm)
    else:
        read(dataset, file, folder)


def checksum(array: Shaped[np.ndarray, "..."]) -> str:
    """SHA-256 of an array's dtype, shape and values: the same however its file is compressed."""
    head = f"{array.dtype.name} {','.join(map(str, array.shape))} "
    values = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
    return hashlib.sha256(head.encode() + values.tobytes()).hexdigest()


def _require_bytes(array: np.ndarray, shape: Int3 | None, path: Path) -> None:
    if array.dtype != np.uint8 or array.ndim != 3 or array.shape != (shape or array.shape):
        raise ValueError(
            f"{path} is not the file we know: expected uint8 of shape {shape or 'z, y, x'}, "
            f"got {array.dtype} of {array.shape}"
        )
