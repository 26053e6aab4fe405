"""What the sections of an image are like: brightness, contrast and distribution of each, from a sample."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int64, Shaped

from microtome.box import Box, Int3
from microtome.progress import Progress, silent
from microtome.volume.restore.real import Readable
from microtome.volume.sample import sample_boxes

SAMPLED = 2**20  # voxels of a section that are looked at, at most: the error of its mean is s.d. / 1000
PIECE = 256  # sides of the pieces of larger sections, at the same places in all of them
PIECES = SAMPLED // PIECE**2
SLAB = 8  # sections read at a time
TRIMMED = (0.02, 0.98)  # quantiles beyond which voxels count as lying at them: specks, folds, saturation
LEVELS = (np.arange(64) + 0.5) / 64
"""The quantiles by which a distribution is described."""


@dataclass(frozen=True, eq=False)
class SectionStatistics:
    """Of each section, in the image's intensities; 0 where `voxels` is 0.

    `means` and `deviations` (s.d.) are of voxels clipped to the section's 2nd and 98th percentile.
    """

    voxels: Int64[np.ndarray, "z"]  # that were looked at, padding not among them
    means: Float64[np.ndarray, "z"]
    deviations: Float64[np.ndarray, "z"]
    quantiles: Float64[np.ndarray, "z q"]

    def __len__(self) -> int:
        return len(self.voxels)


def section_statistics(
    image: Readable, padding: float | None = None, progress: Progress = silent
) -> SectionStatistics:
    """Statistics of every section from at most 2^20 of its voxels; 8 sections' samples are in memory.

    Voxels of the value `padding` lie outside of the tissue and do not count.

    Raises:
        ValueError: If an intensity is NaN or infinite.
    """
    depth = image.shape[0]
    voxels, means, deviations = np.zeros(depth, np.int64), np.zeros(depth), np.zeros(depth)
    quantiles = np.zeros((depth, len(LEVELS)))
    for z, section in sampled_sections(image, range(depth)):
        values = np.concatenate([piece.ravel() for piece in section])
        values = values if padding is None else values[values != padding]
        voxels[z] = len(values)
        if len(values):
            low, high, *quantiles[z] = np.quantile(values, [*TRIMMED, *LEVELS])
            clipped = np.clip(values, low, high)
            means[z], deviations[z] = clipped.mean(dtype=np.float64), clipped.std(dtype=np.float64)
        progress("looking at sections", z + 1, depth)
    return SectionStatistics(voxels, means, deviations, quantiles)


def sampled_sections(
    image: Readable, sections: range
) -> Iterator[tuple[int, list[Shaped[np.ndarray, "y x"]]]]:
    """Each section of a range with step 1, with pieces of it from the same places in all."""
    places = sampled_places(image.shape)
    for first in range(sections.start, sections.stop, SLAB):
        last = min(first + SLAB, sections.stop)
        pieces = [image.read(_between(place, first, last)) for place in places]
        for z in range(first, last):
            yield z, [piece[z - first] for piece in pieces]


def sampled_places(shape: Int3) -> list[Box]:
    """Places of the pieces in section 0: the whole section if it is small, else 16 of 256 × 256 voxels."""
    _, y, x = shape
    piece = (1, y, x) if y * x <= SAMPLED else (1, PIECE, PIECE)
    return sample_boxes((1, y, x), piece, PIECES, seed=0)


def running_median(
    values: Float64[np.ndarray, "z *rest"], counted: Bool[np.ndarray, "z"], sections: int
) -> Float64[np.ndarray, "z *rest"]:
    """The median over those of `sections` around each that count, fewer at the ends; NaN where none do."""
    radius = sections // 2
    result = np.full(values.shape, np.nan)
    for z in range(len(values)):
        around = slice(max(0, z - radius), z + radius + 1)
        if counted[around].any():
            result[z] = np.median(values[around][counted[around]], axis=0)
    return result


def _between(place: Box, first: int, last: int) -> Box:
    return Box((first, *place.start[1:]), (last, *place.stop[1:]))
