"""Label arrays: the ignore value, connected pieces, and borders between classes or instances."""

from typing import Literal

import numpy as np
from jaxtyping import Bool, Int32, Shaped, UInt8
from scipy import ndimage

IGNORE = 255
"""Value of an unlabelled voxel inside the code. On disk a separate boolean array says what is annotated."""

BACKGROUND = 0
"""Class of every voxel that was looked at and belongs to none of the named classes, which are 1, 2, …"""


def borders(labels: Shaped[np.ndarray, "z y x"]) -> Bool[np.ndarray, "z y x"]:
    """Voxels with a 4-neighbour in the same section that carries another label.

    Both sides of a border are marked, so a border is two voxels wide.
    """
    result = np.zeros(labels.shape, dtype=bool)
    for axis in (1, 2):
        before = [slice(None)] * 3
        after = [slice(None)] * 3
        before[axis], after[axis] = slice(None, -1), slice(1, None)
        differs = labels[tuple(before)] != labels[tuple(after)]
        result[tuple(before)] |= differs
        result[tuple(after)] |= differs
    return result


def components(mask: Bool[np.ndarray, "z y x"], dims: Literal[2, 3] = 2) -> Int32[np.ndarray, "z y x"]:
    """Numbers 1, 2, … of connected pieces, 0 elsewhere: 4-connected within sections, or 6-connected."""
    structure = ndimage.generate_binary_structure(3, 1)
    if dims == 2:
        structure[[0, 2]] = False
    return ndimage.label(mask, structure)[0]


def without_small(
    mask: Bool[np.ndarray, "z y x"], smallest: int, dims: Literal[2, 3] = 2
) -> Bool[np.ndarray, "z y x"]:
    """The mask without its `components` of less than `smallest` voxels."""
    numbers = components(mask, dims)
    return mask & (np.bincount(numbers.ravel())[numbers] >= smallest)


def annotated(labels: UInt8[np.ndarray, "*space"]) -> Bool[np.ndarray, "*space"]:
    """Voxels about which something was said."""
    return labels != IGNORE
