"""Write what a benchmark measured, in the format that `make figures` reads."""

import json
import os
import platform
import subprocess
import sys
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import torch

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Figure:
    """One measured value; `spread` is least and most over `n` repeats."""

    value: float
    spread: tuple[float, float]
    n: int
    note: str


def record(name: str, figures: dict[str, Figure], seeds: list[int]) -> None:
    """Write benchmarks/results/<name>.json and print the figures."""
    RESULTS.mkdir(exist_ok=True)
    data = {
        "command": " ".join(["python", *sys.argv]),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": _commit(),
        "device": device(),
        "seeds": seeds,
        "figures": {key: asdict(figure) for key, figure in figures.items()},
    }
    (RESULTS / f"{name}.json").write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n")
    for key, figure in figures.items():
        low, high = figure.spread
        print(f"{key}: {figure.value:.4g}  ({low:.4g} to {high:.4g}, n = {figure.n})  {figure.note}")


def device() -> str:
    """Cores, processor, threads, and the GPU where there is one."""
    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    threads = torch.get_num_threads()
    return f"{os.cpu_count()} cores, {_processor()}, {threads} threads, torch {torch.__version__}"


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def _commit() -> str:
    run = subprocess.run(
        ["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False
    )
    return run.stdout.strip() or "unknown"
