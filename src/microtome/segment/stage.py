"""A search through the blocks of a volume: parts found in each, joined to wholes, and written."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from jaxtyping import Int64, Shaped, UInt8

from microtome.box import Box, Int3
from microtome.progress import Progress
from microtome.schedule import Schedule
from microtome.segment.arrays import load_faces
from microtome.segment.components import Blocks, Faces, Neighbours, joined
from microtome.segment.moments import least
from microtome.segment.parts import Found, load_parts, parts_of, save_parts
from microtome.volume import Volume, open_volume
from microtome.whole import whole_file

REMEMBERED = 64  # faces of blocks in memory: the neighbours of a block ask for the same ones
VALUES = "values.npy"

Find = Callable[[Box], Found]
"""Finds the parts in a box; must pickle."""


@dataclass(frozen=True, eq=False)
class Wholes:
    """The n wholes that parts of several blocks make, from 0 in the order of their first voxels."""

    of_parts: Int64[np.ndarray, "_"]  # of each part of the first block, then of the second, …
    before: Int64[np.ndarray, "_"]  # how many parts the blocks before each one have
    voxels: Int64[np.ndarray, "n"]
    first: Int64[np.ndarray, "n"]  # place of the first voxel in z y x order, counted through the volume
    marks: UInt8[np.ndarray, "n"]  # the highest of the parts


@dataclass(frozen=True)
class Stage:
    """One search, its results in a folder; blocks that were searched before are not searched again."""

    folder: Path
    blocks: Blocks
    schedule: Schedule
    progress: Progress

    def search(self, find: Find, task: str) -> None:
        """Find the parts in each block.

        Raises:
            ValueError: If what is read is damaged.
            OSError: If it cannot be read, or the folder not written.
        """
        self.folder.mkdir(exist_ok=True)
        self._work(_Search(find, str(self.folder), self.blocks.volume), task)

    def wholes(self, neighbours: Neighbours) -> Wholes:
        """The parts joined."""

        @lru_cache(REMEMBERED)
        def faces(number: int) -> Faces:
            return load_faces(_piece(self.folder, number))

        tables = [_table(_piece(self.folder, number)) for number in range(len(self.blocks.boxes))]
        voxels, first, marks = (np.concatenate(column) for column in zip(*tables, strict=True))
        counts = np.array([len(table[0]) for table in tables])
        of_parts = in_order(joined(self.blocks, faces, counts, neighbours), first)
        n = int(of_parts.max(initial=-1)) + 1
        highest = np.zeros(n, np.uint8)
        np.maximum.at(highest, of_parts, marks)
        return Wholes(
            of_parts,
            np.cumsum(counts) - counts,
            np.bincount(of_parts, voxels, n).astype(np.int64),
            least(first, of_parts, n),
            highest,
        )

    def write(
        self,
        wholes: Wholes,
        values: Shaped[np.ndarray, "n"],
        target: Path,
        task: str,
        *,
        elsewhere: int = 0,
    ) -> None:
        """Write the value of its whole into each voxel of a volume, and `elsewhere` where there is none.

        Blocks that hold just that already stay as they are.

        Raises:
            OSError: If the volume cannot be written.
        """
        with whole_file(self.folder / VALUES) as partial, partial.open("wb") as file:
            np.save(file, values[wholes.of_parts])
        self._work(_Write(str(self.folder), wholes.before, str(target), elsewhere), task)

    def _work(self, function: Callable[[tuple[int, Box]], None], task: str) -> None:
        items = list(enumerate(self.blocks.boxes))
        for done, (number, _) in enumerate(self.schedule(function, items), start=1):
            self.progress(task, done, len(items), str(items[number][1]))


@dataclass(frozen=True, eq=False)
class Grouped:
    """Wholes of a search, and which of them are one instance: groups from 0; -1 are none."""

    stage: Stage
    wholes: Wholes
    groups: Int64[np.ndarray, "n"]


@dataclass(frozen=True)
class _Search:
    find: Find
    folder: str
    volume: Int3

    def __call__(self, item: tuple[int, Box]) -> None:
        number, box = item
        path = _piece(Path(self.folder), number)
        if load_parts(path) is None:
            found = self.find(box)
            save_parts(parts_of(found, box, self.volume), found.faces, path)


@dataclass(frozen=True, eq=False)
class _Write:
    folder: str
    before: Int64[np.ndarray, "_"]
    target: str
    elsewhere: int

    def __call__(self, item: tuple[int, Box]) -> None:
        number, box = item
        parts = load_parts(_piece(Path(self.folder), number))
        if parts is None:
            raise ValueError(f"block {number} in {self.folder} was damaged since it was searched: run again")
        start = self.before[number]
        values = np.load(Path(self.folder) / VALUES, mmap_mode="r")[start : start + len(parts.voxels)]
        data = parts.painted(values, self.elsewhere, box.shape)
        volume = open_volume(self.target, writable=True)
        if not _holds(volume, box, data):
            volume.write(box, data)


def in_order(groups: Int64[np.ndarray, "n"], first: Int64[np.ndarray, "n"]) -> Int64[np.ndarray, "n"]:
    """The same groups, from 0 in the order of the first of their members."""
    found, group = np.unique(groups, return_inverse=True)
    place = np.empty(len(found), np.int64)
    place[np.argsort(least(first, group, len(found)))] = np.arange(len(found))
    return place[group]


def _holds(volume: Volume, box: Box, data: Shaped[np.ndarray, "z y x"]) -> bool:
    try:
        return np.array_equal(volume.read(box), data)
    except ValueError:  # a damaged chunk: whatever was there is written again
        return False


def _table(path: Path) -> tuple[Shaped[np.ndarray, "_"], ...]:
    with np.load(path) as arrays:
        return arrays["voxels"], arrays["first"], arrays["marks"]


def _piece(folder: Path, number: int) -> Path:
    return folder / f"{number:08}.npz"
