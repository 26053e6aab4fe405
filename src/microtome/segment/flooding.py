"""Which seed each region of a graph belongs to: that which it reaches over the highest passes."""

import numpy as np
from jaxtyping import Int64, UInt8
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components, minimum_spanning_tree

from microtome.segment.adjacency import Contacts
from microtome.segment.relief import SEED, SEEDED
from microtome.segment.stage import in_order


def flooded(
    contacts: Contacts, seeds: Int64[np.ndarray, "n"], lowest: float = -np.inf
) -> Int64[np.ndarray, "n"]:
    """The group, from 0, of each region, from its seed, or -1 if it is none; regions of a seed are one group.

    Water falls and uncovers the passes from the highest on, down to but without `lowest`; what has no seed
    joins what has, two with seeds are kept apart. It is a maximum spanning forest, one tree for each seed
    (Meyer 1994). What reaches no seed is a group of its own. Groups are in the order of their first
    regions.
    """
    n = len(seeds)
    nodes = _nodes(seeds)
    count, between = int(nodes.max(initial=-1)) + 1, contacts.between(nodes)
    passes = between.chosen(between.order)
    passes = passes.chosen(passes.height > lowest)
    sources = np.unique(nodes[seeds >= 0])
    root = np.full(len(sources), count)
    ranks = np.arange(len(passes.one)) + 2.0
    weights = np.concatenate([ranks, np.ones(len(sources))])  # the root comes before all passes
    ends = (np.concatenate([passes.one, root]), np.concatenate([passes.other, sources]))
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
