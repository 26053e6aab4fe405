"""The surface of one object as triangles: from marching cubes, smoothed, and with fewer of them."""

from dataclasses import dataclass
from importlib import import_module
from types import ModuleType

import numpy as np
from jaxtyping import Float64, Int64
from scipy.sparse import coo_array, csr_array
from skimage.measure import marching_cubes

from microtome.box import Box
from microtome.segment.crop import MOST, crop, cubes
from microtome.segment.labelled import open_labels
from microtome.volume import VoxelSize

SHRINK, GROW = 0.5, -0.53  # of a step of smoothing (Taubin 1995)


@dataclass(frozen=True, eq=False)
class Mesh:
    """Triangles in nm from the corner of the volume, axes z y x; their normals, taken in x y z, point out."""

    vertices_nm: Float64[np.ndarray, "v 3"]
    triangles: Int64[np.ndarray, "t 3"]

    @property
    def volume_nm3(self) -> float:
        """Enclosed by it, by the divergence theorem; right only where it is closed."""
        a, b, c = self._corners
        return float(_signed(a, b, c) / 6)

    @property
    def surface_nm2(self) -> float:
        a, b, c = self._corners
        return float(np.linalg.norm(np.cross(b - a, c - a), axis=1).sum() / 2)

    @property
    def edge_nm(self) -> float:
        """Mean length of the edges."""
        corners = self._corners
        return float(np.mean([np.linalg.norm(corners[k] - corners[k - 1], axis=1).mean() for k in range(3)]))

    @property
    def _corners(self) -> Float64[np.ndarray, "3 t 3"]:
        around = self.vertices_nm - self.vertices_nm.mean(axis=0)  # no differences of large numbers
        return around[self.triangles.T]


def mesh(
    uri: str,
    label: int,
    box: Box,
    *,
    voxel_size_nm: VoxelSize | None = None,
    smoothing: int = 10,
    most: int = MOST,
) -> Mesh:
    """The closed surface of an object that lies in a box, found in at most so many voxels.

    Where the border of the volume cuts the object, the cut is part of its surface. `smoothing` counts steps.

    Raises:
        FileNotFoundError: If there is no such volume.
        ValueError: If it is no volume of labels, is damaged, or holds no such object in the box.
    """
    found = crop(open_labels(uri, voxel_size_nm), label, box, most)
    largest = float(found.share.max())
    if largest == 0:
        raise ValueError(f"{uri}: expected an object {label} in {box}; there is none")
    solid = cubes(found, most)
    field, level, corner, size = solid.depth_nm, 0.0, solid.corner_nm, (solid.side_nm,) * 3
    if not field.max() > 0:  # thinner than a cube
        field, level, corner, size = found.share, largest / 2, found.corner_nm, found.voxel_size_nm
    vertices, triangles, *_ = marching_cubes(field, level, spacing=size, allow_degenerate=False)
    placed = vertices.astype(np.float64) + corner + np.array(size) / 2
    return smoothed(Mesh(placed, triangles.astype(np.int64)), smoothing)


def smoothed(rough: Mesh, steps: int) -> Mesh:
    """Every vertex moved towards its neighbours and then a little further back, which keeps the volume."""
    means = _neighbours(rough)
    vertices = rough.vertices_nm
    for share in (SHRINK, GROW) * steps:
        vertices = vertices + share * (means @ vertices - vertices)
    return Mesh(vertices, rough.triangles)


def decimated(fine: Mesh, triangles: int) -> Mesh:
    """About that many triangles in place of more (Garland & Heckbert 1997).

    Raises:
        ValueError: If the library for it is not installed.
    """
    if len(fine.triangles) <= triangles:
        return fine
    simplify = library("fast_simplification").simplify
    corner = fine.vertices_nm.min(axis=0)
    vertices, kept = simplify(
        fine.vertices_nm - corner, fine.triangles.astype(np.int32), 1 - triangles / len(fine.triangles)
    )
    return Mesh(vertices.astype(np.float64) + corner, kept.astype(np.int64))


def library(name: str) -> ModuleType:
    """A module of the extra `meshes`.

    Raises:
        ValueError: If it is not installed.
    """
    try:
        return import_module(name)
    except ModuleNotFoundError:
        raise ValueError(f"meshes need {name}: pip install 'microtome[meshes]'") from None


def _neighbours(rough: Mesh) -> csr_array:
    """A matrix that gives for every vertex the mean of those that it shares an edge with."""
    n = len(rough.vertices_nm)
    one, other = (rough.triangles[:, order].ravel() for order in ((0, 1, 2), (1, 2, 0)))
    ends = np.concatenate([one, other]), np.concatenate([other, one])
    shared = coo_array((np.ones(len(ends[0])), ends), shape=(n, n)).tocsr()
    shared.data[:] = 1  # an edge of two triangles is one edge
    return (shared.multiply(1 / shared.sum(axis=1)[:, None])).tocsr()


def _signed(
    a: Float64[np.ndarray, "t 3"], b: Float64[np.ndarray, "t 3"], c: Float64[np.ndarray, "t 3"]
) -> float:
    """Six times the volume: of axes z y x, where the hand is the other one."""
    return float(-np.einsum("ij,ij->", a, np.cross(b, c)))
