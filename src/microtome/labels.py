"""Label arrays: the ignore value, and borders between classes or instances."""

import numpy as np
from jaxtyping import Bool, Shaped, UInt8

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


def annotated(labels: UInt8[np.ndarray, "z y x"]) -> Bool[np.ndarray, "z y x"]:
    """Voxels about which something was said."""
    return labels != IGNORE
