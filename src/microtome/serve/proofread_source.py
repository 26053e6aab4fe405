"""What people see of proposed objects: tiles of the image with the object's mask. No torch here."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import UInt8

from microtome.box import Box, Int3
from microtome.objects.proposals import Proposals
from microtome.volume import Volume

SIDE = 128  # pixels of a tile
CLOSEST = 48  # pixels that are enlarged to a tile around the smallest objects
MARGINAL = 1.05  # a tile is at least so many times as wide as its object
AROUND = 2.2  # a tile shows so many times the object's longer side
CONTEXT = 2  # sections shown above and below an object
DEEPEST = 64  # sections of a tile
WIDEST: Int3 = (48, 384, 384)  # voxels of an enlarged view
MARGIN: Int3 = (2, 48, 48)  # voxels around an object in its enlarged view
COLOURS = 7  # that tell neighbouring objects apart


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of an object, and how its tile lies in the volume.

    `id` is its number in this set's labels and table, which another set may give to another object.
    The tile's pixels are `nm` apart; of its `SIDE`, the middle `close` show the object and little else. Its
    sections go from `first` to `last`, which it shows, too; `section` is the one in which it is largest.
    """

    id: int
    box: Box
    voxels: int
    probability: float
    section: int
    first: int
    last: int
    nm: float
    close: int


@dataclass(frozen=True, eq=False)
class Pictures:
    """Tiles: grey values, and a mask of 0 beside the object and 1 on it, or 1 and 2 on its two sides."""

    image: UInt8[np.ndarray, "n side side"]
    mask: UInt8[np.ndarray, "n side side"]

    def packed(self) -> bytes:
        """All grey values, a byte each, and then all of the mask, four pixels a byte, the first lowest."""
        quarters = self.mask.reshape(-1, 4)
        shifted = quarters << np.array([0, 2, 4, 6], dtype=np.uint8)
        return self.image.tobytes() + np.bitwise_or.reduce(shifted, axis=1).astype(np.uint8).tobytes()


@runtime_checkable
class ObjectSource(Protocol):
    """Where the pictures of a set of objects come from; an object is named by its key.

    All of them raise ValueError for a key that the set has not, and OSError where a file cannot be read.
    """

    def objects(self) -> Sequence[int]:
        """Their keys, in the order of the set's table."""

    def facts(self, key: int) -> Facts:
        """What is known without reading a voxel."""

    def tiles(self, keys: Sequence[int]) -> Pictures:
        """A tile of each of some objects, in the section in which it is largest."""

    def stack(self, key: int) -> Pictures:
        """The tiles of all sections of an object, `first` to `last`."""

    def region(self, key: int) -> Box:
        """The voxels that an enlarged view shows: the object and some of its surroundings."""

    def mask(self, key: int) -> UInt8[np.ndarray, "z y x"]:
        """The object in its region, with values as in a tile."""

    def all_in(self, box: Box) -> UInt8[np.ndarray, "z y x"]:
        """Every object in a box, 0 where there is none; neighbours mostly differ."""


