"""A predicted volume on disk: an OME-Zarr image for each class and one of the uncertainty."""

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float32, UInt8

from microtome.box import Box, Int3
from microtome.net.config import NetConfig
from microtome.predict.blocks import CHUNK, block_shape
from microtome.predict.posterior import entropy
from microtome.volume import Volume, create_volume, open_volume
from microtome.volume.appearing import make_once
from microtome.volume.spec import chunks_in_blocks
from microtome.whole import naming

UNCERTAINTY = "uncertainty"
Inside = Bool[np.ndarray, "z y x"]
"""Where there is something to predict."""

LEVELS = 255  # a byte a voxel: probability 1, and the largest entropy, are 255; ½ and more is 128 and more


@dataclass(frozen=True)
class PredictionStore:
    """A folder with the images `<class>` and `uncertainty`, and a log of the blocks that are done.

    What a block wrote is on disk before the log says so: a block that is done is never done again; one that
    was interrupted, or lost or changed since, is.
    """

    folder: Path
    classes: tuple[str, ...]  # foreground only

    def volumes(self) -> list[Volume]:
        """The image of each class and, last, of the uncertainty; uint8.

        Raises:
            FileNotFoundError: If an image is missing.
        """
        return [open_volume(self.folder / _file(name)) for name in (*self.classes, UNCERTAINTY)]

    def done(self) -> dict[Box, str]:
        """The write boxes that are finished and not forgotten, each with the digest of what was written."""
        if not self._log.exists():
            return {}
        boxes: dict[Box, str] = {}
        for line in self._log.read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                entry = json.loads(line)
                box, sha256 = Box(tuple(entry["start"]), tuple(entry["stop"])), entry["sha256"]
            except (
                ValueError,
                LookupError,
                TypeError,
            ):  # empty, cut off or damaged: that block is done again
                continue
            boxes.pop(box, None)
            if sha256:
                boxes[box] = sha256
        return boxes

    def write(
        self,
        box: Box,
        mean: Float32[np.ndarray, "c z y x"],
        inside: Inside | None = None,
    ) -> str:
        """Write mean probabilities, 0 where not `inside`; the digest of what is on the disk then.

        Raises:
            OSError: If the disk is full or the folder cannot be written.
        """
        images = [*mean[1:], entropy(mean) / np.float32(np.log(len(self.classes) + 1))]
        for name, image in zip((*self.classes, UNCERTAINTY), images, strict=True):
            stored = _bytes(image)
            if inside is not None:
                stored[~inside] = 0
            open_volume(self.folder / _file(name), writable=True).write(box, stored)
        return self.digest(box, inside)

    def clear(self, box: Box, inside: Inside | None = None) -> str:
        """Write 0 where there is nothing to predict; the digest of it.

        Raises:
            OSError: If the disk is full or the folder cannot be written.
        """
        for name in (*self.classes, UNCERTAINTY):
            nothing = np.zeros(box.shape, np.uint8)
            open_volume(self.folder / _file(name), writable=True).write(box, nothing)
        return self.digest(box, inside)

    def log(self, box: Box, sha256: str) -> None:
        """Log a block that was written as done.

        Raises:
            OSError: If the folder cannot be written.
        """
        self._append([(box, sha256)])

    def forget(self, boxes: Sequence[Box]) -> None:
        """Log blocks as not done: others are about to be written over them.

        Raises:
            OSError: If the folder cannot be written.
        """
        if boxes:
            self._append([(box, "") for box in boxes])

    def _append(self, entries: Sequence[tuple[Box, str]]) -> None:
        lines = [
            json.dumps({"start": box.start, "stop": box.stop, "sha256": sha256}) for box, sha256 in entries
        ]
        with naming(self._log), self._log.open("a", encoding="utf-8") as log:
            log.write("\n" + "\n".join(lines) + "\n")  # a cut-off line before stays alone
            log.flush()
            os.fsync(log.fileno())

    def digest(self, box: Box, inside: Inside | None = None) -> str:
        """SHA-256 of what is stored in `box` and of the mask there; empty where it cannot be read."""
        whole = hashlib.sha256(b"" if inside is None else np.packbits(inside).tobytes())
        try:
            for volume in self.volumes():
                whole.update(volume.read(box).tobytes())
        except (OSError, ValueError):  # a damaged chunk: whatever was there is written again
            return ""
        return whole.hexdigest()

    def version(self) -> str:
        """SHA-256 that tells what is stored from any other prediction, also from one of more blocks."""
        lines = sorted(f"{box} {sha256}" for box, sha256 in self.done().items())
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()

    @property
    def _log(self) -> Path:
        return self.folder / "done.jsonl"


def open_store(
    folder: Path, classes: Sequence[str], shape: Int3, voxel_size_nm: tuple[float, float, float], chunks: Int3
) -> PredictionStore:
    """The store in `folder`, made if it is not there, an interrupted making finished.

    Raises:
        OSError: If it cannot be written.
        ValueError: If what is there has another shape or other voxels, or is damaged.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name in (*classes, UNCERTAINTY):
        path = folder / _file(name)
        make_once(
            path, lambda new: create_volume(new, shape, np.dtype(np.uint8), voxel_size_nm, chunks=chunks)
        )
        found = open_volume(path)
        if found.shape != shape:
            raise ValueError(
                f"{path} has shape {found.shape}; the image has {shape}: remove {folder} to redo it"
            )
        if not np.allclose(found.voxel_size_nm, voxel_size_nm):
            raise ValueError(
                f"{path} has voxels of {found.voxel_size_nm} nm; the project says {voxel_size_nm}: "
                f"mend project.toml, or remove {folder} to redo it"
            )
    return PredictionStore(folder, tuple(classes))


def prediction_chunks(net: NetConfig, volume: Int3) -> Int3:
    """Chunks z y x of which no two blocks of `net` share one."""
    block = block_shape(net, volume)
    return chunks_in_blocks((block[0], CHUNK, CHUNK), block, volume)


def _file(name: str) -> str:
    return f"{name}.ome.zarr"


def _bytes(proba: Float32[np.ndarray, "z y x"]) -> UInt8[np.ndarray, "z y x"]:
    return np.floor(np.minimum(proba, 1) * LEVELS + np.float32(0.5)).astype(np.uint8)
