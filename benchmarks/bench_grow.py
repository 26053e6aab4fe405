"""Growing from one section, as Guay (2021) did, on labelled data with a simulated annotator.

Five iterations from one section: the first is drawn, of the others predictions are corrected; by variants of
the schedule of the paper: without weighting of errors, in 2-D, with one network, and with networks that go on
from the one before. Cells are kept as they come: a run that was killed goes on where it was.
"""

import argparse
import tempfile
from pathlib import Path

import torch

from grow_cells import DATA, VARIANTS, Runs
from grow_report import report
from microtome.cli.show import progress
from record import RESULTS

CELLS = RESULTS / "grow"
STEPS = 500


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", nargs="+", choices=list(DATA), default=list(DATA))
    parser.add_argument("--seeds", type=int, nargs="+", default=list(range(5)))
    parser.add_argument("--variants", nargs="+", choices=list(VARIANTS), default=list(VARIANTS))
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "grow")
    parser.add_argument("--steps", type=int, default=STEPS, help="Of training a network.")
    parser.add_argument("--cells", type=Path, default=CELLS, help="Folder of what came out.")
    parser.add_argument("--report", action="store_true", help="Compute nothing; tell what is there.")
    words = parser.parse_args()
    torch.set_num_threads(1)
    if not words.report:
        with progress() as bars:
            for seed in words.seeds:
                for name in words.data:
                    runs = Runs(DATA[name], seed, words.steps, words.work, bars)
                    for variant in words.variants:
                        path = (
                            words.cells / name / f"{seed}-{variant.replace(', ', '-').replace(' ', '-')}.json"
                        )
                        found = runs.cell(variant, path)
                        costs = " ".join(f"{row['min_per_mvox']:.1f}" for row in found["rows"])
                        print(f"{name}, seed {seed}, {variant}: {costs} minutes a megavoxel", flush=True)
    report(words.cells)


if __name__ == "__main__":
    main()
