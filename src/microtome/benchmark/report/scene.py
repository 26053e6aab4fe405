"""A picture of labelled objects in three dimensions, drawn without a graphics card."""

import numpy as np
from jaxtyping import Float64, Shaped, UInt8
from matplotlib.colors import hsv_to_rgb
from scipy import ndimage

from microtome.box import Box, Int3
from microtome.segment.labelled import dense
from microtome.volume import Volume

SIDE = 160  # voxels of the longest side that is drawn
TILT, TURN = 25.0, 30.0  # degrees from which it is looked at
GOLDEN = 0.618034  # of a turn of the colour circle between two ids: neighbours in number differ most
ZOOM = 3  # pixels a voxel


def coarse(volume: Volume, domain: Box, most: int = SIDE) -> tuple[Shaped[np.ndarray, "z y x"], Int3]:
    """Labels of a domain at every few voxels: nearly cubes, and no side has more than `most`.

    Reads only the sections that it needs. Also gives the steps along z y x.

    Raises:
        ValueError: If stored labels are damaged.
        OSError: If they cannot be read.
    """
    size = np.array(volume.voxel_size_nm)
    side_nm = max((size * domain.shape).max() / most, size.max())
    steps = np.maximum(np.round(side_nm / size), 1).astype(int)
    rows = []
    for z in range(domain.start[0], domain.stop[0], steps[0]):
        box = Box((z, *domain.start[1:]), (z + 1, *domain.stop[1:]))
        rows.append(volume.read(box)[0, :: steps[1], :: steps[2]])
    return np.stack(rows), (int(steps[0]), int(steps[1]), int(steps[2]))


def drawn(
    labels: Shaped[np.ndarray, "z y x"], spacing_nm: tuple[float, float, float]
) -> UInt8[np.ndarray, "v u 4"]:
    """The objects from above and aside, each in a colour of its own, lit from the left; RGBA, v down.

    `spacing_nm` lies between neighbouring labels along z y x.
    """
    turned = _turned(dense(labels)[1].astype(np.int32), np.array(spacing_nm))
    there = turned > 0
    depth = np.where(there.any(axis=0), there.argmax(axis=0), np.nan)
    first = np.take_along_axis(turned, np.nan_to_num(depth).astype(int)[None], axis=0)[0]
    colour = hsv_to_rgb(
        np.stack([first * GOLDEN % 1, np.full(first.shape, 0.55), np.full(first.shape, 0.95)], axis=-1)
    )
    pixels = np.zeros((*first.shape, 4), np.uint8)
    pixels[..., :3] = np.round(255 * colour * _light(depth)[..., None])
    pixels[..., 3] = np.where(np.isfinite(depth), 255, 0)
    return pixels


def _turned(
    numbers: Shaped[np.ndarray, "z y x"], spacing: Float64[np.ndarray, "3"]
) -> Shaped[np.ndarray, "d v u"]:
    """The labels on a grid of cubes whose first axis is the line of sight."""
    finest = spacing.min() / (ZOOM if max(numbers.shape) * ZOOM <= 3 * SIDE else 1)
    a, b = np.deg2rad(TILT), np.deg2rad(TURN)
    about_z = np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
    about_x = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
    turn = about_z @ about_x  # from the picture's axes to those of the volume
    half = np.array(numbers.shape) * spacing / 2
    corners = np.abs(turn.T) @ half
    shape = np.ceil(2 * corners / finest).astype(int)
    matrix = turn * finest / spacing[:, None]
    offset = (half - turn @ corners) / spacing
    found: np.ndarray = ndimage.affine_transform(
        numbers, matrix, offset, tuple(shape.tolist()), order=0, mode="constant", cval=0
    )
    return found


def _light(depth: Float64[np.ndarray, "v u"]) -> Float64[np.ndarray, "v u"]:
    """How bright a surface is, from 0.25 to 1: by where it faces, and darker the farther it is."""
    filled = np.where(np.isfinite(depth), depth, np.nanmax(depth, initial=1.0))
    smooth = ndimage.gaussian_filter(filled, 1.0)
    down, right = np.gradient(smooth)
    normal = np.stack([-np.ones_like(down), down, right])
    normal /= np.linalg.norm(normal, axis=0)
    towards = np.array([-0.75, -0.5, -0.43])
    facing = np.clip(np.tensordot(towards / np.linalg.norm(towards), normal, axes=1), 0, 1)
    far = filled / max(float(filled.max()), 1.0)
    found: Float64[np.ndarray, "v u"] = (0.3 + 0.7 * facing) * (1 - 0.35 * far)
    return found
