"""How well contours fit, and how much of a class was missed in pieces that matter."""

import math
from typing import Literal

import numpy as np
from jaxtyping import Bool
from scipy import ndimage

from microtome.labels import borders, without_small


def boundary_f(
    truth: Bool[np.ndarray, "z y x"], predicted: Bool[np.ndarray, "z y x"], tolerance: float = 2.0
) -> float:
    """Harmonic mean of the shares of true and predicted contour that lie near the other, section by section.

    Near is within `tolerance` voxels (Csurka et al. 2013). 1 where neither holds a contour, 0 where only one
    does.
    """
    true_edge, predicted_edge = borders(truth) & truth, borders(predicted) & predicted
    if not true_edge.any() and not predicted_edge.any():
        return 1.0
    precision = _share_near(predicted_edge, true_edge, tolerance)
    recall = _share_near(true_edge, predicted_edge, tolerance)
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def false_negative_area(
    truth: Bool[np.ndarray, "z y x"],
    predicted: Bool[np.ndarray, "z y x"],
    smallest: int,
    *,
    dims: Literal[2, 3] = 2,
    of_class: bool = False,
) -> float:
    """FN-n (Guay 2021): what was missed, in percent of the image, without components below `smallest` voxels.

    Components are 4-connected within a section (`dims` 2), as the paper's text says, or 6-connected over
    sections, as its program finds them. With `of_class` it is in percent of what is there to be found: 0
    where nothing was missed, infinite where nothing is there.
    """
    return _area(truth & ~predicted, smallest, dims, truth, of_class=of_class)


def false_positive_area(
    truth: Bool[np.ndarray, "z y x"],
    predicted: Bool[np.ndarray, "z y x"],
    smallest: int,
    *,
    dims: Literal[2, 3] = 2,
    of_class: bool = False,
) -> float:
    """FP-n: what was made up, counted as `false_negative_area` counts what was missed."""
    return _area(predicted & ~truth, smallest, dims, truth, of_class=of_class)


def _area(
    errors: Bool[np.ndarray, "z y x"],
    smallest: int,
    dims: Literal[2, 3],
    truth: Bool[np.ndarray, "z y x"],
    *,
    of_class: bool,
) -> float:
    large = int(np.count_nonzero(without_small(errors, smallest, dims)))
    if not large:
        return 0.0
    whole = int(np.count_nonzero(truth)) if of_class else errors.size
    return 100 * large / whole if whole else math.inf


def _share_near(edge: Bool[np.ndarray, "z y x"], other: Bool[np.ndarray, "z y x"], tolerance: float) -> float:
    near = sum(
        int(np.count_nonzero(ndimage.distance_transform_edt(~there)[here] <= tolerance))
        for here, there in zip(edge, other, strict=True)
        if here.any() and there.any()
    )
    return near / max(int(np.count_nonzero(edge)), 1)
