"""What the name of a volume says: where it lies, in which format, and what inside of it is meant."""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from microtome.volume.places import Place

Format = Literal["npy", "tiff", "hdf5", "zarr", "n5", "precomputed", "mrc", "nifti", "images"]

KNOWN = (
    ".npy, .tif, .tiff, .png, .jpg, .h5, .hdf5, .zarr, .n5, .precomputed, .mrc, .nii, .nii.gz, "
    "or a folder of images"
)
WITH_INNER: tuple[Format, ...] = ("hdf5", "zarr", "n5", "precomputed")
IN_CHUNKS: tuple[Format, ...] = ("zarr", "n5", "precomputed")

_PREFIXES: dict[str, Format] = {
    "zarr": "zarr",
    "zarr2": "zarr",
    "zarr3": "zarr",
    "n5": "n5",
    "precomputed": "precomputed",
}
_MARKERS: dict[str, Format] = {
    "zarr.json": "zarr",
    ".zgroup": "zarr",
    ".zarray": "zarr",
    ".zattrs": "zarr",
    "attributes.json": "n5",
    "info": "precomputed",
}
_SUFFIXES: dict[str, Format] = {
    ".npy": "npy",
    **dict.fromkeys((".tif", ".tiff", ".btf"), "tiff"),
    **dict.fromkeys((".h5", ".hdf5", ".hdf"), "hdf5"),
    **dict.fromkeys((".png", ".jpg", ".jpeg"), "images"),
    **dict.fromkeys((".mrc", ".mrcs", ".rec", ".st", ".map"), "mrc"),
    ".nii": "nifti",
    ".zarr": "zarr",
    ".n5": "n5",
    ".precomputed": "precomputed",
}


@dataclass(frozen=True, slots=True)
class Name:
    """Where a volume lies, and the path inside of it."""

    place: Place
    format: Format
    inner: str | None


def parsed(uri: str | os.PathLike[str]) -> Name:
    """The parts of a name: `[FORMAT://]PATH_OR_URL[::INSIDE]`.

    The format is that of the prefix, else of what lies there, else of the suffix.

    Raises:
        ValueError: If the name is empty, its format is unknown, or has no path inside and one is given.
        OSError: If it is remote and cannot be reached.
    """
    prefix, name, inner = _split(os.fspath(uri))
    place = Place(name)
    kind = _PREFIXES.get(prefix) or (_remote_format(place) if place.remote else _local_format(place.path))
    if inner is not None and kind not in WITH_INNER:
        raise ValueError(f"only HDF5, Zarr, N5 and precomputed have a path inside; got {inner!r} for {name}")
    return Name(place, kind, inner)


def place_of(uri: str | os.PathLike[str]) -> Place:
    """Where the volume of that name lies.

    Raises:
        ValueError: If the name is empty, or a URL of another kind.
    """
    return Place(_split(os.fspath(uri))[1])


def known_format(uri: str | os.PathLike[str]) -> Format:
    """The format that the name of a volume stands for.

    Raises:
        ValueError: If it is unknown, or has no path inside and one is given.
    """
    return parsed(uri).format


def absolute(uri: str) -> str:
    """The same name from wherever it is read."""
    prefix, name, inner = _split(uri)
    path = name if Place(name).remote else str(Path(name).resolve())
    return f"{prefix}://" * bool(prefix) + path + ("" if inner is None else f"::{inner}")


def _split(uri: str) -> tuple[str, str, str | None]:
    name, marker, inner = uri.partition("::")
    scheme, colon, rest = name.partition("://")
    prefix, name = (scheme, rest) if colon and scheme in _PREFIXES else ("", name)
    name = name.removeprefix("file://")
    if not name:
        raise ValueError(f"expected the name of a file or a folder; got {uri!r}")
    other = re.match(r"([a-z0-9+]+)://", name)
    if other and not Place(name).remote:
        raise ValueError(f"{name}: expected http, https, s3, gs or file before ://; got {other[1]}")
    if Place(name).remote:
        if not name.partition("://")[2].strip("/"):
            raise ValueError(f"expected a host or a bucket after ://; got {uri!r}")
        name = name.rstrip("/")
    return prefix, name, inner if marker and inner else None


def _remote_format(place: Place) -> Format:
    suffix = Path(place.name).suffix.lower()
    kind = _SUFFIXES.get(suffix)
    if kind in IN_CHUNKS:
        return kind
    if kind is not None:
        raise ValueError(
            f"{place}: expected OME-Zarr, Zarr, N5 or precomputed where it is remote; got {suffix}"
        )
    for marker, kind in _MARKERS.items():
        if place.read(marker) is not None:
            return kind
    raise FileNotFoundError(
        f"{place} does not exist or may not be read: expected one of {', '.join(_MARKERS)} there"
    )


def _local_format(path: Path) -> Format:
    suffix = path.suffix.lower()
    kind: Format | None = "nifti" if path.name.lower().endswith(".nii.gz") else _SUFFIXES.get(suffix)
    if path.is_dir():
        for marker, found in _MARKERS.items():
            if (path / marker).is_file():
                return found
        return kind if kind in IN_CHUNKS else "images"
    if kind is not None:
        return kind
    if not suffix and not path.exists():
        return "images"
    raise ValueError(f"{path}: expected one of {KNOWN}; got {suffix or 'no suffix'}")
