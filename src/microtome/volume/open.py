"""Open or create a volume by its name: a file, a folder, a URL, or one with a path inside: file.h5::raw."""

import io
import os
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np

from microtome.box import Int3
from microtome.volume.places import Missing, Place
from microtome.volume.protocol import Volume
from microtome.volume.spec import VolumeSpec, plain_dtype
from microtome.volume.uri import Format, Name, parsed, place_of
from microtome.volume.voxel_size import VoxelSize

# Each case imports its library only when it is needed, so that the command line starts fast.


def open_volume(
    uri: str | os.PathLike[str],
    voxel_size_nm: VoxelSize | None = None,
    *,
    writable: bool = False,
    missing: Missing = "zero",
) -> Volume:
    """The volume of that name; `voxel_size_nm` overrides what the file says.

    Nothing but metadata (and the first of a folder of images) is read. Where a chunk of Zarr, N5 or
    precomputed is not there, voxels have the fill value, as these formats mean it; with `missing="error"`
    reading them raises ValueError.

    Raises:
        FileNotFoundError: If it does not exist.
        ValueError: If its format is unknown, it is damaged, it is no single stack, or it states no voxel
            size and none is given.
        OSError: If it is remote and cannot be reached.
        io.UnsupportedOperation: If it is to be written to, but its format does not allow it.
    """
    _require_there(place_of(uri))
    name = parsed(uri)
    place, inner = name.place, name.inner
    match name.format:
        case "zarr":
            from microtome.volume.ome_zarr import open_ome_zarr

            return open_ome_zarr(place, inner, voxel_size_nm, writable=writable, missing=missing)
        case "n5":
            from microtome.volume.n5 import open_n5

            return open_n5(place, inner, voxel_size_nm, writable=writable, missing=missing)
        case "precomputed":
            from microtome.volume.precomputed import open_precomputed

            return open_precomputed(place, inner, voxel_size_nm, writable=writable, missing=missing)
        case "hdf5":
            from microtome.volume.hdf5 import open_hdf5

            return open_hdf5(place.path, inner, voxel_size_nm, writable=writable)
        case _:
            return _opener(name.format)(place.path, voxel_size_nm, writable=writable)


def stated_voxel_size(uri: str | os.PathLike[str]) -> VoxelSize | None:
    """What a volume that can be opened says of its voxels itself; None if that is nothing, or no size.

    Raises:
        OSError: If it is remote and cannot be reached.
    """
    try:
        return open_volume(uri).voxel_size_nm
    except ValueError:
        return None


def create_volume(
    uri: str | os.PathLike[str],
    shape: Int3,
    dtype: np.dtype,
    voxel_size_nm: VoxelSize,
    *,
    chunks: Int3 | None = None,
) -> Volume:
    """A new volume of zeros to write to; a name without suffix becomes a folder of PNG sections.

    Only TIFF, HDF5, Zarr and precomputed keep the voxel size.

    Raises:
        FileExistsError: If something of that name exists.
        OSError: If its folder is missing or cannot be written to.
        ValueError: If the format cannot hold such a volume, or has no chunks and some are given.
    """
    name = parsed(uri)
    _require_free(name)
    path, inner = name.place.path, name.inner
    if chunks is not None and name.format not in ("hdf5", "zarr", "precomputed"):
        raise ValueError(f"only HDF5, Zarr and precomputed have chunks; got {chunks} for {path}")
    spec = VolumeSpec(shape, plain_dtype(np.dtype(dtype), str(path)), voxel_size_nm, chunks)
    match name.format:
        case "npy":
            from microtome.volume.mapped import create_npy

            return create_npy(path, spec)
        case "tiff":
            from microtome.volume.tiff import create_tiff

            return create_tiff(path, spec)
        case "hdf5":
            from microtome.volume.hdf5 import create_hdf5

            return create_hdf5(path, inner, spec)
        case _ if inner is not None:
            raise ValueError(f"a new image in this format has no path inside; got {inner!r} for {path}")
        case "zarr":
            from microtome.volume.ome_zarr import create_ome_zarr

            return create_ome_zarr(path, spec)
        case "precomputed":
            from microtome.volume.precomputed import create_precomputed

            return create_precomputed(path, spec)
        case "images" if not path.suffix:
            from microtome.volume.images import create_images

            return create_images(path, spec)
        case _:
            raise ValueError(
                f"a new volume cannot be {path.suffix}; PNG sections go into a folder without suffix"
            )


@runtime_checkable
class _Opener(Protocol):
    """Opens a file or a folder of a format that has nothing inside."""

    def __call__(self, path: Path, voxel_size_nm: VoxelSize | None, *, writable: bool = False) -> Volume: ...


def _opener(kind: Format) -> _Opener:
    match kind:
        case "npy":
            from microtome.volume.mapped import open_npy

            return open_npy
        case "tiff":
            from microtome.volume.tiff import open_tiff

            return open_tiff
        case "mrc":
            from microtome.volume.mrc import open_mrc

            return open_mrc
        case "nifti":
            from microtome.volume.nifti import open_nifti

            return open_nifti
        case _:
            from microtome.volume.images import open_images

            return open_images


def _require_there(place: Place) -> None:
    if place.remote:
        return
    path = place.path
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist")
    if not (path.is_file() or path.is_dir()):  # a pipe, say, on which reading would wait for ever
        raise ValueError(f"expected a file or a folder; {path} is neither")


def _require_free(name: Name) -> None:
    if name.place.remote:
        raise io.UnsupportedOperation(f"{name.place} is remote, so it is read-only")
    path = name.place.path
    if os.path.lexists(path):
        raise FileExistsError(f"{path} exists already")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"folder {path.parent} does not exist")
