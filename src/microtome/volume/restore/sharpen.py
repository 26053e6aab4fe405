"""Sharpening, denoising and windowing of sections, as Guay (2021) prepares them for a network."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32
from scipy import ndimage

from microtome.box import Box, Int3
from microtome.progress import Progress, silent
from microtome.volume.restore.deflicker import Line
from microtome.volume.restore.real import Readable
from microtome.volume.restore.statistics import sampled_sections

TRUNCATE = 4.0  # s.d. at which a Gaussian ends


@dataclass(frozen=True, slots=True)
class Unsharp:
    """Adds `amount` times what a Gaussian of `radius` voxels (s.d.) takes away.

    Raises:
        ValueError: If one of them is not positive and finite.
    """

    radius: float = 2.0
    amount: float = 1.0

    def __post_init__(self) -> None:
        if not (0 < self.radius < np.inf and 0 < self.amount < np.inf):
            raise ValueError(f"expected a positive radius and amount; got {self.radius} and {self.amount}")


@dataclass(frozen=True, eq=False)
class Sharpened:
    """A float32 image under an unsharp mask, section by section; voxels of the value `padding` are left."""

    image: Readable
    mask: Unsharp
    padding: float | None = None

    @property
    def shape(self) -> Int3:
        return self.image.shape

    def read(self, box: Box) -> Float32[np.ndarray, "z y x"]:
        reach = int(TRUNCATE * self.mask.radius + 0.5)
        data, inner = _around(self.image, box, reach)
        sigma = (0.0, self.mask.radius, self.mask.radius)
        smooth = ndimage.gaussian_filter(data, sigma, mode="nearest", truncate=TRUNCATE)
        sharp = data + np.float32(self.mask.amount) * (data - smooth)
        return _kept(data[inner], sharp[inner], self.padding)


@dataclass(frozen=True, eq=False)
class Median:
    """A float32 image whose voxels are the median of `side`² around them in their section."""

    image: Readable
    side: int
    padding: float | None = None

    @property
    def shape(self) -> Int3:
        return self.image.shape

    def read(self, box: Box) -> Float32[np.ndarray, "z y x"]:
        data, inner = _around(self.image, box, self.side // 2)
        calm = ndimage.median_filter(data, size=(1, self.side, self.side), mode="nearest")
        return _kept(data[inner], calm[inner], self.padding)


def windows(
    image: Readable,
    percentiles: tuple[float, float],
    full: tuple[float, float],
    padding: float | None = None,
    progress: Progress = silent,
) -> Sequence[Line | None]:
    """For each section the line that brings its lower percentile to `full[0]` and its upper one to `full[1]`.

    Percentiles are of a sample of the section without padding; a section of one grey value has no line.
    """
    lines: list[Line | None] = []
    depth = image.shape[0]
    for z, section in sampled_sections(image, range(depth)):
        values = np.concatenate([piece.ravel() for piece in section])
        values = values if padding is None else values[values != padding]
        low, high = np.percentile(values, percentiles) if len(values) else (0.0, 0.0)
        gain = (full[1] - full[0]) / (high - low) if high > low else None
        lines.append(None if gain is None else Line(float(gain), float(low), full[0]))
        progress("looking for grey values", z + 1, depth)
    return lines


def _around(image: Readable, box: Box, reach: int) -> tuple[Float32[np.ndarray, "_ _ _"], tuple[slice, ...]]:
    """What lies in a box and around it in its sections, within the image, and where the box is in that."""
    outer = box.grown((0, reach, reach)).intersection(Box.of(image.shape))
    return image.read(outer), box.relative_to(outer).slices


def _kept(
    before: Float32[np.ndarray, "z y x"], after: Float32[np.ndarray, "z y x"], padding: float | None
) -> Float32[np.ndarray, "z y x"]:
    return after if padding is None else np.where(before == padding, before, after)
