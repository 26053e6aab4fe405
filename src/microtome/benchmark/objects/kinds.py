"""Kinds of proposals that a mitochondria model makes, right and wrong, and how many of each are planted."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Int64

Visible = Literal["nowhere", "mask", "image", "both"]


@dataclass(frozen=True, slots=True)
class Kind:
    """What a proposal is, and which of the two streams tells that it is wrong."""

    name: str
    visible: Visible


KINDS = (
    Kind("mitochondrion", "nowhere"),
    Kind("merged pair", "mask"),
    Kind("fragment", "mask"),
    Kind("spill", "mask"),
    Kind("vesicle cloud", "image"),
    Kind("dark body", "image"),
    Kind("empty cytoplasm", "image"),
    Kind("vessel edge", "image"),
    Kind("membrane strip", "both"),
    Kind("speckle", "both"),
    Kind("sprawl", "both"),
)
"""The first alone is correct. The wrong ones are a third each of what the mask, the image and both tell."""


def is_correct(kinds: Int64[np.ndarray, "n"]) -> Bool[np.ndarray, "n"]:
    """Whether proposals of these kinds, indices into KINDS, are right."""
    return np.asarray(kinds == 0)


def planted(count: int, correct: float, rng: np.random.Generator) -> Int64[np.ndarray, "count"]:
    """Kinds of `count` proposals, shuffled; a share of `correct` is right, up to rounding.

    The rest is a third each of what the mask, the image, and both tell, in equal parts of every kind.
    """
    wrong = count - round(count * correct)
    ways = ("mask", "image", "both")
    share = np.zeros(len(KINDS))
    for way in ways:
        of_it = [k for k, kind in enumerate(KINDS) if kind.visible == way]
        share[of_it] = 1 / (len(ways) * len(of_it))
    ends = np.floor(np.cumsum(share) * wrong + 0.5).astype(np.int64)
    counts = np.diff(ends, prepend=0)
    counts[0] = count - wrong
    return rng.permutation(np.repeat(np.arange(len(KINDS)), counts))
