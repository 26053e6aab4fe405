"""What the cells of the ablation come to: a table, a picture of the errors found, figures, and a verdict."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure as Picture

from ablation_pools import PHANTOM, REAL
from microtome.benchmark.protocol.cells import Cells
from microtome.benchmark.report.figures import style
from microtome.benchmark.report.study_figures import PAPER
from record import RESULTS, Figure, record

Row = tuple[str, str]  # design, and what the networks learned from
Seeds = dict[int, dict[str, object]]
Rows = dict[Row, Seeds]

CUT = "cut out"  # what networks of images see: objects without what lies around them
BEST = ("hierarchical 64 × 4", "none")
PRINTED: Mapping[Row, float] = {
    ("random 640", "none"): 0.767,
    ("random 1280", "none"): 0.772,
    ("mask only 128", "none"): 0.805,
    ("mask only 256", "none"): 0.819,
    ("image only 128", "none"): 0.420,
    ("image only 256", "none"): 0.578,
    ("late fusion 256", "none"): 0.738,
    ("hierarchical 64 × 2", "none"): 0.821,
    ("hierarchical 128 × 2", "none"): 0.826,
    BEST: 0.846,
    ("hierarchical 32 × 8", "none"): 0.814,
    (BEST[0], "masks"): 0.830,
    (BEST[0], "images"): 0.880,
    (BEST[0], "both"): 0.871,
}
"""Accuracies of Lin et al. (2020), tables 2 and 3, of synapses."""

WHAT = "phantom, 28 672 proposals; small VAEs (masks 20-d of 32², images 128-d of 64², 2 000 steps)"
WHAT_CUT_OUT = "phantom, 28 672 proposals; small VAEs (masks and objects cut out 20-d of 32², 2 000 steps)"
PAGE = Path(__file__).parents[1] / "docs" / "objects-ablation.md"
BEGIN, END = "<!-- tables: what follows is written by the benchmark -->", "<!-- end of tables -->"


def report(cells: Path) -> None:
    """Write the tables into the folder of the cells and into the page, a picture, and the figures."""
    found = {name: read(cells, name) for name in (PHANTOM, *REAL)}
    found = {name: rows for name, rows in found.items() if rows}
    lines = [line for name, rows in found.items() for line in (*section(name, rows), "")]
    tables = "\n".join(lines)
    (cells / "table.md").write_text(tables)
    print(tables)
    if cells.parent == RESULTS:
        PAGE.write_text(with_tables(PAGE.read_text(), tables))
    if BEST in found.get(PHANTOM, {}):
        kinds_picture(found[PHANTOM], cells / "kinds.png")
        figures = dict(measured(found[PHANTOM]))
        record("objects-ablation", figures, sorted(found[PHANTOM][BEST]))


def with_tables(page: str, tables: str) -> str:
    """The page with these tables in the place of those it has.

    Raises:
        ValueError: If the page has no place for them.
    """
    if page.count(BEGIN) != 1 or page.count(END) != 1:
        raise ValueError(f"expected a page with one {BEGIN} and one {END}")
    before, rest = page.split(BEGIN)
    return f"{before}{BEGIN}\n\n{tables}\n{END}{rest.split(END)[1]}"


def read(cells: Path, name: str) -> Rows:
    """By row and seed; the last cell of each counts."""
    rows: Rows = defaultdict(dict)
    for path in sorted(cells.glob(f"{name}-*.jsonl")):
        for cell in Cells(path).values():
            rows[cell["design"], cell["taught"]][cell["seed"]] = cell
    return dict(rows)


def values(seeds: Seeds, key: str = "accuracy") -> dict[int, float]:
    return {seed: cell[key] for seed, cell in sorted(seeds.items()) if cell[key] is not None}


def section(name: str, rows: Rows) -> Iterator[str]:
    """A table of one data set."""
    first = next(iter(next(iter(rows.values())).values()))
    yield f"### {name}"
    yield ""
    yield f"{first['objects']} objects, {first['before']:.4f} of them correct before anybody was asked."
    yield ""
    yield "| design | networks taught | answers | accuracy | seeds | at random | paper |"
    yield "|---|---|---|---|---|---|---|"
    for row in sorted(rows, key=lambda row: plain(row) != row):
        seeds = rows[row]
        found, cell = list(values(seeds).values()), next(iter(seeds.values()))
        answers = f"{cell['answers']} ({cell['answers'] / cell['objects']:.2%})"
        printed = PRINTED.get(plain(row)) if name == PHANTOM else None
        numbers = f"{mean_and_spread(found)} | {len(found)} | {cell['expected_at_random']:.4f}"
        yield f"| {row[0]} | {row[1]} | {answers} | {numbers} | {f'{printed:.3f}' if printed else ''} |"
    if name == PHANTOM:
        yield ""
        yield f"As plainly specified: {verdict({row: rows[row] for row in rows if plain(row) == row})}"
        yield ""
        cut = {plain(row): rows[row] for row in rows if plain(row) != row}
        if cut:
            yield f"Objects cut out, where the images are looked at: {verdict({**rows, **cut})}"


def plain(row: Row) -> Row:
    """The row of the paper that a row is like."""
    return row[0].removesuffix(f", {CUT}"), row[1]


def mean_and_spread(found: Sequence[float]) -> str:
    """With the standard deviation over seeds, where there is more than one."""
    mean = f"{np.mean(found):.4f}"
    return f"{mean} ± {np.std(found, ddof=1):.4f}" if len(found) > 1 else mean


def verdict(rows: Rows) -> str:
    """How many pairs of the paper's rows come in the paper's order, by the mean over seeds."""
    known = [row for row in PRINTED if row in rows]
    pairs = [pair for pair in combinations(known, 2) if PRINTED[pair[0]] != PRINTED[pair[1]]]
    means = {row: float(np.mean(list(values(rows[row]).values()))) for row in known}
    wrong = [
        f"{' '.join(a)} {'>' if PRINTED[a] > PRINTED[b] else '<'} {' '.join(b)}"
        for a, b in pairs
        if (PRINTED[a] - PRINTED[b]) * (means[a] - means[b]) <= 0
    ]
    agree = f"{len(pairs) - len(wrong)} of {len(pairs)} pairs of rows come in the paper's order"
    return f"{agree}; of the paper's, not here: {'; '.join(wrong) or 'none'}."


def measured(rows: Rows) -> Iterator[tuple[str, Figure]]:
    """The figures that the phantom's rows hold."""
    random = [row for row in rows if row[0].startswith("random")]
    errors = {
        row: [cell["accuracy"] - cell["expected_at_random"] for cell in rows[row].values()] for row in random
    }
    worst = max(abs(float(np.mean(found))) for found in errors.values())
    every = [abs(error) for found in errors.values() for error in found]
    note = "the mean over seeds, the worse of 640 and 1 280 answers; spread: of single seeds"
    count = max(len(found) for found in errors.values())
    yield "random_annotation_formula_error", Figure(worst, (min(every), max(every)), count, note)
    for name, better, worse in (
        ("hierarchical_minus_mask_only", BEST, ("mask only 256", "none")),
        ("hierarchical_minus_late_fusion", BEST, ("late fusion 256", "none")),
        ("triplet_image_encoder_gain", (BEST[0], "images"), BEST),
    ):
        found = [
            difference(values(rows[a]), values(rows[b]), what)
            for a, b, what in ((cut_out(better), cut_out(worse), WHAT_CUT_OUT), (better, worse, WHAT))
            if a in rows and b in rows
        ]
        if found:
            told = "; as plainly specified ".join(
                (found[0].note, *(f"{gap.value:+.4f}" for gap in found[1:]))
            )
            yield name, replace(found[0], note=told)


