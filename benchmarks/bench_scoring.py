"""BALD of many posteriors against baal, which keeps all samples where we keep sums.

Runs in .venv-peers, where baal is. Both start from the same probabilities in memory, each in the layout it
wants, take turns in one process with one thread, and have to rank all maps alike. baal gets its maps a few at
a time: given all at once it takes 0.5 GB more and up to twice as long.
"""

import statistics
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from baal.active.heuristics import BALD, Entropy
from scipy.ndimage import gaussian_filter
from scipy.special import softmax

from microtome.predict.posterior import PosteriorSum
from microtome.query.uncertainty import Uncertainty, entropy, mutual_information
from record import Figure, median_of, record

MAPS, SAMPLES, CLASSES, SIDE = 512, 20, 2, 64
BATCH = 8  # maps that baal is given at a time: of 1, 8, 32, 128 and all the fastest
ROUNDS = 15
SEED = 0
TIE = 1e-6  # nats: scores nearer than that may change places

Scores = Callable[[], np.ndarray]


def main() -> None:
    torch.set_num_threads(1)
    ours = probabilities()
    theirs = np.ascontiguousarray(np.moveaxis(ours[:, :, :, 0], 1, -1))  # n c y x m
    bald = against(ours, theirs, mutual_information, BALD(reduction="mean"))
    predictive = against(ours, theirs, entropy, Entropy(reduction="mean"))
    note = (
        f"{MAPS} maps of {SAMPLES} samples, {CLASSES} classes, {SIDE}^2, 1 thread: {bald.note}; "
        f"entropy of the mean {predictive.value:.2f} x: {predictive.note}"
    )
    record("scoring", {"scoring_vs_baal": replace(bald, note=note)}, seeds=[SEED])


def probabilities() -> np.ndarray:
    """Float32 n m c z y x: smooth maps, each with its own certainty and its own disagreement of samples."""
    rng = np.random.default_rng(SEED)
    mean = smooth(rng.standard_normal((MAPS, 1, CLASSES, 1, SIDE, SIDE), np.float32))
    noise = smooth(rng.standard_normal((MAPS, SAMPLES, CLASSES, 1, SIDE, SIDE), np.float32))
    certainty, disagreement = rng.uniform([[0.5], [0.1]], [[6], [3]], (2, MAPS)).astype(np.float32)
    each = (slice(None), *[None] * 5)
    return softmax(certainty[each] * mean + disagreement[each] * noise, axis=2)


def smooth(noise: np.ndarray) -> np.ndarray:
    """Blurred over y and x, with the standard deviation 1."""
    blurred = gaussian_filter(noise, (0, 0, 0, 0, 4, 4))
    return blurred / blurred.std()


def our_scores(samples: np.ndarray, uncertainty: Uncertainty) -> np.ndarray:
    """The mean uncertainty of each map, one sample at a time as they would come from a model."""
    scores = np.empty(len(samples))
    for k, one in enumerate(samples):
        posterior = PosteriorSum(CLASSES, (1, SIDE, SIDE))
        for proba in one:
            posterior.add(proba)
        scores[k] = uncertainty(posterior.posterior()).mean(dtype=np.float64)
    return scores


def against(
    samples: np.ndarray, theirs: np.ndarray, uncertainty: Uncertainty, heuristic: BALD | Entropy
) -> Figure:
    """How many times as fast as baal ours is.

    Raises:
        SystemExit: If the rankings differ by more than ties.
    """

    def baal() -> np.ndarray:
        batches = (theirs[start : start + BATCH] for start in range(0, MAPS, BATCH))
        return heuristic.get_uncertainties_generator(batches)

    contestants: dict[str, Scores] = {"ours": lambda: our_scores(samples, uncertainty), "baal": baal}
    moved = require_same_ranking(*(run() for run in contestants.values()))
    times = take_turns(contestants)
    ratios = [b / a for a, b in zip(times["ours"], times["baal"], strict=True)]
    seconds = ", ".join(f"{name} {statistics.median(each):.2f} s" for name, each in times.items())
    memory = ", ".join(f"{name} {peak_mb(run):.1f} MB" for name, run in contestants.items())
    note = f"{seconds}; peak beside the input {memory}; {MAPS - moved} of {MAPS} ranks equal"
    return median_of(ratios, note)


def require_same_ranking(ours: np.ndarray, theirs: np.ndarray) -> int:
    """The number of ranks that differ, all of them ties.

    Raises:
        SystemExit: If others differ.
    """
    order = np.argsort(-ours, kind="stable")
    rise = float(np.diff(theirs[order]).max())
    if not rise <= TIE:
        raise SystemExit(f"expected the ranking of baal; in our order its scores rise by {rise:.2g} nats")
    return int((order != np.argsort(-theirs, kind="stable")).sum())


def take_turns(contestants: dict[str, Scores]) -> dict[str, list[float]]:
    """Seconds of each contestant in each round; who begins changes."""
    times: dict[str, list[float]] = {name: [] for name in contestants}
    for k in range(ROUNDS):
        for name in list(contestants)[:: 1 if k % 2 else -1]:
            began = time.perf_counter()
            contestants[name]()
            times[name].append(time.perf_counter() - began)
    return times


def peak_mb(run: Scores) -> float:
    """The most memory, in 10^6 bytes, that one run takes beside what is there already."""
    tracemalloc.start()
    run()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 1e6


if __name__ == "__main__":
    main()
