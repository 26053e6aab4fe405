"""The report of a simulated run: one HTML page that needs nothing beside it.

The input is plain data, so the page can be written from a project, from a benchmark, or from a test.
"""

import math
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import jinja2
import numpy as np
from jaxtyping import Float32, UInt8
from markupsafe import Markup

from microtome.benchmark.protocol.files import replacing
from microtome.benchmark.report import figures
from microtome.box import Box
from microtome.evaluate.overlap import Scores
from microtome.project.cost import MEGAVOXEL, Cost

PROBABILITY_COLOURS, UNCERTAINTY_COLOURS = "cividis", "magma"


@dataclass(frozen=True)
class CurvePoint:
    """A trained model: the labels it saw, their price so far, and its scores by class on the test box."""

    round: int
    patches: int
    minutes: float
    megavoxels: float
    scores: Mapping[str, Scores]
    train_seconds: float


@dataclass(frozen=True, eq=False)
class Panel:
    """One test section through the final model; `jaccard` is that of this section.

    Raises:
        ValueError: If an uncertainty is not finite.
    """

    section: int
    image: UInt8[np.ndarray, "y x"]
    truth: UInt8[np.ndarray, "y x"]
    predicted: UInt8[np.ndarray, "y x"]
    uncertainty: Float32[np.ndarray, "y x"]
    jaccard: float

    def __post_init__(self) -> None:
        if not np.isfinite(self.uncertainty).all():
            raise ValueError(f"the uncertainty of section {self.section} must be finite")


@dataclass(frozen=True, eq=False)
class Tile:
    """One query as the model that asked it saw it; rank 0 is the first of its round.

    `probability` is that of all classes but the background. It and `uncertainty` are None for a query that
    was asked before there was a model.

    Raises:
        ValueError: If one of the two is given without the other, or a value is not finite.
    """

    round: int
    rank: int
    box: Box
    image: UInt8[np.ndarray, "y x"]
    probability: Float32[np.ndarray, "y x"] | None
    uncertainty: Float32[np.ndarray, "y x"] | None
    score: float
    reason: str

    def __post_init__(self) -> None:
        if (self.probability is None) != (self.uncertainty is None):
            raise ValueError(f"tile {self.rank} of round {self.round} expects both maps or none")
        maps = [values for values in (self.probability, self.uncertainty) if values is not None]
        if not all(np.isfinite(values).all() for values in maps):
            raise ValueError(f"the maps of tile {self.rank} of round {self.round} must be finite")


@dataclass(frozen=True, slots=True)
class Measure:
    """The uncertainty that is shown: its name, its unit, and its largest possible value, where colours end.

    Raises:
        ValueError: If `top` is not positive.
    """

    name: str
    unit: str
    top: float

    def __post_init__(self) -> None:
        if not self.top > 0:
            raise ValueError(f"a measure of uncertainty expects a positive top; got {self.top}")


@dataclass(frozen=True)
class Report:
    """Everything that the page says.

    Raises:
        ValueError: If there is no class or no model, a box is empty, or a model lacks the scores of a class.
    """

    title: str
    folder: str  # of the project, as one types it
    data: Mapping[str, str]  # name first; then what should be known of the data: licence, citation, …
    phantom: bool
    classes: tuple[str, ...]
    voxel_size_nm: tuple[float, float, float]
    train_box: Box
    test_box: Box
    curve: Sequence[CurvePoint]  # the last is the final model
    curve_note: str  # what else a reader of the curve must know; may be empty
    pixel_accuracy: float  # of the final model
    panels: Sequence[Panel]
    tiles: Sequence[Tile]
    uncertainty: Measure
    costs: Sequence[Cost]  # by round
    cost_model: Mapping[str, float | int]  # what each act of the simulated annotator takes
    settings: Mapping[str, Mapping[str, object]]
    seed: int
    seconds: float
    device: str
    version: str
    command: str
    date: str

    def __post_init__(self) -> None:
        if not self.classes or not self.curve or "name" not in self.data:
            raise ValueError("a report expects at least one class, one trained model, and data with a name")
        if not self.train_box.size or not self.test_box.size:
            raise ValueError(f"expected boxes with voxels; got {self.train_box} and {self.test_box}")
        for point in self.curve:
            if set(point.scores) != set(self.classes):
                raise ValueError(
                    f"expected scores of {list(self.classes)}; got those of {list(point.scores)}"
                )


