"""What a search found in one block: parts of instances, as runs of voxels, and where they may go on."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Int32, Int64, Shaped, UInt8

from microtome.box import Box, Int3
from microtome.segment.arrays import face_arrays, load_arrays, save_arrays
from microtome.segment.components import Faces, Layer


@dataclass(frozen=True, eq=False)
class Found:
    """The parts in a block, the faces by which they are joined across blocks, and a mark on each part."""

    layer: Layer
    faces: Faces
    marks: UInt8[np.ndarray, "n"]


@dataclass(frozen=True, eq=False)
class Parts:
    """The n parts in a block: which voxels each has, in runs that follow each other in z y x order."""

    lengths: Int32[np.ndarray, "r"]  # of the runs, voxels
    numbers: Int32[np.ndarray, "r"]  # the part of each run, from 1; 0 is none
    voxels: Int64[np.ndarray, "n"]
    first: Int64[np.ndarray, "n"]  # place of the first voxel in z y x order, counted through the volume
    marks: UInt8[np.ndarray, "n"]

    def painted(
        self, values: Shaped[np.ndarray, "_"], elsewhere: int, shape: Int3
    ) -> Shaped[np.ndarray, "z y x"]:
        """The block with the value of its part in each voxel."""
        table = np.concatenate([np.array([elsewhere], values.dtype), values])
        return np.repeat(table[self.numbers], self.lengths).reshape(shape)


def parts_of(found: Found, box: Box, volume: Int3) -> Parts:
    """The parts that were found in `box`."""
    labels, count = found.layer.labels.ravel(), found.layer.count
    changes = np.flatnonzero(labels[1:] != labels[:-1]) + 1 if count else np.empty(0, np.int64)
    starts = np.concatenate([np.zeros(1, np.int64), changes])
    numbers = found.layer.numbers[labels[starts]]
    lengths = np.diff(starts, append=labels.size)
    voxels = np.bincount(numbers, lengths, count + 1)[1:].astype(np.int64)
    first = np.zeros(count + 1, np.int64)
    first[numbers[::-1]] = starts[::-1]  # the last one written stays: the first of the block
    place = np.array(np.unravel_index(first[1:], box.shape)) + np.array(box.start)[:, None]
    return Parts(
        lengths.astype(np.int32),
        numbers.astype(np.int32),
        voxels,
        np.ravel_multi_index(tuple(place), volume).astype(np.int64),
        found.marks,
    )


def save_parts(parts: Parts, faces: Faces, path: Path) -> None:
    """Write parts and faces; they are there whole, or not at all.

    Raises:
        OSError: If they cannot be written.
    """
    save_arrays({**vars(parts), **face_arrays(faces)}, path)


def load_parts(path: Path) -> Parts | None:
    """Parts that were saved; None if there are none, or they are damaged."""
    arrays = load_arrays(path)
    if arrays is None:
        return None
    return Parts(**{name: arrays[name] for name in Parts.__dataclass_fields__})
