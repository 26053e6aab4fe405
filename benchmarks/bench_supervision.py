"""The default network with every label of the training sections: the ceiling for every query strategy.

Nothing is chosen on the test sections: one schedule, the last averaged weights, threshold ½.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np

from microtome.cli.create import NewProject, create
from microtome.cli.session import opened
from microtome.cli.show import progress
from microtome.evaluate.overlap import jaccard
from microtome.loop.models import evaluate
from microtome.loop.simulation import Budget, simulate
from microtome.oracle import CostModel
from record import Figure, record

LIMIT_SECONDS = 300


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    seeds = parser.parse_args().seeds
    scores, seconds = zip(*(run(seed) for seed in seeds), strict=True)
    note = (
        f"sections 0-8 whole, threshold 1/2, 4 flips; {min(seconds):.0f} to {max(seconds):.0f} s of training"
    )
    if max(seconds) > LIMIT_SECONDS:
        raise SystemExit(
            f"training took {max(seconds):.0f} s, more than the {LIMIT_SECONDS} s that the bar allows"
        )
    value = float(np.median(scores))
    spread = (min(scores), max(scores))
    record("supervision", {"full_supervision_jaccard_vnc": Figure(value, spread, len(seeds), note)}, seeds)


def run(seed: int) -> tuple[float, float]:
    """Test Jaccard and seconds of training of one seed."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "full"
        create(root, _whole_sections(seed), print)
        began = time.monotonic()
        with progress() as bars, opened(root, "auto", bars) as session:
            simulate(session, Budget(9), CostModel())
            model = session.project.journal.models()[-1]
            score = jaccard(evaluate(session).table, 1)
        print(f"seed {seed}: {score:.4f}, trained {model.seconds:.0f} s of {time.monotonic() - began:.0f} s")

        return score, model.seconds


def _whole_sections(seed: int) -> NewProject:
    return NewProject(
        classes=("mitochondria",),
        dataset="vnc",
        query_shape=(1, 512, 512),
        downsample=(1, 2, 2),
        strategy="random",
        start=9,
        start_strategy="random",
        seed=seed,
    )


if __name__ == "__main__":
    main()
