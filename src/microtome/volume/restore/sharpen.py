"""Sharpening, denoising and windowing of sections, as Guay (2021) prepares them for a network."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float32
from scipy import ndimage

from microtome.box import Box, Int3
from microtome.progress import Progress, silent
from microtome.volume.restore.deflicker import Line
from microtome.volume.restore.real import Readable
from microtome.volume.restore.statistics import sampled_sections

TRUNCATE = 4.0  # s.d. at which a Gaussian ends


@runtime_checkable
class Filter(Protocol):
    """What becomes of sections; a voxel depends on those up to `reach` away in y and x."""

    @property
    def reach(self) -> int: ...

    def __call__(self, sections: Float32[np.ndarray, "z y x"]) -> Float32[np.ndarray, "z y x"]: ...


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

    @property
    def reach(self) -> int:
        return int(TRUNCATE * self.radius + 0.5)

    def __call__(self, sections: Float32[np.ndarray, "z y x"]) -> Float32[np.ndarray, "z y x"]:
        sigma = (0.0, self.radius, self.radius)
        smooth = ndimage.gaussian_filter(sections, sigma, mode="nearest", truncate=TRUNCATE)
        return sections + np.float32(self.amount) * (sections - smooth)


@dataclass(frozen=True, slots=True)
class Median:
    """The median of `side`² voxels."""

    side: int

    @property
    def reach(self) -> int:
        return self.side // 2

    def __call__(self, sections: Float32[np.ndarray, "z y x"]) -> Float32[np.ndarray, "z y x"]:
        return ndimage.median_filter(sections, size=(1, self.side, self.side), mode="nearest")


@dataclass(frozen=True, eq=False)
class Filtered:
    """A float32 image through a filter, section by section; voxels of the value `padding` are left."""

    image: Readable
    filter: Filter
    padding: float | None = None

    @property
    def shape(self) -> Int3:
        return self.image.shape

    def read(self, box: Box) -> Float32[np.ndarray, "z y x"]:
        around = (0, self.filter.reach, self.filter.reach)
        outer = box.grown(around).intersection(Box.of(self.shape))
        data, inner = self.image.read(outer), box.relative_to(outer).slices
        before, after = data[inner], self.filter(data)[inner]
        return after if self.padding is None else np.where(before == self.padding, before, after)


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
