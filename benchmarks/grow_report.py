"""What the runs of growing say together: the tables of docs/growing-study.md and the figures."""

import json
import statistics
from collections.abc import Iterator, Sequence
from itertools import cycle
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure as Picture
from matplotlib.lines import Line2D

from grow_cells import AWAY, DATA, LAST, PARTS, VARIANTS
from microtome.benchmark.report.figures import CLASS_COLOURS, style
from microtome.benchmark.report.study_figures import PAPER as WHITE
from record import Figure, fill, record

PAGE = Path(__file__).parents[1] / "docs" / "growing-study.md"
PICTURE = PAGE.parent / "images" / "growing-study.png"
PAPER, SINGLE, UNWEIGHTED = "paper", "paper, one network", "paper, one network, not weighted"
FLAT, FLAT_UNWEIGHTED = "2-D, one network", "2-D, one network, not weighted"
DEFAULT = "2-D, going on, not weighted"  # of `microtome grow`

SEEDS = 5  # that a figure wants
SIXTEEN = 16  # patches of a round where a cell does not say

Cell = dict[str, Any]
Runs = dict[str, list[Cell]]
"""Of each variant, what came of it with each seed."""


def report(cells: Path) -> None:
    """Write tables and figures of what is there."""
    found = {name: _read(cells / name) for name in DATA}
    figures = _figures(found["vnc-membranes"])
    if figures:
        record("grow", figures, seeds=_whole_seeds(found["vnc-membranes"]))
    lines = [
        line
        for name, runs in found.items()
        if runs
        for line in (*_section(name, runs), *_ways(runs, _cells(cells / name / "ways")))
    ]
    fill(PAGE, "tables", "\n".join(lines))
    _draw({name: runs for name, runs in found.items() if runs})


def _read(folder: Path) -> Runs:
    cells = _cells(folder)
    found = {variant: [cell for cell in cells if cell["variant"] == variant] for variant in VARIANTS}
    return {variant: runs for variant, runs in found.items() if runs}


def _cells(folder: Path) -> list[Cell]:
    return [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]


def _section(name: str, runs: Runs) -> Iterator[str]:
    yield f"### {name}"
    yield ""
    yield from _minutes(runs)
    yield ""
    yield from _missed(name, runs)
    yield ""


def _minutes(runs: Runs) -> Iterator[str]:
    yield "| minutes a megavoxel | drawn | 1 section | 2 | 5 | 10 | drawn over the last | seeds |"
    yield "|---|---|---|---|---|---|---|---|"
    for variant, cells in runs.items():
        rates = zip(*([row["min_per_mvox"] for row in cell["rows"]] for cell in cells), strict=True)
        gains = [_gain(cell) for cell in cells]
        yield f"| {variant} | {' | '.join(map(_mean, rates))} | {_mean(gains)} | {len(cells)} |"


def _missed(name: str, runs: Runs) -> Iterator[str]:
    yield "| FN-401 in percent, near / far | 1 section | 2 | 5 | 10 | far over near | Jaccard near / far |"
    yield "|---|---|---|---|---|---|---|"
    for variant, cells in runs.items():
        near, far = (
            [[row[side]["fn"]["401"] for row in cell["rows"][1:]] for cell in cells]
            for side in ("near", "far")
        )
        pairs = [
            f"{statistics.mean(a):.3f} / {statistics.mean(b):.3f}"
            for a, b in zip(zip(*near, strict=True), zip(*far, strict=True), strict=True)
        ]
        overlap = (
            statistics.mean(cell["rows"][-1][side]["jaccard"] for cell in cells) for side in ("near", "far")
        )
        gap = _ratio([run[-1] for run in far], [run[-1] for run in near], _piece(name))
        yield f"| {variant} | {' | '.join(pairs)} | {gap:.2f} | {' / '.join(f'{j:.3f}' for j in overlap)} |"


def _draw(found: dict[str, Runs]) -> None:
    """By sections labelled: minutes a megavoxel, and what is missed near (lines) and far (dashes)."""
    colours = dict(zip(VARIANTS, cycle(CLASS_COLOURS), strict=False))
    with matplotlib.rc_context(style(WHITE)):
        picture = Picture(figsize=(11, 3.2 * len(found) + 0.5), layout="constrained")
        for (name, runs), (minutes, missed) in zip(
            found.items(), picture.subplots(len(found), 2, squeeze=False), strict=True
        ):
            drawn = statistics.mean(
                cell["rows"][0]["min_per_mvox"] for cells in runs.values() for cell in cells
            )
            for variant, cells in runs.items():
                colour = colours[variant]
                rows = list(zip(*(cell["rows"][1:] for cell in cells), strict=True))
                sections = [str(each[0]["sections"]) for each in rows]
                rates = np.array([[row["min_per_mvox"] for row in each] for each in rows])
                minutes.plot(sections, rates.mean(axis=1), color=colour)
                minutes.fill_between(sections, rates.min(axis=1), rates.max(axis=1), color=colour, alpha=0.1)
                for side, dashes in (("near", "-"), ("far", "--")):
                    shares = [statistics.mean(row[side]["fn"]["401"] for row in each) for each in rows]
                    missed.plot(sections, shares, dashes, color=colour)
            minutes.set(title=f"{name}: {drawn:.0f} where all is drawn", xlabel="sections learned from")
            minutes.set(ylabel="minutes a megavoxel")
            minutes.set_ylim(bottom=0)
            missed.set(title=name, xlabel="sections learned from", ylabel="FN-401, % of voxels")
        lines = [Line2D([], [], color=colour) for colour in colours.values()]
        picture.legend(lines, list(colours), loc="outside upper center", ncols=3, frameon=False)
        picture.savefig(PICTURE, dpi=100)


