"""Choosing 1 280 of 100 000 objects by two streams of features, with the paper's settings.

Every run is a process of its own, so that the peak of memory is its alone; data are made before the clock
starts.
"""

import json
import statistics
import sys
import time

import numpy as np

from apart import apart, mixture, peak_bytes
from microtome.objects.strategies import Known, TwoStream, object_candidates
from microtome.objects.table import ObjectTable
from record import median_of, record

OBJECTS, PICKS = 100_000, 1280
MASK, IMAGE = 20, 1000  # numbers an object has in each stream
REPEATS = 3
SEED = 0


def main() -> None:
    runs = {
        kind: [apart(__file__, kind) for _ in range(REPEATS)] for kind in ("first", "second", "standardised")
    }
    seconds = {kind: [run["seconds"] for run in found] for kind, found in runs.items()}
    peaks = [run["peak_gb"] for found in runs.values() for run in found]
    later = "; ".join(
        f"{kind}: {statistics.median(seconds[kind]):.1f} s" for kind in ("second", "standardised")
    )
    note = f"{PICKS} of {OBJECTS}, {MASK} + {IMAGE} float32, 64 x 4 x 5, first round; {later}"
    figures = {
        "select_1280_of_100k_seconds": median_of(seconds["first"], note),
        "select_1280_of_100k_peak_gb": median_of(peaks, "data of 0.41 GB included"),
    }
    record("objects-selection", figures, seeds=[SEED])


def child(kind: str) -> None:
    """One run, in this process alone: prints its seconds, those of the processors, and the peak of memory."""
    rng = np.random.default_rng(SEED)
    masks, images = (mixture(OBJECTS, wide, rng) for wide in (MASK, IMAGE))
    strategy = TwoStream(Known(masks), Known(images), standardise=kind == "standardised")
    answered = np.sort(rng.permutation(OBJECTS)[:PICKS]) if kind == "second" else np.zeros(0, np.int64)
    candidates = object_candidates(table(), answered)
    began, used = time.perf_counter(), time.process_time()
    picks = strategy.select(candidates, PICKS, rng)
    if len({pick.index for pick in picks}) != PICKS:
        raise RuntimeError(f"expected {PICKS} different picks; got {len(picks)}")
    seconds, busy = time.perf_counter() - began, time.process_time() - used
    print(json.dumps({"seconds": seconds, "cpu_seconds": busy, "peak_gb": peak_bytes() / 1e9}))


def table() -> ObjectTable:
    start = np.arange(3 * OBJECTS).reshape(OBJECTS, 3)
    return ObjectTable(
        ids=np.arange(1, OBJECTS + 1),
        keys=np.arange(1, OBJECTS + 1),
        start=start,
        stop=start + 9,
        voxels=np.full(OBJECTS, 99),
        probability=np.full(OBJECTS, 0.9),
        centre=start + 4.0,
        axis=np.tile([0.0, 0.0, 1.0], (OBJECTS, 1)),
        section=start[:, 0],
    )


if __name__ == "__main__":
    if len(sys.argv) > 1:
        child(sys.argv[1])
    else:
        main()
