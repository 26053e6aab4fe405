"""Points that cover, stand for, or spread over a set of points: greedy choices, none with an n × n matrix.

Each is the same for the same generator. `after` says which indices a pick rules out, so that boxes that
overlap one are not chosen with it. Equals are chosen in an order that the generator draws.
"""

import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import chain, repeat

import numpy as np
from jaxtyping import Bool, Float, Float64, Int64
from scipy.spatial.distance import cdist
from threadpoolctl import threadpool_limits

MANY = 20_000  # points; more are clustered in mini-batches
NEIGHBOURS = 20  # of which the mean distance is taken (TypiClust)
MOST_CLUSTERS = 500  # TypiClust
FEW = 5  # members; TypiClust leaves clusters of no more to the end
ALIKE = 1e-6  # gains that differ by less, as a share, count as equal: they are sums of rounded terms
BLOCK = 2048  # rows that are looked at together
PART = 512  # rows and columns of one part of a kernel, which so stays in the cache

After = Callable[[int], Int64[np.ndarray, "k"]]


def nothing(index: int) -> Int64[np.ndarray, "0"]:
    """A pick that rules out no other."""
    return np.empty(0, dtype=np.int64)


@dataclass(frozen=True)
class Crowd:
    """What herding is to cover: weighted points, and what covers them already.

    A point z covers another z' by exp(−(‖z − z'‖ / radius)²).

    Raises:
        ValueError: If a point or a weight is not finite, a weight is negative, or the radius is not positive.
    """

    points: Float[np.ndarray, "m d"]
    weights: Float64[np.ndarray, "m"]  # ≥ 0
    radius: float  # > 0
    start: Float[np.ndarray, "s d"]

    def __post_init__(self) -> None:
        for rows in (self.points, self.start):
            check_finite(rows)
        if not (np.isfinite(self.weights).all() and (self.weights >= 0).all() and self.radius > 0):
            raise ValueError(f"expected finite weights ≥ 0 and a radius > 0; got a radius of {self.radius}")


@dataclass(frozen=True)
class Herd:
    """Picks, and how much cover each added."""

    picks: Int64[np.ndarray, "k"]
    gains: Float64[np.ndarray, "k"]  # not increasing


def herding(
    points: Float[np.ndarray, "n d"], crowd: Crowd, n: int, rng: np.random.Generator, after: After = nothing
) -> Herd:
    """Greedily the points that add most cover: Σ_i u_i max(0, k_ij − m_i) (MaxHerding, Bae et al. 2024).

    A gain only falls while picks are made, so that an old one is an upper bound and few are computed again
    (lazy greedy, Minoux 1978). The picks are those of the plain program up to gains that differ by less than
    one part in a million, which count as equal. Computed in the precision of the points; time is that of one
    n × m kernel and some columns more, memory O((n + m) · d).

    Raises:
        ValueError: If a point is not finite.
    """
    check_finite(points)
    with threadpool_limits(1):  # on a busy machine a second thread made it several times slower
        return _herd(points, _Cover(crowd), n, rng.permutation(len(points)), after)


def _herd(
    points: Float[np.ndarray, "n d"], cover: "_Cover", n: int, priority: Int64[np.ndarray, "n"], after: After
) -> Herd:
    least = cover.weights.sum(dtype=np.float64) * ALIKE**2  # less is no gain but rounding
    gains = cover.gains(points)
    fresh = np.ones(len(points), dtype=bool)
    allowed = np.ones(len(points), dtype=bool)
    picks: list[int] = []
    steps: list[float] = []
    while len(picks) < n and allowed.any():
        _refresh(gains, fresh, allowed, least, lambda rows: cover.gains(points[rows]))
        best = gains[allowed].max()
        equals = np.flatnonzero(allowed & (gains >= best * (1 - ALIKE) if best > least else allowed))
        index = int(equals[priority[equals].argmin()])
        picks.append(index)
        steps.append(min(float(gains[index]), steps[-1] if steps else np.inf))
        cover.add(points[index])
        fresh[:] = False
        allowed[index] = False
        allowed[after(index)] = False
    return Herd(np.array(picks, dtype=np.int64), np.array(steps))


def _refresh(
    gains: Float64[np.ndarray, "n"],
    fresh: Bool[np.ndarray, "n"],
    allowed: Bool[np.ndarray, "n"],
    least: float,
    compute: Callable[[Int64[np.ndarray, "k"]], Float64[np.ndarray, "k"]],
) -> None:
    """Bring up to date every gain that may be the largest, or equal to it, the most promising first."""
    width = 64
    while True:
        best = gains[fresh & allowed].max(initial=0.0)
        stale = np.flatnonzero(allowed & ~fresh & (gains > least) & (gains >= best * (1 - ALIKE)))
        if not len(stale):
            return
        rows = stale[np.argsort(-gains[stale], kind="stable")[:width]]
        gains[rows], fresh[rows] = compute(rows), True
        width *= 2


