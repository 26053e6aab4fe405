"""How many objects were never proposed: people mark them in random boxes, and recall follows."""

from collections.abc import Sequence
from math import prod

import numpy as np
from jaxtyping import Bool, Float64, Int64, Shaped
from scipy.optimize import linear_sum_assignment
from scipy.spatial import cKDTree

from microtome.box import Box, Int3
from microtome.objects.shares import Share, share

VoxelSize = tuple[float, float, float]


def audit_boxes(
    domain: Box, shape: Int3, n: int, rng: np.random.Generator, asked: Sequence[Box] = ()
) -> tuple[Box, ...]:
    """At most `n` cells of the grid that cuts `domain` into boxes of `shape`, each as likely as any other.

    Cells at the far ends may be smaller, so that every voxel has the same chance. Those that share a voxel
    with one of `asked` are left out; the others are as random as before.

    Raises:
        ValueError: If `shape` or `n` is not positive, or the domain is empty.
    """
    if min(shape) < 1 or n < 1 or not domain.size:
        raise ValueError(f"an audit expects boxes with voxels in a volume; got {n} of {shape} in {domain}")
    counts = tuple(-(-side // cell) for side, cell in zip(domain.shape, shape, strict=True))
    enough = n + sum(_cells(box.intersection(domain).relative_to(domain), shape) for box in asked)
    drawn: list[Box] = []
    for number in rng.choice(prod(counts), min(enough, prod(counts)), replace=False).tolist():
        z, y, x = (np.array(np.unravel_index(number, counts)) * shape).tolist()
        cell = Box((z, y, x), (z + shape[0], y + shape[1], x + shape[2])).shifted(domain.start)
        if not any(cell.overlaps(other) for other in asked):
            drawn.append(cell.intersection(domain))
    return tuple(drawn[:n])


def missed(
    points: Float64[np.ndarray, "m 3"],
    ids: Shaped[np.ndarray, "z y x"],
    box: Box,
    voxel_size_nm: VoxelSize,
    tolerance_nm: float = 0.0,
) -> int:
    """How many marks are on no object: each object takes one mark at most, within `tolerance_nm` of a voxel.

    `points` are places in the volume (voxels, z y x; whole numbers are the middles of voxels), and `ids`
    labels the objects in `box`, which holds the marks and the tolerance around them; 0 is no object. Objects
    that were judged incorrect should be 0 too. Marks are matched so that as many as can be are.

    Raises:
        ValueError: If `ids` has not the shape of `box`, or the tolerance is negative.
    """
    if ids.shape != box.shape or tolerance_nm < 0:
        raise ValueError(
            f"expected labels of {box.shape} and a tolerance ≥ 0; got {ids.shape} and {tolerance_nm} nm"
        )
    if not len(points) or not ids.any():
        return len(points)
    near = _near((points - box.start) * voxel_size_nm, ids, voxel_size_nm, tolerance_nm)
    marks, objects = linear_sum_assignment(near.astype(np.float64), maximize=True)
    return len(points) - int(near[marks, objects].sum())


def recall(found: Int64[np.ndarray, "b"], missing: Int64[np.ndarray, "c"]) -> Share:
    """The share of all true objects that were proposed, from the boxes of an audit, with a 95 % interval.

    `found` are the correct proposals that show in each box, `missing` the objects marked there that are none
    of them. Boxes are what was drawn, so the interval is of the ratio over boxes; where none holds more
    than one object it is exact but for empty boxes, which say nothing. Unknown where nothing was seen at all.

    Raises:
        ValueError: If the two differ in length, or a number is negative.
    """
    if len(found) != len(missing) or (found < 0).any() or (missing < 0).any():
        raise ValueError("expected how many were found and how many missed in each box, none below 0")
    totals = found + missing
    return share(found.astype(np.float64), totals.astype(np.float64), totals)


def _near(
    places_nm: Float64[np.ndarray, "m 3"],
    ids: Shaped[np.ndarray, "z y x"],
    voxel_size_nm: VoxelSize,
    tolerance_nm: float,
) -> Bool[np.ndarray, "m k"]:
    """Which marks lie within the tolerance of which of the objects around."""
    voxels = np.argwhere(ids)
    objects, owner = np.unique(ids[tuple(voxels.T)], return_inverse=True)
    tree = cKDTree(voxels * voxel_size_nm)
    reach = tolerance_nm + 1e-6  # rounding must not part a mark from the voxel that it is on
    near = np.zeros((len(places_nm), len(objects)), dtype=bool)
    for row, around in enumerate(tree.query_ball_point(places_nm, reach)):
        near[row, owner[around]] = True
    return near


def _cells(box: Box, shape: Int3) -> int:
    """How many cells a box in the grid's coordinates shares a voxel with."""
    if not box.size:
        return 0
    return prod(-(-b // side) - a // side for a, b, side in zip(box.start, box.stop, shape, strict=True))
