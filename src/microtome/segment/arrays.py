"""Arrays in files that are there whole or not at all, with checksums that are looked at."""

import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from jaxtyping import Shaped

from microtome.segment.components import Faces
from microtome.whole import whole_file

Arrays = Mapping[str, Shaped[np.ndarray, "..."]]


def save_arrays(arrays: Arrays, path: Path) -> None:
    """Write arrays by name.

    Raises:
        OSError: If they cannot be written.
    """
    with whole_file(path) as partial, partial.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)


def load_arrays(path: Path) -> Arrays | None:
    """Arrays that were saved; None if there are none, or they are damaged."""
    try:
        with path.open("rb") as raw, np.load(raw) as file:
            return {name: file[name] for name in file.files}  # all, so that every checksum is looked at
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None


def face_arrays(faces: Faces, of: str = "") -> Arrays:
    """The planes of faces by name, to be saved; `of` tells several faces in one file apart."""
    ends = {"first": faces.first, "last": faces.last}
    return {f"{end} {axis}{of}": plane for end, planes in ends.items() for axis, plane in enumerate(planes)}


def load_faces(path: Path, of: str = "") -> Faces:
    """Faces in a file that is known to be there."""
    with np.load(path) as arrays:
        first, last = (tuple(arrays[f"{end} {axis}{of}"] for axis in range(3)) for end in ("first", "last"))
        return Faces(first, last)
