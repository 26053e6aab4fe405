"""How well contours fit, and how much of a class was missed in pieces that matter."""

import numpy as np
from jaxtyping import Bool
from scipy import ndimage

from microtome.labels import borders


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
    truth: Bool[np.ndarray, "z y x"], predicted: Bool[np.ndarray, "z y x"], smallest: int
) -> float:
    """FN-n (Guay 2021): false-negative area in percent of the image, components below `smallest` left out.

    Components are 4-connected within a section, as the paper's text says; its program finds them in 3-D.
    """
    missed = truth & ~predicted
    large = 0
    for section in missed:
        components, _ = ndimage.label(section)
        sizes = np.bincount(components.ravel())[1:]
        large += int(sizes[sizes >= smallest].sum())
    return 100 * large / missed.size


def _share_near(edge: Bool[np.ndarray, "z y x"], other: Bool[np.ndarray, "z y x"], tolerance: float) -> float:
    near = sum(
        int(np.count_nonzero(ndimage.distance_transform_edt(~there)[here] <= tolerance))
        for here, there in zip(edge, other, strict=True)
        if here.any() and there.any()
    )
    return near / max(int(np.count_nonzero(edge)), 1)
