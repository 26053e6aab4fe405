"""`microtome benchmark`: the words of a study file turned into strategies and networks, and run."""

import csv
import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import numpy as np

from microtome.benchmark.protocol.cells import Cells
from microtome.benchmark.protocol.own import NOTES, TESTED, answered, schedule, task_of_answers
from microtome.benchmark.protocol.pictures import SHOWN, pictures
from microtome.benchmark.protocol.rounds import write_rounds
from microtome.benchmark.protocol.spec import Answers, Spec, Tier, read_spec, written
from microtome.benchmark.protocol.study import Bench, Study
from microtome.benchmark.protocol.task import named_part, task_of
from microtome.benchmark.report.study import write_study_report
from microtome.cli.names import SAMPLINGS, START_STRATEGIES, STRATEGIES, named
from microtome.cli.session import resolved_device
from microtome.learn.settings import TABLES
from microtome.progress import Progress
from microtome.project import open_project

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

    With `network` the project's own network is trained, else light heads on frozen features.

    Raises:
        ValueError: If a strategy is unknown, or there are too few answers.
    """
    spec = _spec_of_project(folder, strategies, seeds, "C" if network else "A")
    out = folder / "comparison" / spec.digest()[:12]
    _run(spec, out, workers=None, device=device, progress=progress, say=say)
    page = write_study_report(out)
    with (out / "summary.csv").open(newline="", encoding="utf-8") as table:
        rows = [{name: row[name] for name in SHOWN_COLUMNS} for row in csv.DictReader(table)]
    return page, rows


def _spec_of_project(folder: Path, strategies: tuple[str, ...], seeds: int, tier: Tier) -> Spec:
    with open_project(folder, TABLES) as project:
        config = project.config
        last = max((answer.id or 0 for answer in project.journal.answers()), default=0)
        labelled = len(answered(project, last))
    start, budgets = schedule(max(labelled - labelled // TESTED, 4))
    return Spec(
        title=f"Strategies on the answers of {folder.resolve().name}",
        tier=tier,
        project=Answers(folder=str(folder.resolve()), last=max(last, 1)),
        classes=config.classes,
        query_shape=config.query.shape,
        seeds=seeds,
        start=start,
        budgets=budgets,
        strategies=strategies or (config.query.strategy,),
        sampling=named("sampling", config.query.sampling, SAMPLINGS),
        samples=config.query.samples,
        net=config.net,
        train=config.train,
        augment=config.augment,
        ensemble=config.ensemble,
    )


def _run(
    spec: Spec,
    out: Path,
    *,
    workers: int | None,
    device: str,
    progress: Progress,
    say: Callable[[str], None],
) -> dict[str, object]:
    import torch

    bench = bench_of(spec, device=device, say=say)
    out.mkdir(parents=True, exist_ok=True)
    (out / "spec.toml").write_text(written(spec))
    study = Study(bench, Cells(out / "cells.jsonl"))
    began, before = datetime.now(UTC), len(study.cells)
    try:
        study.run(workers or _workers(), partial(bench_of, spec, device=device, say=_nothing), progress)
    finally:
        write_rounds(study.rows(), out / "rounds.csv")
        _describe(study, out, device, (datetime.now(UTC) - began).total_seconds())
    if len(study.cells) > before or not (out / PICTURES).exists():
        torch.set_num_threads(1)  # as the workers: a second thread mostly waits
        np.savez_compressed(out / PICTURES, **pictures(study, _shown(spec), progress))  # type: ignore[arg-type]
    return {
        "study": str(out),
        "seeds": spec.seeds,
        "strategies": len(bench.strategies),
        "rows": len(study.rows()),
        "complete": study.complete,
    }


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
    where = resolved_device(device) if spec.tier == "C" else "cpu"
    learner = UNetLearner(spec.recipe, task.classes, spec.sampling, spec.samples, where)
    return Bench(spec, task, learner, strategies, start)


def _describe(study: Study, out: Path, device: str, seconds: float) -> None:
    """What the report says of where the numbers come from."""
    from microtome.benchmark.machine import commit, device_name

    spec, task = study.bench.spec, study.bench.task
    before = json.loads((out / "study.json").read_text()) if (out / "study.json").exists() else {}
    description = {
        "title": spec.title,
        "spec": spec.model_dump(mode="json"),
        "data": {**_source(spec), "voxel_size_nm": task.pool.image.voxel_size_nm},
        "tier": spec.tier,
        "device": device_name(device if spec.tier == "C" else "cpu"),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": ", ".join(study.commits()) or commit(),
        "candidates": len(task.pool.boxes),
        "test_sections": len(task.test.boxes),
        "reference_strategies": ["random", "foreground-random"],
        "primary": spec.primary or "",
        "primary_reference": spec.primary_reference,
        "wall_seconds": seconds + before.get("wall_seconds", 0.0),
        "complete": study.complete,
        "notes": [*spec.notes, *(NOTES if spec.project else ())],
    }
    (out / "study.json").write_text(json.dumps(description, indent=1) + "\n")


def _source(spec: Spec) -> dict[str, str]:
    if spec.project is not None:
        return {"title": f"the project {Path(spec.project.folder).name}", "licence": "", "citation": ""}
    if spec.files is not None:
        return {"title": Path(spec.files.image).name, "licence": "", "citation": ""}
    dataset, _ = named_part(spec.dataset or "")
    return {"title": dataset.title, "licence": str(dataset.licence), "citation": dataset.citation}


def _require_same(spec: Spec, out: Path) -> None:
    """Refuse a folder that holds another study; more seeds or strategies of the same one are welcome."""
    kept = out / "spec.toml"
    if kept.exists() and not read_spec(kept).is_same_study(spec):
        raise ValueError(
            f"{out} holds another study: expected the same data, net and schedule; use a new folder"
        )


def _shown(spec: Spec) -> list[str]:
    """The strategies that pictures are made of: the baselines, and what the study is about last."""
    first = [name for name in spec.strategies if name != spec.primary]
    shown = ["random", "foreground-random", *first][: SHOWN - 1]
    return list(dict.fromkeys([*shown, spec.primary or spec.strategies[-1]]))


def _workers() -> int:
    return os.cpu_count() or 1


def _nothing(_: str) -> None:
    """Say nothing: worker processes announce no data set again."""
