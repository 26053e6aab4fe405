"""Which seed each region of a graph belongs to: that which it reaches over the highest passes."""

import numpy as np
from jaxtyping import Int64, UInt8
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components, minimum_spanning_tree

from microtome.segment.basins import SEEDED
from microtome.segment.contacts import Contacts
from microtome.segment.relief import SEED
from microtome.segment.stage import in_order


def flooded(
    contacts: Contacts, seeds: Int64[np.ndarray, "n"], lowest: float = -np.inf
) -> Int64[np.ndarray, "n"]:
    """The group, from 0, of each region, from its seed, or -1 if it is none; regions of a seed are one group.

    Water falls and uncovers the passes from the highest on, down to but without `lowest`; what has no seed
    joins what has, two with seeds are kept apart. It is a maximum spanning forest, one tree for each seed
    (Meyer 1994). Of passes of one height the first pair of regions comes first. What reaches no seed is a
    group of its own.
    """
    n = len(seeds)
    nodes = _nodes(seeds)
    count, higher = int(nodes.max(initial=-1)) + 1, contacts.height > lowest
    one, other = contacts.one[higher], contacts.other[higher]
    order = np.lexsort((other, one, -contacts.height[higher]))
    low, high = np.sort(np.stack([nodes[one], nodes[other]])[:, order], axis=0)
    codes, rank = np.unique(low * count + high, return_index=True)  # the first of equal pairs
    low, high = np.divmod(codes, max(count, 1))
    apart = low != high
    sources = np.unique(nodes[seeds >= 0])
    root = np.full(len(sources), count)
    weights = np.concatenate([rank[apart] + 2.0, np.ones(len(sources))])  # the root comes before all passes
    ends = (np.concatenate([low[apart], root]), np.concatenate([high[apart], sources]))
    tree = minimum_spanning_tree(coo_array((weights, ends), shape=(count + 1, count + 1)).tocsr()).tocoo()
    kept = tree.data > 1
    forest = coo_array((tree.data[kept], (tree.row[kept], tree.col[kept])), shape=(count + 1, count + 1))
    groups = connected_components(forest, directed=False)[1].astype(np.int64)
    return in_order(groups[nodes], np.arange(n))


def seeds_of(contacts: Contacts, marks: UInt8[np.ndarray, "n"]) -> Int64[np.ndarray, "n"]:
    """The seed, from 0, that each basin ends in, -1 if it is none; basins that touch in a seed share it."""
    one, other = contacts.one[contacts.height == SEED], contacts.other[contacts.height == SEED]
    n = len(marks)
    if not n:
        return np.empty(0, np.int64)
    graph = coo_array((np.ones(len(one), bool), (one, other)), shape=(n, n))
    seed = connected_components(graph, directed=False)[1]
    return np.where(marks == SEEDED, seed, -1).astype(np.int64)


def _nodes(seeds: Int64[np.ndarray, "n"]) -> Int64[np.ndarray, "n"]:
    """A number for each seed, and for each region without one."""
    own = np.arange(len(seeds)) + seeds.max(initial=-1) + 1
    return np.unique(np.where(seeds >= 0, seeds, own), return_inverse=True)[1].astype(np.int64)
