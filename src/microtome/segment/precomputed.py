"""Meshes of all instances in neuroglancer's multi-resolution format, a folder of two files an object."""

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from microtome.box import Box
from microtome.progress import Progress
from microtome.schedule import Schedule
from microtome.segment.crop import MOST
from microtome.segment.labelled import open_labels, watched
from microtome.segment.measure import MeasurementTable
from microtome.segment.mesh import Mesh, decimated, library, mesh
from microtome.volume import VoxelSize, fingerprint
from microtome.volume.unfinished import Unfinished, begun

BITS = 16  # of a coordinate
COARSER = 4  # times fewer triangles from one level of detail to the next
FEWEST = 200  # triangles from which on there is a coarser level


@dataclass(frozen=True)
class MeshSettings:
    """How meshes are made: `levels` of detail at most, steps of smoothing, and voxels of an object at most.

    Raises:
        ValueError: If a number is too small.
    """

    levels: int = 4
    smoothing: int = 10
    most: int = MOST

    def __post_init__(self) -> None:
        if self.levels < 1 or self.smoothing < 0 or self.most < 1:
            raise ValueError(f"expected 1 level, 0 steps and 1 voxel or more; got {self}")


def write_precomputed(
    uri: str,
    table: MeasurementTable,
    folder: Path,
    schedule: Schedule,
    progress: Progress,
    settings: MeshSettings = MeshSettings(),
) -> None:
    """Meshes of the instances in a table of `measure` as a new folder.

    Its format is neuroglancer_multilod_draco, unsharded. The folder is there whole, or not at all; what was
    killed goes on when it is asked for again, and makes only the meshes that are missing.

    Raises:
        FileExistsError: If the folder exists.
        FileNotFoundError: If there is no such volume, or no folder to put it in.
        ValueError: If it is no volume of labels, is damaged, the libraries for meshes are not installed, or
            the folder was begun with other labels or settings.
        OSError: If it cannot be written, or another process is writing it.
    """
    volume, unfinished = open_labels(uri, table.voxel_size_nm), Unfinished(folder)
    require_libraries()
    made_of = {"labels": fingerprint(volume), "voxel_size_nm": table.voxel_size_nm, "objects": len(table)}
    with begun(unfinished, {**asdict(settings), **made_of}):
        unfinished.path.mkdir(exist_ok=True)
        (unfinished.path / "info").write_text(json.dumps(_INFO))
        task = _Written(uri, table.voxel_size_nm, str(unfinished.path.absolute()), settings)
        done = unfinished.done()
        items = [
            (label, table.box(row))
            for row, label in enumerate(table.ids.tolist())
            if done.get(str(label)) != _digest(unfinished.path, label)
        ]
        for number, sha256 in watched(schedule(task, items), progress, "meshes", len(items)):
            unfinished.note(str(items[number][0]), sha256)
        unfinished.finish()


def require_libraries() -> None:
    """Check that meshes can be written here.

    Raises:
        ValueError: If a library for it is not installed.
    """
    for name in ("DracoPy", "fast_simplification"):
        library(name)


_INFO = {
    "@type": "neuroglancer_multilod_draco",
    "vertex_quantization_bits": BITS,
    "transform": [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0],
    "lod_scale_multiplier": 1,
}


@dataclass(frozen=True)
class _Written:
    """Writes the two files of an object; gives their digest."""

    uri: str
    voxel_size_nm: VoxelSize
    folder: str
    settings: MeshSettings

    def __call__(self, item: tuple[int, Box]) -> str:
        label, box = item
        finest = mesh(
            self.uri,
            label,
            box,
            voxel_size_nm=self.voxel_size_nm,
            smoothing=self.settings.smoothing,
            most=self.settings.most,
        )
        contents = encoded(levels_of_detail(finest, self.settings.levels))
        for path, content in zip(_files(Path(self.folder), label), contents, strict=True):
            with path.open("wb") as file:
                file.write(content)
                os.fsync(file.fileno())  # before the log says that it is there
        return hashlib.sha256(b"".join(contents)).hexdigest()


def _files(folder: Path, label: int) -> tuple[Path, Path]:
    """Where the manifest and the fragments of an object lie."""
    return folder / f"{label}.index", folder / str(label)


def _digest(folder: Path, label: int) -> str:
    """SHA-256 of what is stored of an object; empty where it cannot be read."""
    try:
        return hashlib.sha256(b"".join(path.read_bytes() for path in _files(folder, label))).hexdigest()
    except OSError:
        return ""


def levels_of_detail(finest: Mesh, most: int) -> list[Mesh]:
    """The mesh, and coarser ones as long as that makes them simpler."""
    levels = [finest]
    while len(levels) < most and len(levels[-1].triangles) >= FEWEST:
        coarser = decimated(levels[-1], len(levels[-1].triangles) // COARSER)
        if len(coarser.triangles) > 0.75 * len(levels[-1].triangles) or not len(coarser.triangles):
            break
        levels.append(coarser)
    return levels


def encoded(levels: Sequence[Mesh]) -> tuple[bytes, bytes]:
    """The manifest and the fragments of an object.

    Every level is one fragment: the cell of the finest level is the box around the object, and cells of
    coarser ones begin at the same corner. So none is cut, and none crosses the middle of a cell.
    """
    every = np.concatenate([level.vertices_nm for level in levels])[:, ::-1]
    origin = every.min(axis=0).astype("<f4")
    shape = np.maximum(every.max(axis=0) - origin, 1e-3).astype("<f4")
    fragments = [_fragment(level, origin, shape * 2**k) for k, level in enumerate(levels)]
    manifest = [
        shape,
        origin,
        np.array(len(levels), "<u4"),
        np.array([level.edge_nm for level in levels], "<f4"),  # where an edge is as long as a pixel
        np.zeros((len(levels), 3), "<f4"),  # vertex offsets
        np.ones(len(levels), "<u4"),  # fragments of each level
        *(np.array([0, 0, 0, len(fragment)], "<u4") for fragment in fragments),  # place and size
    ]
    return b"".join(part.tobytes() for part in manifest), b"".join(fragments)


def _fragment(level: Mesh, origin: Float32[np.ndarray, "3"], shape: Float32[np.ndarray, "3"]) -> bytes:
    places = np.rint((level.vertices_nm[:, ::-1] - origin) / shape * (2**BITS - 1))
    corners = np.clip(places, 0, 2**BITS - 1).astype(
        np.uint32
    )  # whole numbers: Draco leaves them as they are
    return library("DracoPy").encode(corners, level.triangles.astype(np.uint32))
