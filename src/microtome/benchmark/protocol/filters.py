"""Frozen features of every voxel: a bank of filters, as pixel classifiers use (Sommer et al. 2011)."""

import math
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float32, UInt8
from scipy import ndimage

from microtome.box import Box, grid
from microtome.volume import Volume

SIGMAS = (0.7, 1.0, 1.6, 3.5, 5.0, 10.0)  # voxels
REACH = 3.0  # of the largest filter, in σ
WHOLE = 2**21  # voxels of a section up to which it is filtered as a whole and kept


@dataclass(frozen=True, eq=False)
class FilterBank:
    """Features of the voxels of one image; a section of moderate size is filtered once, as a whole."""

    image: Volume
    sigmas: tuple[float, ...] = SIGMAS
    _sections: dict[int, Float32[np.ndarray, "y x f"]] = field(default_factory=dict, init=False)

    def at(self, box: Box) -> Float32[np.ndarray, "z y x f"]:
        """Features of a box, computed with the image around it.

        Raises:
            OSError: If the image cannot be read.
        """
        return np.stack([self._of_section(section) for section in grid(box, (1, *box.shape[1:]))])

    def _of_section(self, box: Box) -> Float32[np.ndarray, "y x f"]:
        z, (_, y, x) = box.start[0], self.image.shape
        if y * x > WHOLE:
            margin = math.ceil(REACH * max(self.sigmas))
            outer = box.grown((0, margin, margin)).intersection(Box.of(self.image.shape))
            return bank(self.image.read(outer)[0], self.sigmas)[*box.relative_to(outer).slices[1:]]
        if z not in self._sections:
            self._sections[z] = bank(self.image.read(Box((z, 0, 0), (z + 1, y, x)))[0], self.sigmas)
        return self._sections[z][*box.slices[1:]]


def bank(section: UInt8[np.ndarray, "y x"], sigmas: tuple[float, ...]) -> Float32[np.ndarray, "y x f"]:
    """Grey value; for each σ smoothed, gradient, Laplacian, eigenvalues of Hessian and structure tensor."""
    grey = section.astype(np.float32) / 255
    features = [grey]
    for sigma in sigmas:
        smooth = ndimage.gaussian_filter(grey, sigma, mode="reflect", truncate=REACH)
        gy, gx = np.gradient(smooth)
        gyy, gyx = np.gradient(gy)
        gxx = np.gradient(gx, axis=1)
        blurred = [ndimage.gaussian_filter(a * b, sigma / 2) for a, b in ((gy, gy), (gy, gx), (gx, gx))]
        scale = np.float32(sigma)
        features += [smooth, scale * np.hypot(gy, gx), scale**2 * (gyy + gxx)]
        features += [scale**2 * value for value in _eigenvalues(gyy, gyx, gxx)]
        features += [scale * np.sqrt(np.maximum(value, 0)) for value in _eigenvalues(*blurred)]
    return np.stack(features, axis=-1).astype(np.float32)


def _eigenvalues(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of the symmetric matrices [[a, b], [b, c]], the larger first."""
    middle, spread = (a + c) / 2, np.hypot((a - c) / 2, b)
    return middle + spread, middle - spread
