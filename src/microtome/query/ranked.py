"""Strategies that rank candidates by a score of their own."""

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float64

from microtome.query.candidates import Candidates
from microtome.query.scores import Score, Uncertain
from microtome.query.strategy import Pick, Selection

LEAST = 1e-12  # a score of 0 has no logarithm


@dataclass(frozen=True, slots=True)
class TopK:
    """The candidates of the highest score."""

    score: Score = field(default_factory=Uncertain)

    def select(self, candidates: Candidates, n: int, rng: np.random.Generator) -> Selection:
        """Choose the n highest; equals in random order.

        Raises:
            ValueError: If there is no model yet, or a score is not finite.
        """
        return ranked(candidates, self.score(candidates), n, rng, str(self.score))


@dataclass(frozen=True, slots=True)
class Power:
    """The candidates of the highest score after noise: log score + Gumbel(0, 1/β) (Kirsch et al. 2023).

    As if drawn one by one without replacement, each with a chance that grows with score^β. That keeps a
    batch from being the same uncertain place over and over. β = 1 is the paper's setting.
    """

    score: Score = field(default_factory=Uncertain)
    beta: float = 1.0

    def select(self, candidates: Candidates, n: int, rng: np.random.Generator) -> Selection:
        """Choose the n highest.

        Raises:
            ValueError: If there is no model yet, or a score is not finite.
        """
        noisy = powered(self.score(candidates), self.beta, rng)
        return ranked(candidates, noisy, n, rng, f"the logarithm of {self.score} with noise")


def powered(
    scores: Float64[np.ndarray, "n"], beta: float, rng: np.random.Generator
) -> Float64[np.ndarray, "n"]:
    """Log score + Gumbel(0, 1/β) of each; scores must not be negative."""
    return np.log(np.maximum(scores, LEAST)) + rng.gumbel(0, 1 / beta, len(scores))


def ranked(
    candidates: Candidates, scores: Float64[np.ndarray, "n"], n: int, rng: np.random.Generator, by: str
) -> Selection:
    """The n highest that may be asked for together, best first, equals in random order."""
    order = np.lexsort((rng.permutation(len(scores)), -scores))
    return tuple(
        Pick(index, float(scores[index]), f"rank {rank + 1} of {len(scores)} by {by}: {scores[index]:.4f}")
        for rank, index in enumerate(candidates.first_together(order.tolist(), n))
    )