def write_report(report: Report, path: Path) -> None:
    """Write the page; a reader of `path` sees the old one or the new one, never a part.

    Raises:
        OSError: If the page cannot be written; the old one is still there then.
    """
    page = _page(report)
    with replacing(path) as partial:
        partial.write_text(page, encoding="utf-8")


def _page(report: Report) -> str:
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"duration": _duration, "grey": figures.grey, "minutes": _minutes}
    files = resources.files("microtome.benchmark.report")
    return environment.from_string(files.joinpath("run.html.j2").read_text(encoding="utf-8")).render(
        css=Markup(files.joinpath("report.css").read_text(encoding="utf-8")),
        r=report,
        first=report.curve[0],
        final=report.curve[-1],
        jaccards=[_mean_jaccard(point) for point in report.curve],
        share=report.curve[-1].megavoxels * MEGAVOXEL / report.train_box.size,
        curves=_curves(report),
        refit=_has_refit(report),
        panels=[_panel_view(panel, report) for panel in report.panels],
        galleries=_galleries(report),
        rows=_cost_rows(report),
        total=_total(report.costs),
        verdict_colours=_legend(report),
        class_colours=_class_colours(report),
        plain_colours=figures.CLASS_COLOURS,
        gradients={c: figures.gradient(c) for c in (PROBABILITY_COLOURS, UNCERTAINTY_COLOURS)},
        probability_colours=PROBABILITY_COLOURS,
        uncertainty_colours=UNCERTAINTY_COLOURS,
        shell_folder=shlex.quote(report.folder),
    )


def _mean_jaccard(point: CurvePoint) -> float:
    """The mean over classes; the Jaccard of the class where there is one."""
    return math.fsum(scores.jaccard for scores in point.scores.values()) / len(point.scores)


def _has_refit(report: Report) -> bool:
    """Whether the final model was trained on the same labels as the one before it."""
    return len(report.curve) > 1 and report.curve[-1].patches == report.curve[-2].patches


def _curves(report: Report) -> list[Markup]:
    """Jaccard over patches and over minutes."""
    refit = _has_refit(report)
    points = report.curve[:-1] if refit else report.curve
    final = report.curve[-1]
    patches = [point.patches for point in points]

    def lines(x: Sequence[float], last: float) -> list[figures.Line]:
        return [
            figures.Line(
                tuple(x),
                tuple(point.scores[name].jaccard for point in points),
                (last, final.scores[name].jaccard) if refit else None,
            )
            for name in report.classes
        ]

    minutes = [point.minutes for point in points]
    over_patches = figures.learning_curve(
        lines(patches, final.patches), "patches answered", patches if len(patches) <= 8 else None
    )
    over_minutes = figures.learning_curve(
        lines(minutes, final.minutes), "simulated minutes of an annotator", None
    )
    return [Markup(over_patches), Markup(over_minutes)]


@dataclass(frozen=True, eq=False)
class _PanelView:
    """A section as the page draws it: data addresses, and outlines of the truth as paths with colours."""

    panel: Panel
    height: int
    width: int
    scale_bar: Markup
    image: str
    verdicts: str
    heat: str
    outlines: list[tuple[str, int]]


def _panel_view(panel: Panel, report: Report) -> _PanelView:
    height, width = panel.image.shape
    outlines = [
        (figures.outline(panel.truth == label), _colour_number(label))
        for label in range(1, len(report.classes) + 1)
    ]
    return _PanelView(
        panel=panel,
        height=height,
        width=width,
        scale_bar=Markup(figures.scale_bar(width, height, report.voxel_size_nm[2])),
        image=figures.grey(panel.image),
        verdicts=figures.verdicts(panel.truth, panel.predicted),
        heat=figures.heat_map(panel.uncertainty, UNCERTAINTY_COLOURS, report.uncertainty.top),
        outlines=[(path, colour) for path, colour in outlines if path],
    )


