"""Open or create a volume by its name: a file, a folder, or a file with a path inside, as in file.h5::raw."""

import os
from pathlib import Path

import numpy as np

from microtome.box import Int3
from microtome.volume.protocol import Volume
from microtome.volume.spec import VolumeSpec, plain_dtype
from microtome.volume.voxel_size import VoxelSize

# Each case imports its library only when it is needed, so that the command line starts fast.

KNOWN = ".npy, .tif, .tiff, .png, .jpg, .h5, .hdf5, .zarr, or a folder of images"


def open_volume(
    uri: str | os.PathLike[str], voxel_size_nm: VoxelSize | None = None, *, writable: bool = False
) -> Volume:
    """The volume of that name; `voxel_size_nm` overrides what the file says.

    Nothing but metadata (and the first of a folder of images) is read.

    Raises:
        FileNotFoundError: If it does not exist.
        ValueError: If its format is unknown, it is damaged, it is no single stack, or it states no voxel
            size and none is given.
        io.UnsupportedOperation: If it is to be written to, but its format does not allow it.
    """
    path, inner = _split(uri)
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist")
    if not (path.is_file() or path.is_dir()):  # a pipe, say, on which reading would wait for ever
        raise ValueError(f"expected a file or a folder; {path} is neither")
    match _format(path, inner):
        case "npy":
            from microtome.volume.mapped import open_npy

            return open_npy(path, voxel_size_nm, writable=writable)
        case "tiff":
            from microtome.volume.tiff import open_tiff

            return open_tiff(path, voxel_size_nm, writable=writable)
        case "hdf5":
            from microtome.volume.hdf5 import open_hdf5

            return open_hdf5(path, inner, voxel_size_nm, writable=writable)
        case "zarr":
            from microtome.volume.ome_zarr import open_ome_zarr

            return open_ome_zarr(path, inner, voxel_size_nm, writable=writable)
        case _:
            from microtome.volume.images import open_images

            return open_images(path, voxel_size_nm, writable=writable)


def create_volume(
    uri: str | os.PathLike[str],
    shape: Int3,
    dtype: np.dtype,
    voxel_size_nm: VoxelSize,
    *,
    chunks: Int3 | None = None,
) -> Volume:
    """A new volume of zeros to write to; a name without suffix becomes a folder of PNG sections.

    Only TIFF, HDF5 and Zarr keep the voxel size.

    Raises:
        FileExistsError: If something of that name exists.
        OSError: If its folder is missing or cannot be written to.
        ValueError: If the format cannot hold such a volume, or has no chunks and some are given.
    """
    path, inner = _split(uri)
    if os.path.lexists(path):
        raise FileExistsError(f"{path} exists already")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"folder {path.parent} does not exist")
    kind = _format(path, inner)
    if chunks is not None and kind not in ("hdf5", "zarr"):
        raise ValueError(f"only HDF5 and Zarr have chunks; got {chunks} for {path}")
    spec = VolumeSpec(shape, plain_dtype(np.dtype(dtype), str(path)), voxel_size_nm, chunks)
    match kind:
        case "npy":
            from microtome.volume.mapped import create_npy

            return create_npy(path, spec)
        case "tiff":
            from microtome.volume.tiff import create_tiff

            return create_tiff(path, spec)
        case "hdf5":
            from microtome.volume.hdf5 import create_hdf5

            return create_hdf5(path, inner, spec)
        case "zarr":
            from microtome.volume.ome_zarr import create_ome_zarr

            if inner is not None:
                raise ValueError(f"a new OME-Zarr image has no path inside; got {inner!r}")
            return create_ome_zarr(path, spec)
        case _:
            from microtome.volume.images import create_images

            if path.suffix:
                raise ValueError(
                    f"a new volume cannot be {path.suffix}; PNG sections go into a folder without suffix"
                )
            return create_images(path, spec)


def known_format(uri: str | os.PathLike[str]) -> str:
    """The format that the name of a volume stands for.

    Raises:
        ValueError: If it is unknown, or has no path inside and one is given.
    """
    return _format(*_split(uri))


def _split(uri: str | os.PathLike[str]) -> tuple[Path, str | None]:
    name, marker, inner = os.fspath(uri).partition("::")
    if not name:
        raise ValueError(f"expected the name of a file or a folder; got {os.fspath(uri)!r}")
    return Path(name), inner if marker and inner else None


def _format(path: Path, inner: str | None) -> str:
    kind = _kind(path)
    if inner is not None and kind not in ("hdf5", "zarr"):
        raise ValueError(f"only HDF5 and Zarr have a path inside; got {inner!r} for {path}")
    return kind


def _kind(path: Path) -> str:
    if path.is_dir():
        markers = ("zarr.json", ".zgroup", ".zarray", ".zattrs")
        has_marker = any((path / marker).is_file() for marker in markers)
        return "zarr" if has_marker or path.suffix == ".zarr" else "images"
    match path.suffix.lower():
        case ".npy":
            return "npy"
        case ".tif" | ".tiff" | ".btf":
            return "tiff"
        case ".h5" | ".hdf5" | ".hdf":
            return "hdf5"
        case ".png" | ".jpg" | ".jpeg":
            return "images"
        case ".zarr":
            return "zarr"
        case "" if not path.exists():
            return "images"
        case suffix:
            raise ValueError(f"{path}: expected one of {KNOWN}; got {suffix or 'no suffix'}")
