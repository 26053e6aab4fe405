"""ClaSP PE: uncertainty asked for class by class, more boldly at first than at the end."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from microtome.predict.posterior import Posterior
from microtome.query.candidates import Candidates
from microtome.query.ranked import powered
from microtome.query.strategy import Pick, Selection
from microtome.query.uncertainty import entropy

BETA_AT_THE_END = 100.0  # β rises to it from 1, exponentially over the planned rounds


@dataclass(frozen=True, slots=True)
class ClassStratified:
    """Class-stratified, scheduled power noise on predictive entropy (ClaSP PE, Lüth, Traub et al. 2026).

    A share of the batch is split evenly over the foreground classes, each ranked by the mean of p̄_c · H
    over the box; the rest is ranked by the mean of H. Scores get power noise whose β is 100^t, t the share
    of the planned rounds that have passed.
    """

    share: float = 0.66

    def select(self, candidates: Candidates, n: int, rng: np.random.Generator) -> Selection:
        """Choose n, in turns from all strata, so that the best of each come first.

        Raises:
            ValueError: If there is no model yet.
        """
        if not len(candidates):
            return ()
        scores = self._scores(candidates)
        beta = BETA_AT_THE_END**candidates.elapsed
        orders = [np.argsort(-powered(column, beta, rng), kind="stable").tolist() for column in scores.T]
        chosen: list[int] = []
        picks = []
        for stratum in self._strata(n, candidates.classes, rng):
            taken = _next(orders[stratum], chosen, candidates)
            if taken is None:
                break
            chosen.append(taken)
            name = f"entropy of class {stratum}" if stratum else "entropy"
            picks.append(Pick(taken, 0.0, f"drawn by {name}: {scores[taken, stratum]:.4f}"))
        return tuple(picks)

    def _scores(self, candidates: Candidates) -> Float64[np.ndarray, "n c"]:
        """Mean entropy of each box, and that of each foreground class."""
        scores = np.zeros((len(candidates), candidates.classes))
        for index, entropies in candidates.told(_entropies):
            scores[index] = entropies
        return scores

    def _strata(self, n: int, classes: int, rng: np.random.Generator) -> list[int]:
        """The stratum of each of n picks: 0 for all classes together, else a foreground class.

        Where the share does not divide, the classes that get one more are drawn; the strata are interleaved.
        """
        foreground = classes - 1
        stratified = int(self.share * n)
        each, more = divmod(stratified, foreground)
        counts = np.full(classes, each)
        counts[0] = n - stratified
        counts[1 + rng.permutation(foreground)[:more]] += 1
        places = [((k + 0.5) / count, c) for c, count in enumerate(counts.tolist()) for k in range(count)]
        return [c for _, c in sorted(places)]


def _entropies(posterior: Posterior) -> Float64[np.ndarray, "c"]:
    """Mean entropy of a box, and what each foreground class has of it."""
    voxels = entropy(posterior)
    shares = [(proba * voxels).mean(dtype=np.float64) for proba in posterior.mean[1:]]
    return np.array([voxels.mean(dtype=np.float64), *shares])


def _next(order: list[int], chosen: list[int], candidates: Candidates) -> int | None:
    """The best of a stratum that shares no voxel with what was chosen; it and all before it are used up."""
    while order:
        index = order.pop(0)
        if len(candidates.first_together([*chosen, index], len(chosen) + 1)) > len(chosen):
            return index
    return None
