"""Write what a benchmark measured, in the format that `make figures` reads."""

import json
import re
import statistics
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch

from microtome.benchmark.machine import commit, device_name

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Figure:
    """One measured value; `spread` is least and most over `n` repeats."""

    value: float
    spread: tuple[float, float]
    n: int
    note: str


def median_of(values: Sequence[float], note: str) -> Figure:
    """The median of some repeats."""
    return Figure(statistics.median(values), (min(values), max(values)), len(values), note)


def p95_of(values: Sequence[float], note: str) -> Figure:
    """What 95 % of some values stay below."""
    least, p95, most = np.percentile(values, [0, 95, 100]).tolist()
    return Figure(p95, (least, most), len(values), note)


def record(name: str, figures: dict[str, Figure], seeds: list[int]) -> None:
    """Write benchmarks/results/<name>.json and print the figures."""
    RESULTS.mkdir(exist_ok=True)
    data = {
        "command": " ".join(["python", *sys.argv]),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit(),
        "device": device(),
        "seeds": seeds,
        "figures": {key: asdict(figure) for key, figure in figures.items()},
    }
    (RESULTS / f"{name}.json").write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n")
    tell(figures)


def tell(figures: dict[str, Figure]) -> None:
    """Print figures."""
    for key, figure in figures.items():
        low, high = figure.spread
        print(f"{key}: {figure.value:.4g}  ({low:.4g} to {high:.4g}, n = {figure.n})  {figure.note}")


def fill(page: Path, mark: str, text: str) -> None:
    """Put `text` between `<!-- mark -->` and `<!-- end -->` of a page, in place of what is there.

    Raises:
        ValueError: If the page has no such place.
    """
    place = re.compile(rf"(<!-- {re.escape(mark)} -->\n).*?(<!-- end -->)", re.DOTALL)
    filled, count = place.subn(lambda found: f"{found[1]}{text}\n{found[2]}", page.read_text())
    if count != 1:
        raise ValueError(f"{page}: expected one place called {mark}; got {count}")
    page.write_text(filled)


def device() -> str:
    """Cores, processor and threads, or the GPU where there is one."""
    return (
        device_name() if torch.cuda.is_available() else f"{device_name()}, {torch.get_num_threads()} threads"
    )
