"""How far voxels lie from an object's border, as far as the labels say."""

import math

import torch
from jaxtyping import Bool, Float32
from torch import Tensor
from torch.nn import functional


def signed_distances(
    inside: Bool[Tensor, "b c z y x"],
    known: Bool[Tensor, "b 1 z y x"],
    voxel_size_nm: tuple[float, float, float],
    reach_nm: float,
) -> tuple[Float32[Tensor, "b c z y x"], Float32[Tensor, "b c z y x"]]:
    """Least and greatest distance in nm, from centre to centre, to the nearest voxel of the other side.

    It is positive inside and negative outside, and infinite above `reach_nm`. What is not `known`, or lies
    beyond the array, may be of either side: a known voxel has one distance where the nearest voxel known to
    be of the other side is nearer than all of that, and a range otherwise. An axis of one voxel has no
    beyond: in a single section distances are those within it.
    """
    to_inside = distances_to(inside & known, voxel_size_nm, reach_nm)
    to_outside = distances_to(~inside & known, voxel_size_nm, reach_nm)
    other = torch.where(inside, to_outside, to_inside)
    near = torch.minimum(other, _distances_to_unknown(known, voxel_size_nm, reach_nm))
    return torch.where(inside, near, -other), torch.where(inside, other, -near)


def distances_to(
    voxels: Bool[Tensor, "*b z y x"], voxel_size_nm: tuple[float, float, float], reach_nm: float
) -> Float32[Tensor, "*b z y x"]:
    """Distance in nm from every voxel to the nearest of `voxels`, infinite above `reach_nm`.

    Exact, one axis after the other (Saito & Toriwaki 1994).
    """
    squares = torch.where(voxels, 0.0, math.inf)
    for axis, size in zip((-1, -2, -3), reversed(voxel_size_nm), strict=True):
        squares = _nearest_along(squares, axis, size, reach_nm)
    distances = squares.sqrt()
    return torch.where(distances > reach_nm, math.inf, distances)


def _nearest_along(squares: Tensor, axis: int, size: float, reach_nm: float) -> Tensor:
    """Least of the squares of all voxels in reach along an axis, each plus the square of the way there."""
    result, side = squares.clone(), squares.shape[axis]
    for step in range(1, min(int(reach_nm / size), side - 1) + 1):
        way = (step * size) ** 2
        ahead, behind = result.narrow(axis, step, side - step), result.narrow(axis, 0, side - step)
        torch.minimum(ahead, squares.narrow(axis, 0, side - step) + way, out=ahead)
        torch.minimum(behind, squares.narrow(axis, step, side - step) + way, out=behind)
    return result


def _distances_to_unknown(
    known: Bool[Tensor, "b 1 z y x"], voxel_size_nm: tuple[float, float, float], reach_nm: float
) -> Float32[Tensor, "b 1 z y x"]:
    z, y, x = (int(side > 1) for side in known.shape[2:])
    padded = functional.pad(~known, (x, x, y, y, z, z), value=True)
    distances = distances_to(padded, voxel_size_nm, reach_nm)
    _, _, depth, height, width = known.shape
    return distances[:, :, z : z + depth, y : y + height, x : x + width]
