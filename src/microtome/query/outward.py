"""Growing: what lies next to what is labelled, first along the sections, then to the sides (Guay 2021)."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64
from scipy.spatial import cKDTree

from microtome.query.candidates import Candidates
from microtome.query.strategy import Pick, Selection


@dataclass(frozen=True, slots=True)
class Outward:
    """The candidates nearest to what is labelled; of equally near ones the deeper section first.

    A step of one box to the side counts as `sideways` sections, so that a box is followed through so many of
    them before the area grows. Before anything is labelled the candidate in the middle is the first.
    """

    sideways: float = 25.0

    def select(self, candidates: Candidates, n: int, rng: np.random.Generator) -> Selection:
        """Choose the n nearest."""
        if not len(candidates):
            return ()
        places = self._places(np.array([box.start for box in candidates.boxes]), candidates)
        known = np.array([box.start for box in candidates.labelled])
        if len(known):
            labelled = self._places(known, candidates)
        else:
            middle = (places.min(axis=0) + places.max(axis=0)) / 2
            labelled = places[[np.abs(places - middle).sum(axis=1).argmin()]]
        distances, nearest = (np.asarray(found) for found in cKDTree(labelled).query(places, p=1))
        deeper = places[:, 0] - labelled[nearest, 0]
        order = np.lexsort((places[:, 2], places[:, 1], -deeper, np.round(distances, 6)))
        depth = candidates.boxes[0].shape[0] if len(known) else None
        return tuple(
            Pick(index, -float(distances[index]), self._reason(float(distances[index]), depth))
            for index in candidates.first_together(order.tolist(), n)
        )

    def _places(self, starts: np.ndarray, candidates: Candidates) -> Float64[np.ndarray, "n 3"]:
        """In sections: a box's side in y or x is `sideways` of them."""
        _, y, x = candidates.boxes[0].shape
        return starts * np.array([1.0, self.sideways / y, self.sideways / x])

    def _reason(self, distance: float, depth: int | None) -> str:
        """By the distance of the corners of boxes of so many sections; None before anything is labelled."""
        if depth is None:
            return "in the middle: the first to be labelled" if not distance else "next to the first"
        if distance < self.sideways:
            sections = max(distance - depth + 1, 0)
            return f"{sections:.0f} section{'s' * (sections != 1)} from what is labelled"
        return f"to the side of what is labelled, {distance:.0f} steps away"
