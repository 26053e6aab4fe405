"""Orders in which people can be shown all proposals that there are."""

import numpy as np
from jaxtyping import Bool, Float, Float64, Int64

from microtome.objects.clustering import Clusters

Rows = Int64[np.ndarray, "n"]


def unsure_first(probability: Float[np.ndarray, "n"]) -> Rows:
    """The least probable first, as `microtome proofread --all` shows them.

    Of objects of at least ½ that is the order of entropy, too.
    """
    return np.argsort(probability, kind="stable")


def by_suspicion(clusters: Clusters, suspicion: Float64[np.ndarray, "g"]) -> Rows:
    """Group by group, the most suspected first, of equals the first; in each, by distance to its middle.

    Raises:
        ValueError: If there is not a suspicion for each group.
    """
    return clusters.ranked(suspicion).in_order(np.arange(len(clusters.groups)))


def said_wrong(
    clusters: Clusters, rows: Int64[np.ndarray, "m"], wrong: Bool[np.ndarray, "m"]
) -> Float64[np.ndarray, "g"]:
    """The share of each group's answers that say wrong, as if there were one more, of the share of all.

    Raises:
        ValueError: If nothing was answered.
    """
    if not len(rows):
        raise ValueError("expected answers on some objects; got none")
    groups, count = clusters.groups[rows], len(clusters)
    answers = np.bincount(groups, minlength=count)
    return (np.bincount(groups, wrong, minlength=count) + wrong.mean()) / (answers + 1)
