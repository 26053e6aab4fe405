"""The demo as a user runs it: its time, and its final Jaccard over the whole test sections."""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from microtome.cli.demo import Demo
from record import Figure, record

BASELINES = ("random", "foreground-random")
DEFAULT = Demo.strategy


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, nargs="+", default=[0], help="the first is the demo's own")
    parser.add_argument("--baselines", action="store_true", help="measure the baselines instead")
    given = parser.parse_args()
    if given.baselines:
        for strategy in BASELINES:
            record(f"demo-{strategy}", _baseline(strategy, given.seeds), given.seeds)
    else:
        record("demo", _default(given.seeds), given.seeds)


def _default(seeds: list[int]) -> dict[str, Figure]:
    scores, seconds = _runs(DEFAULT, seeds)
    note = (
        f"seed {seeds[0]}, the demo's default; 104 patches of 64^2 by {DEFAULT}, threshold 1/2; "
        f"median over the seeds {np.median(scores):.3f}"
    )
    return {
        "demo_jaccard_vnc": Figure(scores[0], (min(scores), max(scores)), len(seeds), note),
        "demo_seconds": Figure(
            seconds[0], (min(seconds), max(seconds)), len(seeds), "wall time of the command"
        ),
    }


def _baseline(strategy: str, seeds: list[int]) -> dict[str, Figure]:
    scores, _ = _runs(strategy, seeds)
    note = f"the demo's schedule with {strategy}, median over the seeds; too few of them to rank strategies"
    name = f"demo_jaccard_vnc_{strategy.replace('-', '_')}"
    return {name: Figure(float(np.median(scores)), (min(scores), max(scores)), len(seeds), note)}


def _runs(strategy: str, seeds: list[int]) -> tuple[list[float], list[float]]:
    """Final Jaccard and wall time of each seed."""
    program = Path(sys.executable).with_name("microtome")
    scores, seconds = [], []
    for seed in seeds:
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / "demo"
            began = time.monotonic()
            words = [program, "demo", "--out", out, "--seed", str(seed), "--strategy", strategy]
            subprocess.run(words, check=True)
            seconds.append(time.monotonic() - began)
            summary = json.loads((out / "summary.json").read_text())
        if summary["data"] != "vnc" or summary["patches"] != 104:
            raise SystemExit(f"expected 104 patches of vnc; got {summary['patches']} of {summary['data']}")
        scores.append(summary["jaccard"])
        print(f"{strategy}, seed {seed}: {scores[-1]:.4f} in {seconds[-1]:.0f} s")
    return scores, seconds


if __name__ == "__main__":
    main()
