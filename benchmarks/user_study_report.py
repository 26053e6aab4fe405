"""The tables of the simulated user study, in docs/proofreading-order.md; the words there are a person's."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from microtome.benchmark.protocol.cells import Cells, Content

PAGE = Path(__file__).parents[1] / "docs" / "proofreading-order.md"
MARK = re.compile(r"(<!-- user study: (\w+), (\w+) networks -->\n)(.*?)(<!-- end -->)", re.DOTALL)
RANDOM, AS_FITTED = "random", "as fitted"
HOUR = 3600
SHARES = ("0.5", "0.9", "0.95", "1")


def report(result: Path, page: Path = PAGE) -> None:
    """Print the tables, and write them where the page wants them."""
    cells = list(Cells(result).values())
    made = {
        (what, networks): "\n".join(lines([cell for cell in cells if cell["networks"] == networks]))
        for networks in dict.fromkeys(cell["networks"] for cell in cells)
        for what, lines in (("orders", orders), ("assumptions", assumptions))
    }
    print(*made.values(), sep="\n\n")

    def filled(found: re.Match[str]) -> str:
        table = made.get((found[2], found[3]))
        return found[0] if table is None else f"{found[1]}{table}\n{found[5]}"

    page.write_text(MARK.sub(filled, page.read_text()))


def orders(cells: Sequence[Content]) -> Iterator[str]:
    """What each order comes to, with the assumptions as they were fitted."""
    own = [cell for cell in cells if cell["model"] == AS_FITTED]
    columns = "order | tiles until 50 % met | 90 % | 95 % | all | hours until 50 % found | 90 % | 95 % | all"
    yield f"| {columns} | found in half an hour |"
    yield "|---|---|---|---|---|---|---|---|---|---|"
    for order in dict.fromkeys(cell["order"] for cell in own):
        rows = [cell for cell in own if cell["order"] == order]
        tiles = [
            _spread([100 * row["met"][s][0] / row["objects"] for row in rows], "{:.0f} %") for s in SHARES
        ]
        hours = [_spread([row["found"][s][1] / HOUR for row in rows], "{:.1f}") for s in SHARES]
        early = _spread([row["found_in_half_an_hour"] for row in rows], "{:.0f}")
        yield f"| {order} | {' | '.join([*tiles, *hours, early])} |"
    seeds = sorted({cell["seed"] for cell in own})
    counts = f"{own[0]['objects']} proposals, {own[0]['errors']} of them wrong"
    yield ""
    yield f"{counts}; mean over {len(seeds)} seeds of the networks, least and most in brackets."


def assumptions(cells: Sequence[Content]) -> Iterator[str]:
    """Hours against those at random, by what is assumed."""
    names = [order for order in dict.fromkeys(cell["order"] for cell in cells) if order != RANDOM]
    yield (
        "| assumed | at random, hours | " + " | ".join(names) + " | found at one look: at random | cluster |"
    )
    yield "|---|---|" + "---|" * (len(names) + 2)
    for model in dict.fromkeys(cell["model"] for cell in cells):
        own = {(cell["order"], cell["seed"]): cell for cell in cells if cell["model"] == model}
        seeds = sorted({seed for _, seed in own})
        hours = {
            order: np.array([own[order, seed]["found"]["0.95"][1] / HOUR for seed in seeds])
            for order in (RANDOM, *names)
        }
        ratios = [_spread(list(hours[order] / hours[RANDOM]), "{:.2f}") for order in names]
        once = [
            f"{100 * np.mean([own[order, seed]['found_once'] for seed in seeds]):.0f} %"
            for order in (RANDOM, "cluster")
        ]
        yield f"| {model} | {hours[RANDOM].mean():.1f} | {' | '.join([*ratios, *once])} |"


def _spread(values: Sequence[float], style: str) -> str:
    """Mean, and least and most where they differ as shown."""
    mean, low, high = (style.format(value) for value in (np.mean(values), min(values), max(values)))
    return mean if low == high else f"{mean} ({low} to {high})"
