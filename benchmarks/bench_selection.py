"""Choosing what is far apart and what stands for the rest, at the size of a large volume.

Greedy k-centre and herding run in processes of their own, so that the peak of memory is theirs alone; the
program with all distances takes turns with ours within one process, so that a neighbour on the machine slows
both alike.
"""

import json
import statistics
import sys
import time
from collections.abc import Callable
from typing import TypeVar

import numpy as np
from sklearn.metrics import pairwise_distances

from apart import apart, mixture, peak_gb
from microtome.query.diversity import Crowd, herding
from microtome.query.k_centre import k_centres
from record import Figure, median_of, record

T = TypeVar("T")

SEED = 0
DIMENSIONS = 256
MANY, PICKS = 1_000_000, 1000
FITTING = (12_000, 24_000)  # points whose distances fit in memory: 0.6 and 2.3 GB
FEW_PICKS = 100
HERDED = 100_000
REPEATS = 3
ROUNDS = 5


def main() -> None:
    # a child counts its parent's memory at the fork in its peak, so the full matrix comes last
    figures = {**a_million(), **herd(), **against_every_distance()}
    record("selection", figures, seeds=[SEED])


def a_million() -> dict[str, Figure]:
    """Seconds and peak memory of 1 000 picks of a million, for clusters and for one Gaussian."""
    runs = {kind: [apart(__file__, kind) for _ in range(REPEATS)] for kind in ("clusters", "gaussian")}
    seconds = {kind: [run["seconds"] for run in found] for kind, found in runs.items()}
    peaks = [run["peak_gb"] for found in runs.values() for run in found]
    gaussian = statistics.median(seconds["gaussian"])
    what = f"{PICKS} of {MANY} x {DIMENSIONS} float32"
    note = f"{what}, 50 clusters of different spread; one Gaussian: {gaussian:.1f} s"
    return {
        "kcentre_million_seconds": median_of(seconds["clusters"], note),
        "kcentre_peak_gb": Figure(
            max(peaks), (min(peaks), max(peaks)), len(peaks), "data of 1.02 GB included"
        ),
    }


def against_every_distance() -> dict[str, Figure]:
    """How many times as fast as the program with the full matrix, which must pick the same."""
    ratios = {size: [_ratio(size) for _ in range(ROUNDS)] for size in FITTING}
    less, size = FITTING
    note = (
        f"{FEW_PICKS} of {size} x {DIMENSIONS}; scikit-learn's pairwise_distances, then argmax of minima; "
        f"of {less}: {statistics.median(ratios[less]):.1f}"
    )
    return {"kcentre_vs_naive": median_of(ratios[size], note)}


def _ratio(size: int) -> float:
    points = mixture(size, DIMENSIONS, np.random.default_rng(SEED))
    ours, our_seconds = timed(lambda: k_centres(points, points[:1], FEW_PICKS, np.random.default_rng(SEED)))
    theirs, their_seconds = timed(lambda: every_distance(points, FEW_PICKS))
    if ours.picks.tolist() != theirs:
        raise RuntimeError("expected the same picks of both programs")
    return their_seconds / our_seconds


def herd() -> dict[str, Figure]:
    """Seconds of 100 picks that cover 100 000 points best."""
    run = apart(__file__, "herd")
    note = (
        f"{FEW_PICKS} of {HERDED} x {DIMENSIONS} float32, every point counted; peak {run['peak_gb']:.2f} GB"
    )
    return {"herding_100k_seconds": median_of([run["seconds"]], note)}


def every_distance(points: np.ndarray, n: int) -> list[int]:
    """Greedy k-centre as public programs do it, from the first point on."""
    distances = pairwise_distances(points)
    nearest = distances[0]
    picks = []
    for _ in range(n):
        picks.append(int(nearest.argmax()))
        nearest = np.minimum(nearest, distances[picks[-1]])
    return picks


def child(kind: str) -> None:
    """One run, in this process alone: prints its seconds and the peak of memory."""
    rng = np.random.default_rng(SEED)
    count = HERDED if kind == "herd" else MANY
    points = (
        rng.standard_normal((count, DIMENSIONS), dtype=np.float32)
        if kind == "gaussian"
        else mixture(count, DIMENSIONS, rng)
    )
    if kind == "herd":
        points /= np.linalg.norm(points, axis=1, keepdims=True)
        _, seconds = timed(
            lambda: herding(points, Crowd(points, np.ones(count), 0.5, points[:0]), FEW_PICKS, rng)
        )
    else:
        _, seconds = timed(lambda: k_centres(points, points[:0], PICKS, rng))
    print(json.dumps({"seconds": seconds, "peak_gb": peak_gb()}))


def timed(run: Callable[[], T]) -> tuple[T, float]:
    began = time.perf_counter()
    result = run()
    return result, time.perf_counter() - began


if __name__ == "__main__":
    if len(sys.argv) > 1:
        child(sys.argv[1])
    else:
        main()
