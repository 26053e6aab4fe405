"""Where boxes lie in a space in which near means alike: one vector a box."""

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float, Float64, UInt8

from microtome.box import Box
from microtome.query.candidates import Candidates

Embedding = Callable[[Candidates, Sequence[Box]], Float[np.ndarray, "n d"]]
"""Vectors of boxes, which may be open or answered; they compare within one call."""


def bottleneck(candidates: Candidates, boxes: Sequence[Box]) -> Float64[np.ndarray, "n d"]:
    """The U-Net's deepest activations, mean over the box (Roels & Saeys 2019).

    Raises:
        ValueError: If there is no model yet.
    """
    return candidates.view.features(boxes).astype(np.float64)


def appearance(candidates: Candidates, boxes: Sequence[Box]) -> Float64[np.ndarray, "n 6"]:
    """Simple statistics of the image, standardised over the boxes: grey values and edges. Needs no model.

    Raises:
        ValueError: If there is no image.
    """
    looks = candidates.described(_looks, boxes)
    return (looks - looks.mean(axis=0)) / np.maximum(looks.std(axis=0), 1e-9)


def unit(rows: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n d"]:
    """Each row scaled to length 1; a row of zeros stays."""
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)


def _looks(image: UInt8[np.ndarray, "z y x"]) -> Float64[np.ndarray, "6"]:
    """How a block looks: mean, deviation, 10 % and 90 % quantile of its grey; mean fine and coarse edges."""
    grey = image.astype(np.float32)
    coarse = grey[:, : grey.shape[1] // 4 * 4 or 1, : grey.shape[2] // 4 * 4 or 1]
    if min(coarse.shape[1:]) >= 4:
        z, y, x = coarse.shape
        coarse = coarse.reshape(z, y // 4, 4, x // 4, 4).mean(axis=(2, 4))
    low, high = np.quantile(grey, (0.1, 0.9))
    return np.array([grey.mean(), grey.std(), low, high, _edges(grey), _edges(coarse)], dtype=np.float64)


def _edges(grey: np.ndarray) -> float:
    return float(sum(np.abs(np.diff(grey, axis=axis)).mean() for axis in (1, 2) if grey.shape[axis] > 1))
