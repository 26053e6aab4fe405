"""Pictures for a page that stands alone: learning curves as SVG, images and maps as PNG data addresses.

Nothing here knows of pyplot or keeps state. Colours of lines are CSS variables of the page, so that a figure
follows its light and its dark theme: `--ink`, `--muted`, `--rule`, and `--class-1` to `--class-6`.
"""

import base64
import io
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import imageio.v3 as iio
import matplotlib
import numpy as np
from jaxtyping import Bool, Float32, UInt8
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from skimage.measure import find_contours

from microtome.labels import BACKGROUND, IGNORE

CLASS_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
"""Okabe & Ito (2008): told apart by colour-blind readers. A seventh class takes the first colour again."""

HIT, MISS, FALSE_ALARM, MIX_UP = (64, 156, 224), (245, 222, 60), (213, 94, 0), (204, 121, 167)
"""Blue, yellow, vermilion and purple: apart in hue and in lightness, also without red or without green."""

_HIT_ALPHA, _ERROR_ALPHA = 120, 185  # of 255: cristae stay visible below, and errors stand out
_INK, _MUTED, _RULE = "#010101", "#020202", "#030303"  # stand for the page's variables in matplotlib's output
_VARIABLES = {_INK: "--ink", _MUTED: "--muted", _RULE: "--rule"} | {
    colour: f"--class-{k}" for k, colour in enumerate(CLASS_COLOURS, start=1)
}
_LARGEST = 768  # pixels; a larger section is shown at a fraction of its resolution


@dataclass(frozen=True, slots=True)
class Theme:
    """Colours of words and main lines, of labels, and of rules."""

    ink: str
    muted: str
    rule: str


PAGE = Theme(_INK, _MUTED, _RULE)
"""Becomes the variables of a page in `inline`."""


@dataclass(frozen=True, slots=True)
class Line:
    """One class of a learning curve; `final` is a last model with the same labels as the one before it."""

    x: tuple[float, ...]
    jaccard: tuple[float, ...]
    final: tuple[float, float] | None


def learning_curve(lines: Sequence[Line], label: str, ticks: Sequence[float] | None) -> str:
    """An SVG of Jaccard from 0 to 1 over one cost; `ticks` are the marks of that axis, None chooses them.

    Points carry their value where there is one line; where there are more, numbers would cover each other.
    """
    with matplotlib.rc_context(style(PAGE) | {"svg.hashsalt": label}):
        figure = Figure(figsize=(5.6, 3.5), layout="constrained")
        figure.patch.set_visible(False)
        axes = figure.subplots()
        axes.patch.set_visible(False)
        _frame(axes, label, ticks)
        for k, line in enumerate(lines):
            _draw(axes, line, CLASS_COLOURS[k % len(CLASS_COLOURS)], values=len(lines) == 1)
        axes.margins(x=0.07)
        axes.set_xlim(left=0)
        return inline(figure)


def style(theme: Theme) -> dict[Any, Any]:
    """Matplotlib's settings for a figure in the colours of `theme`."""
    return {
        "svg.fonttype": "none",  # text stays text, in the page's own font
        "svg.hashsalt": "microtome",
        "text.parse_math": False,
        "font.size": 11.0,
        "axes.edgecolor": theme.rule,
        "axes.labelcolor": theme.muted,
        "xtick.color": theme.rule,
        "ytick.color": theme.rule,
        "xtick.labelcolor": theme.muted,
        "ytick.labelcolor": theme.muted,
        "text.color": theme.ink,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.spines.left": False,
        "ytick.major.size": 0.0,
        "grid.color": theme.rule,
        "grid.linewidth": 0.8,
    }


