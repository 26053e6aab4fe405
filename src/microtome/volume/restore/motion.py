"""How tissue moves from one section to another, and sections in between."""

import numpy as np
from jaxtyping import Float32
from scipy import ndimage

Picture = Float32[np.ndarray, "y x"]
Motion = tuple[Picture, Picture]
"""For each pixel half way between two sections, the voxels in y and in x moved in half the gap."""

LEVELS = 3  # of the pyramid: each halves the resolution, so that motion of about 10 voxels is found
STEPS = 3  # of Gauss and Newton a level; more find no better
WINDOW = 10.0  # s.d. in pixels of the Gaussian within which motion is one
STIFFNESS = 0.02  # squared contrast a voxel: holds motion at 0 where there is nothing to see
BLUR = 1.0  # pixels: slopes of the finest grain say nothing
REACH = 192  # voxels beyond which pixels hardly bear on the motion; a multiple of `LATTICE`
LATTICE = 2 ** (LEVELS - 1)


def motion(before: Picture, after: Picture, contrast: float) -> Motion:
    """The motion between two sections, for pictures whose sides are multiples of 4, and 8 at least.

    Lucas and Kanade (1981), symmetric: before(p − u) ≈ after(p + u), in a Gaussian window, coarse to fine.
    `contrast` is the s.d. of the image's intensities.
    """
    pyramid = [(before / np.float32(contrast), after / np.float32(contrast))]
    for _ in range(LEVELS - 1):
        pyramid.append((_halved(pyramid[-1][0]), _halved(pyramid[-1][1])))
    still = np.zeros(pyramid[-1][0].shape, np.float32)
    moved = (still, still)
    for a, b in reversed(pyramid):
        if moved[0].shape != a.shape:
            moved = (_doubled(moved[0]), _doubled(moved[1]))
        start, end = ndimage.gaussian_filter(a, BLUR), ndimage.gaussian_filter(b, BLUR)
        for _ in range(STEPS):
            moved = _step(start, end, moved)
    return moved


def warped(picture: Picture, moved: Motion, share: float) -> Picture:
    """The picture at p + share · motion, linear between pixels, its border repeated outside."""
    y, x = np.mgrid[: picture.shape[0], : picture.shape[1]].astype(np.float32)
    places = [y + np.float32(share) * moved[0], x + np.float32(share) * moved[1]]
    return ndimage.map_coordinates(picture, places, order=1, mode="nearest")


def between(before: Picture, after: Picture, share: float, contrast: float) -> Picture:
    """The section at `share` of the way (0 before, 1 after): both ends moved to there, then blended."""
    y, x = before.shape
    sides = [(0, max(2 * LATTICE - side, -side % LATTICE)) for side in (y, x)]
    a, b = np.pad(before, sides, mode="edge"), np.pad(after, sides, mode="edge")
    moved = motion(a, b, contrast)
    start, end = warped(a, moved, -2 * share), warped(b, moved, 2 * (1 - share))
    return blend(start, end, share)[:y, :x]


def blend(before: Picture, after: Picture, share: float) -> Picture:
    """The weighted mean: (1 − share) · before + share · after."""
    return np.float32(1 - share) * before + np.float32(share) * after


def _step(a: Picture, b: Picture, moved: Motion) -> Motion:
    start, end = warped(a, moved, -1), warped(b, moved, 1)
    down, right = np.gradient(start + end)
    wrong = start - end
    yy, yx, xx = (_windowed(p) for p in (down * down, down * right, right * right))
    stiff = np.float32(STIFFNESS)
    yy, xx = yy + stiff, xx + stiff
    y = _windowed(down * wrong) - stiff * moved[0]
    x = _windowed(right * wrong) - stiff * moved[1]
    determinant = yy * xx - yx * yx
    by_y, by_x = (xx * y - yx * x) / determinant, (yy * x - yx * y) / determinant
    return moved[0] + np.clip(by_y, -1, 1), moved[1] + np.clip(by_x, -1, 1)


def _windowed(picture: Picture) -> Picture:
    return ndimage.gaussian_filter(picture, WINDOW, truncate=2.5)


def _halved(picture: Picture) -> Float32[np.ndarray, "a b"]:
    y, x = picture.shape
    return ndimage.gaussian_filter(picture, 0.8).reshape(y // 2, 2, x // 2, 2).mean(axis=(1, 3))


def _doubled(part: Picture) -> Float32[np.ndarray, "a b"]:
    """Motion on a grid twice as fine, in its voxels."""
    y, x = (np.clip((np.arange(2 * n) - 0.5) / 2, 0, n - 1) for n in part.shape)
    return 2 * ndimage.map_coordinates(part, np.meshgrid(y, x, indexing="ij"), order=1, mode="nearest")
