"""Heights from which basins are told apart: the further inside of an instance, the higher."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float32

from microtome.box import Box
from microtome.segment.foreground import Foreground, Probability

SEED = np.float32(np.inf)  # higher than all else
OUTSIDE = np.float32(-np.inf)  # of every basin
INSIDE, SEEDED = 1, 2  # marks of basins: one that reaches above 0; one that reaches a seed


@runtime_checkable
class Relief(Protocol):
    """Heights, box by box: those of the whole volume whatever the box; must pickle."""

    def __call__(self, box: Box) -> Float32[np.ndarray, "z y x"]:
        """SEED in seeds, OUTSIDE where nothing is to be labelled, and above 0 inside of instances."""
        ...


@dataclass(frozen=True)
class Inside:
    """Distance from the background, at most that of a seed, times probability; OUTSIDE in the background.

    Where a seed may have any distance, the height is the probability. A filled hole counts as barely
    foreground.
    """

    foreground: Foreground
    probability: Probability
    threshold: float
    seed_threshold: float
    seed_distance_nm: float

    def __call__(self, box: Box) -> Float32[np.ndarray, "z y x"]:
        mask = self.foreground(box)
        if not mask.any():  # most blocks of a sparse volume
            return np.full(box.shape, OUTSIDE)
        height = np.maximum(self.probability.proportion(box), np.float32(self.threshold))
        seeds = mask & (height >= np.float32(self.seed_threshold))
        if self.seed_distance_nm > 0:
            distance = self.foreground.distance_nm(box, self.seed_distance_nm)
            seeds &= distance >= np.float32(self.seed_distance_nm)
            height *= distance
        height[~mask] = OUTSIDE
        height[seeds] = SEED
        return height


@dataclass(frozen=True)
class Between:
    """Distance from likely borders; in these, the further below 0 the likelier they are."""

    inside: Foreground  # what is no border
    border: Probability
    seed_distance_nm: float

    def __call__(self, box: Box) -> Float32[np.ndarray, "z y x"]:
        likely = self.border.proportion(box)
        distance = self.inside.distance_nm(box, self.seed_distance_nm)
        height = np.where(self.inside(box), distance * (1 - likely), -likely)
        height[distance >= np.float32(self.seed_distance_nm)] = SEED
        return height
