"""Sections that are missing or damaged, made up from their neighbours."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float32

from microtome.box import Box, Int3, tile
from microtome.volume.restore.motion import LATTICE, REACH, between, blend
from microtome.volume.restore.real import Readable

PIECE = 1024  # sides in y and x of what is made up at a time

Method = Literal["motion", "linear", "nearest"]
"""Neighbours moved to meet each other, blended where they are, or the nearer one copied: the floor."""
METHODS: tuple[Method, ...] = ("motion", "linear", "nearest")


@dataclass(frozen=True, slots=True)
class Gap:
    """A section that is missing, and the nearest ones on both sides that are not."""

    section: int
    below: int
    above: int

    @property
    def share(self) -> float:
        """How far it is from below to above, in (0, 1)."""
        return (self.section - self.below) / (self.above - self.below)


@dataclass(frozen=True, slots=True, eq=False)
class Interpolated:
    """A float32 image with made-up sections in `gaps`.

    `contrast` is the s.d. of the image's intensities. Where only one neighbour has the value `padding`, the
    other is taken; where both have it, so has the section.
    """

    image: Readable
    gaps: Sequence[Gap]
    method: Method
    contrast: float
    padding: float | None = None

    @property
    def shape(self) -> Int3:
        return self.image.shape

    def read(self, box: Box) -> Float32[np.ndarray, "z y x"]:
        data = self.image.read(box)
        for gap in self.gaps:
            if box.start[0] <= gap.section < box.stop[0] and box.size:
                data[gap.section - box.start[0]] = self._made_up(gap, box)
        return data

    def _made_up(self, gap: Gap, box: Box) -> Float32[np.ndarray, "y x"]:
        """One section of the box, in pieces, since finding motion takes the memory of 30 pictures."""
        whole = Box((0, *box.start[1:]), (1, *box.stop[1:]))
        result = np.empty(whole.shape[1:], np.float32)
        for block in tile(whole, (1, PIECE, PIECE), (0, 0, 0)):
            result[block.write.relative_to(whole).slices[1:]] = self._piece(gap, block.write)
        return result

    def _piece(self, gap: Gap, box: Box) -> Float32[np.ndarray, "y x"]:
        seen = _seen(box, self.shape) if self.method == "motion" else box
        below, above = (self._section(z, seen) for z in (gap.below, gap.above))
        outside: Bool[np.ndarray, "y x"] = np.zeros(below.shape, bool)
        if self.padding is not None:
            no_below, no_above = below == self.padding, above == self.padding
            outside = no_below & no_above
            below, above = np.where(no_below, above, below), np.where(no_above, below, above)
        match self.method:
            case "motion":
                made = between(below, above, gap.share, self.contrast)
            case "linear":
                made = blend(below, above, gap.share)
            case "nearest":
                made = below if gap.share <= 0.5 else above
        made[outside] = self.padding or 0
        return made[box.relative_to(seen).slices[1:]]

    def _section(self, z: int, box: Box) -> Float32[np.ndarray, "y x"]:
        return self.image.read(Box((z, *box.start[1:]), (z + 1, *box.stop[1:])))[0]


def gaps(missing: Sequence[int], depth: int) -> list[Gap]:
    """The neighbours of each missing section of an image with `depth` sections.

    Raises:
        ValueError: If a section is not in the image, or has no neighbour on one side.
    """
    gone = set(missing)
    result = []
    for z in sorted(gone):
        if not 0 <= z < depth:
            raise ValueError(f"expected sections from 0 to {depth - 1}; got {z}")
        below = next((k for k in range(z - 1, -1, -1) if k not in gone), None)
        above = next((k for k in range(z + 1, depth) if k not in gone), None)
        if below is None or above is None:
            raise ValueError(
                f"expected sections with one on both sides to interpolate between; got {z} of {depth}"
            )
        result.append(Gap(z, below, above))
    return result


def _seen(box: Box, shape: Int3) -> Box:
    """The box with what bears on its motion, from the lattice of the whole section on."""
    wide = box.grown((0, REACH, REACH)).intersection(Box.of(shape))
    z, y, x = wide.start
    return Box((z, y - y % LATTICE, x - x % LATTICE), wide.stop)
