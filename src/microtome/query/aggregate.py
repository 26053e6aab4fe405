"""From a value a voxel to one a box: which way matters as much as the measure (ValUES, Kahl 2024)."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Float32, Float64
from scipy.ndimage import distance_transform_edt

from microtome.labels import BACKGROUND
from microtome.predict.posterior import Posterior, class_map

Aggregate = Callable[[Float32[np.ndarray, "z y x"], Posterior], float]
"""Takes the values of a box and the posterior that they were computed from."""

RING = 3.0  # voxels from a predicted contour within which uncertainty is discounted
TOP = 0.05  # share of the voxels that `top_quantile` looks at


def mean(values: Float32[np.ndarray, "z y x"], posterior: Posterior) -> float:
    """The mean, so that boxes of different sizes compare."""
    return float(values.mean(dtype=np.float64))


def boundary_discounted(values: Float32[np.ndarray, "z y x"], posterior: Posterior) -> float:
    """Mean weighted by min(1, d / 3), d voxels from the predicted contour: every contour is uncertain.

    Without a contour in the box it is the mean.
    """
    weights = np.minimum(1, _from_contour(posterior) / RING)
    return float((weights * values).sum() / weights.sum())


def distance_weighted(values: Float32[np.ndarray, "z y x"], posterior: Posterior) -> float:
    """Mean of the values times their distance from the predicted contour (Lubrano et al. 2019).

    The distance counts on both sides of the contour and is scaled in each box to [0, 1]; without a contour
    every voxel counts fully. The released program measures it from the unthresholded prediction of one
    sample, and on one side; this is the reading that does what the paper says.
    """
    distance = _from_contour(posterior)
    low, high = distance.min(), distance.max()
    scaled = (distance - low) / (high - low) if high > low else np.ones_like(distance)
    return float((scaled * values).mean())


def top_quantile(values: Float32[np.ndarray, "z y x"], posterior: Posterior) -> float:
    """Mean of the highest 5 % of the voxels: a small uncertain object is not diluted by what surrounds it."""
    count = max(1, round(TOP * values.size))
    return float(np.partition(values.ravel(), -count)[-count:].mean(dtype=np.float64))


def _from_contour(posterior: Posterior) -> Float64[np.ndarray, "z y x"]:
    """Voxels, in its section, from each voxel to the nearest on the other side of the predicted contour.

    A voxel at the contour has 1. Sections without a contour are as far as the farthest voxel of the others,
    and no nearer than `RING`.
    """
    foreground = class_map(posterior) != BACKGROUND
    distance = np.stack([_in_section(section) for section in foreground])
    far = distance[np.isfinite(distance)].max(initial=RING)
    return np.minimum(distance, far)


def _in_section(foreground: Bool[np.ndarray, "y x"]) -> Float64[np.ndarray, "y x"]:
    if foreground.all() or not foreground.any():
        return np.full(foreground.shape, np.inf)
    return np.where(foreground, distance_transform_edt(foreground), distance_transform_edt(~foreground))
