"""The demo as a user runs it: its time and its final Jaccard over the whole test sections."""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from record import Figure, record


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, nargs="+", default=[0], help="the first is the demo's own")
    seeds = parser.parse_args().seeds
    summaries, seconds = zip(*(run(seed) for seed in seeds), strict=True)
    scores = [summary["jaccard"] for summary in summaries]
    note = (
        f"seed {seeds[0]}, the demo's default; {summaries[0]['patches']} patches of 64^2, threshold 1/2; "
        f"median over the seeds {np.median(scores):.3f}"
    )
    record(
        "demo",
        {
            "demo_jaccard_vnc": Figure(scores[0], (min(scores), max(scores)), len(seeds), note),
            "demo_seconds": Figure(
                seconds[0], (min(seconds), max(seconds)), len(seeds), "wall time of the command"
            ),
        },
        seeds,
    )


def run(seed: int) -> tuple[dict, float]:
    """Summary and wall time of one demo."""
    program = Path(sys.executable).with_name("microtome")
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "demo"
        began = time.monotonic()
        subprocess.run([program, "demo", "--out", out, "--seed", str(seed)], check=True)
        seconds = time.monotonic() - began
        summary = json.loads((out / "summary.json").read_text())
    if summary["data"] != "vnc":
        raise SystemExit(f"the demo ran on {summary['data']}, not on vnc: set MICROTOME_DATA")
    print(f"seed {seed}: {summary['jaccard']:.4f} in {seconds:.0f} s")
    return summary, seconds


if __name__ == "__main__":
    main()
