"""A picture of labelled objects in three dimensions, drawn without a graphics card."""

from collections.abc import Iterable, Sequence

import numpy as np
from jaxtyping import Float64, Int32, Shaped, UInt8
from matplotlib.colors import hsv_to_rgb
from scipy import ndimage

from microtome.box import Box, Int3, tile
from microtome.segment.labelled import dense
from microtome.volume import Volume
from microtome.volume.voxel_size import VoxelSize

SIDE = 160  # voxels of the longest side that is drawn
TILT, TURN = 25.0, 30.0  # degrees from which it is looked at
GOLDEN = 0.618034  # of a turn of the colour circle between two ids: neighbours in number differ most
ZOOM = 3  # pixels a voxel
READ: Int3 = (64, 256, 256)  # voxels at a time
LOOKED = 8  # steps along a line before it is asked whether it goes on
FINER = 4  # as a voxel that is drawn
ROUNDED = 1.01  # within which two sizes of voxels are the same

Scene = tuple[Shaped[np.ndarray, "z y x"], tuple[float, float, float]]
"""Labels at every few voxels, and how far apart these are, in nm along z y x."""


def coarse(levels: Sequence[Volume], domain: Box, most: int = SIDE) -> Scene:
    """Labels of a domain at every few voxels: nearly cubes, and about `most` along the longest side.

    `levels` are those of a pyramid, finest first, in whose voxels the domain is. What is read is the coarsest
    with voxels several times finer than those that are drawn, where what is small or thin is not lost yet.

    Raises:
        ValueError: If stored labels are damaged.
        OSError: If they cannot be read.
    """
    finest = np.array(levels[0].voxel_size_nm)
    side_nm = max((finest * domain.shape).max() / most, finest.max())
    largest = np.maximum(ROUNDED * side_nm / FINER, finest)
    level = [one for one in levels if np.all(np.array(one.voxel_size_nm) <= largest)][-1]
    size = np.array(level.voxel_size_nm)
    factors = np.round(size / finest).astype(int)
    start, stop = np.array(domain.start) // factors, -(-np.array(domain.stop) // factors)
    steps = np.maximum(np.round(side_nm / size), 1).astype(int)
    found = np.zeros(-(-(stop - start) // steps), level.dtype)
    for block in tile(Box(tuple(start.tolist()), tuple(stop.tolist())), READ, (0, 0, 0)):
        first = -(np.array(block.write.start) - start) % steps  # of the block's voxels that are taken
        z, y, x = (slice(a, None, step) for a, step in zip(first.tolist(), steps.tolist(), strict=True))
        taken = level.read(block.write)[z, y, x]
        place = (np.array(block.write.start) + first - start) // steps
        found[Box(tuple(place.tolist()), tuple((place + taken.shape).tolist())).slices] = taken
    return found, tuple((steps * size).tolist())


def around(labels: Shaped[np.ndarray, "z y x"]) -> Box:
    """The smallest box around what is not 0, of which there is something."""
    bounds = []
    for axis in range(3):
        there = np.flatnonzero(labels.any(axis=tuple({0, 1, 2} - {axis})))
        bounds.append((int(there[0]), int(there[-1]) + 1))
    start, stop = zip(*bounds, strict=True)
    return Box(start, stop)


def occupied(scenes: Iterable[Scene], domain: Box, size_nm: VoxelSize) -> Box:
    """The part of a domain in which there are objects, about; all of it where there are none."""
    found = []
    for labels, spacing_nm in scenes:
        if labels.any():
            box, steps = around(labels), np.array(spacing_nm) / size_nm
            found.append([np.floor(box.start * steps), np.ceil(box.stop * steps)])
    if not found:
        return domain
    start, stop = np.min(found, axis=0)[0].astype(int), np.max(found, axis=0)[1].astype(int)
    return Box(tuple(start.tolist()), tuple(stop.tolist())).shifted(domain.start).intersection(domain)


def drawn(
    labels: Shaped[np.ndarray, "z y x"], spacing_nm: tuple[float, float, float]
) -> UInt8[np.ndarray, "v u 4"]:
    """The objects from above and aside, each in a colour of its own, lit from the left; RGBA, v down.

    `spacing_nm` lies between neighbouring labels along z y x.
    """
    first, depth = _seen(dense(labels)[1].astype(np.int32), np.array(spacing_nm))
    colour = hsv_to_rgb(
        np.stack([first * GOLDEN % 1, np.full(first.shape, 0.55), np.full(first.shape, 0.95)], axis=-1)
    )
    pixels = np.zeros((*first.shape, 4), np.uint8)
    pixels[..., :3] = np.round(255 * colour * _light(depth)[..., None])
    pixels[..., 3] = np.where(np.isfinite(depth), 255, 0)
    return pixels


def pixel_nm(shape: Sequence[int], spacing_nm: Sequence[float]) -> float:
    """How large a pixel is of the picture that `drawn` makes of labels of that shape."""
    return min(spacing_nm) / (ZOOM if max(shape) * ZOOM <= 3 * SIDE else 1)


def _seen(
    numbers: Int32[np.ndarray, "z y x"], spacing: Float64[np.ndarray, "3"]
) -> tuple[Int32[np.ndarray, "v u"], Float64[np.ndarray, "v u"]]:
    """The first label on each line of sight, 0 where there is none; and how many steps away, else NaN."""
    step = pixel_nm(numbers.shape, spacing.tolist())
    a, b = np.deg2rad(TILT), np.deg2rad(TURN)
    about_z = np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
    about_x = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
    turn = about_z @ about_x  # from the picture's axes, the first along the line of sight, to the volume's
    half = np.array(numbers.shape) * spacing / 2
    corners = np.abs(turn.T) @ half
    steps, height, width = np.ceil(2 * corners / step).astype(int).tolist()
    forward, down, right = (turn * step / spacing[:, None]).T  # in voxels
    begun = (half - turn @ corners) / spacing + 0.5  # half a voxel on, as whole numbers are cut off
    lines = begun[:, None] + np.outer(down, np.arange(height * width) // width)
    lines += np.outer(right, np.arange(height * width) % width)
    with np.errstate(divide="ignore"):
        faces = [
            (np.array([[0.0], [n]]) - line) / f
            for n, line, f in zip(numbers.shape, lines, forward, strict=True)
        ]
    enters = np.ceil(np.maximum(np.max([face.min(axis=0) for face in faces], axis=0), 0)).astype(int)
    leaves = np.minimum(np.min([face.max(axis=0) for face in faces], axis=0), steps)
    framed = np.pad(numbers, LOOKED)  # with nothing, for lines that have just left
    first, depth = np.zeros(height * width, np.int32), np.full(height * width, np.nan)
    left = np.flatnonzero(enters < leaves)  # lines that have met nothing yet
    for k in range(0, steps, LOOKED):
        left = left[(enters[left] + k < leaves[left]) & (first[left] == 0)]
        at = lines[:, left] + forward[:, None] * (enters[left] + k) + LOOKED
        for ahead in range(LOOKED):
            z, y, x = (at + forward[:, None] * ahead).astype(np.int32)
            found = framed[z, y, x]
            met = np.flatnonzero((found > 0) & (first[left] == 0))
            first[left[met]], depth[left[met]] = found[met], enters[left[met]] + k + ahead
    return first.reshape(height, width), depth.reshape(height, width)


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
