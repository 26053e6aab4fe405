"""A study so small that it runs in a second: phantom tissue, light heads, three strategies."""

from pathlib import Path

import numpy as np

from microtome.benchmark.phantom import PhantomConfig, phantom
from microtome.benchmark.protocol.cells import Cells
from microtome.benchmark.protocol.heads import HeadLearner
from microtome.benchmark.protocol.spec import Spec
from microtome.benchmark.protocol.study import Bench, Job, Study, computed
from microtome.benchmark.protocol.task import Scene, Task
from microtome.box import Box, grid
from microtome.cli.names import STRATEGIES
from microtome.query.strategy import Strategy
from microtome.volume import ArrayVolume

SIDE = 96


def small_task(patch: int = 16) -> Task:
    """Three phantom sections: two to choose from, one to test on."""
    made = phantom(PhantomConfig(shape=(3, SIDE, SIDE), seed=1))
    image, labels = ArrayVolume(made.image, made.voxel_size_nm), (made.mitochondria > 0).astype(np.uint8)

    def truth(box: Box) -> np.ndarray:
        return labels[box.slices]

    pool = Scene(image, truth, tuple(grid(Box.of((2, SIDE, SIDE)), (1, patch, patch))))
    test = Scene(image, truth, (Box((2, 0, 0), (3, SIDE, SIDE)),))
    return Task(pool, test, 2, "phantom")


def small_spec(**changes: object) -> Spec:
    settings = {
        "title": "small",
        "tier": "A",
        "dataset": "phantom",
        "classes": ("mitochondria",),
        "query_shape": (1, 16, 16),
        "seeds": 2,
        "start": 4,
        "budgets": (6, 10),
        "strategies": ("entropy", "clasp-pe"),
    }
    return Spec.model_validate({**settings, **changes})


def small_bench(spec: Spec | None = None, more: dict[str, Strategy] | None = None) -> Bench:
    spec = spec or small_spec()
    strategies = {name: STRATEGIES[name] for name in spec.compared} | (more or {})
    task = small_task()
    return Bench(spec, task, HeadLearner(task.classes), strategies, STRATEGIES["foreground-random-33"])


def run_here(study: Study, most: int = 10_000) -> list[Job]:
    """Compute up to `most` jobs in this process."""
    ran: list[Job] = []
    while len(ran) < most and (job := next(study.jobs(), None)):
        for key, content in computed(study.bench, job):
            study.cells.add(key, content)
        ran.append(job)
    return ran


def small_study(folder: Path, bench: Bench | None = None) -> Study:
    return Study(bench or small_bench(), Cells(folder / "cells.jsonl"))