class _Cover:
    """How far each point of the crowd is covered so far."""

    def __init__(self, crowd: Crowd) -> None:
        self.crowd = crowd
        self.squares = np.einsum("ij,ij->i", crowd.points, crowd.points) / crowd.radius**2
        self.weights = crowd.weights.astype(crowd.points.dtype)
        self.covered = np.zeros_like(self.weights)
        for row in crowd.start:
            self.add(row)

    def add(self, row: Float[np.ndarray, "d"]) -> None:
        for part, kernel in self._kernels(row[None]):
            self.covered[part] = np.maximum(self.covered[part], kernel[0])

    def gains(self, rows: Float[np.ndarray, "k d"]) -> Float64[np.ndarray, "k"]:
        """What each of these would add, were it picked now."""
        gains = np.zeros(len(rows))
        for begin in range(0, len(rows), PART):
            block = slice(begin, begin + PART)
            for part, kernel in self._kernels(rows[block]):
                kernel -= self.covered[part]
                np.maximum(kernel, 0, out=kernel)
                gains[block] += kernel @ self.weights[part]
        return gains

    def _kernels(self, rows: Float[np.ndarray, "k d"]) -> Iterator[tuple[slice, Float[np.ndarray, "k b"]]]:
        """Cover of the crowd by each row, a part of the crowd at a time."""
        scale = 1 / self.crowd.radius**2
        squares = scale * np.einsum("ij,ij->i", rows, rows)[:, None]
        scaled = (2 * scale) * rows
        for begin in range(0, len(self.weights), PART):
            part = slice(begin, begin + PART)
            kernel = scaled @ self.crowd.points[part].T
            kernel -= squares
            kernel -= self.squares[part]
            np.minimum(kernel, 0, out=kernel)
            yield part, np.exp(kernel, out=kernel)


def k_means(
    points: Float[np.ndarray, "n d"], n: int, rng: np.random.Generator, after: After = nothing
) -> Int64[np.ndarray, "k"]:
    """The point nearest the centroid of each of n clusters, largest cluster first.

    Where a cluster is empty or all of it is ruled out, the point nearest its own centroid of all that are
    left stands in. More than 20 000 points are clustered in mini-batches.

    Raises:
        ValueError: If a point is not finite.
    """
    check_finite(points)
    if not len(points) or n < 1:
        return np.empty(0, dtype=np.int64)
    labels, _ = clustered(points, n, int(rng.integers(2**31)))
    distance, priority = _to_centroids(points, labels), rng.permutation(len(points))
    order = np.lexsort((priority, distance))
    sizes = np.bincount(labels)
    clusters = np.lexsort((rng.permutation(len(sizes)), -sizes))
    queues = [order[labels[order] == cluster] for cluster in clusters[sizes[clusters] > 0].tolist()]
    return _first_allowed(chain(queues, repeat(order, n)), len(points), n, after)


def typical(
    points: Float[np.ndarray, "n d"],
    labelled: Float[np.ndarray, "m d"],
    n: int,
    rng: np.random.Generator,
    after: After = nothing,
) -> Int64[np.ndarray, "k"]:
    """The most typical points of the m + n clusters that hold least labels (TypiClust, Hacohen et al. 2022).

    Typical is a small mean distance to the nearest 20 unlabelled points of the same cluster. There are at
    most 500 clusters; those with fewest labels come first, then the largest. Clusters of 5 unlabelled points
    or fewer come last; when all have had a turn, the turns begin again.

    Raises:
        ValueError: If a point is not finite.
    """
    check_finite(points)
    check_finite(labelled)
    if not len(points) or n < 1:
        return np.empty(0, dtype=np.int64)
    count = min(len(labelled) + n, MOST_CLUSTERS)
    everything = np.concatenate([points, labelled]) if len(labelled) else points
    clusters, _ = clustered(everything, count, int(rng.integers(2**31)))
    own = clusters[: len(points)]
    sizes = np.bincount(own, minlength=count)
    labels = np.bincount(clusters[len(points) :], minlength=count)
    turns = np.lexsort((rng.permutation(count), -sizes, labels, sizes <= FEW))
    priority = rng.permutation(len(points))

    @cache
    def queue(cluster: int) -> Int64[np.ndarray, "_"]:
        members = np.flatnonzero(own == cluster)
        return members[np.lexsort((priority[members], _isolation(points[members])))]

    clusters_in_turn = turns[sizes[turns] > 0].tolist()
    queues = (queue(cluster) for _ in range(n) for cluster in clusters_in_turn)
    return _first_allowed(queues, len(points), n, after)


