"""The figures of a study: curves, differences, penalties, costs; as SVG for the page and as PNG beside it.

A picture is a function of a theme, so that the page gets one in its own colours and a file gets one on white
with its own key.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib
import numpy as np
from jaxtyping import Bool, Float64
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullFormatter, NullLocator

from microtome.benchmark.report.figures import CLASS_COLOURS, PAGE, Theme, inline, style

PAPER = Theme("#1a2027", "#5a6572", "#dfe4e9")
"""The light colours of the page, for files."""

MARKERS = ("o", "s", "D", "^", "v", "P")
REFERENCE_DASHES = ("-", (0, (5, 2)), (0, (1.5, 1.5)))
"""Line styles of the first, the second and any further reference, which are all grey."""

Picture = Callable[[Theme], Figure]
KEY_LETTERS = 18  # of the longest name with which three columns of a key fit WIDTH
WIDTH = 5.6  # inches; at half a page a point is then about a pixel and a third


@dataclass(frozen=True, slots=True)
class Look:
    """How a strategy is drawn: the number of its colour and marker, or of its dashes if it is a reference."""

    number: int
    reference: bool = False

    def colour(self, theme: Theme) -> str:
        """Grey for a reference."""
        return theme.muted if self.reference else CLASS_COLOURS[self.number % len(CLASS_COLOURS)]

    @property
    def marker(self) -> str:
        """None for a reference, which its dashes tell."""
        return "" if self.reference else MARKERS[self.number % len(MARKERS)]

    @property
    def dashes(self) -> object:
        """Matplotlib's line style."""
        return REFERENCE_DASHES[min(self.number, len(REFERENCE_DASHES) - 1)] if self.reference else "-"


@dataclass(frozen=True, eq=False)
class Series:
    """A line of a figure; NaN is a gap. `runs` are thin lines, one a seed, and may be none."""

    name: str
    look: Look
    x: Float64[np.ndarray, "b"]
    y: Float64[np.ndarray, "b"]
    low: Float64[np.ndarray, "b"]
    high: Float64[np.ndarray, "b"]
    runs: Float64[np.ndarray, "s b"]


@dataclass(frozen=True, slots=True)
class Level:
    """A horizontal line with a word at it, and its interval, which may be NaN."""

    name: str
    y: float
    low: float
    high: float
    main: bool = False


@dataclass(frozen=True, slots=True)
class Axis:
    """The words of an axis, and its ends; None lets the numbers choose."""

    label: str
    ends: tuple[float, float] | None = None
    ticks: tuple[float, ...] | None = None


def svg(picture: Picture, name: str) -> str:
    """The figure as an element of a page; `name` keeps its ids apart from those of others."""
    with matplotlib.rc_context(style(PAGE) | {"svg.hashsalt": name}):
        return inline(_clear(picture(PAGE)))


