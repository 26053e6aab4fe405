"""Seeded watershed of a whole volume: what touches is cut where it is thin or unlikely."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64

from microtome.segment.adjacency import Contacts, contacts
from microtome.segment.basins import Basins
from microtome.segment.components import Neighbours
from microtome.segment.flooding import flooded, seeds_of
from microtome.segment.foreground import Foreground, Probability
from microtome.segment.relief import SEEDED, Inside, Relief
from microtome.segment.settings import InstanceSettings
from microtome.segment.stage import Grouped, Stage, Wholes
from microtome.segment.work import Work


@dataclass(frozen=True, eq=False)
class Graph:
    """The basins of a relief, and which of them touch."""

    stage: Stage
    basins: Wholes
    contacts: Contacts


def graph_of(work: Work, relief: Relief, border: Probability, *, flat: bool = False) -> Graph:
    """Search the basins of a relief, and their contacts with what is said of a border there.

    Raises:
        ValueError: If what is read is damaged.
        OSError: If it cannot be read, or the folder of the work not written.
    """
    stage = work.stage("basins")
    stage.search(Basins(relief, work.volume.shape, flat), "searching basins")
    basins = stage.wholes(Neighbours(flat=flat))
    regions = work.make(work.folder / "basins.ome.zarr", np.uint64)
    ids = np.arange(1, len(basins.voxels) + 1, dtype=np.uint64)
    stage.write(basins, ids, regions, "writing basins")
    return Graph(stage, basins, contacts(work, regions, relief, border, flat=flat))


def watershed(
    work: Work, foreground: Foreground, probability: Probability, settings: InstanceSettings
) -> Grouped:
    """One instance for each seed, and, if they are to be kept, for what touches none.

    Raises:
        ValueError: If what is read is damaged.
        OSError: If it cannot be read, or the folder of the work not written.
    """
    relief = Inside(
        foreground, probability, settings.threshold, settings.seed_threshold, settings.seed_distance_nm
    )
    graph = graph_of(work, relief, probability)
    groups = flooded(graph.contacts, seeds_of(graph.contacts, graph.basins.marks))
    if not settings.keep_unseeded:
        groups = _seeded(groups, graph.basins)
    return Grouped(graph.stage, graph.basins, groups)


def _seeded(groups: Int64[np.ndarray, "n"], basins: Wholes) -> Int64[np.ndarray, "n"]:
    """The groups; -1 for those without a seed."""
    has_seed = np.zeros(len(groups), bool)
    has_seed[groups[basins.marks == SEEDED]] = True
    return np.where(has_seed[groups], groups, -1)
