"""The two streams of features of a set of proposals, as they lie beside its table."""

import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32

from microtome.objects.proposals import TABLE, Proposals
from microtome.project.config import ImageConfig
from microtome.whole import whole_file

FOLDER = "features"
NAME = "features.json"
VERSION = 1
STREAMS = ("masks", "images")


@dataclass(frozen=True, eq=False)
class Streams:
    """What each object looks like, by row of the table; memory-mapped where they were read from disk.

    Raises:
        ValueError: If the two are not of the same objects.
    """

    masks: Float32[np.ndarray, "_ _"]
    images: Float32[np.ndarray, "_ _"]

    def __post_init__(self) -> None:
        if len(self.masks) != len(self.images):
            raise ValueError(
                f"expected two streams of the same objects; got {len(self.masks)} and {len(self.images)} rows"
            )


def origin_of(found: Proposals, image: ImageConfig) -> str:
    """The digest of all that features are of: the table, the label volume and the image.

    Raises:
        OSError: If the table cannot be read.
    """
    seen = (image.fingerprint, image.downsample, image.window, found.result.labels_sha256)
    whole = hashlib.sha256(json.dumps(seen).encode())
    whole.update((found.folder / TABLE).read_bytes())
    return whole.hexdigest()


def read_streams(found: Proposals, origin: str) -> Streams:
    """The features of a set of proposals, if they are finished and of what `origin` says.

    Raises:
        ValueError: In one line, if there are none, they are stale, or they are damaged.
        OSError: If they cannot be read.
    """
    name, again = found.folder.name, "run `microtome objects features`"
    note = read_note(found)
    if note is None:
        raise ValueError(f"proposals {name} have no features: {again}")
    if note["origin"] != origin:
        raise ValueError(
            f"proposals {name}: the table, the label volume or the image changed since the features were "
            f"made: {again} again"
        )
    if not note["finished"]:
        raise ValueError(f"the features of proposals {name} are not finished: {again} to go on")
    masks, images = (
        _array(found.folder / FOLDER / f"{stream}.npy", found.result.objects) for stream in STREAMS
    )
    return Streams(masks, images)


def kept_streams(found: Proposals, image: ImageConfig) -> Streams | None:
    """The features of the set's objects, None where nobody made some.

    Raises:
        ValueError: If they are not finished, damaged, or of other objects or another image.
        OSError: If they cannot be read.
    """
    return None if read_note(found) is None else read_streams(found, origin_of(found, image))


def read_note(found: Proposals) -> Mapping[str, Any] | None:
    """What is known of the features that lie beside a set: origin, settings, networks, finished or not.

    Raises:
        ValueError: If that is damaged, or of another version.
        OSError: If it cannot be read.
    """
    path = found.folder / FOLDER / NAME
    if not path.exists():
        return None
    keys = {"version", "origin", "settings", "networks", "finished"}
    try:
        note = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} describes no features: {error}") from error
    if not isinstance(note, dict) or note.keys() != keys or note["version"] != VERSION:
        raise ValueError(f"{path}: expected version {VERSION} with {', '.join(sorted(keys))}")
    return note


def write_note(found: Proposals, note: Mapping[str, Any]) -> None:
    """Write what is known of the features, in one piece.

    Raises:
        OSError: If it cannot be written.
    """
    folder = found.folder / FOLDER
    folder.mkdir(exist_ok=True)
    with whole_file(folder / NAME) as partial:
        partial.write_text(json.dumps({"version": VERSION, **note}, indent=1), encoding="utf-8")


@contextmanager
def new_arrays(found: Proposals, widths: tuple[int, int]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Float32 arrays on disk to be filled, masks and images; there under their names once they are.

    Raises:
        OSError: If they cannot be written.
    """
    masks, images = (found.folder / FOLDER / f"{stream}.npy" for stream in STREAMS)
    with whole_file(masks) as first, whole_file(images) as second:
        shapes = ((found.result.objects, width) for width in widths)
        a, b = (
            np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=shape)
            for path, shape in zip((first, second), shapes, strict=True)
        )
        yield a, b
        a.flush()
        b.flush()


def discard(found: Proposals) -> None:
    """Remove the features and the networks that were kept with them."""
    shutil.rmtree(found.folder / FOLDER, ignore_errors=True)


def _array(path: Path, count: int) -> Float32[np.ndarray, "_ _"]:
    again = "`microtome objects features --anew` makes them again"
    if not path.is_file():
        raise ValueError(f"{path} does not exist, with features that were finished: {again}")
    try:
        array = np.lib.format.open_memmap(path, mode="r")
    except ValueError as error:
        raise ValueError(f"{path} is damaged and holds no features ({error}): {again}") from error
    if array.ndim != 2 or array.dtype != np.float32 or len(array) != count:
        raise ValueError(
            f"{path}: expected float32 rows of {count} objects; "
            f"got {array.dtype} of shape {array.shape}: {again}"
        )
    return array
