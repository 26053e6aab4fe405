"""De-striping: curtains and other lines that run straight along y or x through a section."""

from collections import OrderedDict
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np
from jaxtyping import Float32, Float64
from scipy import ndimage

from microtome.box import Box, Int3, tile
from microtome.volume.restore.real import Readable

Along = Literal["y", "x"]

FALL = 4.0  # widths of the Gaussian over frequency at which it counts as 0
TEXTURE = (3.0, 10.0)  # the same widths, between which there is texture but no stripe
SPARED = 4.0  # a stripe loses this many times the power of the texture
ROUNDING = 1e-5  # of the largest amplitude: what float32 sums leave is no stripe
SPLINE = np.array([1, 4, 6, 4, 1]) / 16  # the à trous wavelet's B3 spline
REMEMBERED = 64  # sections whose stripes are kept: more than a slab of blocks and neighbours across gaps
PIECE = 1024  # sides in y and x of what is read at a time to find stripes


@dataclass(frozen=True, slots=True)
class Stripes:
    """Stripes along an axis, up to `width` voxels wide, of one strength over `length` voxels or more.

    In sections shorter than 1.4 `length`, those that run straight through.

    Raises:
        ValueError: If they are not at least 2 voxels wide and longer than wide.
    """

    along: Along = "y"
    width: int = 16
    length: int = 1500

    def __post_init__(self) -> None:
        if not 2 <= self.width < self.length:
            raise ValueError(
                f"expected stripes at least 2 voxels wide, and longer; got {self.width} and {self.length}"
            )

    @property
    def levels(self) -> int:
        """Of the wavelet: each doubles the width."""
        return int(np.ceil(np.log2(self.width)))

    def cycles(self, rows: int) -> float:
        """Width of the Gaussian in cycles over `rows` voxels; below 0.7 it would miss what drifts."""
        return max(rows / self.length, 0.7)


@dataclass(frozen=True, eq=False)
class Destriped:
    """A float32 image without its stripes.

    Wavelet-Fourier filtering (Münch 2009): what is narrow across the stripes and of low frequency along them
    is taken out. The filter is linear in the few low frequencies, so these alone are computed, as cosines
    over the whole section, then split by an undecimated wavelet across. Unlike in the paper a coefficient
    loses only what exceeds the texture around it at the same width (as in wavelet denoising), so that a
    section without stripes hardly changes. A box is what it is in the whole section, whatever is read.

    Voxels of the value `padding` count as the median of their piece of the image, and are left as they are.
    """

    image: Readable
    stripes: Stripes = field(default_factory=Stripes)
    padding: float | None = None
    _known: OrderedDict[int, Float32[np.ndarray, "k x"]] = field(default_factory=OrderedDict, init=False)

    @property
    def shape(self) -> Int3:
        return self.image.shape

    def read(self, box: Box) -> Float32[np.ndarray, "z y x"]:
        data = self.image.read(box)
        if not box.size:
            return data
        (_, rows, columns) = self._turned(box).slices
        found = self._found(box.start[0], box.stop[0])[:, :, columns]
        lines = np.matmul(self._waves[: found.shape[1], rows].T, found)
        clean = data - (lines if self.stripes.along == "y" else lines.swapaxes(1, 2))
        return clean if self.padding is None else np.where(data == self.padding, data, clean)

    @cached_property
    def _waves(self) -> Float32[np.ndarray, "k y"]:
        """The orthonormal cosines (DCT-II) of lowest frequency along the stripes."""
        _, rows, _ = self._turned(Box.of(self.shape)).shape
        n = min(rows, int(2 * TEXTURE[1] * self.stripes.cycles(rows)) + 1)
        waves = np.cos(np.pi / rows * np.outer(np.arange(n), np.arange(rows) + 0.5)) * np.sqrt(2 / rows)
        waves[0] /= np.sqrt(2)
        return waves.astype(np.float32)

    def _turned(self, box: Box) -> Box:
        """The box with stripes along its second axis."""
        if self.stripes.along == "y":
            return box
        (a, b, c), (d, e, f) = box.start, box.stop
        return Box((a, c, b), (d, f, e))

    def _found(self, first: int, last: int) -> Float32[np.ndarray, "z k x"]:
        """The stripes of a slab of sections, as amplitudes of the lowest waves."""
        slab = range(first, last)
        new = [z for z in slab if z not in self._known]
        if new:
            rows = self._waves.shape[1]
            for z, waves in enumerate(self._lowest(new[0], new[-1] + 1), start=new[0]):
                self._known[z] = stripe_waves(waves, rows, self.stripes)
        found = np.stack([self._known[z] for z in slab])
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        return found

    def _lowest(self, first: int, last: int) -> Float32[np.ndarray, "z k x"]:
        """The amplitudes of all waves, summed over pieces of the slab."""
        whole = Box((first, 0, 0), (last, *self.shape[1:]))
        columns = self._turned(whole).shape[2]
        total = np.zeros((last - first, len(self._waves), columns), np.float32)
        for block in tile(whole, (last - first, PIECE, PIECE), (0, 0, 0)):
            data = self.image.read(block.write)
            if self.padding is not None:
                data = np.stack([_filled(section, self.padding) for section in data])
            place = self._turned(block.write)
            data = data if self.stripes.along == "y" else data.swapaxes(1, 2)
            total[:, :, place.slices[2]] += np.matmul(self._waves[:, place.slices[1]], data)
        return total


def stripe_waves(
    waves: Float32[np.ndarray, "n x"], rows: int, stripes: Stripes
) -> Float32[np.ndarray, "k x"]:
    """Of the cosine amplitudes of a section with `rows` voxels along the stripes, what stripes are.

    k ≤ n: the higher waves hold none. 0 where nothing exceeds the texture.
    """
    cycles = np.arange(len(waves)) / 2
    width = stripes.cycles(rows)
    fall = np.exp(-(cycles**2) / (2 * width**2))[: int(2 * FALL * width) + 1, None]
    texture = slice(min(int(2 * TEXTURE[0] * width) + 1, len(waves) - 1), None)
    smooth: Float64[np.ndarray, "n x"] = waves.astype(np.float64)
    noise = (ROUNDING * float(np.abs(waves).max())) ** 2
    result = np.zeros((len(fall[: len(waves)]), waves.shape[1]))
    for level in range(stripes.levels):
        smoother = _smoothed(smooth, level)
        detail, smooth = smooth - smoother, smoother
        power = (detail[texture] ** 2).mean(axis=0)
        around = ndimage.uniform_filter1d(power, 16 * 2**level + 1, mode="reflect")
        low = detail[: len(fall)]
        result += fall[: len(low)] * _excess(low, SPARED * around + noise)
    return result.astype(np.float32)


def _excess(values: Float64[np.ndarray, "k x"], power: Float64[np.ndarray, "x"]) -> np.ndarray:
    """The values less what has that power, towards 0 (James and Stein 1961)."""
    exceeds = values**2 > power
    return np.where(exceeds, values - power / np.where(exceeds, values, 1), 0)


def _smoothed(waves: Float64[np.ndarray, "n x"], level: int) -> Float64[np.ndarray, "n x"]:
    kernel = np.zeros(4 * 2**level + 1)
    kernel[:: 2**level] = SPLINE
    return ndimage.convolve1d(waves, kernel, axis=1, mode="reflect")


def _filled(data: Float32[np.ndarray, "y x"], padding: float) -> Float32[np.ndarray, "y x"]:
    outside = data == padding
    inside = data[~outside]
    return np.where(outside, np.float32(np.median(inside) if len(inside) else padding), data)