def k_means_plus_plus(
    points: Float[np.ndarray, "n d"], n: int, rng: np.random.Generator, after: After = nothing
) -> Int64[np.ndarray, "k"]:
    """Points drawn with chances that grow with D², the squared distance to the nearest drawn before.

    The seeding of k-means++ (Arthur & Vassilvitskii 2007) as BADGE uses it (Ash et al. 2020): the first is
    the longest vector. Where all that is left was drawn before in another copy, each is as likely.

    Raises:
        ValueError: If a point is not finite.
    """
    check_finite(points)
    lengths = np.einsum("ij,ij->i", points, points, dtype=np.float64)
    nearest = (lengths == lengths.max(initial=0)).astype(np.float64)
    allowed = np.ones(len(points), dtype=bool)
    picks: list[int] = []
    while len(picks) < n and allowed.any():
        chance = np.where(allowed, nearest, 0)
        if not chance.any():
            chance = allowed.astype(np.float64)
        index = int(rng.choice(len(points), p=chance / chance.sum()))
        distance = _squared_distances(points, points[index])
        nearest = np.minimum(nearest, distance) if picks else distance
        picks.append(index)
        allowed[index] = False
        allowed[after(index)] = False
    return np.array(picks, dtype=np.int64)


def clustered(
    points: Float[np.ndarray, "n d"], count: int, seed: int
) -> tuple[Int64[np.ndarray, "n"], Float[np.ndarray, "k d"]]:
    """The k-means cluster of each point, and the centroids; of more than 20 000 points in mini-batches.

    In one thread, because the result must not depend on the order in which threads end.
    """
    from sklearn.cluster import KMeans, MiniBatchKMeans  # takes half a second to load
    from sklearn.exceptions import ConvergenceWarning

    count = min(count, len(points))
    algorithm: KMeans | MiniBatchKMeans = KMeans(count, n_init=1, random_state=seed)
    if len(points) > MANY:
        algorithm = MiniBatchKMeans(count, n_init=1, batch_size=4096, random_state=seed)
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # fewer distinct points than clusters
        return algorithm.fit_predict(points).astype(np.int64), algorithm.cluster_centers_


def _first_allowed(
    queues: Iterable[Int64[np.ndarray, "_"]], size: int, n: int, after: After
) -> Int64[np.ndarray, "k"]:
    """From each queue in turn the first that is not ruled out, until there are n."""
    allowed = np.ones(size, dtype=bool)
    picks: list[int] = []
    for queue in queues:
        left = queue[allowed[queue]]
        if len(left):
            picks.append(int(left[0]))
            allowed[left[0]] = False
            allowed[after(picks[-1])] = False
        if len(picks) == n or not allowed.any():
            break
    return np.array(picks, dtype=np.int64)


def _to_centroids(
    points: Float[np.ndarray, "n d"], labels: Int64[np.ndarray, "n"]
) -> Float64[np.ndarray, "n"]:
    """Distance of each point to the mean of its cluster."""
    distance = np.zeros(len(points))
    for cluster in np.unique(labels):
        members = np.flatnonzero(labels == cluster)
        mean = points[members].mean(axis=0, dtype=np.float64)
        distance[members] = np.sqrt(_squared_distances(points[members], mean))
    return distance


def _isolation(points: Float[np.ndarray, "n d"]) -> Float64[np.ndarray, "n"]:
    """Mean distance to the nearest 20 other points; 0 where there is no other."""
    count = min(NEIGHBOURS, len(points) - 1)
    mean = np.zeros(len(points))
    if not count:
        return mean
    everything = points.astype(np.float64)
    for begin in range(0, len(points), BLOCK // 4):
        block = slice(begin, begin + BLOCK // 4)
        nearest = np.partition(cdist(everything[block], everything), count, axis=1)[:, : count + 1]
        mean[block] = np.sort(nearest, axis=1)[:, 1:].mean(axis=1)  # the first is the point itself
    return mean


def _squared_distances(
    points: Float[np.ndarray, "n d"], to: Float[np.ndarray, "d"]
) -> Float64[np.ndarray, "n"]:
    """By differences in double precision, so that equal points have equal distances."""
    squared = np.empty(len(points))
    for begin in range(0, len(points), BLOCK):
        block = points[begin : begin + BLOCK].astype(np.float64)
        squared[begin : begin + BLOCK] = cdist(block, to[None].astype(np.float64), "sqeuclidean")[:, 0]
    return squared


def check_finite(points: Float[np.ndarray, "n d"]) -> None:
    """Raises ValueError if a coordinate is NaN or infinite."""
    blocks = range(0, len(points), BLOCK)
    unfit = sum(int((~np.isfinite(points[b : b + BLOCK]).all(axis=1)).sum()) for b in blocks)
    if unfit:
        raise ValueError(f"expected finite vectors; {unfit} of {len(points)} are not")
