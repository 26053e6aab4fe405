"""Which predictions of the same voxels are taken to see how much they differ."""

from dataclasses import dataclass
from typing import Literal

Sampling = Literal["single", "flips", "dropout", "ensemble", "maximum"]
SYMMETRIES = (0, 3, 1, 2, 4, 7, 5, 6)  # identity and half turn first: the farthest apart when few are taken


@dataclass(frozen=True, slots=True)
class Pass:
    """One prediction: by which member, of which mirror image, with which dropout masks."""

    member: int
    symmetry: int = 0
    dropout: int | None = None  # seed of the masks; None is no dropout


def passes(sampling: Sampling, members: int, samples: int, seed: int) -> tuple[Pass, ...]:
    """The passes of one posterior, shared evenly by the members.

    `single` predicts once a member, `ensemble` likewise but expects several, `maximum` likewise, for the
    largest probability of each class in place of the mean (Guay 2021); `flips` takes mirror images and
    quarter turns (at most 8 a member), `dropout` random masks (Gal & Ghahramani 2016).

    Raises:
        ValueError: If no samples are asked for, more flips than exist, or there is no ensemble.
    """
    if samples < 1:
        raise ValueError(f"samples must be at least 1; got {samples}")
    if sampling == "ensemble" and members < 2:
        raise ValueError(f"sampling 'ensemble' expects a model with 2 members or more; got {members}")
    if sampling in ("single", "ensemble", "maximum"):
        return tuple(Pass(member) for member in range(members))
    each = -(-samples // members)
    if sampling == "flips":
        if each > len(SYMMETRIES):
            raise ValueError(f"an image has {len(SYMMETRIES)} flips and quarter turns; got samples {samples}")
        return tuple(Pass(member, symmetry=turn) for member in range(members) for turn in SYMMETRIES[:each])
    return tuple(
        Pass(member, dropout=(seed * members + member) * 1000 + k)
        for member in range(members)
        for k in range(each)
    )
