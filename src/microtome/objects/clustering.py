"""Groups of objects that look alike, from two streams of features, and which objects stand for each group."""

from collections.abc import Iterator
from dataclasses import dataclass
from heapq import heapify, heappop, heappush

import numpy as np
from jaxtyping import Bool, Float, Float64, Int64
from scipy.spatial.distance import cdist

from microtome.query.diversity import check_finite, clustered

BLOCK = 2048  # rows that are looked at together


def nobody() -> Int64[np.ndarray, "0"]:
    """No rows."""
    return np.empty(0, dtype=np.int64)


@dataclass(frozen=True, eq=False)
class Clusters:
    """The group of each object, and how far the object lies from the middle of it.

    Groups are numbered 0, 1, …, none empty, as they are made those that share a cluster of the first stream
    side by side.
    `points` is the space of the last level: distances are Euclidean in it.
    """

    groups: Int64[np.ndarray, "n"]
    distance: Float64[np.ndarray, "n"]
    points: Float[np.ndarray, "n d"]

    def __len__(self) -> int:
        return int(self.groups.max(initial=-1)) + 1

    def in_order(self, rows: Int64[np.ndarray, "k"]) -> Int64[np.ndarray, "k"]:
        """These rows as people should see them: by group, then by distance to its middle (Lin et al. 2020).

        The control is `rng.permutation(rows)`.
        """
        return rows[np.lexsort((rows, self.distance[rows], self.groups[rows]))]

    def ranked(self, worth: Float64[np.ndarray, "g"]) -> "Clusters":
        """The same groups, numbered by their worth from the highest down, of equals the first first.

        Raises:
            ValueError: If there is not a worth for each group.
        """
        if len(worth) != len(self):
            raise ValueError(f"expected a number for each of {len(self)} groups; got {len(worth)}")
        place = np.empty(len(self), dtype=np.int64)
        place[np.argsort(-worth, kind="stable")] = np.arange(len(self))
        return Clusters(place[self.groups], self.distance, self.points)

    def representatives(
        self, n: int, rng: np.random.Generator, answered: Int64[np.ndarray, "m"] | None = None
    ) -> Int64[np.ndarray, "k"]:
        """At most n rows to ask about, none of them answered, in turns from all groups.

        Each pick goes to the group that has fewest representatives so far, the answered ones of earlier
        rounds among them, of equals to the largest. So n = N · M · Q gives Q a group in the first round;
        groups with fewer members give all they have, and the surplus goes to the largest others. In a group
        of q picks and a answered members, k-means finds q + a parts; the largest parts that hold no answer
        give the member nearest their middle.

        Raises:
            ValueError: If an answered row is not one of the objects.
        """
        still_open = _open(len(self.groups), nobody() if answered is None else answered)
        turned = turns(self.groups, still_open, n)
        wanted = np.bincount(turned, minlength=len(self))
        queues: list[Iterator[int]] = [iter(())] * len(self)
        for group, members in _members(self.groups):
            if wanted[group]:
                picks = _picked(self.points, members, still_open[members], int(wanted[group]), rng)
                queues[group] = iter(picks.tolist())
        return np.array([next(queues[group]) for group in turned.tolist()], dtype=np.int64)


def hierarchical(
    masks: Float[np.ndarray, "n a"],
    images: Float[np.ndarray, "m b"],
    clusters: tuple[int, int],
    rng: np.random.Generator,
    *,
    standardise: bool = False,
) -> Clusters:
    """N × M groups: k-means into N by the masks, then each of these into M by the images (Lin et al. 2020).

    M = 1 goes by the masks alone, N = 1 by the images alone; the other stream is not looked at. Features are
    taken as they are, as the paper does; `standardise` scales each to mean 0 and deviation 1. Clusters with
    fewer members than M make a group of each.

    Raises:
        ValueError: If the streams differ in length, a feature is not finite, or a number is below 1.
    """
    _require(masks, images, *clusters)
    first, second = clusters
    streams = [_standardised(rows) if standardise else rows for rows in (masks, images)]
    if second == 1:
        return _grouped(streams[0], _split(streams[0], first, rng))
    groups = np.zeros(len(masks), dtype=np.int64) if first == 1 else _split(streams[0], first, rng)
    leaves = np.zeros(len(masks), dtype=np.int64)
    for group, members in _members(groups):
        leaves[members] = group * second + _split(streams[1][members], second, rng)
    return _grouped(streams[1], leaves)


def late_fusion(
    masks: Float[np.ndarray, "n a"],
    images: Float[np.ndarray, "m b"],
    groups: int,
    rng: np.random.Generator,
    *,
    standardise: bool = False,
) -> Clusters:
    """Groups by k-means on both streams side by side: the paper's design to compare with.

    Raises:
        ValueError: As `hierarchical` does.
    """
    _require(masks, images, groups)
    streams = [_standardised(rows) if standardise else rows for rows in (masks, images)]
    fused = np.concatenate(streams, axis=1)
    return _grouped(fused, _split(fused, groups, rng))


