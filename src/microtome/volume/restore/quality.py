"""How much an image flickers, how striped it is, and how near a made-up section comes to the real one."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float, Float64, Shaped
from scipy import ndimage

from microtome.box import Box
from microtome.volume.restore.interpolate import METHODS, Gap, Interpolated, Method
from microtome.volume.restore.real import Readable
from microtome.volume.restore.statistics import SectionStatistics, sampled_places, sampled_sections

SECTIONS = 16  # of which stripes are measured
HELD_OUT = 8  # real sections that are made up to see how well that goes
PIECES, PIECE = 4, 256  # what is made up of each: at most four pieces with these sides
WINDOW = 1.5  # s.d. in pixels of the Gaussian window of the structural similarity


def flicker(values: Float64[np.ndarray, "z"], counted: Bool[np.ndarray, "z"]) -> float | None:
    """The s.d. of sections' values about their trend; None for fewer than three that count.

    From each value's distance to the mean of its two neighbours, so that trends, curved ones nearly, do not
    matter; divided by √1.5, it is the s.d. of values that are independent.
    """
    values = values[counted]
    if len(values) < 3:
        return None
    apart = values[1:-1] - (values[:-2] + values[2:]) / 2
    return float(np.sqrt(np.mean(apart**2) / 1.5))


@dataclass(frozen=True, slots=True)
class StripeEnergy:
    """Shares in [0, 1] of the power of detail that lies in the band of stripes along y, and along x.

    Texture has about the same in both: a stripe shows as a ratio of the two far from 1.
    """

    along_y: float
    along_x: float


def stripe_energy(image: Readable, width: int = 16, missing: Sequence[int] = ()) -> StripeEnergy:
    """The mean over the pieces of at most 16 sections, none of them `missing`.

    The power of detail is that of wavelengths up to 2 · `width` voxels across; the band of stripes along an
    axis is what hardly varies along it, at most two cycles over the piece. An image without detail has 0.

    Raises:
        ValueError: If an intensity is NaN or infinite.
    """
    kept = [z for z in range(image.shape[0]) if z not in missing]
    chosen = [kept[k] for k in spread(len(kept), SECTIONS)]
    shares = [
        (_share(piece, width), _share(piece.T, width))
        for z in chosen
        for _, pieces in sampled_sections(image, range(z, z + 1))
        for piece in pieces
    ]
    along_y, along_x = np.mean(shares, axis=0)
    return StripeEnergy(float(along_y), float(along_x))


def psnr(truth: Float[np.ndarray, "y x"], made: Float[np.ndarray, "y x"], extent: float) -> float:
    """Peak signal to noise in decibels, the peak being `extent`; infinite where both are equal."""
    error = float(np.mean((truth - made).astype(np.float64) ** 2))
    return float("inf") if error == 0 else float(10 * np.log10(extent**2 / error))


def ssim(truth: Float[np.ndarray, "y x"], made: Float[np.ndarray, "y x"], extent: float) -> float:
    """Mean structural similarity (Wang 2004), in [-1, 1], 1 for equal ones; constants are of `extent`."""
    a, b = truth.astype(np.float64), made.astype(np.float64)
    mean_a, mean_b = _windowed(a), _windowed(b)
    c1, c2 = (0.01 * extent) ** 2, (0.03 * extent) ** 2
    spread = _windowed(a * a) - mean_a**2 + _windowed(b * b) - mean_b**2
    shared = _windowed(a * b) - mean_a * mean_b
    return float(
        np.mean(
            (2 * mean_a * mean_b + c1) * (2 * shared + c2) / ((mean_a**2 + mean_b**2 + c1) * (spread + c2))
        )
    )


@dataclass(frozen=True, slots=True)
class Likeness:
    """How near sections made up by `method` come to the real ones: means over `sections` of them."""

    method: Method
    psnr: float
    ssim: float
    sections: int


def held_out(image: Interpolated, extent: float) -> list[Likeness]:
    """Make up real sections across gaps as wide as the widest of `image`, by each method.

    Empty where no section has real ones so far to both sides. `extent` is the range of intensities.

    Raises:
        ValueError: If an intensity is NaN or infinite.
    """
    tried = _like(image.gaps, image.shape[0])
    places = [_cropped(place) for place in sampled_places((1, *image.shape[1:]))[:PIECES]]
    ways = [replace(image, gaps=tried, method=method) for method in METHODS]
    scores: dict[Method, list[tuple[float, float]]] = {method: [] for method in METHODS}
    for box in (place.shifted((gap.section, 0, 0)) for gap in tried for place in places):
        truth = image.image.read(box)[0]
        for way in ways:
            made = way.read(box)[0]
            scores[way.method].append((psnr(truth, made, extent), ssim(truth, made, extent)))
    means = {method: np.mean(scores[method], axis=0) for method in METHODS if tried}
    return [Likeness(method, float(a), float(b), len(tried)) for method, (a, b) in means.items()]


def intensity_extent(dtype: np.dtype, statistics: SectionStatistics) -> float:
    """The range of intensities that errors are compared with: 255 for uint8, else that of most voxels."""
    if dtype == np.uint8:
        return 255.0
    shown = statistics.quantiles[statistics.voxels > 0]
    return float(np.ptp(shown)) if shown.size and np.ptp(shown) > 0 else 1.0


def _like(gaps: Sequence[Gap], depth: int) -> list[Gap]:
    """At most eight real sections across gaps like the widest, evenly spread."""
    if not gaps:
        return []
    missing = {gap.section for gap in gaps}
    widest = max(gaps, key=lambda gap: gap.above - gap.below)
    down, up = widest.section - widest.below, widest.above - widest.section
    real = [z for z in range(down, depth - up) if missing.isdisjoint((z - down, z, z + up))]
    return [Gap(real[k], real[k] - down, real[k] + up) for k in spread(len(real), HELD_OUT)]


def spread(n: int, most: int) -> list[int]:
    """At most `most` of the indices below `n`, evenly spread."""
    return [int(k) for k in np.unique(np.linspace(0, n - 1, min(n, most)).astype(np.int64))]


def _cropped(place: Box) -> Box:
    """The middle of a place, 256 × 256 voxels at most."""
    start = [a + max(0, n - PIECE) // 2 for a, n in zip(place.start, place.shape, strict=True)]
    stop = [a + min(n, PIECE) for a, n in zip(start, place.shape, strict=True)]
    return Box((place.start[0], start[1], start[2]), (place.stop[0], stop[1], stop[2]))


def _share(piece: Shaped[np.ndarray, "y x"], width: int) -> float:
    """The share of the power of detail that hardly varies along y."""
    real = piece.astype(np.float64)
    rows, columns = real.shape
    tapered = (real - real.mean()) * np.outer(np.hanning(rows), np.hanning(columns))
    power = np.abs(np.fft.rfft2(tapered)) ** 2
    across = np.fft.rfftfreq(columns) >= 1 / (2 * width)
    along = np.abs(np.fft.fftfreq(rows)) * rows <= 2
    detail = power[:, across].sum()
    return float(power[np.ix_(along, across)].sum() / detail) if detail > 0 else 0.0


def _windowed(picture: Float64[np.ndarray, "y x"]) -> Float64[np.ndarray, "y x"]:
    return ndimage.gaussian_filter(picture, WINDOW, truncate=3.5)
