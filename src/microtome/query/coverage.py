"""Strategies that spread a batch over how candidates look, or that choose what stands for many of them."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float64, Int64
from scipy.spatial.distance import cdist

from microtome.query.candidates import Candidates
from microtome.query.diversity import After, Crowd, herding, k_means, k_means_plus_plus, nothing, typical
from microtome.query.embedding import Embedding, bottleneck, unit
from microtome.query.k_centre import k_centres
from microtome.query.scores import Score
from microtome.query.strategy import Pick, Selection

SAME = 1e-6  # unit vectors no farther apart are copies of each other
SAMPLED = 1024  # candidates whose nearest neighbours give a radius before there are two answers
NEAREST = "nearest the middle of a group of candidates that look alike"
TYPICAL = "typical of a group of candidates that look alike and hold few answers"
DRAWN = "drawn because it would change the model in another way than those drawn before"


@dataclass(frozen=True, slots=True)
class KMeans:
    """The candidate nearest the centroid of each of n clusters (Roels & Saeys 2019)."""

    embedding: Embedding = bottleneck

    def select(self, candidates: Candidates, n: int, rng: np.random.Generator) -> Selection:
        """Choose n, one a cluster, the largest cluster first.

        Raises:
            ValueError: If the embedding cannot be had, or is not finite.
        """
        if not len(candidates) or n < 1:
            return ()
        points, _ = _embedded(self.embedding, candidates)
        return _unranked(k_means(points, n, rng, _overlaps(candidates)), NEAREST)


@dataclass(frozen=True, slots=True)
class CoreSet:
    """The candidates farthest from all asked before, by greedy k-centre (Sener & Savarese 2018)."""

    embedding: Embedding = bottleneck

    def select(self, candidates: Candidates, n: int, rng: np.random.Generator) -> Selection:
        """Choose n, each the farthest from what is labelled and chosen; the very first is random.

        Raises:
            ValueError: If the embedding cannot be had, or is not finite.
        """
        if not len(candidates) or n < 1:
            return ()
        points, labelled = (rows.astype(np.float32) for rows in _embedded(self.embedding, candidates))
        centres = k_centres(points, labelled, n, rng, _overlaps(candidates))
        reasons = (
            f"looks least like all asked before it: {radius:.4g} away from the nearest"
            if np.isfinite(radius)
            else "drawn at random, as nothing was asked before it"
            for radius in centres.radii
        )
        return tuple(
            Pick(index, 0.0, reason) for index, reason in zip(centres.picks.tolist(), reasons, strict=False)
        )


@dataclass(frozen=True, slots=True)
class TypiClust:
    """Typical candidates of the clusters that hold least answers (Hacohen et al. 2022)."""

    embedding: Embedding = bottleneck

    def select(self, candidates: Candidates, n: int, rng: np.random.Generator) -> Selection:
        """Choose n, in turns from the clusters.

        Raises:
            ValueError: If the embedding cannot be had, or is not finite.
        """
        if not len(candidates) or n < 1:
            return ()
        points, labelled = _embedded(self.embedding, candidates)
        return _unranked(typical(points, labelled, n, rng, _overlaps(candidates)), TYPICAL)


@dataclass(frozen=True, slots=True)
class Herding:
    """Candidates that stand for most others that nothing asked stands for yet.

    Without a score that is MaxHerding (Bae et al. 2024); with one, candidates count as much as they score:
    Uncertainty Herding (Bae et al. 2025), without its temperature scaling, since answers are not known
    here. One stands for another by exp(−(distance / radius)²) of their embeddings, scaled to length 1. The
    radius is the smallest distance between two answers, so that it shrinks and the score gains weight as
    answers come in; before there are two, it is the median distance of candidates to their nearest.
    """

    embedding: Embedding = bottleneck
    score: Score | None = None
    sample: int = 20_000  # candidates that are to be stood for; of more, a random sample

    def select(self, candidates: Candidates, n: int, rng: np.random.Generator) -> Selection:
        """Choose n greedily.

        Raises:
            ValueError: If the embedding or the score cannot be had or is not finite, or a score is negative.
        """
        if not len(candidates) or n < 1:
            return ()
        points, labelled = (unit(rows) for rows in _embedded(self.embedding, candidates))
        weights = np.ones(len(points)) if self.score is None else self.score(candidates)
        sample = rng.permutation(len(points))[: self.sample]
        crowd = Crowd(points[sample], weights[sample], _radius(points, labelled, rng), labelled)
        herd = herding(points, crowd, n, rng, _overlaps(candidates))
        by = "" if self.score is None else f", counted by {self.score}"
        return tuple(
            Pick(index, gain, f"stands for {gain:.4g} candidates that nothing asked stands for yet{by}")
            for index, gain in zip(herd.picks.tolist(), herd.gains.tolist(), strict=True)
        )


@dataclass(frozen=True, slots=True)
class Badge:
    """Candidates whose gradients are large and differ: k-means++ on them (BADGE, Ash et al. 2020)."""

    def select(self, candidates: Candidates, n: int, rng: np.random.Generator) -> Selection:
        """Choose n, the longest gradient first, then drawn by squared distance to those chosen.

        Raises:
            ValueError: If there is no model yet, or a gradient is not finite.
        """
        if not len(candidates) or n < 1:
            return ()
        gradients = candidates.view.gradients(candidates.boxes)
        return _unranked(k_means_plus_plus(gradients, n, rng, _overlaps(candidates)), DRAWN)


def _unranked(indices: Int64[np.ndarray, "k"], reason: str) -> Selection:
    return tuple(Pick(index, 0.0, reason) for index in indices.tolist())


def _embedded(
    embedding: Embedding, candidates: Candidates
) -> tuple[Float[np.ndarray, "n d"], Float[np.ndarray, "m d"]]:
    """Candidates and what is labelled, in one space."""
    rows = embedding(candidates, [*candidates.boxes, *candidates.labelled])
    return rows[: len(candidates)], rows[len(candidates) :]


def _overlaps(candidates: Candidates) -> After:
    """Which candidates share a voxel with a picked one; none matter where they may."""
    if candidates.sharing:
        return nothing
    low = np.array([box.start for box in candidates.boxes])
    high = np.array([box.stop for box in candidates.boxes])

    def after(index: int) -> Int64[np.ndarray, "k"]:
        return np.flatnonzero(((low < high[index]) & (high > low[index])).all(axis=1))

    return after


def _radius(
    points: Float[np.ndarray, "n d"], labelled: Float[np.ndarray, "m d"], rng: np.random.Generator
) -> float:
    """The smallest distance between answers; with fewer than two, what is usual between candidates."""
    gaps = _gaps(labelled)
    if len(gaps):
        return float(gaps.min())
    gaps = _gaps(points[rng.permutation(len(points))[:SAMPLED]])
    return float(np.median(gaps)) if len(gaps) else 1.0


def _gaps(rows: Float[np.ndarray, "n d"]) -> Float64[np.ndarray, "k"]:
    """Distance of each row to the nearest that is no copy of it, where there is one."""
    if not np.isfinite(rows).all():
        raise ValueError("expected finite vectors")
    nearest = np.array([_nearest(row, rows) for row in rows])
    return nearest[np.isfinite(nearest)]


def _nearest(row: Float[np.ndarray, "d"], rows: Float[np.ndarray, "n d"]) -> float:
    distances = cdist(row[None], rows)[0]
    return float(distances.min(initial=np.inf, where=distances > SAME))
