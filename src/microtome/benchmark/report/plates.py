"""Which figures a study has, with their keys and words; each is written as a PNG too."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float64
from markupsafe import Markup

from microtome.benchmark.analysis.statistics import band, mean_interval
from microtome.benchmark.analysis.summary import BASELINES, COST_MODELS, SHARES, Analysis, Summary, mean
from microtome.benchmark.protocol.files import expected
from microtome.benchmark.protocol.rounds import FULL
from microtome.benchmark.report import study_figures as draw
from microtome.benchmark.report.panel import Panel
from microtome.benchmark.report.study_figures import Axis, Difference, Level, Look, Picture, Point, Series
from microtome.progress import Progress

MOST = 6
"""Lines in colour in one figure; more cannot be told apart."""

JACCARD = "Jaccard index on the test sections"
PATCHES = "labelled patches"
SIGNALS = {
    "spearman": ("Rank correlation of uncertainty and error, by patch", "Spearman’s correlation"),
    "auroc": ("Entropy as a detector of errors, by voxel", "AUROC, ½ is chance"),
    "ece": ("Calibration, lower is better", "expected calibration error"),
    "redundancy": ("Redundancy: how alike the patches of a round are", "mean cosine of features"),
}


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of a figure's key."""

    symbol: Markup
    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Plate:
    """A figure on the page."""

    group: str
    name: str  # of its file
    title: str
    words: str  # for those who do not see it
    svg: Markup
    keys: tuple[Entry, ...] = ()


@dataclass(frozen=True, slots=True)
class _Draft:
    group: str
    name: str
    title: str
    picture: Picture
    keys: tuple[Entry, ...] = ()


def plates(study: Analysis, panel: Panel | None, folder: Path, seed: int, progress: Progress) -> list[Plate]:
    """All figures that the numbers allow, also written to `folder`; `seed` is that of the bands.

    Raises:
        OSError: If a figure cannot be written.
    """
    drafts = _drafts(study, seed) if study.curves.seeds else []
    drafts += _panel_drafts(panel) if panel else []
    with expected("a folder for the figures", folder):
        folder.mkdir(parents=True, exist_ok=True)
    shown = []
    for k, draft in enumerate(drafts, start=1):
        draw.save(draft.picture, folder / f"{draft.name}.png")
        values = "; ".join(f"{entry.name} {entry.value}".strip() for entry in draft.keys)
        words = f"{draft.title}: {values}" if values else draft.title
        svg = Markup(draw.svg(draft.picture, draft.name))
        shown.append(Plate(draft.group, draft.name, draft.title, words, svg, draft.keys))
        progress("figures", k, len(drafts), "")
    return shown


def _drafts(study: Analysis, seed: int) -> list[_Draft]:
    chosen = _looks(study, [one for one in study.summaries if one.strategy not in study.references])
    picture, keys = _learning(study, chosen, seed, runs=False)
    drafts = [_Draft("overview", "overview", "Over labelled patches", picture, keys)]
    cost = next(iter(COST_MODELS))
    drafts += _costs(study, chosen, seed, "overview", [cost])
    drafts += _families(study, seed)
    drafts += [
        _forest(study, reference) for reference in reversed(study.references) if len(study.summaries) > 1
    ]
    if np.isfinite(study.penalties.wins).all() and len(study.summaries) > 1:
        picture = draw.matrix(study.penalties.strategies, study.penalties.wins)
        drafts.append(_Draft("penalties", "penalties", "Penalty matrix", picture))
    drafts += _costs(study, chosen, seed, "costs", list(COST_MODELS)[1:])
    drafts += _foreground(study, chosen)
    drafts += [_signal(study, chosen, column) for column in SIGNALS if _has(study, column)]
    if any(np.isfinite([one.train_seconds, one.choose_seconds]).any() for one in study.summaries):
        drafts.append(_seconds(study))
    return drafts


def _looks(study: Analysis, ranked: Sequence[Summary]) -> dict[str, Look]:
    """The references in grey, and the first of `ranked` in colour."""
    looks = {name: Look(k, reference=True) for k, name in enumerate(study.references)}
    return looks | {one.strategy: Look(k) for k, one in enumerate(ranked[:MOST])}


def _learning(
    study: Analysis, looks: Mapping[str, Look], seed: int, *, runs: bool
) -> tuple[Picture, tuple[Entry, ...]]:
    known = study.curves
    budgets = known.budgets.astype(np.float64)
    series = [
        _series(strategy, look, budgets, known.scores[strategy], seed, runs=runs)
        for strategy, look in looks.items()
    ]
    picture = draw.lines(series, _levels(study, seed), _patches(study), Axis(JACCARD, _range(study)))
    return picture, _keys(looks, {name: known.scores[name][:, -1:] for name in looks}, "{:.3f}")


