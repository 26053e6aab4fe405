"""How much each candidate is worth asking for: one number a box, larger is better."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float64

from microtome.labels import annotated
from microtome.oracle import CostModel
from microtome.predict.posterior import Posterior, class_map
from microtome.predict.sampling import Sampling
from microtome.query.aggregate import Aggregate, mean
from microtome.query.candidates import Candidates
from microtome.query.uncertainty import Uncertainty, entropy


@runtime_checkable
class Score(Protocol):
    """A number for each candidate; `str` of it names it for people."""

    def __call__(self, candidates: Candidates) -> Float64[np.ndarray, "n"]: ...


@dataclass(frozen=True, slots=True)
class Uncertain:
    """How unsure the model is of a box: a measure of each voxel, aggregated over the box."""

    measure: Uncertainty = entropy
    aggregate: Aggregate = mean
    sampling: Sampling | None = None  # None samples posteriors as the project is set to

    def __call__(self, candidates: Candidates) -> Float64[np.ndarray, "n"]:
        """Raises ValueError if there is no model yet, or a score is not finite."""
        return _of_posteriors(candidates, self._of, self.sampling)

    def __str__(self) -> str:
        how = "" if self.aggregate is mean else f", {_words(self.aggregate)}"
        return _words(self.measure) + how

    def _of(self, posterior: Posterior) -> float:
        return self.aggregate(self.measure(posterior), posterior)


@dataclass(frozen=True, slots=True)
class PredictedLoss:
    """The loss that a head of the network predicts (learning loss, Yoo & Kweon 2019)."""

    def __call__(self, candidates: Candidates) -> Float64[np.ndarray, "n"]:
        """Raises ValueError if there is no model yet, or it has no such head."""
        return candidates.view.losses(candidates.boxes) if len(candidates) else np.zeros(0)

    def __str__(self) -> str:
        return "predicted loss"


@dataclass(frozen=True, slots=True)
class TrueError:
    """The share of known voxels that the model gets wrong. It needs the truth: for benchmarks alone."""

    def __call__(self, candidates: Candidates) -> Float64[np.ndarray, "n"]:
        """Raises ValueError if there is no model yet, or the truth is not known."""
        truth = candidates.known_truth
        scores = np.zeros(len(candidates))
        for index, posterior in candidates.posteriors():
            labels = truth(candidates.boxes[index])
            wrong = (class_map(posterior) != labels)[annotated(labels)]
            scores[index] = wrong.mean() if wrong.size else 0.0
        return scores

    def __str__(self) -> str:
        return "true error"


@dataclass(frozen=True, slots=True)
class PerMinute:
    """A score divided by the minutes that the answer is expected to take.

    Scores that may be below 0, as a predicted loss, are counted from the least of them. A patch is opened and
    looked through; then either its expected contour Σ‖∇p̄‖ is drawn, or the expected errors Σ(1 − max p̄) are,
    whichever is less.
    """

    score: Score = field(default_factory=Uncertain)
    cost: CostModel = field(default_factory=CostModel)

    def __call__(self, candidates: Candidates) -> Float64[np.ndarray, "n"]:
        """Raises ValueError if there is no model yet."""
        scores = self.score(candidates)
        return (scores - scores.min(initial=0)) / _of_posteriors(candidates, self._minutes)

    def __str__(self) -> str:
        return f"{self.score} a minute"

    def _minutes(self, posterior: Posterior) -> float:
        foreground = 1 - posterior.mean[0]
        steps = (np.diff(foreground, axis=axis, append=np.take(foreground, [-1], axis)) for axis in (1, 2))
        contour = float(np.sqrt(sum(step.astype(np.float64) ** 2 for step in steps)).sum())
        errors = float((1 - posterior.mean.max(axis=0)).sum(dtype=np.float64))
        seconds = self.cost.open_seconds + self.cost.scan_seconds * foreground.size * 1e-6
        return (seconds + self.cost.draw_seconds * min(contour, errors)) / 60


def _of_posteriors(
    candidates: Candidates, value: Callable[[Posterior], float], sampling: Sampling | None = None
) -> Float64[np.ndarray, "n"]:
    scores = np.zeros(len(candidates))
    for index, score in candidates.told(value, sampling):
        scores[index] = score
    unfit = np.count_nonzero(~np.isfinite(scores))
    if unfit:
        raise ValueError(f"scores must be finite; {unfit} of {len(scores)} are not")
    return scores


def _words(function: Callable[..., object]) -> str:
    return function.__name__.replace("_", " ")