def save(picture: Picture, path: Path) -> None:
    """The figure as a PNG on white, with a key; without date and version, so the same numbers give one file.

    Raises:
        OSError: If it cannot be written.
    """
    with matplotlib.rc_context(style(PAPER)):
        figure = picture(PAPER)
        handles, labels = figure.axes[0].get_legend_handles_labels() if figure.axes else ([], [])
        if handles:
            columns = 3 if max(map(len, labels)) <= KEY_LETTERS else 2
            figure.set_figheight(figure.get_figheight() + 0.3 + 0.2 * -(-len(handles) // columns))
            figure.legend(
                handles, labels, loc="outside lower center", ncols=columns, frameon=False, fontsize=9
            )
        figure.savefig(path, dpi=160, facecolor="white", metadata={"Software": None})


def lines(series: Sequence[Series], levels: Sequence[Level], x: Axis, y: Axis) -> Picture:
    """Lines over budgets or minutes, an axis where every doubling is as wide."""

    def draw(theme: Theme) -> Figure:
        figure = Figure(figsize=(WIDTH, 3.7), layout="constrained")
        axes = figure.subplots()
        _double(axes, x)
        _scores(axes, y)
        for one in sorted(series, key=lambda one: one.look.reference, reverse=True):
            _line(axes, one, theme)
        for level in levels:
            _level(axes, level, theme)
        return figure

    return draw


@dataclass(frozen=True, slots=True)
class Difference:
    """A row of a forest plot; the interval is NaN where there is none."""

    name: str
    estimate: float
    low: float
    high: float
    significant: bool


def forest(rows: Sequence[Difference], label: str) -> Picture:
    """Differences with their intervals, one row each; filled where they are significant."""

    def draw(theme: Theme) -> Figure:
        figure = Figure(figsize=(WIDTH, 1.1 + 0.27 * len(rows)), layout="constrained")
        axes = figure.subplots()
        axes.axvline(0, color=theme.muted, linewidth=1)
        for k, row in enumerate(rows):
            colour = theme.muted
            if row.significant:
                colour = CLASS_COLOURS[0] if row.estimate > 0 else CLASS_COLOURS[1]
            axes.plot([row.low, row.high], [k, k], color=colour, linewidth=2, solid_capstyle="round")
            face = colour if row.significant else "none"
            axes.plot(row.estimate, k, "o", color=colour, markerfacecolor=face, markersize=6)
        _named_rows(axes, [row.name for row in rows], theme)
        axes.set_xlabel(label, labelpad=8)
        axes.grid(axis="x")
        axes.set_axisbelow(True)
        axes.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
        return figure

    return draw


def matrix(names: Sequence[str], wins: Float64[np.ndarray, "k k"]) -> Picture:
    """The penalty matrix: percent of budgets at which the row beats the column; blank is none."""

    def draw(theme: Theme) -> Figure:
        side = max(4.4, 1.9 + 0.36 * len(names))
        figure = Figure(figsize=(side + 1.2, side), layout="constrained")
        axes = figure.subplots()
        for (i, j), win in np.ndenumerate(wins):
            colour, alpha = (theme.rule, 0.5) if i == j else (CLASS_COLOURS[0], 0.65 * win)
            if i == j or win > 0:
                corner = (j - 0.5, i - 0.5)
                axes.add_patch(Rectangle(corner, 1, 1, color=colour, alpha=alpha, linewidth=0))
            if i != j and win > 0:
                axes.text(j, i, f"{100 * win:.0f}", ha="center", va="center", fontsize=9)
        axes.set_xlim(-0.5, len(names) - 0.5)
        axes.set_aspect("equal")
        axes.set_xticks(range(len(names)), names, rotation=55, ha="right", rotation_mode="anchor")
        axes.tick_params(length=0, labelcolor=theme.ink)
        _named_rows(axes, names, theme)
        axes.set_xlabel("beaten", labelpad=4)
        axes.set_ylabel("better", labelpad=4)
        for edge in range(len(names) + 1):
            axes.axhline(edge - 0.5, color=theme.rule, linewidth=0.6)
            axes.axvline(edge - 0.5, color=theme.rule, linewidth=0.6)
        axes.spines["bottom"].set_visible(False)
        return figure

    return draw


def seconds(names: Sequence[str], train: Sequence[float], choose: Sequence[float]) -> Picture:
    """Seconds of training and of choosing, a row a strategy, on an axis of powers of ten."""

    def draw(theme: Theme) -> Figure:
        figure = Figure(figsize=(WIDTH, 1.3 + 0.27 * len(names)), layout="constrained")
        axes = figure.subplots()
        rows = range(len(names))
        axes.plot(train, rows, "s", color=theme.muted, markersize=6, label="training")
        axes.plot(choose, rows, "o", color=CLASS_COLOURS[0], markersize=6, label="choosing")
        _named_rows(axes, names, theme)
        if any(value > 0 for value in (*train, *choose)):
            axes.set_xscale("log")
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.set_xlabel("seconds a seed, all rounds together", labelpad=8)
        axes.grid(axis="x")
        axes.set_axisbelow(True)
        return figure

    return draw


@dataclass(frozen=True, slots=True)
class Point:
    """A named point of a scatter plot."""

    name: str
    look: Look | None
    x: float
    y: float


def scatter(points: Sequence[Point], x: Axis, y: Axis) -> Picture:
    """Points, of which those with a look are in colour; the others are small and grey."""

    def draw(theme: Theme) -> Figure:
        figure = Figure(figsize=(WIDTH, 3.7), layout="constrained")
        axes = figure.subplots()
        for point in points:
            if point.look is None:
                axes.plot(point.x, point.y, ".", color=theme.muted, markersize=6, alpha=0.7)
                continue
            colour = point.look.colour(theme)
            marker = point.look.marker or ("X" if point.look.number else "x")
            axes.plot(point.x, point.y, marker, color=colour, markersize=8, label=point.name)
        _plain(axes, x, y)
        return figure

    return draw


def curve(
    x_values: Float64[np.ndarray, "n"], y_values: Float64[np.ndarray, "n"], x: Axis, y: Axis
) -> Picture:
    """One line through all points."""

    def draw(theme: Theme) -> Figure:
        figure = Figure(figsize=(WIDTH, 3.7), layout="constrained")
        axes = figure.subplots()
        axes.plot(x_values, y_values, color=CLASS_COLOURS[0], linewidth=2)
        _plain(axes, x, y)
        return figure

    return draw


def ranked(rows: Sequence[tuple[str, Float64[np.ndarray, "n"]]], x: Axis, y: Axis) -> Picture:
    """Values in the order they come, a step a value; the last row is in colour, those before it grey."""

    def draw(theme: Theme) -> Figure:
        figure = Figure(figsize=(WIDTH, 3.7), layout="constrained")
        axes = figure.subplots()
        for k, (name, values) in enumerate(rows, start=1):
            colour = CLASS_COLOURS[0] if k == len(rows) else theme.muted
            axes.step(range(len(values)), values, where="mid", color=colour, linewidth=2, label=name)
        _plain(axes, x, y)
        return figure

    return draw


def similarity(matrix: Float64[np.ndarray, "n n"], measured: Bool[np.ndarray, "n n"]) -> Picture:
    """Squares as dark as two images are alike; those that were completed, not measured, are paler."""

    def draw(theme: Theme) -> Figure:
        figure = Figure(figsize=(WIDTH, WIDTH - 0.6), layout="constrained")
        axes = figure.subplots()
        shades = np.zeros((*matrix.shape, 4))
        shades[..., :3] = to_rgb(CLASS_COLOURS[0])
        shades[..., 3] = np.clip(matrix, 0, 1) * np.where(measured, 1.0, 0.45)
        axes.imshow(shades, interpolation="nearest")
        axes.set_xlabel("image that is looked at", labelpad=8)
        axes.set_ylabel("image that was learnt from", labelpad=8)
        axes.tick_params(length=0, labelcolor=theme.muted)
        return figure

    return draw


def key(look: Look) -> str:
    """What stands for a strategy beside its name, as an SVG of 26 × 12 pixels."""
    colour = "var(--muted)" if look.reference else f"var(--class-{look.number % len(CLASS_COLOURS) + 1})"
    dash = ("", "6 3", "2 2")[min(look.number, 2)] if look.reference else ""
    shapes = {
        "": "",
        "o": '<circle cx="13" cy="6" r="4"/>',
        "s": '<path d="M9.5 2.5h7v7h-7z"/>',
        "D": '<path d="M13 1.2 17.8 6 13 10.8 8.2 6Z"/>',
        "^": '<path d="M13 1.5 17.6 9.8H8.4Z"/>',
        "v": '<path d="M13 10.5 17.6 2.2H8.4Z"/>',
        "P": '<path d="M11.5 1.5h3v3h3v3h-3v3h-3v-3h-3v-3h3z"/>',
    }
    path = f'<path d="M0 6H26" fill="none" stroke="{colour}" stroke-width="2" stroke-dasharray="{dash}"/>'
    return f'<svg viewBox="0 0 26 12" aria-hidden="true" fill="{colour}">{path}{shapes[look.marker]}</svg>'


def _line(axes: Axes, one: Series, theme: Theme) -> None:
    colour = one.look.colour(theme)
    for run in one.runs:
        axes.plot(one.x, run, color=colour, linewidth=0.6, alpha=0.3)
    if np.isfinite(one.low).any():
        axes.fill_between(one.x, one.low, one.high, color=colour, alpha=0.16, linewidth=0)
    axes.plot(
        one.x,
        one.y,
        color=colour,
        linestyle=one.look.dashes,
        linewidth=1.8,
        marker=one.look.marker,
        markersize=5.5,
        label=one.name,
    )


def _level(axes: Axes, level: Level, theme: Theme) -> None:
    if not np.isfinite(level.y):
        return
    if np.isfinite(level.low) and level.low < level.high:
        axes.axhspan(level.low, level.high, color=theme.ink, alpha=0.08, linewidth=0)
    axes.axhline(
        level.y,
        color=theme.ink if level.main else theme.muted,
        linewidth=1.2 if level.main else 0.9,
        linestyle="-" if level.main else (0, (2, 3)),
    )
    axes.text(0.005, level.y, level.name, transform=axes.get_yaxis_transform(), va="bottom", fontsize=9.5)


def _double(axes: Axes, x: Axis) -> None:
    axes.set_xscale("log", base=2)
    if x.ticks is not None:
        axes.xaxis.set_major_locator(FixedLocator(list(x.ticks)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel(x.label, labelpad=8)
    if x.ends is not None:
        axes.set_xlim(*x.ends)


def _scores(axes: Axes, y: Axis) -> None:
    axes.set_ylabel(y.label, labelpad=8)
    if y.ends is not None:
        axes.set_ylim(*y.ends)
    axes.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    axes.grid(axis="y")
    axes.set_axisbelow(True)


def _plain(axes: Axes, x: Axis, y: Axis) -> None:
    _scores(axes, y)
    axes.set_xlabel(x.label, labelpad=8)
    if x.ends is not None:
        axes.set_xlim(*x.ends)
    axes.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))


def _named_rows(axes: Axes, names: Sequence[str], theme: Theme) -> None:
    """Rows from the top down, their names in the colour of words."""
    axes.set_yticks(range(len(names)), names)
    axes.tick_params(axis="y", labelcolor=theme.ink, length=0)
    axes.set_ylim(len(names) - 0.4, -0.6)


def _clear(figure: Figure) -> Figure:
    """Without a ground of its own: the page's shows."""
    figure.patch.set_visible(False)
    for axes in figure.axes:
        axes.patch.set_visible(False)
    return figure
