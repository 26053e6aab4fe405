"""`microtome benchmark`: the words of a study file turned into strategies and networks, and run."""

import csv
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
from filelock import FileLock, Timeout

from microtome.benchmark.protocol.about import read_about
from microtome.benchmark.protocol.cells import Cells
from microtome.benchmark.protocol.files import expected, replacing
from microtome.benchmark.protocol.own import TESTED, answered, schedule, task_of_answers
from microtome.benchmark.protocol.pictures import SHOWN, pictures, pictures_digest
from microtome.benchmark.protocol.spec import Spec, Tier, read_spec, written
from microtome.benchmark.protocol.study import Bench, Study
from microtome.benchmark.protocol.tables import Tables
from microtome.benchmark.protocol.task import task_of
from microtome.benchmark.report.panel import read_panel
from microtome.benchmark.report.study import write_study_report
from microtome.cli.names import SAMPLINGS, START_STRATEGIES, STRATEGIES, named
from microtome.cli.session import resolved_device
from microtome.learn.settings import TABLES
from microtome.progress import Progress
from microtome.project import open_project
from microtome.project.parse import validated

PICTURES = "panel.npz"
SHOWN_COLUMNS = ("strategy", "seeds", "patches", "jaccard", "jaccard_sd", "area_log2")


def run_study(
    spec_file: Path,
    out: Path,
    *,
    workers: int | None,
    device: str,
    progress: Progress,
    say: Callable[[str], None],
) -> dict[str, object]:
    """Compute what is missing of a study in `out`, and write its tables.

    Raises:
        ValueError: If the spec is not as it should be, or `out` holds another study.
        OSError: If the data cannot be read or `out` not written.
    """
    spec = read_spec(spec_file)
    _require_same(spec, out)
    return _run(spec, out, workers=workers, device=device, progress=progress, say=say)


def compare(
    folder: Path,
    strategies: tuple[str, ...],
    *,
    seeds: int,
    network: bool,
    device: str,
    progress: Progress,
    say: Callable[[str], None],
) -> tuple[Path, list[dict[str, str]]]:
    """A study on a project's own answers: its report, and a row for each strategy, the best first.

    What was compared before on the same answers stays in it, with as many seeds as then at least. With
    `network` the project's own network is trained, else light heads on frozen features.

    Raises:
        ValueError: If no strategy is named, one is unknown, or there are too few answers.
    """
    if not strategies:
        raise ValueError("expected the names of strategies with commas between them; got none")
    spec = _spec_of_project(folder, strategies, seeds, "C" if network else "A")
    out = folder / "comparison" / spec.digest()[:12]
    spec = _with_earlier(spec, out)
    _run(spec, out, workers=None, device=device, progress=progress, say=say)
    page = write_study_report(out, progress)
    with (out / "summary.csv").open(newline="", encoding="utf-8") as table:
        rows = [{name: row[name] for name in SHOWN_COLUMNS} for row in csv.DictReader(table)]
    return page, rows