def turns(
    groups: Int64[np.ndarray, "n"], still_open: Bool[np.ndarray, "n"], n: int
) -> Int64[np.ndarray, "k"]:
    """Which group each of n picks goes to: the one with fewest representatives, of equals the largest."""
    sizes, left = np.bincount(groups), np.bincount(groups[still_open], minlength=groups.max(initial=-1) + 1)
    heap = [
        (int(size - free), -int(size), group)
        for group, (size, free) in enumerate(zip(sizes.tolist(), left.tolist(), strict=True))
        if free
    ]
    heapify(heap)
    chosen: list[int] = []
    while heap and len(chosen) < n:
        had, size, group = heappop(heap)
        chosen.append(group)
        left[group] -= 1
        if left[group]:
            heappush(heap, (had + 1, size, group))
    return np.array(chosen, dtype=np.int64)


def _split(points: Float[np.ndarray, "n d"], count: int, rng: np.random.Generator) -> Int64[np.ndarray, "n"]:
    """The k-means cluster of each row; every row its own where there are no more rows than clusters."""
    seed = int(rng.integers(2**31))
    if count == 1 or len(points) <= count:
        return np.arange(len(points)) % count
    return clustered(points, count, seed)[0]


def _grouped(points: Float[np.ndarray, "n d"], leaves: Int64[np.ndarray, "n"]) -> Clusters:
    groups = np.unique(leaves, return_inverse=True)[1].astype(np.int64)
    distance = np.zeros(len(points))
    for _, members in _members(groups):
        distance[members] = _to_middle(points, members)
    return Clusters(groups, distance, points)


def _picked(
    points: Float[np.ndarray, "n d"],
    members: Int64[np.ndarray, "m"],
    still_open: Bool[np.ndarray, "m"],
    wanted: int,
    rng: np.random.Generator,
) -> Int64[np.ndarray, "k"]:
    """`wanted` open members: one a part of the group without an answer, then those nearest the middle."""
    shuffled = rng.permutation(len(members))  # so that equals come in an order that the generator draws
    members, still_open = members[shuffled], still_open[shuffled]
    free: list[Int64[np.ndarray, "_"]] = []
    if wanted < np.count_nonzero(still_open):
        parts = _split(points[members], wanted + int((~still_open).sum()), rng)
        free = [members[rows] for _, rows in _members(parts) if still_open[rows].all()]
    free.sort(key=len, reverse=True)
    picks = [_nearest(points, part, 1) for part in free[:wanted]]
    missing = wanted - len(picks)  # where there are fewer distinct points than parts, or all are wanted
    left = members[still_open & ~np.isin(members, np.concatenate([nobody(), *picks]))]
    return np.concatenate([nobody(), *picks, _nearest(points, left, missing)])


def _nearest(
    points: Float[np.ndarray, "n d"], rows: Int64[np.ndarray, "m"], n: int
) -> Int64[np.ndarray, "k"]:
    """The `n` of these rows that lie nearest their mean, the first of equals."""
    return rows[np.argsort(_to_middle(points, rows), kind="stable")[:n]] if n else nobody()


def _members(groups: Int64[np.ndarray, "n"]) -> Iterator[tuple[int, Int64[np.ndarray, "m"]]]:
    """Each group that has members, in order, and their rows."""
    order = np.argsort(groups, kind="stable")
    present, begin = np.unique(groups[order], return_index=True)
    yield from zip(present.tolist(), np.split(order, begin[1:]), strict=False)


def _to_middle(points: Float[np.ndarray, "n d"], rows: Int64[np.ndarray, "m"]) -> Float64[np.ndarray, "m"]:
    """Distance of these points to their mean."""
    if not len(rows):
        return np.zeros(0)
    middle = points[rows].mean(axis=0, dtype=np.float64)[None]
    blocks = (rows[begin : begin + BLOCK] for begin in range(0, len(rows), BLOCK))
    return np.concatenate([cdist(points[block].astype(np.float64), middle)[:, 0] for block in blocks])


def _standardised(points: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n d"]:
    """Each column less its mean, over its deviation; a constant column is 0."""
    if not len(points):
        return points
    scaled = points - points.mean(axis=0, dtype=np.float64).astype(points.dtype)
    variance = np.einsum("nd,nd->d", scaled, scaled, dtype=np.float64) / len(points)  # no float64 copy of all
    deviation = np.where(np.ptp(points, axis=0) > 0, np.sqrt(variance), np.inf)
    scaled /= deviation.astype(points.dtype)
    return scaled


def _open(n: int, answered: Int64[np.ndarray, "m"]) -> Bool[np.ndarray, "n"]:
    if answered.size and (answered.min() < 0 or answered.max() >= n):
        raise ValueError(f"expected answered rows in 0..{n - 1}; got {answered.min()}..{answered.max()}")
    still_open = np.ones(n, dtype=bool)
    still_open[answered] = False
    return still_open


def _require(masks: Float[np.ndarray, "n a"], images: Float[np.ndarray, "m b"], *counts: int) -> None:
    if len(masks) != len(images):
        raise ValueError(f"expected two streams of the same objects; got {len(masks)} and {len(images)} rows")
    if min(counts) < 1:
        raise ValueError(f"expected at least one cluster a level; got {counts}")
    for rows in (masks, images):
        check_finite(rows)
