"""A study killed with `kill -9` again and again, then finished: the tables of one that nobody disturbed."""

import argparse
import csv
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from record import Figure, record

TIMES = {"train_seconds", "predict_seconds", "choose_seconds"}
SPEC = """
title = "Killed and resumed"
tier = "A"
dataset = "vnc"
classes = ["mitochondria"]
downsample = [1, 4, 4]
query_shape = [1, 32, 32]
seeds = 2
budgets = [16, 32]
strategies = ["entropy", "clasp-pe", "core-set", "badge", "learning-loss"]
"""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=6)
    kills = parser.parse_args().kills
    rng = random.Random(0)
    with tempfile.TemporaryDirectory() as folder:
        spec = Path(folder) / "spec.toml"
        spec.write_text(SPEC)
        whole, killed = Path(folder) / "whole", Path(folder) / "killed"
        subprocess.run(_command(spec, whole), check=True)
        for _ in range(kills):
            process = subprocess.Popen(_command(spec, killed))
            time.sleep(rng.uniform(5, 12))
            process.send_signal(signal.SIGKILL)
            process.wait()
            cells = killed / "cells.jsonl"
            print(f"killed with {len(cells.read_text().splitlines()) if cells.exists() else 0} cells")
        subprocess.run(_command(spec, killed), check=True)
        same = _table(whole) == _table(killed)
        count = len(_table(whole))
    note = f"{kills} kills; {count} rows equal in every digit but for wall seconds, vnc, tier A"
    record(
        "study-resume",
        {"benchmark_resume_identical": Figure(float(same), (float(same),) * 2, kills, note)},
        [0, 1],
    )


def _command(spec: Path, out: Path) -> list[str]:
    return [sys.executable, "-m", "microtome", "benchmark", "run", str(spec), "--out", str(out)]


def _table(folder: Path) -> list[dict[str, str]]:
    """The rows as they are written, without what a clock measured."""
    rows = csv.DictReader((folder / "rounds.csv").read_text().splitlines())
    return [{name: cell for name, cell in row.items() if name not in TIMES} for row in rows]


if __name__ == "__main__":
    main()
