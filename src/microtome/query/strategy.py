"""What a strategy is: it chooses n of the candidates, best first, and says why for each."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from microtome.query.candidates import Candidates


@dataclass(frozen=True, slots=True)
class Pick:
    """One chosen candidate."""

    index: int
    score: float  # larger was better for this strategy; 0 where it does not rank
    reason: str  # one sentence for the person who is asked


Selection = tuple[Pick, ...]


@runtime_checkable
class Strategy(Protocol):
    """Picks are distinct, share no voxel, come best first, and are the same for the same generator.

    They may share voxels where candidates are objects (`Candidates.sharing`). Fewer than n come back where
    fewer can be had.
    """

    def select(self, candidates: Candidates, n: int, rng: np.random.Generator) -> Selection: ...
