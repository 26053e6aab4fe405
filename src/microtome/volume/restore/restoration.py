"""What is to be done to an image, as a view of it that is computed where it is read."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from microtome.progress import Progress, silent
from microtome.volume.protocol import Volume
from microtome.volume.restore.deflicker import Deflickered, Matching, curves, flickering
from microtome.volume.restore.destripe import Destriped, Stripes
from microtome.volume.restore.interpolate import Interpolated, Method, gaps
from microtome.volume.restore.real import Readable, Real, Rounded, require_padding
from microtome.volume.restore.statistics import SectionStatistics, section_statistics


@dataclass(frozen=True, slots=True)
class Restoration:
    """The filters to apply, in this order: stripes, flicker, sections that are missing.

    `sections` are those around each whose running median deflickering goes to. Voxels of the value `padding`
    lie outside of the tissue.

    Raises:
        ValueError: If `sections` is even or less than three.
    """

    stripes: Stripes | None = None
    matching: Matching | None = None
    sections: int = 15
    missing: tuple[int, ...] = ()
    method: Method = "motion"
    padding: float | None = None

    def __post_init__(self) -> None:
        if self.sections < 3 or self.sections % 2 == 0:
            raise ValueError(f"expected an odd number of sections, at least 3; got {self.sections}")

    @property
    def empty(self) -> bool:
        """Whether nothing is to be done."""
        return self.stripes is None and self.matching is None and not self.missing


@dataclass(frozen=True, eq=False)
class Restored:
    """A restored image, `image`, as a read-only volume of the type it had, and what it was made of."""

    image: Rounded
    interpolated: Interpolated  # the last filter, in float32
    statistics: SectionStatistics  # of the image before
    matched: Sequence[int] = field(default_factory=tuple)  # sections that were deflickered


def restored(volume: Volume, wanted: Restoration, progress: Progress = silent) -> Restored:
    """The view; a sample of every section is read to make it.

    Raises:
        ValueError: If the image is of a type that is not filtered or does not hold the padding, an
            intensity is NaN or infinite, or a missing section has no neighbour.
    """
    real = Real(volume)
    require_padding(volume, wanted.padding)
    found = gaps(wanted.missing, volume.shape[0])
    statistics = section_statistics(real, wanted.padding, progress)
    image: Readable = real if wanted.stripes is None else Destriped(real, wanted.stripes, wanted.padding)
    matched: Sequence[int] = ()
    if wanted.matching is not None:
        which = flickering(statistics, wanted.missing, wanted.sections)
        chosen = curves(statistics, which, wanted.matching, wanted.sections)
        image = Deflickered(image, chosen, wanted.padding)
        matched = [int(z) for z in np.flatnonzero(which)]
    contrast = _contrast(statistics, wanted.missing)
    last = Interpolated(image, found, wanted.method, contrast, wanted.padding)
    return Restored(Rounded(last, volume), last, statistics, matched)


def _contrast(statistics: SectionStatistics, missing: Sequence[int]) -> float:
    """The median s.d. of the sections that are not missing and show something; 1 where none does."""
    there = np.delete(statistics.deviations, list(missing))
    shown = there[there > 0]
    return float(np.median(shown)) if len(shown) else 1.0
