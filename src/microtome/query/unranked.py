"""Strategies that draw candidates without asking a model how sure it is: the baselines."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float64
from scipy.spatial import cKDTree
from scipy.stats import qmc

from microtome.query.candidates import Candidates, Census
from microtome.query.strategy import Pick, Selection


@dataclass(frozen=True, slots=True)
class Random:
    """Uniformly random candidates."""

    def select(self, candidates: Candidates, n: int, rng: np.random.Generator) -> Selection:
        """Choose n, each candidate as likely as any other."""
        order = rng.permutation(len(candidates)).tolist()
        return tuple(Pick(index, 0.0, "drawn at random") for index in candidates.first_together(order, n))


@dataclass(frozen=True, slots=True)
class ForegroundRandom:
    """Random candidates, a share of them around foreground (nnActive, Lüth et al. 2025).

    Half of the share holds a random voxel of a random class, half a random voxel of a class border;
    the rest is uniformly random. 2/3 and 1/3 are the paper's settings. `truth` stands for an expert who
    points at objects; `prediction` is the honest form where nobody does.
    """

    share: float = 2 / 3
    by: Literal["truth", "prediction"] = "truth"

    def select(self, candidates: Candidates, n: int, rng: np.random.Generator) -> Selection:
        """Choose n by repeated draws without replacement.

        Raises:
            ValueError: If neither truth nor a model is there to say where foreground is.
        """
        by_truth = self.by == "truth"
        census = candidates.census_of_truth() if by_truth else candidates.census_of_prediction()
        order: list[int] = []
        reasons: dict[int, str] = {}
        left = np.ones(len(candidates), dtype=bool)
        while len(order) < n and left.any():
            weights, reason = self._draw_area(census, left, rng)
            index = int(rng.choice(len(left), p=weights / weights.sum()))
            taken = candidates.first_together([*order, index], n)
            left[index] = False
            if len(taken) > len(order):
                order, reasons[index] = taken, reason
        return tuple(Pick(index, 0.0, reasons[index]) for index in order)

    def _draw_area(
        self, census: Census, left: np.ndarray, rng: np.random.Generator
    ) -> tuple[Float64[np.ndarray, "n"], str]:
        """Weights of the candidates for one draw, and its reason; uniform where the area is empty."""
        draw = rng.random()
        weights, reason = np.ones(len(left)), "drawn at random"
        if draw < self.share / 2:
            present = 1 + np.flatnonzero(census.classes[left][:, 1:].sum(axis=0))
            if len(present):
                c = int(rng.choice(present))
                weights, reason = (
                    census.classes[:, c].astype(np.float64),
                    f"drawn around a voxel of class {c}",
                )
        elif draw < self.share and census.borders[left].any():
            weights, reason = census.borders.astype(np.float64), "drawn around a class border"
        return weights * left, reason


@dataclass(frozen=True, slots=True)
class Strided:
    """Candidates spread evenly over the volume: nearest to the points of a scrambled Halton sequence.

    The regular-spacing baseline of Burmeister et al. (2022), for any number of candidates and any shape.
    """

    def select(self, candidates: Candidates, n: int, rng: np.random.Generator) -> Selection:
        """Choose n, as far from clumping as the sequence allows."""
        if not len(candidates):
            return ()
        centres = np.array([np.add(box.start, box.stop) / 2 for box in candidates.boxes])
        low, high = centres.min(axis=0), centres.max(axis=0)
        extent = np.maximum(high - low, 1)
        tree = cKDTree((centres - low) / extent)
        points = qmc.Halton(3, rng=rng).random(4 * n + 16)
        nearest = dict.fromkeys(np.asarray(tree.query(points)[1]).tolist())
        order = [*nearest, *(i for i in rng.permutation(len(candidates)).tolist() if i not in nearest)]
        return tuple(
            Pick(i, 0.0, "spread evenly over the volume") for i in candidates.first_together(order, n)
        )
