"""The report of a segmentation that grew from one section: costs by model, and what was corrected."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
from jaxtyping import UInt8
from markupsafe import Markup
from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter, StrMethodFormatter

from microtome.benchmark.protocol.files import replacing
from microtome.benchmark.report import figures
from microtome.labels import BACKGROUND, IGNORE
from microtome.learn.corrections import MOST

MISSED, MADE_UP = (214, 30, 50), (250, 214, 40)  # red and yellow, as Guay (2021) shows them
WEIGHTS = "inferno"
PAPER = (328.0, 31.3, 27.3, 20.7, 2.5)  # minutes a megavoxel by iteration: Guay (2021), table 1
_ALPHA = 190  # of 255: the tissue stays visible


@dataclass(frozen=True, eq=False)
class Corrected:
    """A section as a model showed it and as it was answered.

    `pixel_nm` is what a pixel is wide. `emphasis` is how much each voxel was corrected, 255 at most; None
    where corrections weigh no more.
    """

    model: int
    section: int
    image: UInt8[np.ndarray, "y x"]
    shown: UInt8[np.ndarray, "y x"]
    labels: UInt8[np.ndarray, "y x"]
    emphasis: UInt8[np.ndarray, "y x"] | None
    strength: float
    pixel_nm: float


def write_growth(path: Path, data: Mapping[str, Any], corrected: Sequence[Corrected], title: str) -> None:
    """Write the page; `data` is what `microtome grow --table --json` prints.

    Raises:
        OSError: If the page cannot be written; the old one is still there then.
    """
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    files = resources.files("microtome.benchmark.report")
    page = environment.from_string(files.joinpath("growth.html.j2").read_text(encoding="utf-8")).render(
        css=Markup(files.joinpath("report.css").read_text(encoding="utf-8")),
        title=title,
        data=data,
        chart=Markup(_chart(data["iterations"])),
        sections=[_view(one) for one in corrected],
        gradient=figures.gradient(WEIGHTS),
        weighed=any(one.emphasis is not None for one in corrected),
        colours={"missed": figures.css(MISSED), "made up": figures.css(MADE_UP)},
    )
    with replacing(path) as partial:
        partial.write_text(page, encoding="utf-8")


def _view(one: Corrected) -> dict[str, Any]:
    height, width = one.image.shape
    weighed = one.emphasis is not None and bool(one.emphasis.any())
    emphasis = np.zeros(one.image.shape, np.uint8) if one.emphasis is None else one.emphasis
    return {
        "model": one.model,
        "section": one.section,
        "height": height,
        "width": width,
        "image": figures.grey(one.image),
        "scale_bar": Markup(figures.scale_bar(width, height, one.pixel_nm)),
        "errors": _errors(one.shown, one.labels),
        "answer": _answer(one.labels),
        "weights": figures.heat_map(emphasis.astype(np.float32), WEIGHTS, MOST) if weighed else None,
        "most": f"{1 + one.strength:.0f}",
        "missed": int(
            np.count_nonzero((one.labels != BACKGROUND) & (one.labels != IGNORE) & (one.labels != one.shown))
        ),
        "made_up": int(np.count_nonzero((one.labels == BACKGROUND) & (one.shown != BACKGROUND))),
    }


def _errors(shown: UInt8[np.ndarray, "y x"], labels: UInt8[np.ndarray, "y x"]) -> str:
    """A data address to lay over a section: what the prediction missed and what it made up."""
    known = labels != IGNORE
    pixels = np.zeros((*labels.shape, 4), np.uint8)
    pixels[known & (labels != BACKGROUND) & (shown != labels)] = (*MISSED, _ALPHA)
    pixels[known & (labels == BACKGROUND) & (shown != BACKGROUND)] = (*MADE_UP, _ALPHA)
    return figures.png(pixels)


def _answer(labels: UInt8[np.ndarray, "y x"]) -> str:
    pixels = np.zeros((*labels.shape, 4), np.uint8)
    pixels[(labels != BACKGROUND) & (labels != IGNORE)] = (*figures.HIT, 120)
    return figures.png(pixels)


def _chart(rows: Sequence[Mapping[str, Any]]) -> str:
    """Minutes a megavoxel by iteration on a logarithmic scale, the paper's beside them."""
    with rc_context(figures.style(figures.PAGE) | {"svg.hashsalt": "growth"}):
        figure = Figure(figsize=(5.6, 3.5), layout="constrained")
        figure.patch.set_visible(False)
        axes = figure.subplots()
        axes.patch.set_visible(False)
        priced = [row for row in rows if row["min_per_mvox"]]
        x, y = [row["iteration"] for row in priced], [row["min_per_mvox"] for row in priced]
        below = [max(row["min_per_mvox"] - row["least"], 0) for row in priced]
        above = [max(row["most"] - row["min_per_mvox"], 0) for row in priced]
        axes.plot(range(len(PAPER)), PAPER, color=figures.PAGE.muted, linestyle=":", marker="o", markersize=3)
        axes.annotate(
            "Guay (2021)",
            (len(PAPER) - 1, PAPER[-1]),
            (-12, 0),
            textcoords="offset points",
            ha="right",
            va="center",
            color=figures.PAGE.muted,
        )
        colour = figures.CLASS_COLOURS[0]
        axes.errorbar(x, y, (below, above), color=colour, marker="o", capsize=4, linewidth=2)
        for k, (place, value) in enumerate(zip(x, y, strict=True)):
            falls = k + 1 == len(y) or y[k + 1] <= value
            higher = falls and not (place == 0 and value < PAPER[0])  # on the side that the lines leave free
            axes.annotate(
                f"{value:.1f}",
                (place, value),
                (6 if place else 0, 5 if higher else -7),
                textcoords="offset points",
                color=colour,
                ha="left" if place else "center",
                va="bottom" if higher else "top",
            )
        axes.set_yscale("log")
        axes.set_xlim(right=max(len(PAPER) - 1, max(x, default=0)) + 0.5)
        axes.set_ylim(bottom=min([PAPER[-1], *y]) / 2)
        axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axes.yaxis.set_minor_formatter(NullFormatter())
        axes.set_xticks(range(max(len(PAPER), max(x, default=0) + 1)))
        axes.grid(axis="y")
        axes.set_xlabel("iteration", labelpad=8)
        axes.set_ylabel("minutes a megavoxel", labelpad=8)
        return figures.inline(figure)
