"""Which sections look damaged: a list for a person to judge; nothing is done about them."""

import itertools
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Shaped

from microtome.progress import Progress, silent
from microtome.volume.protocol import Volume
from microtome.volume.resample import block_mean
from microtome.volume.restore.statistics import running_median, sampled_sections

AROUND = 11  # sections that a section is compared with
MOST = 2.0  # times the contrast or the sharpness around it, or half of it
COARSE = 4  # voxels y and x averaged before sections are compared: noise is not alike
PATCH = 32  # coarse voxels; sides of what is compared
UNLIKE = 0.05  # correlation by which the neighbours are more alike than either is like the section …
SHARE = 1 / 3  # … in this share of the patches: 0.25 at most in vnc, isbi2012 and flyem as they are


@dataclass(frozen=True, slots=True)
class Damage:
    """A section that looks damaged, and how.

    `contrast` and `sharpness` are relative to the median around it, 1 when as ever. `unlike` is the share of
    patches in which its two neighbours are more like each other than either is like it; None at the ends.
    """

    section: int
    contrast: float
    sharpness: float
    unlike: float | None

    @property
    def reason(self) -> str:
        """What is wrong, in words."""
        found = []
        if not 1 / MOST < self.contrast < MOST:
            found.append("contrast")
        if not 1 / MOST < self.sharpness < MOST:
            found.append("sharpness")
        if self.unlike is not None and self.unlike >= SHARE:
            found.append("unlike its neighbours")
        return ", ".join(found)


def damaged_sections(
    volume: Volume, padding: float | None = None, progress: Progress = silent
) -> list[Damage]:
    """Sections with half or twice the contrast or sharpness around them, or unlike their neighbours.

    Blank, blurred, noisy and misplaced sections are found, from at most 2^20 voxels of each; a fold or a
    stain that covers less than a third of a section is not. Two bad neighbours hide one another, unless they
    are blank.

    Raises:
        ValueError: If an intensity is NaN or infinite.
    """
    depth = volume.shape[0]
    contrast, sharpness, unlike = np.zeros(depth), np.zeros(depth), np.full(depth, np.nan)
    before: list[list[np.ndarray]] = []  # the patches of at most two sections
    for z, pieces in sampled_sections(volume, range(depth)):
        contrast[z], sharpness[z] = _contrast_and_sharpness(pieces, padding)
        before = [*before[-2:], [patch for piece in pieces for patch in _patches(piece, padding)]]
        if len(before) == 3:
            unlike[z - 1] = _unlike(*before)
        progress("looking for damage", z + 1, depth)
    every: Bool[np.ndarray, "z"] = np.ones(depth, bool)
    ratios = zip(_ratio(contrast, every), _ratio(sharpness, every), unlike, strict=True)
    found = [
        Damage(z, float(a), float(b), None if np.isnan(c) else float(c)) for z, (a, b, c) in enumerate(ratios)
    ]
    return [damage for damage in found if damage.reason]


def _contrast_and_sharpness(
    pieces: list[Shaped[np.ndarray, "y x"]], padding: float | None
) -> tuple[float, float]:
    """The s.d., and the mean difference of neighbouring pixels."""
    values, slopes = [], []
    for piece in pieces:
        real = piece.astype(np.float32)
        inside = np.ones(piece.shape, bool) if padding is None else piece != padding
        values.append(real[inside])
        slopes.append(np.abs(np.diff(real, axis=1))[inside[:, 1:] & inside[:, :-1]])
    value, slope = np.concatenate(values), np.concatenate(slopes)
    if not len(value) or not len(slope):
        return 0.0, 0.0
    return float(value.std(dtype=np.float64)), float(slope.mean(dtype=np.float64))


def _ratio(values: Float64[np.ndarray, "z"], every: Bool[np.ndarray, "z"]) -> Float64[np.ndarray, "z"]:
    """To the median around; 1 where that is 0 and so is the value, as in blank images."""
    around = running_median(values, every, AROUND)
    ratio = np.divide(values, around, out=np.full(len(values), np.inf), where=around > 0)
    return np.where((values == 0) & (around == 0), 1.0, ratio)


def _patches(piece: Shaped[np.ndarray, "y x"], padding: float | None) -> list[Float64[np.ndarray, "a b"]]:
    """The piece coarsened and cut up, as one patch where it is smaller; padding is NaN."""
    real = piece.astype(np.float64)
    real[(piece == padding) if padding is not None else np.zeros(piece.shape, bool)] = np.nan
    y, x = (min(COARSE, side) for side in piece.shape)
    coarse = block_mean(real[None, : len(real) // y * y, : real.shape[1] // x * x], (1, y, x))[0]
    rows = np.array_split(coarse, max(1, coarse.shape[0] // PATCH), axis=0)
    columns = max(1, coarse.shape[1] // PATCH)
    return list(itertools.chain.from_iterable(np.array_split(row, columns, axis=1) for row in rows))


def _unlike(below: list[np.ndarray], here: list[np.ndarray], above: list[np.ndarray]) -> float:
    """The share of the patches without padding in which `here` is; NaN where there are none."""
    apart = np.array(
        [
            _correlation(a, c) - max(_correlation(a, b), _correlation(b, c))
            for a, b, c in zip(below, here, above, strict=True)
        ]
    )
    told = apart[~np.isnan(apart)]
    return float(np.mean(told > UNLIKE)) if len(told) else float("nan")


def _correlation(a: Float64[np.ndarray, "y x"], b: Float64[np.ndarray, "y x"]) -> float:
    """Of Pearson, in [-1, 1]; 0 where one shows nothing, NaN where one has padding."""
    a, b = a - a.mean(), b - b.mean()
    norm = float(np.sqrt((a**2).sum() * (b**2).sum()))
    return 0.0 if norm == 0 else float((a * b).sum()) / norm