def _families(study: Analysis, seed: int) -> list[_Draft]:
    """One panel a family, or more where a family has too many for one; the baselines come last."""
    members: dict[str, list[Summary]] = {}
    for one in study.summaries:
        if one.strategy not in study.references:
            members.setdefault(one.family, []).append(one)
    drafts = []
    for family in sorted(members, key=lambda title: (title == BASELINES, title)):
        parts = [members[family][k : k + MOST] for k in range(0, len(members[family]), MOST)]
        for number, part in enumerate(parts, start=1):
            title = f"{family} ({number} of {len(parts)})" if len(parts) > 1 else family
            picture, keys = _learning(study, _looks(study, part), seed, runs=True)
            drafts.append(_Draft("families", f"family-{_file_name(title)}", title, picture, keys))
    return drafts


def _forest(study: Analysis, reference: str) -> _Draft:
    rows = []
    for one in study.summaries:
        if reference in one.against:
            found = one.against[reference]
            low, high = 100 * found.low, 100 * found.high
            rows.append(Difference(one.strategy, 100 * found.estimate, low, high, one.differs(reference)))
    rows.sort(key=lambda row: -row.estimate)
    label = f"points of area above {reference}"
    name = f"difference-{_file_name(reference)}"
    return _Draft("differences", name, f"Against {reference}", draw.forest(rows, label))


