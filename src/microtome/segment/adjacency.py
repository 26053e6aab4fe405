"""Which regions of a label volume touch, and over what: a graph, gathered block by block."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
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
    """Pairs of regions that touch by faces of voxels, each once."""

    one: Int64[np.ndarray, "e"]  # the lower of the two
    other: Int64[np.ndarray, "e"]
    height: Float32[np.ndarray, "e"]  # of the highest pass between them; OUTSIDE where there is none
    place: Int64[np.ndarray, "e"]  # of that pass, the first of equals: no two are at one place
    border: Float64[np.ndarray, "e"]  # sum over the contact of the probability of a border, in 255ths
    faces: Float64[np.ndarray, "e"]  # how many

    @property
    def order(self) -> Int64[np.ndarray, "e"]:
        """From the highest pass down; of equals, in z y x order, which is the same whatever the blocks."""
        return np.lexsort((self.place, -self.height))

    def chosen(self, which: Shaped[np.ndarray, "_"]) -> "Contacts":
        """Some of the contacts, by a mask or by their indices."""
        return Contacts(*(column[which] for column in vars(self).values()))

    def between(self, groups: Int64[np.ndarray, "n"]) -> "Contacts":
        """The contacts of groups of these regions."""
        one, other = groups[self.one], groups[self.other]
        apart = one != other
        rows = replace(self, one=np.minimum(one, other), other=np.maximum(one, other)).chosen(apart)
        return _summed(rows)


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
    return _summed(
        _together([Contacts(**(load_arrays(_piece(folder, number)) or {})) for number, _ in items])
    )


def contacts_within(
    regions: Int64[np.ndarray, "z y x"],
    heights: Float32[np.ndarray, "z y x"],
    likely: Float32[np.ndarray, "z y x"],
    box: Box,
    wide: Box,
    volume: Int3,
    *,
    flat: bool,
) -> Contacts:
    """The contacts of voxels in `box` with each other and with those that follow them in `wide`.

    Regions are numbered from 1, 0 is none, and counted from 0; `likely` is the probability of a border.
    """
    likely = np.rint(likely * LIKELY)
    inner, found = box.relative_to(wide).slices, []
    for axis in range(3):
        before, after = _sides(inner, axis, wide.shape)
        a, b = regions[before], regions[after]
        apart = (a != b) & (a > 0) & (b > 0)
        passes = np.minimum(heights[before][apart], heights[after][apart])
        if flat and axis == 0:
            passes = np.full(len(passes), OUTSIDE)
        at = np.argwhere(apart) + np.array(box.start)
        found.append(
            Contacts(
                np.minimum(a[apart], b[apart]) - 1,
                np.maximum(a[apart], b[apart]) - 1,
                passes,
                np.ravel_multi_index(tuple(at.T), volume).astype(np.int64) * 3 + axis,
                np.maximum(likely[before][apart], likely[after][apart]).astype(np.float64),
                np.ones(len(passes)),
            )
        )
    return _summed(_together(found))


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
        return contacts_within(
            open_volume(self.regions).read(wide).astype(np.int64),
            self.relief(wide),
            self.border.proportion(wide),
            box,
            wide,
            self.volume,
            flat=self.flat,
        )


def _sides(
    inner: tuple[slice, slice, slice], axis: int, wide: Int3
) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """The voxels of a block that have one after them along an axis, and those."""
    count = min(inner[axis].stop, wide[axis] - 1)
    before, after = list(inner), list(inner)
    before[axis], after[axis] = slice(0, count), slice(1, count + 1)
    return tuple(before), tuple(after)


def _together(parts: Sequence[Contacts]) -> Contacts:
    return Contacts(
        *(np.concatenate(column) for column in zip(*(vars(p).values() for p in parts), strict=True))
    )


def _summed(rows: Contacts) -> Contacts:
    """Contacts from rows in which pairs come several times."""
    base = int(rows.other.max(initial=0)) + 1
    rows = rows.chosen(rows.order)
    codes, best, pair = np.unique(rows.one * base + rows.other, return_index=True, return_inverse=True)
    border, faces = (np.bincount(pair, values, len(codes)) for values in (rows.border, rows.faces))
    return replace(rows.chosen(best), border=border.astype(np.float64), faces=faces.astype(np.float64))


def _piece(folder: Path, number: int) -> Path:
    return folder / f"{number:08}.npz"