def _colour_number(label: int) -> int:
    return (label - 1) % len(figures.CLASS_COLOURS) + 1


def _class_colours(report: Report) -> list[tuple[str, int]]:
    return [(name, _colour_number(label)) for label, name in enumerate(report.classes, start=1)]


def _legend(report: Report) -> list[tuple[str, str]]:
    entries = [("found", figures.HIT), ("missed", figures.MISS), ("false alarm", figures.FALSE_ALARM)]
    if len(report.classes) > 1:
        entries.append(("wrong class", figures.MIX_UP))
    return [(word, figures.css(colour)) for word, colour in entries]


@dataclass(frozen=True, eq=False)
class _TileView:
    tile: Tile
    probability: str | None
    uncertainty: str | None


@dataclass(frozen=True, eq=False)
class _Gallery:
    """The first queries of a round; `asked` is how many there were, `by` the Jaccard of who asked."""

    round: int
    tiles: list[_TileView]
    asked: int | None
    by: float | None
    seen: bool


def _galleries(report: Report) -> list[_Gallery]:
    answers = {cost.round: cost.answers for cost in report.costs}
    jaccards = {point.round: _mean_jaccard(point) for point in reversed(report.curve)}
    galleries = []
    for number in sorted({tile.round for tile in report.tiles}):
        tiles = sorted((t for t in report.tiles if t.round == number), key=lambda tile: tile.rank)
        views = [_tile_view(tile, report) for tile in tiles]
        seen = any(view.probability is not None for view in views)
        galleries.append(_Gallery(number, views, answers.get(number), jaccards.get(number - 1), seen))
    return galleries


def _tile_view(tile: Tile, report: Report) -> _TileView:
    probability = uncertainty = None
    if tile.probability is not None:
        probability = figures.heat_map(tile.probability, PROBABILITY_COLOURS, 1.0)
    if tile.uncertainty is not None:
        uncertainty = figures.heat_map(tile.uncertainty, UNCERTAINTY_COLOURS, report.uncertainty.top)
    return _TileView(tile, probability, uncertainty)


@dataclass(frozen=True)
class _CostRow:
    """A model with the answers of its round; `cost` is None for a final model that had no new answers."""

    name: str
    point: CurvePoint
    cost: Cost | None
    share: float
    jaccard: float


def _cost_rows(report: Report) -> list[_CostRow]:
    costs = {cost.round: cost for cost in report.costs}
    rows = []
    for k, point in enumerate(report.curve):
        refit = k == len(report.curve) - 1 and _has_refit(report)
        rows.append(
            _CostRow(
                name="final model" if refit else f"round {point.round}",
                point=point,
                cost=None if refit else costs.get(point.round),
                share=point.megavoxels * MEGAVOXEL / report.train_box.size,
                jaccard=_mean_jaccard(point),
            )
        )
    return rows


def _total(costs: Sequence[Cost]) -> Cost:
    """The costs of all rounds together."""
    rounds = [cost for cost in costs if cost.round is not None]
    return Cost(
        round=None,
        answers=sum(cost.answers for cost in rounds),
        voxels=sum(cost.voxels for cost in rounds),
        minutes=math.fsum(cost.minutes for cost in rounds),
        least=min((cost.least for cost in rounds if cost.least is not None), default=None),
        most=max((cost.most for cost in rounds if cost.most is not None), default=None),
    )


def _minutes(value: float) -> str:
    return f"{value:.1f}" if value < 100 else f"{value:.0f}"


def _duration(seconds: float) -> str:
    """Seconds as a person says them: 8.4 s, 75 s, 3 min 05 s, 1 h 12 min."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"