def _file_name(title: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")[:80]


def _costs(
    study: Analysis, looks: Mapping[str, Look], seed: int, group: str, columns: Sequence[str]
) -> list[_Draft]:
    """Jaccard over the mean minutes of each budget."""
    drafts = []
    for column in columns:
        series = []
        for strategy, look in looks.items():
            minutes = _by_budget(study.column(column, strategy))
            if np.isfinite(minutes).all() and (minutes > 0).all():
                series.append(
                    _series(strategy, look, minutes, study.curves.scores[strategy], seed, runs=False)
                )
        if not series:
            continue
        axis = Axis("simulated minutes of an annotator", ticks=_doublings(series))
        picture = draw.lines(series, _levels(study, seed), axis, Axis(JACCARD, _range(study)))
        keys = _keys(
            {one.name: one.look for one in series}, {one.name: one.x[-1:] for one in series}, "{:.0f} min"
        )
        title = f"Over minutes of one who {COST_MODELS[column]}"
        drafts.append(_Draft(group, f"cost-{column.removeprefix('minutes_')}", title, picture, keys))
    return drafts


def _foreground(study: Analysis, looks: Mapping[str, Look]) -> list[_Draft]:
    """The foreground in what was asked, and how far it explains the areas."""
    if not _has(study, "asked_foreground"):
        return []
    whole = mean(np.array([row.values["foreground"] for row in study.rows if row.strategy == FULL]))
    level = [Level("of the whole pool", 100 * whole, np.nan, np.nan)]
    asked = _column_lines(study, looks, "asked_foreground", 100.0)
    picture = draw.lines(asked, level, _patches(study), Axis("foreground in what was asked (%)"))
    means = {one.strategy: 100 * one.means["asked_foreground"] for one in study.summaries}
    keys = _keys(looks, {name: np.array([means[name]]) for name in looks}, "{:.1f} %")
    drafts = [_Draft("why", "asked-foreground", "Foreground in what was asked", picture, keys)]
    points = [
        Point(one.strategy, looks.get(one.strategy), means[one.strategy], one.area_log2)
        for one in study.summaries
        if np.isfinite(means[one.strategy]) and np.isfinite(one.area_log2)
    ]
    if len(points) > 2:
        points.sort(key=lambda point: point.look is not None)
        picture = draw.scatter(
            points, Axis("foreground in what was asked (%), mean"), Axis("area under the curve")
        )
        title = "Area against the foreground that was asked"
        keys = tuple(Entry(Markup(draw.key(look)), name, "") for name, look in looks.items())
        drafts.append(_Draft("why", "area-foreground", title, picture, keys))
    return drafts


def _signal(study: Analysis, looks: Mapping[str, Look], column: str) -> _Draft:
    title, label = SIGNALS[column]
    series = _column_lines(study, looks, column, 1.0)
    means = {one.strategy: np.array([one.means[column]]) for one in study.summaries}
    keys = _keys({one.name: one.look for one in series}, means, "{:.2f}")
    picture = draw.lines(series, [], _patches(study), Axis(label))
    return _Draft("signal", column, title, picture, keys)


def _seconds(study: Analysis) -> _Draft:
    names = [one.strategy for one in study.summaries]
    train = [one.train_seconds for one in study.summaries]
    picture = draw.seconds(names, train, [one.choose_seconds for one in study.summaries])
    keys = (
        Entry(Markup('<i style="background: var(--muted)"></i>'), "training", ""),
        Entry(Markup('<i style="background: var(--class-1); border-radius: 50%"></i>'), "choosing", ""),
    )
    return _Draft("seconds", "seconds", "Seconds of a computer", picture, keys)


def _panel_drafts(panel: Panel) -> list[_Draft]:
    drafts = []
    if panel.scatter is not None:
        points = [Point("", None, x, y) for x, y in zip(*panel.scatter, strict=True)]
        picture = draw.scatter(points, Axis("mean uncertainty of a patch"), Axis("Dice of the patch", (0, 1)))
        drafts.append(_Draft("pictures", "scatter", "Dice of a patch against its uncertainty", picture))
    if panel.sweep is not None:
        picture = draw.curve(
            *panel.sweep, Axis("threshold", (0, 1)), Axis("Dice on the test sections", (0, 1))
        )
        drafts.append(_Draft("pictures", "sweep", "Dice over the threshold", picture))
    if panel.similarity is not None:
        title = "Task-dependent similarity: how well one image teaches another (paler: completed)"
        drafts.append(_Draft("pictures", "similarity", title, draw.similarity(*panel.similarity)))
    if panel.expected is not None:
        before, after = panel.expected
        order = np.argsort(after, kind="stable")
        rows = [(name, values[order]) for name, values in (("before", before), ("after", after))]
        picture = draw.ranked(rows, Axis("image, by what is expected of it"), Axis("expected Dice", (0, 1)))
        title = "Dice expected of each image, by the labelled ones alone (grey) and with those chosen"
        drafts.append(_Draft("pictures", "expected", title, picture))
    return drafts


def _series(
    name: str,
    look: Look,
    x: Float64[np.ndarray, "b"],
    scores: Float64[np.ndarray, "s b"],
    seed: int,
    *,
    runs: bool = True,
) -> Series:
    low, high = band(scores, seed)
    shown = scores if runs and not look.reference and len(scores) > 1 else scores[:0]
    return Series(name, look, x, scores.mean(axis=0), low, high, shown)


def _column_lines(study: Analysis, looks: Mapping[str, Look], column: str, scale: float) -> list[Series]:
    """Means of another column, without bands; strategies that have none are left out."""
    series = []
    for strategy, look in looks.items():
        y = scale * _by_budget(study.column(column, strategy))
        if np.isfinite(y).any():
            gap = np.full(len(y), np.nan)
            x = study.curves.budgets.astype(np.float64)
            series.append(Series(strategy, look, x, y, gap, gap, gap[None, :][:0]))
    return series


def _by_budget(values: Float64[np.ndarray, "s b"]) -> Float64[np.ndarray, "b"]:
    return np.array([mean(values[:, k]) for k in range(values.shape[1])], dtype=np.float64)


def _has(study: Analysis, column: str) -> bool:
    return any(np.isfinite(one.means[column]) for one in study.summaries)


def _levels(study: Analysis, seed: int) -> list[Level]:
    full = study.curves.full
    low, high = mean_interval(study.full_scores, seed)
    shares = [Level(f"{100 * share:.0f} %", share * full, np.nan, np.nan) for share in SHARES]
    return [*shares, Level("full supervision", full, low, high, main=True)]


def _patches(study: Analysis) -> Axis:
    budgets = study.curves.budgets.tolist()
    return Axis(PATCHES, ticks=tuple(float(b) for b in budgets) if len(budgets) <= 10 else None)


def _range(study: Analysis) -> tuple[float, float]:
    """The same ends for every figure of scores, in steps of 0.05."""
    scores = [values for values in study.curves.scores.values() if values.size]
    full = study.full_scores
    lowest = min(float(values.min()) for values in scores)
    highest = max([float(values.max()) for values in scores] + full.tolist())
    low = max(np.floor(min(lowest, 0.98) * 20) / 20, 0.0)  # scores of 1 alone need room below
    return low, min(np.ceil((highest + 0.02) * 20) / 20, 1.0)


def _doublings(series: Sequence[Series]) -> tuple[float, ...]:
    """1, 2, 4, … minutes, as far as the lines go."""
    low = min(float(one.x.min()) for one in series)
    high = max(float(one.x.max()) for one in series)
    return tuple(2.0**k for k in range(int(np.ceil(np.log2(low))), int(np.floor(np.log2(high))) + 1))


def _keys(
    looks: Mapping[str, Look], values: Mapping[str, Float64[np.ndarray, "..."]], form: str
) -> tuple[Entry, ...]:
    """The key of a figure, the value of each line beside its name."""
    entries = []
    for name, look in looks.items():
        value = mean(values[name])
        entries.append(Entry(Markup(draw.key(look)), name, form.format(value) if np.isfinite(value) else ""))
    return tuple(entries)
