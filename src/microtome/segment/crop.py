"""One object cut out of a label volume, coarser where it would not fit into memory."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Float64
from scipy import ndimage

from microtome.box import Box, Int3, tile
from microtome.volume import Volume, VoxelSize

MOST = 8_000_000  # voxels of a crop
FINER = 4  # cubes to the longest side of a voxel
READ: Int3 = (32, 256, 256)  # voxels read at a time, at least


@dataclass(frozen=True, eq=False)
class Crop:
    """How much of each voxel an object takes up, 0 to 1, with a voxel of nothing around it."""

    share: Float32[np.ndarray, "z y x"]
    corner_nm: Float64[np.ndarray, "3"]  # of the first voxel, from the volume's
    voxel_size_nm: VoxelSize

    @property
    def mask(self) -> Bool[np.ndarray, "z y x"]:
        """Voxels of which it takes up half or more."""
        return self.share >= 0.5


@dataclass(frozen=True, eq=False)
class Cubes:
    """How deep in an object the centre of each cube lies, negative outside; outermost cubes are outside."""

    depth_nm: Float64[np.ndarray, "z y x"]
    corner_nm: Float64[np.ndarray, "3"]  # of the first cube, from the volume's
    side_nm: float


def crop(volume: Volume, label: int, box: Box, most: int = MOST) -> Crop:
    """The object of that label, which lies in the box, in at most so many voxels."""
    factors = _factors(box.shape, volume.voxel_size_nm, most)
    z, y, x = (-(-side // n) for side, n in zip(box.shape, factors, strict=True))
    share = np.zeros((z + 2, y + 2, x + 2), np.float32)
    shape: Int3 = tuple(max(1, side // n) for side, n in zip(READ, factors, strict=True))  # type: ignore[assignment]
    for block in tile(Box.of((z, y, x)), shape, (0, 0, 0)):
        fine = _finer(block.write, factors).shifted(box.start)
        inside = volume.read(fine.intersection(box)) == label
        missing = [(0, a - b) for a, b in zip(fine.shape, inside.shape, strict=True)]
        a, b, c = factors
        cells = np.pad(inside, missing).reshape(
            fine.shape[0] // a, a, fine.shape[1] // b, b, fine.shape[2] // c, c
        )
        share[block.write.shifted((1, 1, 1)).slices] = cells.mean(axis=(1, 3, 5), dtype=np.float32)
    size = np.array(volume.voxel_size_nm) * factors
    return Crop(
        share,
        np.array(box.start) * volume.voxel_size_nm - size,
        (float(size[0]), float(size[1]), float(size[2])),
    )


def cubes(found: Crop, most: int = MOST) -> Cubes:
    """The object in about so many cubes at most, a quarter of a voxel's longest side or as its shortest.

    Between sections, the distance to the surface is what is interpolated: the object goes over from one
    outline to the next.
    """
    size = np.array(found.voxel_size_nm)
    extent = size * found.share.shape
    side = float(max(size.min(), size.max() / FINER, np.cbrt(extent.prod() / most)))
    shape = np.ceil(extent / side).astype(int) + 2
    inside = found.mask
    if inside.any():
        depth = ndimage.distance_transform_edt(inside, found.voxel_size_nm)
        depth -= ndimage.distance_transform_edt(~inside, found.voxel_size_nm)
    else:  # too thin for voxels as coarse as these
        depth = np.full(inside.shape, -side)
    scale = side / size
    depth = ndimage.affine_transform(
        depth, scale, -(scale + 1) / 2, tuple(shape.tolist()), order=1, mode="nearest"
    )
    return Cubes(depth, found.corner_nm - side, side)


def _factors(shape: Int3, voxel_size_nm: VoxelSize, most: int) -> Int3:
    """How many voxels become one: the shortest side is doubled until all fit."""
    factors = np.ones(3, np.int64)
    while np.prod(-(-np.array(shape) // factors)) > most:
        factors[np.argmin(factors * voxel_size_nm)] *= 2
    z, y, x = factors.tolist()
    return (z, y, x)


def _finer(box: Box, factors: Int3) -> Box:
    start, stop = (
        tuple(k * n for k, n in zip(corner, factors, strict=True)) for corner in (box.start, box.stop)
    )
    return Box(start, stop)  # type: ignore[arg-type]