def cut_out(row: Row) -> Row:
    """The same row where objects are cut out; masks alone know nothing of it."""
    return row if row[0].startswith("mask only") else (f"{row[0]}, {CUT}", row[1])


def difference(better: Mapping[int, float], worse: Mapping[int, float], what: str) -> Figure:
    """Mean over the seeds that both have."""
    both = [seed for seed in better if seed in worse]
    gaps = [better[seed] - worse[seed] for seed in both]
    means = " - ".join(f"{np.mean([side[seed] for seed in both]):.4f}" for side in (better, worse))
    return Figure(float(np.mean(gaps)), (min(gaps), max(gaps)), len(gaps), f"{means}; {what}")


def kinds_picture(rows: Rows, path: Path) -> None:
    """Which kinds of error a design finds: the share of each that is labelled right, the mean over seeds."""
    shown = [row for row in rows if row[0] not in ("random 640", "mask only 128", "image only 128")]
    kinds = list(next(iter(rows[shown[0]].values()))["right"])
    share = np.array([[_mean(rows[row], kind) for row in shown] for kind in kinds])
    with matplotlib.rc_context(style(PAPER)):
        figure = Picture(figsize=(0.72 * len(shown) + 2.2, 0.36 * len(kinds) + 2.0), layout="constrained")
        axes = figure.subplots()
        axes.imshow(share, vmin=0, vmax=1, cmap="Blues", aspect="auto")
        axes.set_yticks(range(len(kinds)), kinds)
        axes.set_xticks(range(len(shown)), _names(shown), rotation=45, ha="right")
        for (y, x), value in np.ndenumerate(share):
            colour = "white" if value > 0.6 else PAPER.ink
            axes.text(x, y, f"{value:.2f}", ha="center", va="center", color=colour, fontsize=7)
        figure.savefig(path, dpi=150)


def _mean(seeds: Seeds, kind: str) -> float:
    return float(np.mean([cell["right"][kind] for cell in seeds.values()]))


def _names(rows: Sequence[Row]) -> list[str]:
    return [design if taught == "none" else f"{design}, {taught} taught" for design, taught in rows]
