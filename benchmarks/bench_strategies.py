"""What the studies say of the figures that are asked for; reads their tables, trains nothing.

The study of vnc mitochondria with the small U-Net (tier B) is `benchmarks/results/vnc-mitochondria-b`.
"""

import json
from dataclasses import replace

import numpy as np

from microtome.benchmark.analysis.curves import Curves, curves, gather, to_full
from microtome.benchmark.analysis.statistics import best_gain, labels_of_mean
from microtome.benchmark.protocol.rounds import read_rounds
from microtome.project.config import QueryConfig
from record import RESULTS, Figure, record

STUDY = "vnc-mitochondria-b"
DEFAULT = QueryConfig.model_fields["strategy"].default
TARGET = 0.95  # of full supervision at the same schedule
DRAWS = 2000


def main() -> None:
    folder = RESULTS / STUDY
    rows, study = read_rounds(folder / "rounds.csv"), json.loads((folder / "study.json").read_text())
    if not study["complete"]:
        print(f"{STUDY} is not complete: these are figures of the seeds that are")
    known = curves(rows, "jaccard")
    figures = {
        "entropy_minus_random_points": _points(known),
        "labels_saved_vs_random": _saved(known, "random"),
        "labels_saved_vs_fg_random": _saved(known, "foreground-random"),
        "uncertainty_error_spearman": _spearman(rows, known),
    }
    record("strategies", figures, list(known.seeds))


def _points(known: Curves) -> Figure:
    gain = best_gain(known, "entropy", "random", seed=0)
    note = f"best budget: {gain.patches} patches of {known.pool}; Jaccard on sections 11-19"
    return Figure(gain.points, (gain.low, gain.high), len(known.seeds), note)


def _saved(known: Curves, reference: str) -> Figure:
    """Labels of the reference over labels of the default, each to the target on its mean curve."""
    bounded = to_full(known)
    value = _ratio(bounded, reference)
    rng = np.random.default_rng(0)
    drawn = []
    for _ in range(DRAWS):
        seeds = rng.integers(len(known.seeds), size=len(known.seeds))
        scores = {name: values[seeds] for name, values in bounded.scores.items()}
        drawn.append(_ratio(replace(bounded, scores=scores), reference))
    low, high = np.percentile(drawn, (2.5, 97.5))
    labels = {name: labels_of_mean(bounded, name, TARGET).patches for name in (reference, DEFAULT)}
    note = (
        f"{DEFAULT}: {labels[DEFAULT]:.0f} patches to 95 % of {known.full:.3f}, {reference}: {labels[reference]:.0f}; "
        "mean curves, beyond the largest budget interpolated to the whole pool; spread: 95 % bootstrap over seeds"
    )
    return Figure(value, (float(low), float(high)), len(known.seeds), note)


def _ratio(known: Curves, reference: str) -> float:
    mine, other = (labels_of_mean(known, name, TARGET).patches for name in (DEFAULT, reference))
    return other / mine


def _spearman(rows: list, known: Curves) -> Figure:
    """Of the default strategy's models, from the second that chooses on; the last has no choice to make."""
    values = gather(rows, "spearman", DEFAULT, known.seeds, known.budgets)[:, 1:]
    seeds = values.mean(axis=1)
    note = f"{DEFAULT}; mean over rounds of the rank correlation over open patches; spread over seeds"
    return Figure(float(values.mean()), (float(seeds.min()), float(seeds.max())), len(seeds), note)


if __name__ == "__main__":
    main()
