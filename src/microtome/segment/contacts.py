"""Which regions of a label volume touch, and over what: a graph, gathered block by block."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Float64, Int64, Shaped

from microtome.box import Box, Int3
from microtome.segment.arrays import load_arrays, save_arrays
from microtome.segment.foreground import Probability
from microtome.segment.relief import OUTSIDE, Relief
from microtome.segment.work import Work
from microtome.volume import open_volume

LIKELY = 255  # a border's probability 1: whole numbers add up to the same in any order


@dataclass(frozen=True, eq=False)
class Contacts:
    """Pairs of regions that touch by faces of voxels, each once, in order."""

    one: Int64[np.ndarray, "e"]  # the lower of the two
    other: Int64[np.ndarray, "e"]
    height: Float32[np.ndarray, "e"]  # of the highest pass between them; OUTSIDE where there is none
    border: Float64[np.ndarray, "e"]  # sum over the contact of the probability of a border, in 255ths
    faces: Float64[np.ndarray, "e"]  # how many

    def between(self, groups: Int64[np.ndarray, "n"]) -> "Contacts":
        """The contacts of groups of these regions."""
        one, other = groups[self.one], groups[self.other]
        apart = one != other
        low, high = np.minimum(one, other)[apart], np.maximum(one, other)[apart]
        return _summed(low, high, self.height[apart], self.border[apart], self.faces[apart])


def contacts(work: Work, regions: Path, relief: Relief, border: Probability, *, flat: bool) -> Contacts:
    """The contacts in a volume of ids from 1; regions count from 0. `flat`: no pass leads across sections.

    Raises:
        ValueError: If what is read is damaged.
        OSError: If it cannot be read, or the folder not written.
    """
    folder = work.folder / "contacts"
    folder.mkdir(exist_ok=True)
    search = _Search(str(regions), relief, border, str(folder), work.volume.shape, flat)
    items = list(enumerate(work.blocks.boxes))
    for done, (number, _) in enumerate(work.schedule(search, items), start=1):
        work.progress("searching contacts", done, len(items), str(items[number][1]))
    found = [load_arrays(_piece(folder, number)) or {} for number, _ in items]
    names = Contacts.__dataclass_fields__
    return _summed(*(np.concatenate([arrays[name] for arrays in found]) for name in names))


@dataclass(frozen=True)
class _Search:
    """Saves the contacts of a block: those within it, and with the voxels that follow it along an axis."""

    regions: str
    relief: Relief
    border: Probability
    folder: str
    volume: Int3
    flat: bool

    def __call__(self, item: tuple[int, Box]) -> None:
        number, box = item
        path = _piece(Path(self.folder), number)
        if load_arrays(path) is None:
            save_arrays(vars(self._found(box)), path)

    def _found(self, box: Box) -> Contacts:
        z, y, x = box.stop
        wide = Box(box.start, (z + 1, y + 1, x + 1)).intersection(Box.of(self.volume))
        regions = open_volume(self.regions).read(wide).astype(np.int64)
        heights = self.relief(wide)
        likely = np.rint(self.border.proportion(wide) * LIKELY)
        inner = box.relative_to(wide).slices
        found = []
        for axis in range(3):
            before, after = _sides(inner, axis, wide.shape)
            a, b = regions[before], regions[after]
            apart = (a != b) & (a > 0) & (b > 0)
            low, high = np.minimum(a[apart], b[apart]) - 1, np.maximum(a[apart], b[apart]) - 1
            passes = np.minimum(heights[before][apart], heights[after][apart])
            if self.flat and axis == 0:
                passes = np.full(len(low), OUTSIDE)
            borders = np.maximum(likely[before][apart], likely[after][apart]).astype(np.float64)
            found.append((low, high, passes, borders, np.ones(len(low))))
        return _summed(*(np.concatenate(column) for column in zip(*found, strict=True)))


def _sides(
    inner: tuple[slice, slice, slice], axis: int, wide: Int3
) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """The voxels of a block that have one after them along an axis, and those."""
    count = min(inner[axis].stop, wide[axis] - 1)
    before, after = list(inner), list(inner)
    before[axis], after[axis] = slice(0, count), slice(1, count + 1)
    return tuple(before), tuple(after)


def _summed(
    one: Int64[np.ndarray, "c"],
    other: Int64[np.ndarray, "c"],
    height: Float32[np.ndarray, "c"],
    border: Float64[np.ndarray, "c"],
    faces: Float64[np.ndarray, "c"],
) -> Contacts:
    """Contacts from rows in which pairs come several times."""
    base = int(other.max(initial=0)) + 1
    codes, pair = np.unique(one * base + other, return_inverse=True)
    highest = np.full(len(codes), OUTSIDE)
    np.maximum.at(highest, pair, height)
    return Contacts(*np.divmod(codes, base), highest, _added(pair, border, codes), _added(pair, faces, codes))


def _added(
    pair: Int64[np.ndarray, "c"], values: Float64[np.ndarray, "c"], codes: Shaped[np.ndarray, "e"]
) -> Float64[np.ndarray, "e"]:
    return np.bincount(pair, values, len(codes)).astype(np.float64)


def _piece(folder: Path, number: int) -> Path:
    return folder / f"{number:08}.npz"
