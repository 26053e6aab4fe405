"""What to ask before there is a model: what lies far apart, and what looks different."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from microtome.query.candidates import Candidates
from microtome.query.embedding import appearance
from microtome.query.strategy import Pick, Selection
from microtome.query.unranked import Strided

BY_PLACE = "spread evenly over the volume"
BY_LOOKS = "looks least like what was asked before it"
LOOKED_AT = 1024  # candidates whose images are read; of more, a random sample


@dataclass(frozen=True, slots=True)
class ColdStart:
    """Half the candidates spread evenly over the volume, half spread over how their images look.

    The second half is chosen by greedy k-centre (Gonzalez 1985; Sener & Savarese 2018) over simple image
    features: each is the candidate that looks least like all chosen before it.
    """

    def select(self, candidates: Candidates, n: int, rng: np.random.Generator) -> Selection:
        """Choose n, in turns from both halves.

        Raises:
            ValueError: If there is no image to look at.
        """
        if not len(candidates):
            return ()
        sample = rng.permutation(len(candidates))[:LOOKED_AT].tolist()
        even = [pick.index for pick in Strided().select(candidates, n, rng)]
        pool = list(dict.fromkeys([*even, *sample]))
        looks = appearance(candidates, [candidates.boxes[index] for index in pool])
        farthest = np.full(len(pool), np.inf)  # from all chosen before, in appearance; -1 once it was taken
        picks: list[Pick] = []
        while len(picks) < n and farthest.max() >= 0:
            by_place = len(picks) % 2 == 0
            row = _first_free(farthest) if by_place else int(farthest.argmax())
            chosen = [pick.index for pick in picks]
            if len(candidates.first_together([*chosen, pool[row]], n)) > len(chosen):
                picks.append(Pick(pool[row], 0.0, BY_PLACE if by_place else BY_LOOKS))
                farthest = np.minimum(farthest, np.linalg.norm(looks - looks[row], axis=1))
            farthest[row] = -1
        return tuple(picks)


def _first_free(farthest: Float64[np.ndarray, "n"]) -> int:
    """The next of the pool, which begins with candidates that are spread over the volume."""
    return int((farthest >= 0).argmax())
