"""Which object of a new set is which of an old one, so that nobody is asked about the same one twice."""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float64, Int64

from microtome.box import Box, Int3, tile
from microtome.objects.table import ObjectTable
from microtome.volume import Volume

LEAST_OVERLAP = 0.5  # intersection over union; above it an object has one partner at most
BLOCK: Int3 = (32, 512, 512)  # voxels compared at a time


def carried(
    old_ids: Volume,
    old: ObjectTable,
    new_ids: Volume,
    new: ObjectTable,
    known: Int64[np.ndarray, "n"] | None = None,
    *,
    least: float = LEAST_OVERLAP,
) -> Int64[np.ndarray, "n"]:
    """The keys of the new objects: those `known`, or else that of the old object it overlaps most; 0 is none.

    A key is carried where the intersection over union is at least `least`; one to one, the greatest overlaps
    first, of equals the first in the tables. A known key is carried to no second object.

    Raises:
        ValueError: If the volumes differ in shape, hold ids that are not in their tables, or `least` is not
            in (0, 1].
        OSError: If a volume cannot be read.
    """
    if not 0 < least <= 1:
        raise ValueError(f"expected a least overlap in (0, 1]; got {least}")
    keys = np.zeros(len(new), np.int64) if known is None else known.copy()
    taken = np.isin(old.keys, keys)
    pairs, shared = _shared_voxels(old_ids, new_ids)
    before, after = old.rows(pairs[:, 0]), new.rows(pairs[:, 1])
    overlap = shared / (old.voxels[before] + new.voxels[after] - shared)
    for k in _by_overlap(overlap, pairs, least):
        if not taken[before[k]] and not keys[after[k]]:
            taken[before[k]], keys[after[k]] = True, old.keys[before[k]]
    return keys


def with_new_keys(keys: Int64[np.ndarray, "n"], next_key: int) -> Int64[np.ndarray, "n"]:
    """These keys, and the next ones for objects that have none; `next_key` is above all that were ever given.

    Raises:
        ValueError: If `next_key` was given already.
    """
    if next_key <= keys.max(initial=0):
        raise ValueError(f"expected a next key above {keys.max()}, which is given; got {next_key}")
    fresh = keys == 0
    filled = keys.copy()
    filled[fresh] = next_key + np.arange(np.count_nonzero(fresh))
    return filled


def _by_overlap(
    overlap: Float64[np.ndarray, "p"], pairs: Int64[np.ndarray, "p 2"], least: float
) -> Iterator[int]:
    order = np.lexsort((pairs[:, 1], pairs[:, 0], -overlap))
    yield from order[overlap[order] >= least].tolist()


def _shared_voxels(a: Volume, b: Volume) -> tuple[Int64[np.ndarray, "p 2"], Int64[np.ndarray, "p"]]:
    """Ids that share voxels, and how many."""
    if a.shape != b.shape:
        raise ValueError(f"expected label volumes of one shape; got {a.shape} and {b.shape}")
    codes, counts = np.empty(0, np.int64), np.empty(0, np.int64)
    for block in tile(Box.of(a.shape), BLOCK, (0, 0, 0)):
        found, count = np.unique(_codes(a, b, block.write), return_counts=True)
        codes, place = np.unique(np.concatenate([codes, found]), return_inverse=True)
        counts = np.bincount(place, np.concatenate([counts, count]), len(codes)).astype(np.int64)
    return np.stack(np.divmod(codes, 2**32), axis=1), counts


def _codes(a: Volume, b: Volume, box: Box) -> Int64[np.ndarray, "v"]:
    """Both ids in one number, for each voxel that has two."""
    one, other = a.read(box), b.read(box)
    both = (one != 0) & (other != 0)
    return one[both].astype(np.int64) << 32 | other[both].astype(np.int64)
