"""HDF5 data sets: file.h5::path/inside."""

import errno
import io
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
from jaxtyping import Shaped

from microtome.box import Box, Int3
from microtome.volume.protocol import Volume, require_fitting, require_inside
from microtome.volume.space import require_room, reserve
from microtome.volume.spec import VolumeSpec, plain_dtype, stack_shape
from microtome.volume.voxel_size import VoxelSize, chosen_voxel_size

ONE_THREAD = threading.RLock()
"""Held while a file is open: h5py 3.16 with HDF5 2.0 crashes at times when threads open files at once
(h5py issue 2920), and lets only one of them work in any case."""


@dataclass(frozen=True, slots=True)
class Hdf5Volume:
    """One data set of an HDF5 file.

    The file is opened for each read and write (about 0.2 ms): an open handle would lock out other processes
    that want to write, could not be pickled, and would lose data if the program is killed.
    """

    path: Path
    dataset: str
    shape: Int3
    dtype: np.dtype
    voxel_size_nm: VoxelSize
    writable: bool = False

    def read(self, box: Box) -> Shaped[np.ndarray, "z y x"]:
        require_inside(self, box)
        # HDF5 refuses to open a file for reading while a thread of the same process has it open for writing
        with _opened(self.path, "r+" if self.writable else "r") as file:
            dataset = file[self.dataset]
            data = dataset[box.slices[-dataset.ndim :]]
        stack = data if data.ndim == 3 else data[np.newaxis][box.slices[0]]
        return np.asarray(stack, self.dtype)

    def write(self, box: Box, data: Shaped[np.ndarray, "z y x"]) -> None:
        require_fitting(self, box, data)
        if not self.writable:
            raise io.UnsupportedOperation(f"{self.path} was opened read-only")
        if not box.size:
            return
        with _opened(self.path, "r+") as file:
            dataset = file[self.dataset]
            dataset[box.slices[-dataset.ndim :]] = data.reshape(data.shape[-dataset.ndim :])


def open_hdf5(
    path: Path, dataset: str | None, voxel_size_nm: VoxelSize | None, *, writable: bool = False
) -> Volume:
    """A data set by name, or the only one with two or three axes.

    Its voxel size is its attribute `resolution` (z y x in nm, as in CREMI) or
    `element_size_um` (z y x in µm).

    Raises:
        ValueError: If the file is damaged, the data set is missing, not the only one, or no stack of plain
            numbers, or no voxel size is stated or given.
    """
    with _opened(path, "r+" if writable else "r") as file:
        stacks = _stacks(file)
        name = _only(stacks, path) if dataset is None else dataset.strip("/")
        found = file.get(name) if name else None
        if not isinstance(found, h5py.Dataset):
            raise ValueError(f"{path} has no data set {dataset!r}; it has {', '.join(stacks) or 'none'}")  # noqa: TRY004
        where = f"{path}::{name}"
        shape = stack_shape(found.shape or (), where)
        dtype = plain_dtype(found.dtype, where)
        stated = _stated_voxel_size(found) if voxel_size_nm is None else None
    return Hdf5Volume(path, name, shape, dtype, chosen_voxel_size(voxel_size_nm, stated, where), writable)


def create_hdf5(path: Path, dataset: str | None, spec: VolumeSpec) -> Volume:
    """A new file with one chunked data set of zeros, called `volume` unless named.

    Raises:
        OSError: If the file exists or cannot be written, or the disk has no room for it.
    """
    name = dataset or "volume"
    require_room(path, Box.of(spec.shape).size * spec.dtype.itemsize)
    # all chunks get their places now, unwritten, so that a disk that is full is found now too
    places = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    places.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    places.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
    with _opened(path, "x") as file:
        created = file.create_dataset(name, spec.shape, spec.dtype, chunks=spec.stored_chunks, dcpl=places)
        created.attrs["resolution"] = spec.voxel_size_nm
    reserve(path)
    return open_hdf5(path, name, None, writable=True)


@contextmanager
def _opened(path: Path, mode: str) -> Iterator[h5py.File]:
    """The open file; what HDF5 says about damage becomes a ValueError that names the file."""
    try:
        with ONE_THREAD, h5py.File(path, mode) as file:
            yield file
    except OSError as error:
        if error.errno is not None:  # HDF5 says that too, in three lines of its own words
            locked = error.errno == errno.EAGAIN
            said = "locked by another program" if locked else os.strerror(error.errno)
            raise OSError(error.errno, said, str(path)) from error
        raise ValueError(f"{path} is no readable HDF5 file: {error}") from error
    except (RuntimeError, KeyError) as error:
        raise ValueError(f"{path} is no readable HDF5 file: {error}") from error


def _stacks(file: h5py.File) -> list[str]:
    names: list[str] = []

    def visit(name: str, item: h5py.Dataset | h5py.Group) -> None:
        if isinstance(item, h5py.Dataset) and len(item.shape or ()) in (2, 3):
            names.append(name)

    file.visititems(visit)
    return names


def _only(stacks: list[str], path: Path) -> str:
    if len(stacks) != 1:
        listed = ", ".join(f"{path}::{name}" for name in stacks) or "none"
        raise ValueError(f"{path}: expected one data set with two or three axes; choose among {listed}")
    return stacks[0]


def _stated_voxel_size(dataset: h5py.Dataset) -> VoxelSize | None:
    for name, factor in (("resolution", 1.0), ("element_size_um", 1e3)):
        if name in dataset.attrs:
            sizes = np.atleast_1d(dataset.attrs[name])
            if sizes.shape != (3,) or sizes.dtype.kind not in "uif":
                where = f"{dataset.file.filename}::{dataset.name}, attribute {name!r}"
                raise ValueError(f"{where}: expected three numbers z, y, x; got {sizes}")
            z, y, x = (float(size) * factor for size in sizes)
            return (z, y, x)
    return None
