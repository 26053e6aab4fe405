"""An ensemble of five against one network: training side by side, and prediction.

Five networks on two cores are two and a half times the work of one on one core; the rest is what starting
processes and sharing memory cost. Turns are taken within one run, so that a neighbour slows all alike.
"""

import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
import torch

from microtome.benchmark.datasets.catalogue import DATASETS
from microtome.benchmark.datasets.locate import locate
from microtome.box import Box
from microtome.learn.config import Recipe, TrainConfig
from microtome.learn.examples import Example
from microtome.predict.model import SegmentationModel
from microtome.progress import silent
from microtome.volume import open_volume
from record import median_of, record

T = TypeVar("T")

MEMBERS, STEPS, TURNS = 5, 200, 3
VNC = DATASETS["vnc"]


@dataclass(frozen=True)
class Turn:
    """Seconds of one turn."""

    one: float  # network trained in one thread
    spread: float  # the same in as many threads as there are cores
    five: float  # trained side by side
    predicted_one: float
    predicted_five: float


def main() -> None:
    examples, image = _data()
    turns = [_turn(examples, image, seed) for seed in range(TURNS)]
    cores = os.cpu_count() or 1
    shared = statistics.median(turn.five / turn.spread for turn in turns)
    note = (
        f"{MEMBERS} default networks, {STEPS} steps each, {cores} cores, over one in one thread; "
        f"over one in {cores} threads {shared:.2f}"
    )
    same = "seconds of an ensemble's mean over those of one network, one thread; equal to the members' mean"
    figures = {
        "ensemble5_train_cost": median_of([turn.five / turn.one for turn in turns], note),
        "ensemble5_predict_cost": median_of(
            [turn.predicted_five / turn.predicted_one for turn in turns], same
        ),
    }
    record("ensemble", figures, seeds=list(range(TURNS)))


def _data() -> tuple[list[Example], np.ndarray]:
    folder = locate(VNC, announce=print)
    box = Box((0, 0, 0), (4, 512, 512))
    image = open_volume(folder / "image.tif", VNC.voxel_size_nm).read(box)
    labels = (open_volume(folder / "membranes.tif", VNC.voxel_size_nm).read(box) > 0).astype(np.uint8)
    return [Example(image, labels)], image


def _turn(examples: list[Example], image: np.ndarray, seed: int) -> Turn:
    cores = os.cpu_count() or 1
    single, several = (
        SegmentationModel(Recipe(train=TrainConfig(steps=STEPS), members=members), 2, "single")
        for members in (1, MEMBERS)
    )
    one, _ = _timed(1, lambda: single.fit(examples, seed=seed, progress=silent))
    spread, alone = _timed(cores, lambda: single.fit(examples, seed=seed, progress=silent))
    five, ensemble = _timed(cores, lambda: several.fit(examples, seed=seed, progress=silent))
    predicted_one, _ = _timed(1, lambda: alone.posterior(image, 1, 0))
    predicted_five, together = _timed(1, lambda: ensemble.posterior(image, 1, 0))
    each = [
        replace(alone, members=(weights,), statistics=ensemble.statistics).posterior(image, 1, 0).mean
        for weights in ensemble.members
    ]
    if not np.allclose(together.mean, np.mean(each, axis=0), atol=1e-6):
        raise RuntimeError("expected an ensemble to say what its members say one after the other")
    return Turn(one, spread, five, predicted_one, predicted_five)


def _timed(threads: int, work: Callable[[], T]) -> tuple[float, T]:
    torch.set_num_threads(threads)
    began = time.monotonic()
    result = work()
    return time.monotonic() - began, result


if __name__ == "__main__":
    main()
