"""The report of a study of query strategies: one HTML page, the figures as files, and a table of numbers."""

from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path

import jinja2
import numpy as np
from markupsafe import Markup

from microtome.benchmark.analysis.summary import COST_MODELS, Analysis, Summary, foreground_rank, summarise
from microtome.benchmark.analysis.summary_csv import summary_csv
from microtome.benchmark.protocol.about import About, read_about
from microtome.benchmark.protocol.files import replacing
from microtome.benchmark.protocol.rounds import read_rounds
from microtome.benchmark.report import figures
from microtome.benchmark.report.panel import UNCERTAINTY_COLOURS, Panel, read_panel
from microtome.benchmark.report.plates import Plate, plates
from microtome.benchmark.report.words import findings, holm, limits, listed, times
from microtome.progress import Progress, silent

_VERDICTS = (("found", figures.HIT), ("missed", figures.MISS), ("false alarm", figures.FALSE_ALARM))
SEED = 0
"""Of the bootstrap: the same table gives the same report."""


def write_study_report(folder: Path, progress: Progress = silent) -> Path:
    """Write report.html, figures/ and summary.csv of the study in `folder`; gives the page.

    Reads rounds.csv and study.json, and panel.npz where it is there. A reader sees the old page or the new
    one, never a part.

    Raises:
        ValueError: If one of these files is missing or is not what it should be.
        OSError: If nothing can be written.
    """
    try:
        rows = read_rounds(folder / "rounds.csv")
        info = read_about(folder / "study.json")
        panel = read_panel(folder / "panel.npz")
    except (ValueError, OSError) as error:
        raise ValueError(f"{error}; `microtome benchmark run` writes it") from error
    study = summarise(rows, info.reference_strategies, SEED)
    shown = plates(study, panel, folder / "figures", SEED, progress)
    table = summary_csv(study, info.reference_strategies)
    page = _page(study, info, panel, shown, table)
    for name, text in (("summary.csv", table), ("report.html", page)):
        with replacing(folder / name) as partial:
            partial.write_text(text, encoding="utf-8")
    return folder / "report.html"


def _page(study: Analysis, info: About, panel: Panel | None, shown: Sequence[Plate], summary: str) -> str:
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"num": _num, "duration": _duration, "holm": holm, "text": _text, "listed": listed}
    environment.globals |= {"times": times}
    files = resources.files("microtome.benchmark.report")
    groups: dict[str, list[Plate]] = {}
    for plate in shown:
        groups.setdefault(plate.group, []).append(plate)
    return environment.from_string(files.joinpath("study.html.j2").read_text(encoding="utf-8")).render(
        css=Markup(files.joinpath("report.css").read_text(encoding="utf-8")),
        s=study,
        info=info,
        known=study.curves,
        findings=findings(study, info.primary, info.primary_reference),
        limits=limits(study, info.data.title, info.complete, own=info.spec.get("project") is not None),
        groups=groups,
        panel=panel,
        cost_models=COST_MODELS,
        full=study.full_scores,
        censored=_censored(study),
        summary=summary,
        rank=foreground_rank(study),
        best=_best(study),
        usable=[one for one in study.summaries if not one.knows_truth],
        verdict_colours=[(word, figures.css(colour)) for word, colour in _VERDICTS],
        gradient=figures.gradient(UNCERTAINTY_COLOURS),
        data={key: value for key, value in info.data if value},
    )


def _best(study: Analysis) -> Summary | None:
    """The strategy with the best score at the largest budget that does not know the truth."""
    usable = [one for one in study.summaries if not one.knows_truth]
    return max(usable, key=lambda one: one.final, default=None)


def _censored(study: Analysis) -> bool:
    """Whether more than a fifth of all seeds failed to reach a target, so that shares must be read."""
    targets = [target for one in study.summaries for target in one.targets]
    seeds = len(study.curves.seeds) * len(targets)
    return bool(seeds) and sum(target.reached for target in targets) < 0.8 * seeds


def _num(value: float, form: str = "{:.3f}", scale: float = 1.0) -> str:
    """A number as a cell shows it; – where there is none."""
    return form.format(scale * value).replace("-", "−") if np.isfinite(value) else "–"


def _text(value: object) -> str:
    """A setting as a person reads it."""
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_text(part)}" for name, part in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(_text(part) for part in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value is None else str(value)


def _duration(seconds: float) -> str:
    """Seconds as a person says them: 0.02 s, 8.4 s, 75 s, 12 min, 3.4 h."""
    if not np.isfinite(seconds):
        return "–"
    if seconds < 10:
        return f"{seconds:.2g} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
