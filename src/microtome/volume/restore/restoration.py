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
from microtome.volume.restore.sharpen import Filtered, Median, Unsharp, windows
from microtome.volume.restore.statistics import SectionStatistics, section_statistics


@dataclass(frozen=True, slots=True)
class Restoration:
    """The filters to apply, in this order: stripes, flicker, missing sections, sharpening, median, window.

    `sections` are those around each whose running median deflickering goes to. `median` is the side of the
    square that it is of, `window` the percentiles of each section that become the least and the largest value
    of its type (0 and 1 for float32). Voxels of the value `padding` lie outside of the tissue.

    Raises:
        ValueError: If `sections` or `median` is even or less than three, or the percentiles do not rise in
            [0, 100].
    """

    stripes: Stripes | None = None
    matching: Matching | None = None
    sections: int = 15
    missing: tuple[int, ...] = ()
    method: Method = "motion"
    padding: float | None = None
    unsharp: Unsharp | None = None
    median: int | None = None
    window: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        if self.median is not None and (self.median < 3 or self.median % 2 == 0):
            raise ValueError(f"expected an odd side of the median, at least 3; got {self.median}")
        if self.window is not None and not 0 <= self.window[0] < self.window[1] <= 100:
            raise ValueError(f"expected percentiles that rise in [0, 100]; got {self.window}")
        if self.sections < 3 or self.sections % 2 == 0:
            raise ValueError(f"expected an odd number of sections, at least 3; got {self.sections}")

    @property
    def empty(self) -> bool:
        """Whether nothing is to be done."""
        wanted = (self.stripes, self.matching, self.unsharp, self.median, self.window)
        return not self.missing and all(one is None for one in wanted)


@dataclass(frozen=True, eq=False)
class Restored:
    """A restored image, `image`, as a read-only volume of the type it had, and what it was made of."""

    image: Rounded
    interpolated: Interpolated  # before sharpening, in float32
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
    interpolated = Interpolated(image, found, wanted.method, contrast, wanted.padding)
    last = _prepared(interpolated, volume, wanted, progress)
    return Restored(Rounded(last, volume), interpolated, statistics, matched)


def _prepared(image: Readable, volume: Volume, wanted: Restoration, progress: Progress) -> Readable:
    """Sharpened, calmed and stretched, as far as that is wanted."""
    if wanted.unsharp is not None:
        image = Filtered(image, wanted.unsharp, wanted.padding)
    if wanted.median is not None:
        image = Filtered(image, Median(wanted.median), wanted.padding)
    if wanted.window is not None:
        limits = None if volume.dtype.kind == "f" else np.iinfo(volume.dtype)
        full = (0.0, 1.0) if limits is None else (float(limits.min), float(limits.max))
        found = windows(image, wanted.window, full, wanted.padding, progress)
        image = Deflickered(image, found, wanted.padding)
    return image


def _contrast(statistics: SectionStatistics, missing: Sequence[int]) -> float:
    """The median s.d. of the sections that are not missing and show something; 1 where none does."""
    there = np.delete(statistics.deviations, list(missing))
    shown = there[there > 0]
    return float(np.median(shown)) if len(shown) else 1.0
