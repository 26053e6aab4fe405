"""Write the tables of docs/which-strategy.md from the studies; the words between them are a person's."""

import csv
import json
import re
from pathlib import Path

import numpy as np

from microtome.benchmark.analysis.curves import curves
from microtome.benchmark.analysis.statistics import mean_interval
from microtome.benchmark.protocol.rounds import read_rounds
from record import RESULTS

PAGE = Path(__file__).parents[1] / "docs" / "which-strategy.md"
STUDY = re.compile(r"(<!-- study (\S+) -->\n).*?(<!-- end -->)", re.DOTALL)
LEADS = re.compile(r"(<!-- leads of (\S+) in (\S+) from seed (\d+) -->\n).*?(<!-- end -->)", re.DOTALL)
COLUMNS = (
    "strategy",
    "Jaccard",
    "against random",
    "against foreground-random",
    "labels to 95 %",
    "foreground",
)


def main() -> None:
    page = STUDY.sub(lambda found: f"{found[1]}{_table(RESULTS / found[2])}{found[3]}", PAGE.read_text())
    PAGE.write_text(LEADS.sub(_leads, page))


def _leads(found: re.Match[str]) -> str:
    """How far a strategy is ahead of random and foreground-random at each budget, of some seeds alone."""
    begin, name, study, first, end = found.groups()
    rows = [row for row in read_rounds(RESULTS / study / "rounds.csv") if row.seed >= int(first)]
    known = curves(rows, "jaccard")
    lines = [f"| patches | `{name}` | against random | against foreground-random |", "|---|---|---|---|"]
    for k, budget in enumerate(known.budgets[1:].tolist(), 1):
        mine = known.scores[name][:, k]
        leads = [_lead(mine - known.scores[other][:, k]) for other in ("random", "foreground-random")]
        lines.append(f"| {budget} | {mine.mean():.3f} | {' | '.join(leads)} |")
    lines.append(
        f"\nSeeds {known.seeds[0]} to {known.seeds[-1]}; points of Jaccard, mean and 95 % BCa bootstrap."
    )
    return begin + "\n".join(lines) + "\n" + end


def _lead(values: np.ndarray) -> str:
    low, high = mean_interval(100 * values, seed=0)
    return f"{100 * values.mean():+.1f} ({low:+.1f} to {high:+.1f})"


def _table(folder: Path) -> str:
    """A Markdown table of a study, the best area under the curve first."""
    study = json.loads((folder / "study.json").read_text())
    with (folder / "summary.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    lines = [f"| {' | '.join(COLUMNS)} |", "|" + "---|" * len(COLUMNS)]
    lines += [f"| {' | '.join(_cells(row))} |" for row in rows]
    unfinished = "" if study["complete"] else "; not complete"
    lines.append(
        f"\n{rows[0]['seeds']} seeds, tier {study['tier']}, {study['device']}, {study['date'][:10]}, "
        f"`benchmarks/specs/{folder.name}.toml` at {study['commit']}{unfinished}."
    )
    return "\n".join(lines) + "\n"


def _cells(row: dict[str, str]) -> list[str]:
    return [
        f"`{row['strategy']}`",
        f"{float(row['jaccard']):.3f} ± {float(row['jaccard_sd'] or 'nan'):.3f}",
        _difference(row, "random"),
        _difference(row, "foreground-random"),
        _labels(row),
        f"{100 * float(row['foreground']):.1f} %" if row.get("foreground") else "",
    ]


def _difference(row: dict[str, str], reference: str) -> str:
    """Difference of the areas in points (Hodges-Lehmann), its interval, and a star where Holm's p < 0.05."""
    name = f"area_log2_minus_{reference}"
    if not row.get(name):
        return ""
    if not row[f"{name}_low"]:  # too few seeds
        return _points(row[name])
    star = " \\*" if float(row[f"{name}_p_holm"]) < 0.05 else ""
    return f"{_points(row[name])} ({_points(row[f'{name}_low'])} to {_points(row[f'{name}_high'])}){star}"


def _points(cell: str) -> str:
    return f"{100 * float(cell):+.1f}" if cell else "–"


def _labels(row: dict[str, str]) -> str:
    """Patches to 95 % of full supervision on the mean curve; or that it is not reached."""
    if not row.get("labels_to_95_mean_curve"):
        return ""
    if row["labels_to_95_mean_curve_censored"] == "1":
        return f"> {int(row['patches'])}"
    return f"{float(row['labels_to_95_mean_curve']):.0f}"


if __name__ == "__main__":
    main()
