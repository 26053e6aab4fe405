"""Label volumes by blocks: ids of any size become small numbers while a block is worked on."""

from collections.abc import Iterator
from typing import TypeVar

import numpy as np
from jaxtyping import Shaped, UInt64

from microtome.progress import Progress
from microtome.volume import Volume, VoxelSize, open_volume

R = TypeVar("R")


def open_labels(uri: str, voxel_size_nm: VoxelSize | None = None) -> Volume:
    """The label volume of that name.

    Raises:
        FileNotFoundError: If it does not exist.
        ValueError: If it is no volume, or one of other than whole numbers.
    """
    volume = open_volume(uri, voxel_size_nm)
    if volume.dtype.kind not in "ui":
        raise ValueError(f"{uri}: expected labels that are whole numbers; got {volume.dtype}")
    return volume


def dense(labels: Shaped[np.ndarray, "z y x"]) -> tuple[UInt64[np.ndarray, "n"], Shaped[np.ndarray, "z y x"]]:
    """The ids in a block, 0 first whether it is there or not, and for each voxel the place of its id in them.

    Raises:
        ValueError: If a label is negative.
    """
    flat = labels.ravel()
    first = np.append(0, np.flatnonzero(flat[1:] != flat[:-1]) + 1)
    ids, place = np.unique(np.append(flat[first], flat.dtype.type(0)), return_inverse=True)
    if ids[0] < 0:
        raise ValueError(f"expected labels of 0 and more; got {ids[0]}")
    small = place[:-1].astype(np.min_scalar_type(len(ids)))
    lengths = np.diff(first, append=len(flat))
    return ids.astype(np.uint64), np.repeat(small, lengths).reshape(labels.shape)


def watched(
    results: Iterator[tuple[int, R]], progress: Progress, task: str, total: int
) -> Iterator[tuple[int, R]]:
    """The results of a schedule as they come, each reported."""
    for done, result in enumerate(results, start=1):
        progress(task, done, total)
        yield result
