"""Networks of an ensemble trained at the same time, each in a process and a thread of its own.

Two threads of one small network mostly wait for each other; two networks do not.
"""

from collections.abc import Sequence
from concurrent.futures import Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.queues import SimpleQueue

import torch

from microtome.learn.examples import Example
from microtome.learn.train import Trained, Trainer
from microtome.learn.weights import Weights
from microtome.parent import end_with_parent
from microtome.progress import Progress, silent

LOOK_EVERY = 0.5  # seconds between two looks at how far the networks are

Report = tuple[int, int, int]  # member, steps done, steps in all


@dataclass(frozen=True)
class Run:
    """What is one network's own: where it starts, and what it learns from."""

    seed: int
    start: Weights | None = None
    share: float = 1.0  # of the examples


def fit_all(
    trainer: Trainer, examples: Sequence[Example], runs: Sequence[Run], progress: Progress
) -> list[Trained]:
    """Train a network for each run, as many at a time as PyTorch may use threads; on a GPU one by one.

    Each has one thread; those that are left when not all threads have a network share them. The same runs and
    number of threads give the same networks.

    Raises:
        ValueError: As `Trainer.fit` does.
        OSError: If a process died, for want of memory as a rule.
    """
    together = 1 if trainer.device != "cpu" else min(torch.get_num_threads(), len(runs))
    if together == 1:
        return [
            trainer.fit(examples, seed=run.seed, start=run.start, share=run.share, progress=progress)
            for run in runs
        ]
    context = get_context("spawn")
    reports: SimpleQueue[Report] = context.SimpleQueue()
    with ProcessPoolExecutor(together, context, initializer=_begin, initargs=(reports,)) as pool:
        jobs = [
            pool.submit(_fit, k, trainer, examples, run, threads)
            for k, (run, threads) in enumerate(zip(runs, _threads(len(runs), together), strict=True))
        ]
        try:
            return _collected(jobs, reports, progress)
        except BrokenProcessPool as error:
            raise OSError("a process that trained a network ended; perhaps memory ran out") from error
        finally:
            for job in jobs:
                job.cancel()


def _threads(runs: int, together: int) -> list[int]:
    """Threads of each run: one, but the last few may share what would lie idle."""
    left = runs % together
    return [1] * (runs - left) + [together // left] * left if left else [1] * runs


def _collected(
    jobs: Sequence[Future[Trained]], reports: "SimpleQueue[Report]", progress: Progress
) -> list[Trained]:
    done: dict[int, int] = {}
    waiting = set(jobs)
    while waiting:
        finished, waiting = wait(waiting, timeout=LOOK_EVERY)
        for job in finished:
            job.result()
        while not reports.empty():
            member, steps, total = reports.get()
            done[member] = steps
            progress("training", sum(done.values()), total * len(jobs), f"{len(jobs)} networks side by side")
    return [job.result() for job in jobs]


_reports: "SimpleQueue[Report] | None" = None


def _begin(reports: "SimpleQueue[Report]") -> None:
    global _reports
    _reports = reports
    end_with_parent()


def _fit(member: int, trainer: Trainer, examples: Sequence[Example], run: Run, threads: int) -> Trained:
    torch.set_num_threads(threads)

    def report(task: str, done: int, total: int, note: str = "") -> None:
        if _reports is not None:
            _reports.put((member, done, total))

    return trainer.fit(
        examples, seed=run.seed, start=run.start, share=run.share, progress=report if _reports else silent
    )
