"""From the parts of objects in all blocks to objects, and the number of the object that each part is of."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from jaxtyping import Bool, Int64, UInt32

from microtome.objects.pieces import Piece
from microtome.objects.settings import ProposalSettings
from microtome.objects.table import ObjectTable
from microtome.objects.tally import Tally, together
from microtome.segment.components import Blocks, Faces, joined
from microtome.volume import VoxelSize

FacesOf = Callable[[int, int], Faces]
"""The faces of a block, by its number and that of the layer: 0 for bodies, then the halves."""


@dataclass(frozen=True, eq=False)
class Numbering:
    """Objects, from 1 in the order of their first voxels, and which of them each part in each block is of."""

    objects: Tally
    of_parts: tuple[tuple[UInt32[np.ndarray, "_"], ...], ...]  # by block and half; 0 where dropped

    def table(self, voxel_size_nm: VoxelSize, unit: float) -> ObjectTable:
        """The table, its keys the ids; `unit` is how probability 1 is stored."""
        tally, ids = self.objects, np.arange(1, len(self.objects) + 1)
        return ObjectTable(
            ids,
            ids.copy(),
            tally.start,
            tally.stop,
            tally.voxels,
            np.clip(tally.probability / tally.voxels / unit, 0, 1),
            tally.mean,
            tally.axes(voxel_size_nm),
            tally.sections,
        )


def numbered(
    pieces: Sequence[Piece], blocks: Blocks, faces: FacesOf, settings: ProposalSettings
) -> Numbering:
    """The objects: bodies, in so far as they hold halves that are large enough."""
    counts = np.array([piece.counts for piece in pieces])
    wholes = [
        joined(blocks, partial(_in_layer, faces, k), counts[:, k], settings.neighbours)
        for k in range(counts.shape[1])
    ]
    halves = len(pieces[0].halves)
    parts = [together([piece.halves[h].parts for piece in pieces]) for h in range(halves)]
    kept = [_large(wholes[-halves:][h], parts[h], settings.smallest) for h in range(halves)]
    before = np.cumsum(counts[:, 0]) - counts[:, 0] - 1
    bodies = [
        wholes[0][np.concatenate([p.halves[h].bodies + b for p, b in zip(pieces, before, strict=True)])]
        for h in range(halves)
    ]
    all_parts, all_kept = together(parts), np.concatenate(kept)
    objects, of_kept = _ordered(all_parts.chosen(all_kept), np.concatenate(bodies)[all_kept])
    of_parts = np.zeros(len(all_parts), np.uint32)
    of_parts[all_kept] = of_kept + 1
    return Numbering(objects, _by_block(of_parts, pieces))


def _in_layer(faces: FacesOf, layer: int, number: int) -> Faces:
    return faces(number, layer)


def _large(wholes: Int64[np.ndarray, "n"], parts: Tally, smallest: int) -> Bool[np.ndarray, "n"]:
    """Which parts are of a whole of at least `smallest` voxels."""
    return np.bincount(wholes, parts.voxels)[wholes] >= smallest if len(parts) else np.empty(0, bool)


def _ordered(parts: Tally, groups: Int64[np.ndarray, "n"]) -> tuple[Tally, Int64[np.ndarray, "n"]]:
    """The tally of the groups in the order of their first voxels, and the place there of each part's."""
    found, group = np.unique(groups, return_inverse=True)
    first = np.full(len(found), np.iinfo(np.int64).max)
    np.minimum.at(first, group, parts.first)
    place = np.empty(len(found), np.int64)
    place[np.argsort(first)] = np.arange(len(found))
    return parts.grouped(place[group], len(found)), place[group]


def _by_block(
    of_parts: UInt32[np.ndarray, "n"], pieces: Sequence[Piece]
) -> tuple[tuple[UInt32[np.ndarray, "_"], ...], ...]:
    """What was counted half after half and, in each, block after block, by block and half."""
    halves = range(len(pieces[0].halves))
    sizes = [len(piece.halves[h].parts) for h in halves for piece in pieces]
    cut = np.split(of_parts, np.cumsum(sizes)[:-1])
    return tuple(tuple(cut[h * len(pieces) + b] for h in halves) for b in range(len(pieces)))
