"""Suggestive annotation: of the uncertain boxes, those that stand for all the others."""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float, Float64, Int64

from microtome.query.candidates import Candidates
from microtome.query.embedding import Embedding, bottleneck, unit
from microtome.query.scores import Score, Uncertain
from microtome.query.strategy import Pick, Selection
from microtome.query.subsets import every_subset
from microtome.query.uncertainty import mutual_information

MOST = 4096  # uncertain boxes to choose from, and boxes to stand for: similarities of 128 MiB
AT_ONCE = 2**22  # similarities looked at together


@dataclass(frozen=True, slots=True)
class SuggestiveAnnotation:
    """Suggestive annotation (Yang et al. 2017) as Grüning et al. (2020) use it.

    Of the most uncertain half of the candidates U it is the subset S of size n with the largest
    Σ_{j∈U} max_{s∈S} cos(f_s, f_j). The score is the mean divergence of an ensemble's members from their
    mean, where the posterior is one of an ensemble. S is searched exhaustively up to `exhaustive` subsets,
    and greedily beyond. In large pools S comes from the `MOST` most uncertain, and the sum runs over a
    random sample of `MOST`.
    """

    score: Score = field(default_factory=lambda: Uncertain(mutual_information))
    embedding: Embedding = bottleneck
    keep: Literal["half", "twice"] = "half"  # of the candidates; Yang et al. keep twice as many as asked for
    exhaustive: int = 100_000

    def select(self, candidates: Candidates, n: int, rng: np.random.Generator) -> Selection:
        """Choose n; where the uncertain ones do not suffice, the rest are the most uncertain of the others.

        The score of a pick is what it adds to the mean similarity.

        Raises:
            ValueError: If there is no model yet, or a score is not finite.
        """
        if not n or not len(candidates):
            return ()
        scores = self.score(candidates)
        order = np.lexsort((rng.permutation(len(scores)), -scores))
        kept = 2 * n if self.keep == "twice" else (len(order) + 1) // 2
        pool = rng.permutation(order[: min(kept, MOST)])
        picks = self._representative(candidates, pool, scores, n, rng)
        chosen = [pick.index for pick in picks]
        rest = candidates.first_together([*chosen, *order.tolist()], n)[len(chosen) :]
        return *picks, *(Pick(i, 0.0, f"next by {self.score}: {scores[i]:.4f}") for i in rest)

    def _representative(
        self,
        candidates: Candidates,
        pool: Int64[np.ndarray, "p"],
        scores: Float64[np.ndarray, "n"],
        n: int,
        rng: np.random.Generator,
    ) -> list[Pick]:
        alike = self._alike(candidates, pool, rng)
        free = candidates.together(pool.tolist())
        picks, covered = [], -1.0  # no similarity is lower
        for row, gain in representatives(alike, free, n, self.exhaustive):
            covered += gain
            index = int(pool[row])
            unsure = f"{self.score} {scores[index]:.4f}"
            reason = f"{unsure}; boxes are {covered:.3f} alike to the nearest chosen one, with it the last"
            picks.append(Pick(index, gain, reason))
        return picks

    def _alike(
        self, candidates: Candidates, pool: Int64[np.ndarray, "p"], rng: np.random.Generator
    ) -> Float[np.ndarray, "p u"]:
        """Cosine similarity of the boxes of the pool to all that they may stand for."""
        sample = rng.permutation(len(candidates))[:MOST]
        needed, where = np.unique(np.concatenate([pool, sample]), return_inverse=True)
        rows = unit(self.embedding(candidates, [candidates.boxes[index] for index in needed]))
        return rows[where[: len(pool)]] @ rows[where[len(pool) :]].T


def representatives(
    alike: Float[np.ndarray, "p u"], free: Bool[np.ndarray, "p p"], n: int, exhaustive: int
) -> list[tuple[int, float]]:
    """At most n rows, mutually `free`, that have the highest mean over the columns of their best similarity.

    They come in greedy order, each with what it adds to that mean, which is -1 before the first. Beyond
    `exhaustive` subsets the choice itself is greedy: where all are free, it adds at least 1 - 1/e of the
    best one's (Nemhauser 1978).
    """
    subsets = every_subset(free, n, exhaustive)
    if not len(subsets):
        return _greedy(alike, free, n)
    block = max(1, AT_ONCE // (n * alike.shape[1]))
    parts = [subsets[first : first + block] for first in range(0, len(subsets), block)]
    means = np.concatenate([alike[part].max(axis=1).mean(axis=1) for part in parts])
    best = subsets[means.argmax()]
    return [(int(best[row]), gain) for row, gain in _greedy(alike[best], free[np.ix_(best, best)], n)]


def _greedy(
    alike: Float[np.ndarray, "p u"], free: Bool[np.ndarray, "p p"], n: int
) -> list[tuple[int, float]]:
    covered = np.full(alike.shape[1], -1.0)
    left = np.ones(len(alike), dtype=bool)
    block = max(1, AT_ONCE // alike.shape[1])
    chosen: list[tuple[int, float]] = []
    while len(chosen) < n and left.any():
        rows = np.flatnonzero(left)
        parts = [rows[first : first + block] for first in range(0, len(rows), block)]
        gains = np.concatenate([np.maximum(alike[part] - covered, 0).mean(axis=1) for part in parts])
        best = int(gains.argmax())
        taken = int(rows[best])
        chosen.append((taken, float(gains[best])))
        covered = np.maximum(covered, alike[taken])
        left &= free[taken]  # which a box is not with itself
    return chosen
