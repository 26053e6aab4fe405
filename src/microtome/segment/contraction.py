"""Basins that one block alone shows to belong together: so that what is kept grows with faces and seeds."""

import numpy as np
from jaxtyping import Bool, Int64, UInt8
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from microtome.segment.adjacency import Contacts
from microtome.segment.relief import OUTSIDE, SEED, SEEDED
from microtome.segment.stage import in_order


def contracted(
    contacts: Contacts, marks: UInt8[np.ndarray, "n"], is_open: Bool[np.ndarray, "n"]
) -> Int64[np.ndarray, "n"]:
    """Groups of basins, from 0 in the order of their first, that flooding joins whatever lies around.

    Basins that touch in a seed are one. One without a seed, all of whose contacts are known, is of what it
    reaches over its highest pass, again and again (Borůvka 1926); if it is inside of something, only over
    passes that are inside, too. `is_open`: it may have contacts in other blocks.
    """
    n = len(marks)
    passes = contacts.chosen(contacts.order)
    passes = passes.chosen(passes.height > OUTSIDE)
    in_seed = passes.height == SEED
    groups = _linked(passes.one[in_seed], passes.other[in_seed], n)
    while True:
        one, other = groups[passes.one], groups[passes.other]
        apart = one != other
        one, other, passes = one[apart], other[apart], passes.chosen(apart)
        count = int(groups.max()) + 1
        best = _first_pass(one, other, count)
        mark, unknown = np.zeros(count, np.uint8), np.zeros(count, bool)
        np.maximum.at(mark, groups, marks)
        unknown[groups[is_open]] = True
        goes = np.flatnonzero(~unknown & (mark < SEEDED) & (best < len(one)))
        over = best[goes]
        joined = over[(passes.height[over] > 0) | (mark[goes] == 0)]
        if not len(joined):
            return in_order(groups, np.arange(n))
        groups = _linked(one[joined], other[joined], count)[groups]


def _first_pass(
    one: Int64[np.ndarray, "e"], other: Int64[np.ndarray, "e"], count: int
) -> Int64[np.ndarray, "_"]:
    """The first pass of each group; as many as there are passes where it has none."""
    first = np.full(count, len(one))
    for ends in (other, one):
        numbers = np.full(count, len(one))
        numbers[ends[::-1]] = np.arange(len(one))[::-1]  # the last one written stays
        first = np.minimum(first, numbers)
    return first


def _linked(one: Int64[np.ndarray, "e"], other: Int64[np.ndarray, "e"], count: int) -> Int64[np.ndarray, "_"]:
    graph = coo_array((np.ones(len(one), bool), (one, other)), shape=(count, count))
    return connected_components(graph, directed=False)[1].astype(np.int64)