class ProposedObjects:
    """The objects of a set of proposals, cut out of the image upright.

    Raises:
        ValueError: If image and proposals are not of the same shape, or the table is damaged.
        OSError: If one cannot be read.
    """

    def __init__(self, image: Volume, proposals: Proposals) -> None:
        self._image, self._ids, self._sides = image, proposals.ids(), proposals.sides()
        self._table = proposals.table()
        if self._ids.shape != image.shape:
            raise ValueError(
                f"{proposals.folder} holds objects of a volume of shape {self._ids.shape}; "
                f"the project's image has {image.shape}"
            )
        self._rows = {key: row for row, key in enumerate(self._table.keys.tolist())}

    def objects(self) -> Sequence[int]:
        return list(self._rows)

    def facts(self, key: int) -> Facts:
        row = self._row(key)
        box, section = self._table.box(row), int(self._table.section[row])
        low, high = max(0, box.start[0] - CONTEXT), min(self._image.shape[0], box.stop[0] + CONTEXT) - 1
        step = self._step(box)
        return Facts(
            id=int(self._table.ids[row]),
            box=box,
            voxels=int(self._table.voxels[row]),
            probability=float(self._table.probability[row]),
            section=section,
            first=max(low, section - DEEPEST // 2),
            last=min(high, section + DEEPEST // 2 - 1),
            nm=step[1] * self._image.voxel_size_nm[2],
            close=self._close(box, step),
        )

    def tiles(self, keys: Sequence[int]) -> Pictures:
        cuts = [self._cut(key, self.facts(key).section, 1) for key in keys]
        return Pictures(
            np.concatenate([image for image, _ in cuts]), np.concatenate([mask for _, mask in cuts])
        )

    def stack(self, key: int) -> Pictures:
        facts = self.facts(key)
        return Pictures(*self._cut(key, facts.first, facts.last + 1 - facts.first))

    def region(self, key: int) -> Box:
        facts = self.facts(key)
        wanted = facts.box.grown(MARGIN).intersection(Box.of(self._image.shape))
        return Box(*zip(*map(_capped, *_sides(wanted, facts), WIDEST), strict=True))

    def mask(self, key: int) -> UInt8[np.ndarray, "z y x"]:
        return self._mask(self._row(key), self.region(key))

    def all_in(self, box: Box) -> UInt8[np.ndarray, "z y x"]:
        ids = self._ids.read(box)
        return np.where(ids > 0, 1 + ids % COLOURS, 0).astype(np.uint8)

    def _row(self, key: int) -> int:
        if key not in self._rows:
            raise ValueError(f"expected the key of a proposed object; got {key}")
        return self._rows[key]

    def _step(self, box: Box) -> tuple[int, int]:
        """Voxels in y and x to a pixel: as few as show the whole object, and square on the screen."""
        _, y_nm, x_nm = self._image.voxel_size_nm
        longest = max(box.shape[1] * y_nm, box.shape[2] * x_nm)
        pixel_nm = max(y_nm, x_nm, MARGINAL * longest / SIDE)
        return math.ceil(pixel_nm / y_nm), math.ceil(pixel_nm / x_nm)

    def _close(self, box: Box, step: tuple[int, int]) -> int:
        longest = max(box.shape[1] / step[0], box.shape[2] / step[1])
        return min(SIDE, max(CLOSEST, math.ceil(AROUND * longest)))

    def _cut(
        self, key: int, z: int, depth: int
    ) -> tuple[UInt8[np.ndarray, "d side side"], UInt8[np.ndarray, "d side side"]]:
        """The image and the object's mask in `depth` sections from `z`, black beside the volume."""
        row = self._row(key)
        box = self._table.box(row)
        step = self._step(box)
        middle = [(box.start[k] + box.stop[k]) // 2 for k in (1, 2)]
        y, x = (at - SIDE * voxels // 2 for at, voxels in zip(middle, step, strict=True))
        wanted = Box((z, y, x), (z + depth, y + SIDE * step[0], x + SIDE * step[1]))
        there = wanted.intersection(Box.of(self._image.shape))
        image, mask = np.zeros((2, *wanted.shape), dtype=np.uint8)
        inside = there.relative_to(wanted).slices
        image[inside] = self._image.read(there)
        mask[inside] = self._mask(row, there)
        return _shrunk(image, step).mean(axis=(2, 4)).astype(np.uint8), _shrunk(mask, step).max(axis=(2, 4))

    def _mask(self, row: int, box: Box) -> UInt8[np.ndarray, "z y x"]:
        mask = self._ids.read(box) == self._table.ids[row]
        if self._sides is None or not mask.any():
            return mask.astype(np.uint8)
        return np.where(mask, np.maximum(self._sides.read(box), 1), 0).astype(np.uint8)


def _shrunk(array: UInt8[np.ndarray, "d y x"], step: tuple[int, int]) -> UInt8[np.ndarray, "d side a side b"]:
    """The voxels of each pixel on axes of their own."""
    return array.reshape(array.shape[0], SIDE, step[0], SIDE, step[1])


def _sides(wanted: Box, facts: Facts) -> tuple[Int3, Int3, Int3]:
    """Start, stop and middle of a region; its middle in z is the section shown."""
    middle = tuple((a + b) // 2 for a, b in zip(facts.box.start, facts.box.stop, strict=True))
    return wanted.start, wanted.stop, (facts.section, middle[1], middle[2])


def _capped(start: int, stop: int, middle: int, widest: int) -> tuple[int, int]:
    """No more than `widest` voxels around the middle."""
    if stop - start <= widest:
        return start, stop
    low = min(max(start, middle - widest // 2), stop - widest)
    return low, low + widest
