"""The two passes over a volume in which objects are found and written; what a block gave is kept on disk."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from jaxtyping import Shaped, UInt32

from microtome.box import Box
from microtome.objects.numbering import Numbering, numbered
from microtome.objects.pieces import (
    Piece,
    digest,
    half_layers,
    layer_faces,
    load_piece,
    piece,
    save_piece,
    whole_digest,
)
from microtome.objects.settings import ProposalSettings
from microtome.objects.sources import Source
from microtome.progress import Progress
from microtome.segment.components import Blocks, Faces
from microtome.volume import Volume, create_volume, open_volume
from microtome.volume.appearing import make_once

IDS = "ids.ome.zarr"
SIDES = "sides.ome.zarr"
REMEMBERED = 64  # faces of blocks in memory: the neighbours of a block ask for the same ones


@dataclass(frozen=True, eq=False)
class Passes:
    """Over a source in blocks, for the label volumes in a folder."""

    source: Source
    settings: ProposalSettings
    blocks: Blocks
    folder: Path
    progress: Progress

    def search(self) -> list[Piece]:
        """What is in each block. One that was searched before is only read, to see whether it changed.

        Raises:
            ValueError: If the source holds no probabilities.
            OSError: If it cannot be read, or the folder not written.
        """
        self._pieces.mkdir(exist_ok=True)
        found = []
        for number, box in enumerate(self.blocks.boxes):
            found.append(self._searched(number, box))
            self.progress("searching objects", number + 1, len(self.blocks.boxes), str(box))
        return found

    def numbered(self, pieces: Sequence[Piece]) -> Numbering:
        """The objects, put together from what is in each block."""

        @lru_cache(REMEMBERED)
        def faces(number: int, layer: int) -> Faces:
            return layer_faces(self._piece(number), layer)

        return numbered(pieces, self.blocks, faces, self.settings)

    def write(self, pieces: Sequence[Piece], numbering: Numbering) -> str:
        """Write the label volume, and that of the sides where objects have two. The digest of both.

        Raises:
            ValueError: If the source changed since it was searched.
            OSError: If it cannot be read, or the folder not written.
        """
        volumes = self._volumes()
        log = WrittenLog(self._pieces / "written.jsonl", whole_digest(found.sha256 for found in pieces))
        done, digests = log.entries(), []
        for number, box in enumerate(self.blocks.boxes):
            if box not in done or done[box] != stored_digest(volumes, box):
                arrays = self._arrays(box, pieces[number], numbering.of_parts[number])
                for volume, array in zip(volumes, arrays, strict=True):
                    volume.write(box, array)
                done[box] = digest(arrays)
                log.add(box, done[box])
            digests.append(done[box])
            self.progress("writing objects", number + 1, len(self.blocks.boxes), str(box))
        return whole_digest(digests)

    def clear(self) -> None:
        """Remove what only the passes need."""
        shutil.rmtree(self._pieces, ignore_errors=True)

    def discard(self) -> None:
        """Remove all that the passes wrote."""
        for name in (IDS, SIDES):
            shutil.rmtree(self.folder / name, ignore_errors=True)
        self.clear()

    def _searched(self, number: int, box: Box) -> Piece:
        path = self._piece(number)
        known = load_piece(path)
        if known is not None and known.sha256 == digest(self.source.read(box, self.settings)):
            return known
        found, faces = piece(self.source, box, self.settings)
        save_piece(found, faces, path)
        return found

    def _arrays(
        self, box: Box, found: Piece, of_parts: Sequence[UInt32[np.ndarray, "_"]]
    ) -> list[Shaped[np.ndarray, "z y x"]]:
        """The ids of the objects in a box; if these have two halves, also which, 1 or 2, a voxel is in."""
        if not any(parts.any() for parts in of_parts):  # most blocks of a sparse volume
            return [np.zeros(box.shape, dtype) for dtype in (np.uint32, np.uint8)[: len(of_parts)]]
        read = self.source.read(box, self.settings)
        if digest(read) != found.sha256:
            raise ValueError(f"the prediction changed in {box} while its objects were searched: run it again")
        layers = half_layers(self.source.foreground(read, box, self.settings), self.settings)
        ids = [
            np.concatenate([np.zeros(1, np.uint32), parts])[layer.numbers][layer.labels]
            for layer, parts in zip(layers, of_parts, strict=True)
        ]
        if len(ids) == 1:
            return ids
        pre, post = ids
        return [pre + post, (pre > 0) + 2 * (post > 0).astype(np.uint8)]  # they share no voxel

    def _volumes(self) -> list[Volume]:
        names = (IDS, SIDES)[: self.source.halves]
        for name, dtype in zip(names, (np.uint32, np.uint8), strict=False):
            self._make(name, np.dtype(dtype))
        return [open_volume(self.folder / name, writable=True) for name in names]

    def _make(self, name: str, dtype: np.dtype) -> None:
        """A volume of zeros, if it is not there."""
        nm = next(iter(self.source.volumes.values())).voxel_size_nm
        make_once(self.folder / name, lambda path: create_volume(path, self.blocks.volume, dtype, nm))

    @property
    def _pieces(self) -> Path:
        return self.folder / "pieces"

    def _piece(self, number: int) -> Path:
        return self._pieces / f"{number:08}.npz"


@dataclass(frozen=True)
class WrittenLog:
    """Which blocks of the label volumes are on disk, with their digests; a line is added after its block."""

    path: Path
    of: str  # digest of the source that they are written from

    def entries(self) -> dict[Box, str]:
        """The blocks written from this source."""
        if not self.path.exists():
            return {}
        boxes = {}
        for line in self.path.read_text(encoding="utf-8").splitlines():
            try:
                entry = json.loads(line)
            except ValueError:  # empty, or cut off by a kill while it was written: that block is done again
                continue
            if entry["of"] == self.of:
                boxes[Box(tuple(entry["start"]), tuple(entry["stop"]))] = entry["sha256"]
        return boxes

    def add(self, box: Box, sha256: str) -> None:
        """Log a block as written.

        Raises:
            OSError: If the log cannot be written.
        """
        entry = {"start": box.start, "stop": box.stop, "sha256": sha256, "of": self.of}
        with self.path.open("a", encoding="utf-8") as log:
            log.write("\n" + json.dumps(entry) + "\n")  # a cut-off line before stays alone


def stored_digest(volumes: Sequence[Volume], box: Box) -> str:
    """The digest of what the label volumes hold in a box; empty where that cannot be read."""
    try:
        return digest([volume.read(box) for volume in volumes])
    except (OSError, ValueError):  # a damaged chunk: whatever was there is written again
        return ""