def _spec_of_project(folder: Path, strategies: tuple[str, ...], seeds: int, tier: Tier) -> Spec:
    with open_project(folder, TABLES) as project:
        config = project.config
        last = max((answer.id or 0 for answer in project.journal.answers()), default=0)
        labelled = len(answered(project, last))
    start, budgets = schedule(max(labelled - labelled // TESTED, 4))
    given = {
        "title": f"Strategies on the answers of {folder.resolve().name}",
        "tier": tier,
        "project": {"folder": str(folder.resolve()), "last": max(last, 1)},
        "classes": config.classes,
        "query_shape": config.query.shape,
        "seeds": seeds,
        "start": start,
        "budgets": budgets,
        "strategies": strategies,
        "sampling": named("sampling", config.query.sampling, SAMPLINGS),
        "samples": config.query.samples,
        "net": config.net,
        "train": config.train,
        "augment": config.augment,
        "ensemble": config.ensemble,
    }
    return validated(Spec, given, f"the comparison on {folder}")


def _run(
    spec: Spec,
    out: Path,
    *,
    workers: int | None,
    device: str,
    progress: Progress,
    say: Callable[[str], None],
) -> dict[str, object]:
    progress("benchmark", 0, 1, "reading the data")
    bench = bench_of(spec, device=device, say=say)
    with expected("a folder for the study", out):
        out.mkdir(parents=True, exist_ok=True)
    with _alone(out), _stopped_by_sigterm():
        with replacing(out / "spec.toml") as partial_spec:
            partial_spec.write_text(written(spec), encoding="utf-8")
        study = Study(bench, Cells(out / "cells.jsonl"))
        tables = Tables(study, out, device, _seconds_before(out, say))
        tables.write()
        try:
            make = partial(bench_of, spec, device=device, say=_nothing)
            study.run(workers or os.cpu_count() or 1, make, tables.along(progress))
        finally:
            tables.write()
        _draw(study, out, progress)
    return {
        "study": str(out),
        "seeds": spec.seeds,
        "strategies": len(bench.strategies),
        "rows": len(study.rows()),
        "complete": study.complete,
    }


def _draw(study: Study, out: Path, progress: Progress) -> None:
    """Make the pictures where there are none of these models, or where they cannot be read."""
    import torch

    shown = _shown(study.bench.spec)
    try:
        kept = read_panel(out / PICTURES)
    except ValueError:
        kept = None
    if kept is None or kept.digest != pictures_digest(study, shown):
        torch.set_num_threads(1)  # as the workers: a second thread mostly waits
        arrays = pictures(study, shown, progress)
        with replacing(out / PICTURES) as partial_pictures, partial_pictures.open("wb") as file:
            np.savez_compressed(file, **arrays)  # type: ignore[arg-type]


def _seconds_before(out: Path, say: Callable[[str], None]) -> float:
    """What earlier runs took; the rest of study.json is written anew from the cells."""
    if not (out / "study.json").is_file():
        return 0.0
    try:
        return read_about(out / "study.json").wall_seconds
    except ValueError as error:
        say(f"{error}; it is written anew, without the seconds of earlier runs")
        return 0.0


@contextmanager
def _alone(out: Path) -> Iterator[None]:
    """Hold the study's lock, which the system frees when the process ends, however it ends."""
    try:
        with expected("a folder that can be written to", out):
            lock = FileLock(out / "run.lock").acquire(timeout=0)
    except Timeout as error:
        raise ValueError(
            f"another process runs the study in {out}; wait until it ends, or stop it"
        ) from error
    with lock:
        yield


@contextmanager
def _stopped_by_sigterm() -> Iterator[None]:
    """Let SIGTERM stop a study as Ctrl+C does: workers end, and the tables are written."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def bench_of(spec: Spec, *, device: str, say: Callable[[str], None]) -> Bench:
    """The bench that a spec describes.

    Raises:
        ValueError: If a strategy or the data set is unknown, or the settings do not fit.
        FileNotFoundError: If the data are not to be had.
    """
    from microtome.benchmark.protocol.heads import HeadLearner  # torch
    from microtome.benchmark.protocol.learners import UNetLearner

    strategies = {name: named("strategy", name, STRATEGIES) for name in spec.compared}
    start = named("start strategy", spec.start_strategy, START_STRATEGIES)
    task = task_of(spec, say) if spec.project is None else task_of_answers(spec.project)
    task.require_something_to_find()
    every = len(task.pool.boxes)
    if spec.budgets[-1] > every:
        raise ValueError(f"expected budgets of at most the {every} patches there are; got {spec.budgets[-1]}")
    if device == "cuda" and spec.tier != "C":
        raise ValueError(f"expected tier C for a GPU; got tier {spec.tier}")
    if spec.tier == "A":
        return Bench(spec, task, HeadLearner(task.classes), strategies, start)
    spec.recipe.require_trainable(task.classes)
    if "learning-loss" in strategies and not spec.recipe.net.loss_head:
        raise ValueError("learning-loss needs loss_head = true in [net]; got none")
    where = resolved_device(device) if spec.tier == "C" else "cpu"
    learner = UNetLearner(spec.recipe, task.classes, spec.sampling, spec.samples, where)
    return Bench(spec, task, learner, strategies, start)


def _require_same(spec: Spec, out: Path) -> None:
    """Refuse a folder that holds another study; more seeds or strategies of the same one are welcome."""
    kept = out / "spec.toml"
    if not kept.exists():
        return
    try:
        before = read_spec(kept)
    except (ValueError, OSError) as error:
        raise ValueError(f"{error}; delete {kept} if {out} holds the same study") from None
    if not before.is_same_study(spec):
        raise ValueError(
            f"{out} holds another study: expected the same data, net and schedule; use a new folder"
        )
    if (out / "cells.jsonl").exists() and before.hypothesis != spec.hypothesis:
        raise ValueError(
            f"{out} was begun with {_words(before.hypothesis)}; expected the same, got "
            f"{_words(spec.hypothesis)}: a hypothesis is written down before the first result"
        )


def _words(hypothesis: tuple[str, str] | None) -> str:
    return "no hypothesis" if hypothesis is None else f"the hypothesis that {' beats '.join(hypothesis)}"


def _with_earlier(spec: Spec, out: Path) -> Spec:
    """The strategies compared before too, and as many seeds as then: their report stays whole."""
    if not (out / "spec.toml").exists():
        return spec
    try:
        before = read_spec(out / "spec.toml")
    except ValueError:  # damaged: written anew
        return spec
    strategies = tuple(dict.fromkeys([*before.strategies, *spec.strategies]))
    return spec.model_copy(update={"strategies": strategies, "seeds": max(before.seeds, spec.seeds)})


def _shown(spec: Spec) -> list[str]:
    """The strategies that pictures are made of: the baselines, and what the study is about last."""
    first = [name for name in spec.strategies if name != spec.primary]
    shown = ["random", "foreground-random", *first][: SHOWN - 1]
    return list(dict.fromkeys([*shown, spec.primary or spec.strategies[-1]]))


def _nothing(_: str) -> None:
    """Say nothing: worker processes announce no data set again."""
