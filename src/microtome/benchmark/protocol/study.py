"""A study: every strategy from the same start sets, initial weights and random streams, round by round.

Two kinds of cells make it up. A *fit* depends on the task, the seed and the labelled patches, not on who
chose them; a *choice* depends on a fit and a strategy. Each is computed once, whatever was killed between.
"""

import signal as signals
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field, fields, is_dataclass, replace
from functools import cached_property
from itertools import islice
from multiprocessing import active_children, get_context
from time import perf_counter

import numpy as np

from microtome.benchmark.machine import commit
from microtome.benchmark.protocol.cells import Cells, Content
from microtome.benchmark.protocol.learners import Learned, Learner
from microtome.benchmark.protocol.measures import asked, overlap_scores, signal
from microtome.benchmark.protocol.rounds import COLUMNS, FULL
from microtome.benchmark.protocol.spec import Spec, digest
from microtome.benchmark.protocol.task import Task
from microtome.parent import end_with_parent
from microtome.progress import Progress
from microtome.query.strategy import Strategy

Record = dict[str, object]


@dataclass(frozen=True, eq=False)
class Bench:
    """What a worker process needs to compute any cell of a study."""

    spec: Spec
    task: Task
    learner: Learner
    strategies: Mapping[str, Strategy]  # those compared, by name
    start: Strategy

    @cached_property
    def digest(self) -> str:
        """Of all that a cell depends on but for its seed, its patches and its strategy."""
        return digest([self.spec.digest(), self.task.digest, self.learner.settings])

    def start_set(self, seed: int) -> tuple[int, ...]:
        """The first patches, the same for all strategies of a seed.

        Drawn again until they hold every class that any candidate holds, at most 100 times: without an
        example of a class nothing of it can be learnt.
        """
        rng = np.random.default_rng((seed, 0))
        for _ in range(100):
            picks = self.start.select(self.task.candidates(), self.spec.start, rng)
            chosen = [pick.index for pick in picks]
            if (self.task.holds[chosen].any(axis=0) == self.task.holds.any(axis=0)).all():
                break
        return tuple(chosen)

    def fit(self, seed: int, labelled: Sequence[int]) -> Learned:
        """Train from scratch on these patches; weights and draws depend on the seed alone."""
        known = sorted(labelled)
        boxes = [self.task.pool.boxes[k] for k in known]
        return self.learner.fit(self.task.pool, [(box, self.task.pool.truth(box)) for box in boxes], seed)

    def open(self, labelled: Sequence[int]) -> tuple[int, ...]:
        """The candidates that are not labelled."""
        taken = set(labelled)
        return tuple(k for k in range(len(self.task.pool.boxes)) if k not in taken)


@dataclass(frozen=True)
class Job:
    """One fit with the choices that build on it; what is cached already is named, so that it is left out."""

    seed: int
    labelled: tuple[int, ...]  # in the order they were asked in
    round: int
    choosing: tuple[str, ...]  # strategies that choose from this fit
    measured: bool  # whether its scores are cached

    @property
    def key(self) -> tuple[int, tuple[int, ...]]:
        return self.seed, tuple(sorted(self.labelled))


def computed(bench: Bench, job: Job) -> list[tuple[str, Content]]:
    """The cells of a job, by key."""
    began = perf_counter()
    learned = bench.fit(job.seed, job.labelled)
    trained = perf_counter() - began
    view = learned.on(bench.task.pool)
    cells: list[tuple[str, Content]] = []
    free = bench.open(job.labelled)
    if not job.measured:
        began = perf_counter()
        signals = signal(bench.task, view, free)
        predicted = perf_counter() - began
        scores = overlap_scores(bench.task, learned.on(bench.task.test), bench.spec.fn_n)
        times = {"train_seconds": trained, "predict_seconds": predicted}
        made = {"commit": commit(), **scores, **signals, **times}
        cells.append((fit_key(bench, job.seed, job.labelled), made))
    candidates = bench.task.candidates(
        free,
        model=view,
        labelled=tuple(bench.task.pool.boxes[k] for k in job.labelled),
        elapsed=job.round / max(len(bench.spec.budgets) - 1, 1),
    )
    n = bench.spec.budgets[job.round] - len(job.labelled) if job.choosing else 0
    for name in job.choosing:
        began = perf_counter()
        rng = np.random.default_rng((job.seed, job.round, 1))
        picks = [free[pick.index] for pick in bench.strategies[name].select(candidates, n, rng)]
        content = {"picks": picks, "choose_seconds": perf_counter() - began, **asked(bench.task, picks, view)}
        cells.append((choice_key(bench, job.seed, job.labelled, job.round, name), content))
    return cells