def inline(figure: Figure) -> str:
    """The figure as an element of a page: without header, size and ids, in the page's font and colours."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")))
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", svg, count=1)
    svg = re.sub(r'(<svg[^>]*?) height="[^"]*"', r'\1 aria-hidden="true"', svg, count=1)
    svg = re.sub(r' id="[A-Za-z0-9.]+_\d+"', "", svg)
    svg = re.sub(
        r"<defs>\s*<style.*?</defs>", "", svg, count=1, flags=re.DOTALL
    )  # would hold for the whole page
    svg = re.sub(r"font-family: [^;\"]*;? ?", "", svg)
    for colour, variable in _VARIABLES.items():
        svg = svg.replace(colour, f"var({variable})")
    return svg


def png(pixels: UInt8[np.ndarray, "y x *channels"]) -> str:
    """A data address of grey, RGB or RGBA pixels, without loss."""
    data: bytes = iio.imwrite("<bytes>", pixels, extension=".png", optimize=True)
    return "data:image/png;base64," + base64.b64encode(data).decode("ascii")


def grey(image: UInt8[np.ndarray, "y x"]) -> str:
    """A data address of a section; a large one is averaged down to at most 768 pixels a side."""
    n = _reduction(image.shape)
    y, x = (side // n * n for side in image.shape)
    blocks = image[:y, :x].reshape(y // n, n, x // n, n)
    return png(blocks.mean(axis=(1, 3)).round().astype(np.uint8))


def heat_map(values: Float32[np.ndarray, "y x"], colours: str, top: float) -> str:
    """A data address of `values` from 0 to `top` in the colours of a matplotlib map; beyond is clipped.

    Shown in 64 shades, which nobody tells from 256 and which take half the space.
    """
    n = _reduction(values.shape)
    shade = np.clip(values[::n, ::n] / top, 0, 1)
    rgba = colormaps[colours](np.round(shade * 63) / 63, bytes=True)
    return png(np.ascontiguousarray(rgba[..., :3]))


def gradient(colours: str) -> str:
    """A CSS gradient from the lowest to the highest colour of a matplotlib map."""
    stops = colormaps[colours](np.linspace(0, 1, 9), bytes=True)
    return f"linear-gradient(to right, {', '.join(css(stop) for stop in stops.tolist())})"


def css(colour: Sequence[int]) -> str:
    """A colour as CSS writes it; an alpha is dropped."""
    return "#{:02x}{:02x}{:02x}".format(*colour[:3])


def verdicts(truth: UInt8[np.ndarray, "y x"], predicted: UInt8[np.ndarray, "y x"]) -> str:
    """A data address to lay over a section: hits, misses, false alarms, and one class taken for another.

    Right background, and what the truth does not say, are transparent.
    """
    n = _reduction(truth.shape)
    truth, predicted = truth[::n, ::n], predicted[::n, ::n]
    there, found = truth != BACKGROUND, predicted != BACKGROUND
    pixels = np.zeros((*truth.shape, 4), dtype=np.uint8)
    pixels[there & (predicted == truth)] = (*HIT, _HIT_ALPHA)
    pixels[there & ~found] = (*MISS, _ERROR_ALPHA)
    pixels[~there & found] = (*FALSE_ALARM, _ERROR_ALPHA)
    pixels[there & found & (predicted != truth)] = (*MIX_UP, _ERROR_ALPHA)
    pixels[truth == IGNORE] = 0
    return png(pixels)


def outline(mask: Bool[np.ndarray, "y x"]) -> str:
    """The border of a mask as the path of an SVG in pixels, whose origin is the corner of the first pixel."""
    if not mask.any():
        return ""
    framed = np.pad(mask, 1).astype(np.float32)
    polygons = find_contours(framed, 0.5)  # in 1/24 of the time of those of a figure, with its axes
    # a pixel's centre lies half a pixel inside, and the frame is one pixel wide
    return " ".join(f"M{' '.join(f'{x - 0.5:g},{y - 0.5:g}' for y, x in points)}Z" for points in polygons)


def scale_bar(width: float, height: float, pixel_nm: float) -> str:
    """A bar of 1, 2 or 5 · 10ⁿ nm and its length in words, at most a quarter of an SVG of that size wide.

    `pixel_nm` is what a unit of the SVG is long; `.scale` of the page's style says what it looks like.
    """
    room_nm = max(width, 1) * pixel_nm / 4
    decade = 10.0 ** math.floor(math.log10(room_nm))
    length_nm = max(step * decade for step in (1, 2, 5) if step * decade <= room_nm)
    text = f"{length_nm / 1000:g} µm" if length_nm >= 1000 else f"{length_nm:g} nm"
    return (
        f'<g class="scale" transform="translate({0.04 * width:g} {height - 0.045 * width:g})">'
        f'<rect y="{-0.012 * width:g}" width="{length_nm / pixel_nm:g}" height="{0.014 * width:g}" '
        f'stroke-width="{0.004 * width:g}"/>'
        f'<text y="{-0.032 * width:g}" font-size="{0.05 * width:g}" stroke-width="{0.008 * width:g}">'
        f"{text}</text></g>"
    )


def _frame(axes: Axes, label: str, ticks: Sequence[float] | None) -> None:
    axes.set_xlabel(label, labelpad=8)
    axes.set_ylabel("Jaccard index on the test sections", labelpad=8)
    axes.set_ylim(0, 1)
    axes.set_yticks([0, 0.2, 0.4, 0.6, 0.8, 1])
    axes.grid(axis="y")
    axes.set_axisbelow(True)
    if ticks is not None:
        axes.set_xticks(ticks)


def _draw(axes: Axes, line: Line, colour: str, *, values: bool) -> None:
    axes.plot(line.x, line.jaccard, "-", marker="o", color=colour, linewidth=2, markersize=6, clip_on=False)
    if line.final is not None:
        axes.plot(*line.final, marker="D", color=colour, markersize=8, clip_on=False)
    if not values:
        return
    for x, jaccard in zip(line.x, line.jaccard, strict=True):
        _value(axes, x, jaccard, above=jaccard < 0.12)  # below, where a rising curve leaves room
    if line.final is not None:
        _value(axes, *line.final, above=line.final[1] >= line.jaccard[-1])


def _value(axes: Axes, x: float, jaccard: float, *, above: bool) -> None:
    """The number above or below its point."""
    axes.annotate(
        f"{jaccard:.2f}",
        (x, jaccard),
        xytext=(0, 9 if above else -9),
        textcoords="offset points",
        ha="center",
        va="bottom" if above else "top",
    )


def _reduction(shape: tuple[int, ...]) -> int:
    return -(-max(shape) // _LARGEST)