def _ways(runs: Runs, ways: Sequence[Cell]) -> Iterator[str]:
    """All sections grown, against drawing them and against patches whose model fills in the rest."""
    if not ways or PAPER not in runs:
        return
    yield "| all sections, minutes a megavoxel | in all | of them for patches | patches or boxes | seeds |"
    yield "|---|---|---|---|---|"
    yield f"| drawn | {_mean([cell['drawing_all'] for cell in runs[PAPER]])} | | | {len(runs[PAPER])} |"
    for variant in (DEFAULT, PAPER):
        whole = [_whole(cell) for cell in runs.get(variant, [])]
        if whole:
            yield f"| grown by sections: {variant} | {_mean(whole)} | | {LAST} | {len(whole)} |"
    kinds = {(cell["strategy"], cell.get("round", SIXTEEN)) for cell in ways}
    for strategy, patches in sorted(kinds, key=lambda kind: (kind[0] not in PARTS, kind)):
        best = [
            min(cell["rows"], key=lambda row: row["min_per_mvox"])
            for cell in ways
            if (cell["strategy"], cell.get("round", SIXTEEN)) == (strategy, patches)
        ]
        whole, asked, boxes = (
            _mean([row[key] for row in best], digits)
            for key, digits in (("min_per_mvox", 1), ("asked", 1), ("patches", 0))
        )
        if strategy in PARTS:
            yield f"| {strategy} of a section: {DEFAULT} | {whole} | | {boxes} | {len(best)} |"
        else:
            way = f"patches by {strategy}, {patches} a round, the rest corrected"
            yield f"| {way} | {whole} | {asked} | {boxes} | {len(best)} |"
    yield ""


def _whole(cell: Cell) -> float:
    """Minutes a megavoxel of everything that was asked."""
    asked = [row["asked"] for row in cell["rows"]]
    return float(
        sum(row["min_per_mvox"] * n for row, n in zip(cell["rows"], asked, strict=True)) / sum(asked)
    )


def _figures(runs: Runs) -> dict[str, Figure]:
    """Of membranes of `vnc`, as ../shared/figures.toml asks; none before all variants have enough seeds."""
    whole = _whole_seeds(runs)
    if len(whole) < SEEDS:
        return {}
    runs = {variant: [cell for cell in cells if cell["seed"] in whole] for variant, cells in runs.items()}
    gains = [_gain(cell) for cell in runs[DEFAULT]]
    paper = statistics.mean(_gain(cell) for cell in runs[PAPER])
    piece = _piece("vnc-membranes")
    gaps = [_ratio([_last(cell, "far")], [_last(cell, "near")], piece) for cell in runs[PAPER]]
    weighting = _reductions(runs[SINGLE], runs[UNWEIGHTED], piece)
    flat = _reductions(runs[FLAT], runs[FLAT_UNWEIGHTED], piece)
    pooled = _ratio([_last(c, "far") for c in runs[PAPER]], [_last(c, "near") for c in runs[PAPER]], piece)
    note = "vnc membranes, 14 of 20 sections of 512² at 9.2 nm; errors up to two voxels wide left alone"
    return {
        "minutes_per_mvox_ratio": _figure(
            gains, f"{note}; simulated minutes; by the schedule of the paper {paper:.1f}"
        ),
        "near_far_gap": Figure(
            pooled,
            (min(gaps), max(gaps)),
            len(gaps),
            f"{note}; the paper's schedule, of means over seeds, a piece more on either side",
        ),
        "error_weighting_gain": _figure(
            weighting,
            f"{note}; one thin network, near and far, paired by seed; in 2-D {statistics.mean(flat):+.3f}",
        ),
    }


def _whole_seeds(runs: Runs) -> list[int]:
    """Those of which all variants are there."""
    seeds = [{cell["seed"] for cell in runs.get(variant, [])} for variant in VARIANTS]
    return sorted(set.intersection(*seeds))


def _gain(cell: Cell) -> float:
    return float(cell["rows"][0]["min_per_mvox"] / cell["rows"][-1]["min_per_mvox"])


def _last(cell: Cell, side: str) -> float:
    return float(cell["rows"][-1][side]["fn"]["401"])


def _both(cell: Cell) -> float:
    return (_last(cell, "near") + _last(cell, "far")) / 2


def _reductions(weighted: Sequence[Cell], plain: Sequence[Cell], piece: float) -> list[float]:
    """Of what is missed, by weighting, seed by seed."""
    pairs = zip(weighted, plain, strict=True)
    return [1 - _ratio([_both(one)], [_both(other)], piece) for one, other in pairs]


def _piece(name: str) -> float:
    """A piece of 401 voxels, in percent of the sections that are held out at an end."""
    _, height, width = DATA[name].shape
    return 100 * 401 / (AWAY * height * width)


def _ratio(above: Sequence[float], below: Sequence[float], piece: float) -> float:
    """Of means; a piece counts as missed on either side, as often nothing is."""
    return (statistics.mean(above) + piece) / (statistics.mean(below) + piece)


def _figure(values: Sequence[float], note: str) -> Figure:
    return Figure(statistics.mean(values), (min(values), max(values)), len(values), note)


def _mean(values: Sequence[float], digits: int = 1) -> str:
    least, most = (f"{edge(values):.{digits}f}" for edge in (min, max))
    spread = f" ({least} to {most})" if least != most else ""
    return f"{statistics.mean(values):.{digits}f}{spread}"