def fit_key(bench: Bench, seed: int, labelled: Sequence[int]) -> str:
    """Of the scores of a fit."""
    return digest(["fit", bench.digest, seed, sorted(labelled)])


def choice_key(bench: Bench, seed: int, labelled: Sequence[int], number: int, name: str) -> str:
    """Of what a strategy asks after a fit; it may go by the order in which patches were asked."""
    settings = described(bench.strategies[name])
    return digest(["choice", bench.digest, seed, list(labelled), number, settings])


def described(thing: object) -> object:
    """Settings of a strategy as text that stays the same from process to process."""
    if is_dataclass(thing):
        own = {f.name: described(getattr(thing, f.name)) for f in fields(thing)}
        return [type(thing).__qualname__, own]
    return getattr(thing, "__qualname__", None) or repr(thing)


@dataclass
class Study:
    """All runs of a spec: what is known of each, and what is to be computed next."""

    bench: Bench
    cells: Cells
    _starts: dict[int, tuple[int, ...]] = field(default_factory=dict)
    _whole: set[int] = field(default_factory=set)  # seeds of which nothing is missing

    @property
    def complete(self) -> bool:
        """Whether nothing is missing."""
        return next(self.jobs(), None) is None

    @property
    def total(self) -> int:
        """How many cells there are; one that several strategies share counts for each of them."""
        return self.bench.spec.seeds * self._cells_a_seed

    @property
    def done(self) -> int:
        """How many of `total` are known. Other cells of the file, of other seeds say, do not count."""
        return sum(self._done_of(seed) for seed in range(self.bench.spec.seeds))

    def jobs(self) -> Iterator[Job]:
        """What can be computed now, seed by seed: a study that is stopped early holds whole pairs."""
        for seed in range(self.bench.spec.seeds):
            if seed not in self._whole:
                missing = self._jobs_of(seed)
                if not missing:
                    self._whole.add(seed)
                yield from missing

    def rows(self) -> list[Record]:
        """What was measured, a row for each strategy, seed and round, in a fixed order."""
        return [row for seed in range(self.bench.spec.seeds) for row in self._rows_of(seed)]

    def run(self, workers: int, make: Callable[[], Bench], progress: Progress) -> None:
        """Compute all that is missing, in processes of one thread that share nothing.

        Each makes its bench by `make`, which must pickle. Killed at any moment and started again, it goes on.
        What stops it, such as Ctrl+C, stops its processes too.

        Raises:
            OSError: If a process was killed, or a cell cannot be written.
        """
        pool = ProcessPoolExecutor(workers, get_context("spawn"), initializer=_begin, initargs=(make,))
        running: dict[Future, Job] = {}
        try:
            while True:
                progress("benchmark", self.done, self.total, "cells")
                busy = {job.key for job in running.values()}
                waiting = (job for job in self.jobs() if job.key not in busy)
                for job in islice(waiting, workers + 1 - len(running)):  # one waits, so that no worker does
                    running[pool.submit(_compute, job)] = job
                if not running:
                    return
                for done in wait(running, return_when=FIRST_COMPLETED).done:
                    running.pop(done)
                    for key, content in done.result():
                        self.cells.add(key, content)
        except BrokenProcessPool as error:
            raise OSError("a worker process was killed (perhaps for memory); run the same again") from error
        finally:
            if running:  # stopped with work under way, which nobody waits for
                for worker in active_children():
                    worker.terminate()
            pool.shutdown(cancel_futures=True)

    def commits(self) -> list[str]:
        """The versions of the code that made the cells."""
        return sorted({str(cell["commit"]) for cell in self.cells.values() if "commit" in cell})

    def start_set(self, seed: int) -> tuple[int, ...]:
        """The patches that all strategies of a seed begin with."""
        if seed not in self._starts:
            self._starts[seed] = self.bench.start_set(seed)
        return self._starts[seed]

    def history(self, seed: int, name: str) -> Iterator[tuple[int, tuple[int, ...], Content | None]]:
        """Round, labelled patches and what the strategy then chose, as far as it is known."""
        labelled = self.start_set(seed)
        for number in range(len(self.bench.spec.budgets) + 1):
            choice = self.cells.get(choice_key(self.bench, seed, labelled, number, name))
            yield number, labelled, choice
            if choice is None:
                return
            labelled += tuple(choice["picks"])

    @property
    def _cells_a_seed(self) -> int:
        """Start set, full supervision, and a choice with its fit for each strategy and round."""
        return 2 + 2 * len(self.bench.strategies) * len(self.bench.spec.budgets)

    def _done_of(self, seed: int) -> int:
        if seed in self._whole:
            return self._cells_a_seed
        fits, choices = [self.start_set(seed), self._everything], 0
        for name in self.bench.strategies:
            for number, labelled, choice in self.history(seed, name):
                fits += [labelled] if number else []
                choices += choice is not None
        return choices + sum(fit_key(self.bench, seed, labelled) in self.cells for labelled in fits)

    @property
    def _everything(self) -> tuple[int, ...]:
        """The patches of full supervision."""
        return tuple(range(len(self.bench.task.pool.boxes)))

    def _next(self, seed: int, name: str) -> Job | None:
        for number, labelled, choice in self.history(seed, name):
            measured = fit_key(self.bench, seed, labelled) in self.cells
            last = number == len(self.bench.spec.budgets)
            if not measured or (choice is None and not last):
                return Job(seed, labelled, number, () if last else (name,), measured)
        return None

    def _jobs_of(self, seed: int) -> list[Job]:
        """Jobs of the same fit are joined: what several strategies choose from it is chosen at once."""
        whole = self._everything
        found = [self._next(seed, name) for name in self.bench.strategies]
        if fit_key(self.bench, seed, whole) not in self.cells:
            found.append(Job(seed, whole, 0, (), measured=False))
        jobs: dict[tuple[int, tuple[int, ...]], Job] = {}
        for job in found:
            if job is not None:
                before = jobs[job.key].choosing if job.key in jobs else ()
                jobs[job.key] = replace(job, choosing=(*before, *job.choosing))
        return list(jobs.values())

    def _rows_of(self, seed: int) -> Iterator[Record]:
        sizes = np.array([box.size for box in self.bench.task.pool.boxes])
        first = asked(self.bench.task, self.start_set(seed), None)
        for name in self.bench.strategies:
            known = [first]
            for number, labelled, choice in self.history(seed, name):
                key = fit_key(self.bench, seed, labelled)
                if key not in self.cells:
                    break
                voxels = int(sizes[list(labelled)].sum())
                yield _row(name, seed, number, len(labelled), voxels, self.cells[key], known, choice)
                if choice is not None:
                    known.append(choice)
        whole = self._everything
        key = fit_key(self.bench, seed, whole)
        if key in self.cells:
            full = [asked_nothing(self.bench.task)]
            yield _row(FULL, seed, 0, len(whole), int(sizes.sum()), self.cells[key], full, None)


