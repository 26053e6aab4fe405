"""Subsets of boxes that share no voxel: what strategies that choose a batch as a whole search through."""

from collections.abc import Sequence
from itertools import chain, combinations
from math import comb

import numpy as np
from jaxtyping import Bool, Int64

from microtome.box import Box


def apart(boxes: Sequence[Box]) -> Bool[np.ndarray, "n n"]:
    """Which two boxes share no voxel; a box is never apart from itself."""
    low = np.array([box.start for box in boxes]).reshape(-1, 3)
    high = np.array([box.stop for box in boxes]).reshape(-1, 3)
    overlap = np.ones((len(boxes), len(boxes)), dtype=bool)
    for a, b in zip(low.T, high.T, strict=True):
        overlap &= (a[:, None] < b) & (a < b[:, None])
    return ~overlap


def every_subset(free: Bool[np.ndarray, "n n"], size: int, most: int) -> Int64[np.ndarray, "s k"]:
    """All subsets of `size` that lie apart, one a row; none where there are too many to look at.

    Too many are more than `most`, or ones whose members are more than five times `most` in all.
    """
    count = comb(len(free), size)
    if not 0 < count <= most or count * size > 5 * most:
        return np.empty((0, size), dtype=np.int64)
    members = chain.from_iterable(combinations(range(len(free)), size))
    subsets = np.fromiter(members, dtype=np.int64, count=count * size).reshape(count, size)
    pairs = combinations(range(size), 2) if np.count_nonzero(~free) > len(free) else ()
    for i, j in pairs:
        subsets = subsets[free[subsets[:, i], subsets[:, j]]]
    return subsets
