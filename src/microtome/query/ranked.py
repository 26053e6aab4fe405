"""Strategies that rank candidates by a score of their own."""

from dataclasses import dataclass

import numpy as np

from microtome.query.candidates import Candidates, disjoint
from microtome.query.strategy import Pick, Selection
from microtome.query.uncertainty import Uncertainty, entropy


@dataclass(frozen=True, slots=True)
class TopK:
    """The candidates of which the model is least sure, by the mean of a voxel uncertainty over the box."""

    uncertainty: Uncertainty = entropy

    def select(self, candidates: Candidates, n: int, rng: np.random.Generator) -> Selection:
        """Choose the n most uncertain; equals in random order.

        Raises:
            ValueError: If there is no model yet, or its scores are not finite.
        """
        scores = candidates.uncertainty(self.uncertainty)
        if not np.isfinite(scores).all():
            raise ValueError(
                f"uncertainties must be finite; {np.count_nonzero(~np.isfinite(scores))} are not"
            )
        order = np.lexsort((rng.permutation(len(scores)), -scores))
        name = self.uncertainty.__name__.replace("_", " ")
        return tuple(
            Pick(
                index,
                float(scores[index]),
                f"rank {rank + 1} of {len(scores)} by {name}: {scores[index]:.4f}",
            )
            for rank, index in enumerate(disjoint(order.tolist(), candidates.boxes, n))
        )