def asked_nothing(task: Task) -> Content:
    """What full supervision asked: everything, at no cost that is simulated."""
    return {"foreground": task.foreground.tolist()}


def _row(
    name: str,
    seed: int,
    number: int,
    patches: int,
    voxels: int,
    fit: Mapping,
    known: Sequence[Mapping],
    choice: Mapping | None,
) -> Record:
    shares = [share for content in known for share in content["foreground"]]
    minutes = {
        f"minutes_{kind}": sum(sum(content[f"seconds_{kind}"]) for content in known) / 60
        for kind in ("correcting", "drawing", "slow")
        if f"seconds_{kind}" in known[-1]
    }
    return {
        "strategy": name,
        "seed": seed,
        "round": number,
        "patches": patches,
        "voxels": voxels,
        **{name: value for name, value in fit.items() if name in COLUMNS},
        **minutes,
        "foreground": float(np.mean(shares)),
        "asked_foreground": float(np.mean(known[-1]["foreground"])),
        "redundancy": known[-1].get("redundancy"),
        "choose_seconds": None if choice is None else choice["choose_seconds"],
    }


_bench: Bench | None = None  # of this worker process


def _begin(make: Callable[[], Bench]) -> None:
    global _bench
    import torch

    signals.signal(signals.SIGINT, signals.SIG_IGN)  # Ctrl+C reaches all; the parent ends its workers
    end_with_parent()
    torch.set_num_threads(1)
    _bench = make()


def _compute(job: Job) -> list[tuple[str, Content]]:
    assert _bench is not None, "the worker was not begun"
    return computed(_bench, job)
