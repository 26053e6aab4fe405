"""Two-stream queries of images: alike in what a classifier says of them, then in how they look."""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Int64
from scipy.spatial.distance import cdist

from microtome.objects.clustering import Clusters, turns
from microtome.query.diversity import check_finite, clustered

FAR = 0.2  # of the open images of a crowded cluster: those farthest from its labelled ones


@dataclass(frozen=True, eq=False)
class TwoStreams:
    """Class scores of images, soft-max, and their means in a VAE.

    Raises:
        ValueError: If the streams differ in length, or a number is not finite.
    """

    scores: Float32[np.ndarray, "n k"]
    means: Float32[np.ndarray, "m d"]

    def __post_init__(self) -> None:
        if len(self.scores) != len(self.means):
            raise ValueError(
                f"expected two streams of the same images; got {len(self.scores)} and {len(self.means)}"
            )
        check_finite(self.scores)
        check_finite(self.means)


def two_stream(
    candidates: TwoStreams, labelled: TwoStreams, n: int, clusters: int, rng: np.random.Generator
) -> Int64[np.ndarray, "k"]:
    """Rows of n candidates, as Lin et al. (2020) ask on CIFAR-10 in their released variant, put right.

    k-means finds `clusters` clusters of the candidates by their scores, and k-means in each of them n /
    `clusters` parts by the means, each of which gives the member nearest its centre. Clusters with fewer
    members give all they have, and the surplus goes to the largest others. A labelled image belongs to the
    cluster whose centre is nearest; where a cluster has more than its share of all labelled ones, only the
    fifth of its candidates that is farthest from these takes part, or as many as it is to give.

    Raises:
        ValueError: If there is not at least one cluster.
    """
    if clusters < 1:
        raise ValueError(f"expected at least one cluster; got {clusters}")
    if not len(candidates.scores) or n < 1:
        return np.empty(0, dtype=np.int64)
    groups, centres = clustered(candidates.scores, clusters, int(rng.integers(2**31)))
    rows = np.flatnonzero(_taking_part(candidates, labelled, n, groups, centres))
    dense = np.unique(groups[rows], return_inverse=True)[1].astype(np.int64)
    found = Clusters(dense, np.zeros(len(rows)), candidates.means[rows])
    return rows[found.representatives(n, rng)]


def _taking_part(
    candidates: TwoStreams,
    labelled: TwoStreams,
    n: int,
    groups: Int64[np.ndarray, "n"],
    centres: Float32[np.ndarray, "k c"],
) -> Bool[np.ndarray, "n"]:
    part = np.ones(len(groups), dtype=bool)
    if not len(labelled.scores):
        return part
    nearest = cdist(labelled.scores, centres).argmin(axis=1)
    known, share = np.bincount(nearest, minlength=len(centres)), len(nearest) / len(centres)
    gives = np.bincount(turns(groups, part, n), minlength=len(centres))
    for group in np.flatnonzero(known > share):
        members = np.flatnonzero(groups == group)
        if len(members):
            away = cdist(candidates.means[members], labelled.means[nearest == group]).min(axis=1)
            kept = max(math.ceil(FAR * len(members)), int(gives[group]))
            part[members[np.argsort(-away, kind="stable")[kept:]]] = False
    return part
