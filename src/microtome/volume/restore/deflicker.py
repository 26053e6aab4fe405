"""Deflickering: sections of one brightness and contrast with those around them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float32, Float64

from microtome.box import Box, Int3
from microtome.volume.restore.real import Readable
from microtome.volume.restore.statistics import SectionStatistics, running_median

Matching = Literal["mean", "histogram"]
"""Match mean and s.d., which no content can bend, or the whole distribution."""

MOST = 3.0  # times the contrast around it, or a third of it: such a section is damaged, not flickering


@runtime_checkable
class Curve(Protocol):
    """What becomes of the intensities of a section."""

    def __call__(self, values: Float32[np.ndarray, "y x"]) -> Float32[np.ndarray, "y x"]: ...


@dataclass(frozen=True, slots=True)
class Line:
    """gain · (value − `before`) + `after`."""

    gain: float
    before: float
    after: float

    def __call__(self, values: Float32[np.ndarray, "y x"]) -> Float32[np.ndarray, "y x"]:
        return (values - np.float32(self.before)) * np.float32(self.gain) + np.float32(self.after)


@dataclass(frozen=True, slots=True, eq=False)
class Bend:
    """`before` (rising) becomes `after`, linear in between and shifted as its ends are beyond."""

    before: Float64[np.ndarray, "k"]
    after: Float64[np.ndarray, "k"]

    def __call__(self, values: Float32[np.ndarray, "y x"]) -> Float32[np.ndarray, "y x"]:
        beyond = values - np.clip(values, self.before[0], self.before[-1])
        return (np.interp(values, self.before, self.after) + beyond).astype(np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Deflickered:
    """A float32 image with a curve for each section, None for those left as they are.

    Voxels of the value `padding` are left, too.
    """

    image: Readable
    curves: Sequence[Curve | None]
    padding: float | None = None

    @property
    def shape(self) -> Int3:
        return self.image.shape

    def read(self, box: Box) -> Float32[np.ndarray, "z y x"]:
        data = self.image.read(box)
        for section, curve in zip(data, self.curves[box.slices[0]], strict=True):
            if curve is not None:
                kept = np.zeros(section.shape, bool) if self.padding is None else section == self.padding
                section[:] = np.where(kept, section, curve(section))
        return data


def flickering(statistics: SectionStatistics, missing: Sequence[int], sections: int) -> Bool[np.ndarray, "z"]:
    """Which sections are to be matched.

    Not those that are `missing`, show nothing, or have a third or three times of the contrast around them.
    """
    counted = statistics.deviations > 0
    counted[list(missing)] = False
    around = running_median(statistics.deviations, counted, sections)
    ratio = np.divide(statistics.deviations, around, out=np.zeros(len(statistics)), where=counted)
    return counted & (ratio > 1 / MOST) & (ratio < MOST)


def curves(
    statistics: SectionStatistics, matched: Bool[np.ndarray, "z"], matching: Matching, sections: int
) -> list[Curve | None]:
    """For each matched section the curve to the running median of the matched ones among `sections`."""
    means = running_median(statistics.means, matched, sections)
    deviations = running_median(statistics.deviations, matched, sections)
    quantiles = running_median(statistics.quantiles, matched, sections)
    result: list[Curve | None] = [None] * len(statistics)
    for z in np.flatnonzero(matched):
        if matching == "mean":
            gain = float(deviations[z] / statistics.deviations[z])
            result[z] = Line(gain, float(statistics.means[z]), float(means[z]))
        else:
            result[z] = _bend(statistics.quantiles[z], quantiles[z])
    return result


def _bend(before: Float64[np.ndarray, "q"], after: Float64[np.ndarray, "q"]) -> Bend:
    """Quantiles that agree, as those of whole numbers do, become their mean."""
    values, which = np.unique(before, return_inverse=True)
    return Bend(values, np.bincount(which, after) / np.bincount(which))
