"""Probabilities as volumes store them: bytes with 255 for 1, real numbers in [0, 1], or a mask."""

import math
from collections.abc import Mapping

import numpy as np
from jaxtyping import Bool, Shaped

from microtome.volume import Volume

BYTE = 255  # probability 1 in volumes of bytes, as predictions are stored

Stored = Shaped[np.ndarray, "_ _ _"]


def at_least(probability: Stored, threshold: float) -> Bool[np.ndarray, "z y x"]:
    """Where a stored probability reaches the threshold; a byte does if it is what the threshold is stored as.

    Raises:
        ValueError: If a real number is not in [0, 1].
    """
    if probability.dtype == bool:
        return probability
    if probability.dtype == np.uint8:
        return probability >= max(1, math.floor(threshold * BYTE + 0.5))
    require_range(probability)
    return probability >= threshold


def unit(dtype: np.dtype) -> float:
    """How probability 1 is stored."""
    return float(BYTE) if dtype == np.uint8 else 1.0


def require_probability(name: str, volume: Volume) -> None:
    """Check that a volume may hold probabilities.

    Raises:
        ValueError: If it has another type.
    """
    if volume.dtype.kind not in "bf" and volume.dtype != np.uint8:
        raise ValueError(f"{name}: expected bytes, real numbers or a mask; got {volume.dtype}")


def require_alike(volumes: Mapping[str, Volume]) -> None:
    """Check that volumes hold probabilities of the same places, stored alike.

    Raises:
        ValueError: If one does not.
    """
    last, like = list(volumes.items())[-1]
    for name, volume in volumes.items():
        require_probability(name, volume)
        if (volume.shape, volume.dtype) != (like.shape, like.dtype):
            expected = f"{like.dtype} of shape {like.shape}, as {last}"
            raise ValueError(f"{name}: expected {expected}; got {volume.dtype} of shape {volume.shape}")


def summed(a: Stored, b: Stored) -> Stored:
    """The probability of either of two classes that exclude each other; rounding may not lift it above 1."""
    if a.dtype == bool:
        return a | b
    if a.dtype == np.uint8:
        return np.where(a > BYTE - b, np.uint8(BYTE), a + b)
    require_range(a)
    require_range(b)
    return np.minimum(a + b, 1)


def require_range(probability: Stored) -> None:
    """Check that real numbers are probabilities; bytes and masks always are.

    Raises:
        ValueError: If one is not in [0, 1].
    """
    if probability.dtype.kind != "f":
        return
    low, high = probability.min(), probability.max()
    if not (low >= 0 and high <= 1):  # NaN is neither
        raise ValueError(f"expected probabilities in [0, 1]; got values from {low} to {high}")
