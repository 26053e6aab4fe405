"""What the studies say of the figures that are asked for; reads their tables, trains nothing.

The default strategy was chosen on the ten seeds of `vnc-mitochondria-b`, so what it saves is read off ten
other seeds, those of `vnc-mitochondria-b-again` that the choice never saw.
"""

import json
from dataclasses import replace

import numpy as np

from microtome.benchmark.analysis.curves import Curves, curves, gather, to_full
from microtome.benchmark.analysis.statistics import best_gain, labels_of_mean
from microtome.benchmark.protocol.rounds import FULL, Row, read_rounds
from microtome.project.config import QueryConfig
from record import RESULTS, Figure, record

STUDY = "vnc-mitochondria-b"
AGAIN = "vnc-mitochondria-b-again"
HALVES = "vnc-mitochondria-b-halves"  # split as Roels & Saeys split it
SEEN = 10  # its first seeds are those of STUDY
DEFAULT = QueryConfig.model_fields["strategy"].default
TARGET = 0.95  # of full supervision at the same schedule
DRAWS = 2000


def main() -> None:
    seen = _rounds(STUDY)
    fresh = [row for row in _rounds(AGAIN) if row.seed >= SEEN]
    known = curves(fresh, "jaccard")
    whole = {row.seed: row.values["jaccard"] for row in fresh if row.strategy == FULL}
    full = np.array([whole[seed] for seed in known.seeds])
    figures = {
        "entropy_minus_random_points": _points(curves(seen, "jaccard")),
        "labels_saved_vs_random": _saved(known, full, "random"),
        "labels_saved_vs_fg_random": _saved(known, full, "foreground-random"),
        "uncertainty_error_spearman": _spearman(fresh, known),
    }
    record("strategies", figures, sorted({row.seed for row in seen} | set(known.seeds)))


def _rounds(study: str) -> list[Row]:
    folder = RESULTS / study
    if not json.loads((folder / "study.json").read_text())["complete"]:
        print(f"{study} is not complete: these are figures of the seeds that are")
    return read_rounds(folder / "rounds.csv")


def _points(known: Curves) -> Figure:
    gain = best_gain(known, "entropy", "random", seed=0)
    lead = 100 * (known.scores["entropy"] - known.scores["random"])[:, 1:]
    drawn = [lead[seeds].mean(axis=0).max() for seeds in _resampled(len(known.seeds))]
    low, high = np.percentile(drawn, (2.5, 97.5))
    note = (
        f"best budget: {gain.patches} patches of {known.pool}; Jaccard on sections 11-19; the largest of "
        f"{lead.shape[1]} budgets, in the bootstrap of the spread too; on the authors' own split, "
        f"{_best(HALVES, 'entropy')} and by {DEFAULT} {_best(HALVES, DEFAULT)}"
    )
    return Figure(gain.points, (float(low), float(high)), len(known.seeds), note)


def _best(study: str, strategy: str) -> str:
    known = curves(_rounds(study), "jaccard")
    gain = best_gain(known, strategy, "random", seed=0)
    return f"{gain.points:+.1f} at {gain.patches} ({len(known.seeds)} seeds)"


def _saved(known: Curves, full: np.ndarray, reference: str) -> Figure:
    """Labels of the reference over labels of the default, each to the target on its mean curve."""
    bounded = to_full(known)
    value = _ratio(bounded, reference)
    drawn = []
    for seeds in _resampled(len(known.seeds)):
        scores = {name: values[seeds] for name, values in known.scores.items()}
        drawn.append(
            _ratio(to_full(replace(known, scores=scores, full=float(full[seeds].mean()))), reference)
        )
    low, high = np.percentile(drawn, (2.5, 97.5))
    labels = {name: labels_of_mean(bounded, name, TARGET).patches for name in (reference, DEFAULT)}
    note = (
        f"{DEFAULT}: {labels[DEFAULT]:.0f} patches to 95 % of {known.full:.3f}, "
        f"{reference}: {labels[reference]:.0f}; mean curves, beyond the largest budget a straight line "
        "to the whole pool, which flatters what is slower; "
        f"spread: 95 % bootstrap over seeds that the choice of {DEFAULT} never saw"
    )
    return Figure(value, (float(low), float(high)), len(known.seeds), note)


def _resampled(seeds: int) -> np.ndarray:
    return np.random.default_rng(0).integers(seeds, size=(DRAWS, seeds))


def _ratio(known: Curves, reference: str) -> float:
    mine, other = (labels_of_mean(known, name, TARGET).patches for name in (DEFAULT, reference))
    return other / mine


def _spearman(rows: list[Row], known: Curves) -> Figure:
    """Of the default strategy's models, from the second that chooses on; the last has no choice to make."""
    values = gather(rows, "spearman", DEFAULT, known.seeds, known.budgets)[:, 1:]
    seeds = values.mean(axis=1)
    note = (
        f"entropy by the models of {DEFAULT}, before it chooses; mean over rounds of the rank correlation "
        "over open patches; spread over seeds"
    )
    return Figure(float(values.mean()), (float(seeds.min()), float(seeds.max())), len(seeds), note)


if __name__ == "__main__":
    main()
