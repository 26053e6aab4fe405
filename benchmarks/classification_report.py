"""What the cells of the classification come to: tables, a picture of the curves, and a verdict."""

import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure as Picture

from microtome.benchmark.protocol.cells import Cells
from microtome.benchmark.report.figures import style
from microtome.benchmark.report.study_figures import PAPER
from record import RESULTS, fill

ABOUT = "about.json"
PAGE = Path(__file__).parents[1] / "docs" / "classification.md"
PICTURE = "![Accuracy by the number of labelled images](../benchmarks/results/cifar10/curves.png)"
CLAIM = (2.0, 3.0)  # points by which two-stream leads learning loss (Lin et al. 2020) …
CLAIMED_AT = (2000, 3000)  # … with so many labels

Curves = dict[str, dict[int, dict[int, float]]]
"""Accuracy in per cent by strategy, number of labels and seed."""


def report(folder: Path) -> None:
    """Write table.md and curves.png into the folder of the cells; of CIFAR-10, the page's tables too."""
    cells = read(folder)
    if not cells:
        raise ValueError(f"{folder} holds no cells yet")
    text = "\n".join(lines(cells, json.loads((folder / ABOUT).read_text()))) + "\n"
    (folder / "table.md").write_text(text)
    print(text)
    picture(curves(cells), folder / "curves.png")
    if folder.resolve() == (RESULTS / "cifar10").resolve():
        fill(PAGE, "measured", f"{text}\n{PICTURE}")


def read(folder: Path) -> list[dict]:
    return [cell for path in sorted(folder.glob("seed-*.jsonl")) for cell in Cells(path).values()]


def curves(cells: list[dict]) -> Curves:
    found: Curves = defaultdict(lambda: defaultdict(dict))
    for cell in cells:
        found[cell["strategy"]][cell["labelled"]][cell["seed"]] = 100 * cell["accuracy"]
    return {name: dict(sorted(points.items())) for name, points in found.items()}


def lines(cells: list[dict], about: dict) -> Iterator[str]:
    found = curves(cells)
    budgets = sorted({budget for points in found.values() for budget in points})
    seeds = sorted({cell["seed"] for cell in cells})
    yield "Accuracy in per cent on the test images, mean ± standard deviation over seeds:"
    yield ""
    yield from table(budgets, {n: [accuracy(p.get(b, {})) for b in budgets] for n, p in found.items()})
    yield ""
    yield "The same less that of `random` with the same seed, in points, mean (of each seed):"
    yield ""
    others = {name: points for name, points in found.items() if name != "random"}
    pairs = {n: [difference(paired(p, found["random"], b)) for b in budgets[1:]] for n, p in others.items()}
    yield from table(budgets[1:], pairs)
    yield ""
    yield verdict(found)
    yield ""
    dates = sorted(cell["date"] for cell in cells)
    commits = ", ".join(dict.fromkeys(cell["commit"] for cell in cells))
    devices = ", ".join(dict.fromkeys(cell["device"] for cell in cells))
    yield (
        f"{about['data']}: {about['images']} images to ask about, {about['test_images']} to test on, "
        f"{len(about['classes'])} classes; settings `{about['preset']}`; seeds {', '.join(map(str, seeds))}; "
        f"{len(cells)} cells, a training took {np.median([c['training_seconds'] for c in cells]):.0f} s; "
        f"{devices}; {dates[0][:10]} to {dates[-1][:10]}; at {commits}."
    )


def table(budgets: list[int], rows: dict[str, list[str]]) -> Iterator[str]:
    yield f"| labels | {' | '.join(map(str, budgets))} |"
    yield "|---|" + "---|" * len(budgets)
    for name, cells in rows.items():
        yield f"| `{name}` | {' | '.join(cells)} |"


def accuracy(seeds: dict[int, float]) -> str:
    values = list(seeds.values())
    if len(values) < 2:
        return f"{values[0]:.1f}" if values else ""
    return f"{np.mean(values):.1f} ± {np.std(values, ddof=1):.1f}"


def paired(
    points: dict[int, dict[int, float]], reference: dict[int, dict[int, float]], budget: int
) -> list[float]:
    """Differences of the seeds that both have."""
    ours, theirs = points.get(budget, {}), reference.get(budget, {})
    return [ours[seed] - theirs[seed] for seed in sorted(ours) if seed in theirs]


def difference(gaps: list[float]) -> str:
    return f"{np.mean(gaps):+.1f} ({', '.join(f'{gap:+.1f}' for gap in gaps)})" if gaps else ""


def verdict(found: Curves) -> str:
    """The paper's claim beside what was measured."""
    if not {"two-stream", "learning-loss"} <= found.keys():
        return "Two-stream and learning loss were not both measured."
    gaps = {b: paired(found["two-stream"], found["learning-loss"], b) for b in CLAIMED_AT}
    measured = [
        f"with {budget} labels by {difference(gap)}, so the claim "
        f"{'holds' if np.mean(gap) >= CLAIM[0] else 'does not hold'}"
        for budget, gap in gaps.items()
        if gap
    ]
    if not measured:
        return f"Nothing was measured with {' or '.join(map(str, CLAIMED_AT))} labels."
    return (
        f"The paper says that two-stream leads learning loss by {CLAIM[0]:.0f} to {CLAIM[1]:.0f} points. "
        f"Here it leads {'; '.join(measured)}."
    )


def picture(found: Curves, path: Path) -> None:
    """Mean accuracy by the number of labels, and each seed as a point."""
    with matplotlib.rc_context(style(PAPER)):
        figure = Picture(figsize=(4.8, 3.2), layout="constrained")
        axes = figure.subplots()
        for name, points in found.items():
            (line,) = axes.plot(
                list(points), [np.mean(list(s.values())) for s in points.values()], label=name
            )
            for budget, seeds in points.items():
                axes.plot([budget] * len(seeds), list(seeds.values()), ".", color=line.get_color(), ms=3)
        axes.set_xlabel("labelled images")
        axes.set_ylabel("accuracy (%)")
        axes.legend(frameon=False)
        figure.savefig(path, dpi=150)
