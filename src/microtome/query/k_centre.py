"""Greedy k-centre: each pick is the point farthest from all before it."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Float64, Int64
from scipy.spatial.distance import cdist
from threadpoolctl import threadpool_limits

from microtome.query.diversity import After, check_finite, nothing

HELD = 8192  # points farthest away, brought up to date with every pick
BLOCK = 2048  # rows of one matrix product: what it gives stays in the cache
BATCH = 256  # centres of one matrix product
ROUNDING = 2.0**-24  # of float32
LARGEST = 1e15  # coordinate
SMALLEST = 2.0**-126  # of float32


@dataclass(frozen=True)
class Centres:
    """Picks, and how far the farthest allowed point lay from the nearest centre before each and at last."""

    picks: Int64[np.ndarray, "k"]
    radii: Float64[np.ndarray, "r"]  # k + 1, not increasing; inf before a first centre, 0 when none is left


def k_centres(
    points: Float32[np.ndarray, "n d"],
    start: Float32[np.ndarray, "s d"],
    n: int,
    rng: np.random.Generator,
    after: After = nothing,
) -> Centres:
    """Greedy k-centre from the centres `start` on (Gonzalez 1985; Sener & Savarese 2018).

    With no centre to start from, the first is random. The picks are those of the program that computes every
    distance in double precision by differences; equals are taken in an order that the generator draws.
    Nothing the size of the points is copied: memory beside them is O(n + (s + k) · d).

    Raises:
        ValueError: If a coordinate is not finite, or larger than 1e15.
    """
    for rows in (points, start):
        check_finite(rows)
        if abs(rows.max(initial=0)) > LARGEST or abs(rows.min(initial=0)) > LARGEST:
            raise ValueError(f"expected coordinates of at most {LARGEST:g}, so that float32 can square them")
    picks: list[int] = []
    radii: list[float] = []
    with threadpool_limits(1):  # products are small: on a busy machine a second thread doubled the time
        search = _Farthest(points, start, min(n, len(points)), rng.permutation(len(points)))
        while True:
            index, radius = search.farthest()
            radii.append(radius)
            if index < 0 or len(picks) == n:
                return Centres(np.array(picks, dtype=np.int64), np.array(radii))
            picks.append(index)
            search.pick(index, after(index))


class _Farthest:
    """Finds the point farthest from all centres without computing all distances.

    Distances to the nearest centre only fall, so an old one is an upper bound. Each point has such a bound:
    a float32 matrix product plus all that its rounding can amount to. The points with the largest bounds are
    held and brought up to date with every pick; the others only when their largest bound exceeds those, with
    all centres picked meanwhile in one product, and no more of them than needed. The point with the largest
    bound gets its exact distance; if its bound still is the largest then, it is the farthest.
    """

    def __init__(
        self,
        points: Float32[np.ndarray, "n d"],
        start: Float32[np.ndarray, "s d"],
        n: int,
        priority: Int64[np.ndarray, "n"],
    ) -> None:
        self.points, self.priority = points, priority
        self.mean = points.mean(axis=0, dtype=np.float64) if len(points) else np.zeros(points.shape[1])
        self.mean = self.mean.astype(np.float32)
        self.squares = self._squares(points)
        self.bound = np.full(len(points), np.inf)  # squared distance; −inf when ruled out
        self.exact = np.ones(len(points), dtype=bool)
        self.applied = np.zeros(len(points), dtype=np.int64)  # centres that the bound accounts for
        self.rows = np.empty(0, dtype=np.int64)  # of the points that are held
        self.held = points[:0]
        self.others = (-np.inf, 0)  # the largest bound of those that are not, and its priority
        self.count = len(start)
        self.centres = np.concatenate([start, np.zeros((n, points.shape[1]), np.float32)])
        self.centre_squares = np.concatenate([self._squares(start), np.zeros(n)])

    def farthest(self) -> tuple[int, float]:
        """Index of the allowed point farthest from all centres, and its distance; −1 and 0 if none."""
        width = 1
        while True:
            top = self._top()
            if top < 0 or (self.bound[top], -self.priority[top]) < self.others:
                if self.others[0] == -np.inf and len(self.rows) == min(HELD, len(self.bound)):
                    return -1, 0.0
                self._hold()
            elif self.exact[top] or self.bound[top] == 0:
                return top, float(np.sqrt(self.bound[top]))
            else:
                self._measure(width)
                width = min(2 * width, BLOCK)

    def pick(self, index: int, ruled_out: Int64[np.ndarray, "k"]) -> None:
        """Make a point a centre, and rule out others with it."""
        self.centres[self.count] = self.points[index]
        self.centre_squares[self.count] = self.squares[index]
        self.count += 1
        self.bound[index] = self.bound[ruled_out] = -np.inf
        self.exact[index] = self.exact[ruled_out] = True
        self._lower(self.rows, self.held, self.count - 1)

    def _top(self) -> int:
        """Of the points that are held, the one with the largest bound; −1 if none is left."""
        bound = self.bound[self.rows]
        if bound.max(initial=-np.inf) == -np.inf:
            return -1
        equals = self.rows[bound == bound.max()]
        return int(equals[self.priority[equals].argmin()])

    def _measure(self, width: int) -> None:
        """Exact distances of the `width` points of the largest bounds that are held and not exact."""
        rows = self.rows[~self.exact[self.rows]]
        rows = rows[np.argsort(-self.bound[rows], kind="stable")[:width]]
        centres = self.centres[: self.count].astype(np.float64)
        self.bound[rows] = cdist(self.points[rows].astype(np.float64), centres, "sqeuclidean").min(axis=1)
        self.exact[rows] = True

    def _hold(self) -> None:
        """Bring points up to date until the farthest must be among them; hold those of the largest bounds."""
        order = np.argsort(-self.bound, kind="stable")
        at_least, begin, size = -np.inf, 0, HELD // 2
        while begin < len(order) and self.bound[order[begin]] > max(at_least, np.finfo(np.float64).min):
            rows = order[begin : begin + size]
            self._bring_up_to_date(rows[self.bound[rows] >= at_least])
            at_least = max(at_least, self._at_least(rows))
            begin, size = begin + size, 2 * size
        self.rows = self._largest(HELD)
        self._bring_up_to_date(self.rows)
        self.held = self.points[self.rows] - self.mean

    def _at_least(self, rows: Int64[np.ndarray, "k"]) -> float:
        """What the largest distance among these points, which are up to date, is not below."""
        slack = np.where(self.exact[rows], 0, 2 * self._rounding(rows))
        return float((self.bound[rows] - slack).max())

    def _largest(self, count: int) -> Int64[np.ndarray, "k"]:
        """The points of the largest bounds, by priority where equal; notes the best of the others."""
        if count >= len(self.bound):
            self.others = (-np.inf, 0)
            return np.arange(len(self.bound))
        level = np.partition(self.bound, -count)[-count]
        above = np.flatnonzero(self.bound > level)
        equal = np.flatnonzero(self.bound == level)
        equal = equal[np.argsort(self.priority[equal])]
        others = np.ones(len(self.bound), dtype=bool)
        rows = np.concatenate([above, equal[: count - len(above)]])
        others[rows] = False
        best = np.flatnonzero(others & (self.bound == self.bound[others].max()))
        self.others = (float(self.bound[best[0]]), -int(self.priority[best].min()))
        return rows

    def _bring_up_to_date(self, rows: Int64[np.ndarray, "k"]) -> None:
        rows = rows[np.argsort(self.applied[rows], kind="stable")]
        for begin in range(0, len(rows), BLOCK):
            block = rows[begin : begin + BLOCK]
            if self.applied[block[0]] < self.count:
                self._lower(block, self.points[block] - self.mean, int(self.applied[block[0]]))

    def _lower(self, rows: Int64[np.ndarray, "k"], centred: Float32[np.ndarray, "k d"], first: int) -> None:
        """Account for the centres from `first` on in the bounds of these points."""
        nearest = np.full(len(rows), np.inf, dtype=np.float32)
        for begin in range(first, self.count, BATCH):
            batch = slice(begin, min(begin + BATCH, self.count))
            squared = (self.centres[batch] - self.mean) @ centred.T
            squared *= -2
            squared += self.centre_squares[batch, None].astype(np.float32)
            np.minimum(nearest, squared.min(axis=0), out=nearest)
        distance, slack = nearest + self.squares[rows], self._rounding(rows)
        self.exact[rows] &= distance - slack >= self.bound[rows]
        self.bound[rows] = np.minimum(self.bound[rows], distance + slack)
        self.applied[rows] = self.count

    def _rounding(self, rows: Int64[np.ndarray, "k"]) -> Float64[np.ndarray, "k"]:
        """What a squared distance in float32 can be wrong by: (d + 16) u (‖x‖ + ‖c‖)², x and c centred."""
        longest = np.sqrt(self.centre_squares[: self.count].max(initial=0))
        reach = (np.sqrt(self.squares[rows]) + longest) ** 2
        return (self.points.shape[1] + 16) * (ROUNDING * reach + SMALLEST)

    def _squares(self, points: Float32[np.ndarray, "k d"]) -> Float64[np.ndarray, "k"]:
        """Squared lengths of points less the mean."""
        squares = np.empty(len(points))
        for begin in range(0, len(points), BLOCK):
            centred = points[begin : begin + BLOCK] - self.mean
            squares[begin : begin + BLOCK] = np.einsum("ij,ij->i", centred, centred)
        return squares
