"""Task-dependent choice: boxes from which a network learns what it needs for all the others."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float64, Int64, UInt8

from microtome.box import Box
from microtome.evaluate.overlap import contingency, dice
from microtome.predict.posterior import class_map
from microtome.query.candidates import PIECE, Candidates, Predictor, pieces
from microtome.query.strategy import Pick, Selection
from microtome.query.subsets import every_subset

SWEEPS = 20  # of swaps over all that were chosen greedily; few are needed
AT_ONCE = 2**22  # numbers looked at together


@dataclass(frozen=True, eq=False)
class Similarity:
    """d(i, j): the Dice index with which a network that learnt from image i alone finds what is in j."""

    matrix: Float64[np.ndarray, "n n"]
    measured: Bool[np.ndarray, "n n"]  # where a network was trained; the others were completed

    def expected(self, chosen: Sequence[int]) -> Float64[np.ndarray, "n"]:
        """The Dice index expected of each image, were the chosen ones learnt from: the mean of their rows.

        Raises:
            ValueError: If none is chosen.
        """
        if not len(chosen):
            raise ValueError("an expected Dice index needs at least one chosen image; got none")
        return self.matrix[list(chosen)].mean(axis=0)


def similarity(rows: Float64[np.ndarray, "k n"], teachers: Sequence[int]) -> Similarity:
    """The whole matrix from the rows of the images `teachers`, by Grüning et al. (2020).

    d(i, i) is 1; where one direction is known it stands for the other; where none is, the best way over a
    teacher does, Eq. (4): max_k ½ (d(i, k) + d(k, j)).

    Raises:
        ValueError: If there is not one row for each teacher, or no teacher.
    """
    count = rows.shape[1]
    if not len(teachers) or len(teachers) != len(rows):
        raise ValueError(f"expected a row for each teacher, of at least one; got {len(rows)} rows")
    known = rows.copy()
    known[range(len(teachers)), teachers] = 1
    matrix = np.zeros((count, count))
    for row in known:
        matrix = np.maximum(matrix, (row[:, None] + row) / 2)
    matrix[:, teachers] = known.T
    matrix[teachers] = known
    np.fill_diagonal(matrix, 1)
    measured = np.eye(count, dtype=bool)
    measured[teachers] = True
    return Similarity(matrix, measured)


@dataclass(frozen=True, slots=True)
class TaskDependent:
    """Task-dependent active learning (Grüning et al. 2020): max min of the Dice index expected of all images.

    Pseudo labels are what the model predicts. For each of `teachers` random candidates a network is trained
    on that one alone, and compared with the pseudo labels of all the others. Chosen is the set of n that,
    together with the labelled boxes, has the highest lowest expected Dice index; of equals, the one with
    the highest mean. A teacher without any object is not trained: it finds none. All objects count as one
    class. At most `pool` candidates are looked at, and as many labelled boxes; of more, a random sample.
    """

    teachers: int = 8
    pool: int = 256
    with_labelled: bool = True  # whether the mean runs over the labelled boxes too
    exhaustive: int = 100_000  # subsets; beyond that the search is greedy, followed by swaps

    def select(self, candidates: Candidates, n: int, rng: np.random.Generator) -> Selection:
        """Choose n, in greedy order; what the pool cannot give is drawn at random.

        Raises:
            ValueError: If there is no model yet.
        """
        if not n or not len(candidates):
            return ()
        pool, found = self.measured(candidates, rng)
        search, chosen = self.searched(candidates, pool, found, n)
        picks = []
        for count, row in enumerate(chosen, start=1):
            least = search.expected(chosen[:count]).min()
            reason = f"with it, the lowest Dice index expected of {len(found.matrix)} boxes is {least:.3f}"
            picks.append(Pick(int(pool[row]), 0.0, reason))
        first = [pick.index for pick in picks]
        rest = candidates.first_together([*first, *rng.permutation(len(candidates)).tolist()], n)
        return *picks, *(Pick(index, 0.0, "drawn at random") for index in rest[len(first) :])

    def measured(
        self, candidates: Candidates, rng: np.random.Generator
    ) -> tuple[Int64[np.ndarray, "m"], Similarity]:
        """The candidates that are looked at; the similarity of these and, after them, of labelled boxes.

        Raises:
            ValueError: If there is no model yet.
        """
        pool = rng.permutation(len(candidates))[: self.pool]
        boxes = [candidates.boxes[index] for index in pool]
        asked = [
            candidates.labelled[index] for index in rng.permutation(len(candidates.labelled))[: self.pool]
        ]
        return pool, self._measured(replace(candidates, boxes=(*boxes, *asked)), len(boxes), rng)

    def searched(
        self, candidates: Candidates, pool: Int64[np.ndarray, "m"], found: Similarity, n: int
    ) -> tuple["Search", list[int]]:
        """The search for n of the pool, and the rows of `found` that it ends with, in greedy order."""
        learnt = found.matrix[len(pool) :] if self.with_labelled else found.matrix[:0]
        search = Search(found.matrix[: len(pool)], learnt.sum(axis=0), len(learnt))
        return search, search.best(candidates.together(pool.tolist()), n, self.exhaustive)

    def _measured(self, among: Candidates, still_open: int, rng: np.random.Generator) -> Similarity:
        """The similarity of all boxes, of which the first are still open; teachers are drawn from those."""
        boxes, view = among.boxes, among.view
        labels = dict(_labels(view.posterior, boxes))
        teachers = rng.permutation(still_open)[: self.teachers].tolist()
        nothing = [float(not labels[index].any()) for index in range(len(boxes))]
        rows = np.array([nothing] * len(teachers))
        for row, teacher in zip(rows, teachers, strict=True):
            if labels[teacher].any():
                taught = view.taught(boxes[teacher], labels[teacher], int(rng.integers(2**31)))
                for index, found in _labels(taught, boxes):
                    row[index] = _dice(labels[index], found)
        return similarity(rows, teachers)


@dataclass(frozen=True, eq=False)
class Search:
    """For the set of boxes that, with what is learnt already, is best for the image that fares worst."""

    rows: Float64[np.ndarray, "m n"]  # d(i, j) of the boxes to choose from
    learnt: Float64[np.ndarray, "n"]  # the sum of the rows that are chosen already
    count: int  # of those rows

    def expected(self, chosen: Sequence[int]) -> Float64[np.ndarray, "n"]:
        """The Dice index expected of each image."""
        return self._total(chosen) / max(self.count + len(chosen), 1)

    def best(self, free: Bool[np.ndarray, "m m"], n: int, exhaustive: int) -> list[int]:
        """At most n boxes, mutually `free`, with the highest lowest expectation, then the highest mean.

        They come in greedy order. Beyond `exhaustive` subsets the choice itself is greedy, and then boxes are
        swapped one by one as long as that makes it better.
        """
        every = np.arange(len(self.rows))
        subsets = every_subset(free, n, exhaustive)
        if len(subsets):
            return self._greedy(free, n, subsets[self._best_subset(subsets)])
        return self._greedy(free, n, np.array(self._swapped(free, self._greedy(free, n, every))))

    def _total(self, chosen: Sequence[int]) -> Float64[np.ndarray, "n"]:
        return self.learnt + self.rows[list(chosen)].sum(axis=0)

    def _best_subset(self, subsets: Int64[np.ndarray, "s k"]) -> int:
        block = max(1, AT_ONCE // (subsets.shape[1] * self.rows.shape[1]))
        parts = (subsets[first : first + block] for first in range(0, len(subsets), block))
        return _first(np.concatenate([_qualities(self.learnt + self.rows[p].sum(axis=1)) for p in parts]))

    def _greedy(self, free: Bool[np.ndarray, "m m"], n: int, among: Int64[np.ndarray, "a"]) -> list[int]:
        chosen: list[int] = []
        while len(chosen) < n and len(among):
            totals = self._total(chosen) + self.rows[among]
            taken = int(among[_first(_qualities(totals))])
            chosen.append(taken)
            among = among[free[taken, among]]  # a box is not free of itself
        return chosen

    def _swapped(self, free: Bool[np.ndarray, "m m"], chosen: list[int]) -> list[int]:
        for _ in range(SWEEPS):
            before = list(chosen)
            for place, row in enumerate(before):
                others = [*chosen[:place], *chosen[place + 1 :]]
                allowed = np.flatnonzero(free[others].all(axis=0))
                options = np.array([row, *allowed[allowed != row]])  # of equals, what is there stays
                chosen[place] = int(options[_first(_qualities(self._total(others) + self.rows[options]))])
            if chosen == before:
                break
        return chosen


def _qualities(totals: Float64[np.ndarray, "s n"]) -> Float64[np.ndarray, "s 2"]:
    """The lowest and the mean total of each set, without the last digits: they hang on the order of sums."""
    return np.stack([totals.min(axis=1), totals.mean(axis=1)], axis=1).round(9)


def _first(qualities: Float64[np.ndarray, "s 2"]) -> int:
    """The set of the highest lowest total; of equals the one of the highest mean; of those the first."""
    return int(np.lexsort((-qualities[:, 1], -qualities[:, 0]))[0])


def _labels(predict: Predictor, boxes: Sequence[Box]) -> Iterator[tuple[int, UInt8[np.ndarray, "z y x"]]]:
    """The predicted classes of every box, neighbours predicted together."""
    for hull, members in pieces(boxes, PIECE):
        posterior = predict(hull)
        for index in members:
            yield index, class_map(posterior.crop(boxes[index].relative_to(hull)))


def _dice(labels: UInt8[np.ndarray, "z y x"], found: UInt8[np.ndarray, "z y x"]) -> float:
    """Overlap of all objects, whatever their class; 1 where there are none in either."""
    table = contingency((labels > 0).astype(np.uint8), (found > 0).astype(np.uint8), 1)
    return dice(table, 1)
