"""Holes in a foreground, whatever blocks they lie in: enclosed background, filled if it is small."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8

from microtome.box import Box, Int3
from microtome.segment.components import Layer, Neighbours, layer
from microtome.segment.foreground import Foreground, Probability
from microtome.segment.parts import Found
from microtome.segment.settings import InstanceSettings
from microtome.segment.work import Work


def filled(work: Work, foreground: Foreground, settings: InstanceSettings) -> tuple[Foreground, int]:
    """The foreground with its holes of at most `settings.holes` voxels filled, and how many voxels that were.

    A hole does not touch the border of the volume; if it need only be enclosed within its section, or there
    is but one, the first and the last section are no border.
    """
    stage, neighbours = work.stage("holes"), settings.neighbours_of_holes
    stage.search(_Background(foreground, neighbours, work.volume.shape), "searching holes")
    wholes = stage.wholes(neighbours)
    holes = (wholes.marks == 0) & (wholes.voxels <= settings.holes)
    mask = work.make(work.folder / "filled.ome.zarr", np.bool_)
    stage.write(wholes, holes, mask, "filling holes", elsewhere=1)
    return Foreground(Probability(str(mask))), int(wholes.voxels[holes].sum())


@dataclass(frozen=True)
class _Background:
    """Components of what is not foreground; those at the border of the volume are marked."""

    foreground: Foreground
    neighbours: Neighbours
    volume: Int3

    def __call__(self, box: Box) -> Found:
        found = layer(~self.foreground(box), self.neighbours)
        return Found(found, found.faces, self._marks(found, box))

    def _marks(self, found: Layer, box: Box) -> UInt8[np.ndarray, "n"]:
        marks = np.zeros(found.count + 1, np.uint8)
        for axis in range(1 if self.neighbours.flat else 0, 3):
            if self.volume[axis] == 1:
                continue
            if box.start[axis] == 0:
                marks[found.numbers[np.take(found.labels, 0, axis)]] = 1
            if box.stop[axis] == self.volume[axis]:
                marks[found.numbers[np.take(found.labels, -1, axis)]] = 1
        return marks[1:]
