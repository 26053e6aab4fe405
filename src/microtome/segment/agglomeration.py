"""Instances that fill a volume, as neurons do: fragments, merged where a border between them is unlikely."""

from typing import Any

import numpy as np
from jaxtyping import Int64

from microtome.segment.adjacency import Contacts
from microtome.segment.flooding import flooded, seeds_of
from microtome.segment.foreground import Foreground, Probability
from microtome.segment.relief import Between
from microtome.segment.settings import InstanceSettings
from microtome.segment.stage import Grouped
from microtome.segment.watershed import graph_of
from microtome.segment.work import Work


def agglomerated(work: Work, border: Probability, settings: InstanceSettings) -> Grouped:
    """Instances from the probability of borders between them; every voxel is of one.

    Fragments are grown from seeds inside of what borders enclose, and from what they enclose without a seed;
    then the two with the least mean probability of a border between them are merged, again and again.

    Raises:
        ValueError: If what is read is damaged.
        OSError: If it cannot be read, or the folder of the work not written.
    """
    inside = Foreground(border, settings.threshold, below=True)
    relief = Between(inside, border, settings.seed_distance_nm)
    graph = graph_of(work, relief, border, flat=settings.per_section)
    marks = graph.basins.marks
    enclosed = flooded(graph.contacts, seeds_of(graph.contacts, marks), lowest=0)
    fragments = flooded(graph.contacts, np.where(marks > 0, enclosed, -1))
    return Grouped(
        graph.stage, graph.basins, merged(graph.contacts.between(fragments), fragments, settings.merge_below)
    )


def merged(contacts: Contacts, fragments: Int64[np.ndarray, "n"], below: float) -> Int64[np.ndarray, "n"]:
    """Groups of fragments: the least likely border is taken away until none is `below` this on average.

    The mean is over the faces of the voxels where they touch (Nunez-Iglesias et al. 2013).
    """
    from skimage.graph import RAG, merge_hierarchical

    count = int(fragments.max(initial=-1)) + 1
    graph = RAG()
    for fragment in range(count):
        graph.add_node(fragment, labels=[fragment])
    columns = (contacts.one, contacts.other, contacts.border / 255, contacts.faces)
    for one, other, border, faces in zip(*(column.tolist() for column in columns), strict=True):
        graph.add_edge(one, other, weight=border / faces, border=border, faces=faces)
    groups = merge_hierarchical(np.arange(count), graph, below, False, True, _nothing, _mean_border)
    return groups[fragments]


def _mean_border(graph: Any, one: int, other: int, neighbour: int) -> dict[str, float]:  # noqa: ANN401
    """The contact of two fragments, now one, with a neighbour of either."""
    edges = [graph[neighbour][fragment] for fragment in (one, other) if fragment in graph[neighbour]]
    border, faces = (sum(edge[name] for edge in edges) for name in ("border", "faces"))
    return {"weight": border / faces, "border": border, "faces": faces}


def _nothing(graph: Any, one: int, other: int) -> None:  # noqa: ANN401
    """What else is to be done when two fragments are merged."""
