"""The demo: the whole loop on real data with a simulated annotator, and a report of it."""

import json
import os
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch

from microtome.benchmark.datasets import find, locate
from microtome.benchmark.phantom import PhantomConfig
from microtome.benchmark.report.run import CurvePoint, Measure, Panel, Report, Tile, write_report
from microtome.box import Box
from microtome.cli.create import PHANTOM_IMAGE, NewProject, create
from microtome.cli.session import opened
from microtome.cli.show import sides
from microtome.evaluate.overlap import contingency, jaccard, pixel_accuracy, scores
from microtome.labels import BACKGROUND
from microtome.learn.config import Recipe
from microtome.loop.models import Evaluation, evaluate, load, predict
from microtome.loop.session import Session
from microtome.loop.simulation import Budget, simulate
from microtome.oracle import CostModel
from microtome.predict.blocks import region_posterior
from microtome.predict.model import SegmentationModel
from microtome.predict.posterior import Posterior, class_map
from microtome.progress import Progress, silent
from microtome.project import Model, Query, costs_by_round, total_cost
from microtome.query.uncertainty import entropy

DATASET = "vnc"
CLASSES = ("mitochondria",)
PATCHES = 104  # 8 at random, then four rounds of 24
FINAL_STEPS = 750  # of the last model, which only predicts; those of the rounds before also ask
TILES = 8  # queries of each round in the report's gallery
PANELS = 4  # test sections in the report

Summary = dict[str, Any]


@dataclass(frozen=True)
class Demo:
    """A run of the demo into a new folder."""

    out: Path
    seed: int
    device: str
    strategy: str = "bald"
    progress: Progress = silent
    say: Callable[[str], None] = print

    def run(self, *, phantom: bool) -> Summary:
        """The loop from nothing to a final model, its evaluation, and `report.html` and `summary.json`.

        A run that was killed goes on where it was. Without real data it turns to the phantom and says so.

        Raises:
            ValueError: If the folder holds something else than this demo's project.
            OSError: If it cannot be written.
        """
        began = time.monotonic()
        phantom = self._make(phantom=phantom)
        with opened(self.out, self.device, self.progress) as session:
            simulate(session, Budget(PATCHES), CostModel(), final=_longer(session.recipe))
            models = session.project.journal.models()
            evaluations = [evaluate(session, model.id) for model in models]
            curve = [_curve_point(session, *pair) for pair in zip(models, evaluations, strict=True)]
            predict(session, box=session.project.config.test_box)
            seconds = time.monotonic() - began
            summary = self._summary(session, curve, seconds, phantom=phantom)
            accuracy = pixel_accuracy(evaluations[-1].table)
            report = self._report(session, curve, accuracy, seconds, phantom=phantom)
        write_report(report, self.out / "report.html")
        _write_json(summary, self.out / "summary.json")
        return summary

    def _command(self, *, phantom: bool) -> str:
        words = f"microtome demo --out {self.out} --seed {self.seed} --strategy {self.strategy}"
        return words + (" --phantom" if phantom else "")

    def _make(self, *, phantom: bool) -> bool:
        """Make the project unless it is there; say whether it is a phantom's."""
        if (self.out / "project.toml").exists():
            self.say(f"going on with {self.out}")
            with opened(self.out, self.device, self.progress) as session:
                return session.project.config.image.uri == PHANTOM_IMAGE
        if not phantom:
            try:
                locate(find(DATASET), announce=self.say)
            except FileNotFoundError as missing:
                self.say(f"{missing}. The demo goes on with generated data (a phantom).")
                phantom = True
        create(self.out, _new_project(self.seed, self.strategy, phantom=phantom), self.say)
        return phantom

    def _summary(
        self, session: Session, curve: list[CurvePoint], seconds: float, *, phantom: bool
    ) -> Summary:
        config, total = session.project.config, total_cost(session.project.journal)
        return {
            "data": "phantom" if phantom else DATASET,
            "classes": list(config.classes),
            "test": config.splits.test,
            "threshold": 0.5,
            "jaccard": curve[-1].scores[config.classes[0]].jaccard,
            "patches": total.answers,
            "patch_shape": list(config.query.shape),
            "voxel_size_nm": list(session.image.voxel_size_nm),
            "simulated_minutes": total.minutes,
            "strategy": config.query.strategy,
            "seed": self.seed,
            "seconds": seconds,
            "device": _device_name(self.device),
            "threads": torch.get_num_threads(),
            "version": version("microtome"),
            "curve": [_curve_row(point) for point in curve],
        }

    def _report(
        self, session: Session, curve: list[CurvePoint], accuracy: float, seconds: float, *, phantom: bool
    ) -> Report:
        config, final = session.project.config, session.project.model()
        test = _test_box(session)
        return Report(
            title="microtome demo",
            folder=str(self.out),
            data=_described(session, phantom=phantom),
            phantom=phantom,
            classes=config.classes,
            voxel_size_nm=session.image.voxel_size_nm,
            train_box=config.train_box,
            test_box=test,
            curve=curve,
            curve_note=_curve_note(session),
            pixel_accuracy=accuracy,
            panels=_panels(session, final, test),
            tiles=_tiles(session),
            uncertainty=Measure("entropy", "nats", float(np.log(session.classes))),
            costs=costs_by_round(session.project.journal),
            cost_model=_cost_model(),
            settings=_settings(session, final),
            seed=self.seed,
            seconds=seconds,
            device=_device_name(self.device),
            version=version("microtome"),
            command=self._command(phantom=phantom),
            date=date.today().isoformat(),
        )


def _new_project(seed: int, strategy: str, *, phantom: bool) -> NewProject:
    return NewProject(
        classes=CLASSES,
        dataset=None if phantom else DATASET,
        phantom=PhantomConfig(seed=seed) if phantom else None,
        downsample=(1, 1, 1) if phantom else (1, 2, 2),
        train="0:9",
        test="11:20",
        strategy=strategy,
        start_strategy="random",
        recipe="demo",
        seed=seed,
    )


def _longer(recipe: Recipe) -> Recipe:
    return replace(recipe, train=replace(recipe.train, steps=FINAL_STEPS))


def _curve_point(session: Session, model: Model, evaluation: Evaluation) -> CurvePoint:
    seen = [effort for effort in session.project.journal.efforts() if effort.round <= model.round]
    return CurvePoint(
        round=model.round,
        patches=len(seen),
        minutes=sum(effort.active_seconds for effort in seen) / 60,
        megavoxels=sum(effort.voxels for effort in seen) / 1e6,
        scores=scores(evaluation.table, session.project.config.classes),
        train_seconds=model.seconds,
    )


def _curve_note(session: Session) -> str:
    steps = session.recipe.train.steps
    last = f"The last was trained for {FINAL_STEPS} steps, those before for {steps}"
    return f"{last}: its gain is not of labels alone."


def _curve_row(point: CurvePoint) -> Summary:
    return {
        "round": point.round,
        "patches": point.patches,
        "minutes": point.minutes,
        **{f"jaccard {name}": score.jaccard for name, score in point.scores.items()},
        "train_seconds": point.train_seconds,
    }


def _panels(session: Session, final: Model, test: Box) -> list[Panel]:
    """Test sections spread evenly, through the final model."""
    sections = np.linspace(test.start[0], test.stop[0] - 1, PANELS + 2).round().astype(int)[1:-1]
    panels, fitted = [], load(session, final)
    for z in dict.fromkeys(sections.tolist()):
        box = Box((z, *test.start[1:]), (z + 1, *test.stop[1:]))
        posterior = _posterior(session, fitted, box)
        truth, predicted = session.truth.read(box), class_map(posterior)
        score = jaccard(contingency(truth, predicted, session.classes - 1), 1)
        panels.append(
            Panel(z, session.image.read(box)[0], truth[0], predicted[0], entropy(posterior)[0], score)
        )
    return panels


def _tiles(session: Session) -> list[Tile]:
    """The first queries of each round, as the model that asked them saw them."""
    records = session.project.journal.models()[:-1]  # the last asked nothing
    models = {record.round + 1: load(session, record) for record in records}
    asked = [query for query in session.project.journal.queries() if query.rank < TILES]
    return [_tile(session, query, models.get(query.round)) for query in asked]


def _tile(session: Session, query: Query, model: SegmentationModel | None) -> Tile:
    posterior = None if model is None else _posterior(session, model, query.box)
    return Tile(
        round=query.round,
        rank=query.rank,
        box=query.box,
        image=session.image.read(query.box)[0],
        probability=None if posterior is None else 1 - posterior.mean[BACKGROUND, 0],
        uncertainty=None if posterior is None else entropy(posterior)[0],
        score=query.score,
        reason=query.reason,
    )


def _posterior(session: Session, model: SegmentationModel, box: Box) -> Posterior:
    config = session.project.config
    return region_posterior(
        model,
        session.image,
        box,
        samples=config.query.samples,
        seed=config.seed,
        progress=silent,
    )


def _described(session: Session, *, phantom: bool) -> dict[str, str]:
    config = session.project.config
    facts = {
        "shape": sides(session.image.shape) + " voxels (z y x)",
        "voxel size": sides(session.image.voxel_size_nm) + " nm (z y x)",
        "asked in": f"sections {config.splits.train}",
        "tested in": f"sections {config.splits.test}",
    }
    if phantom:
        return {"name": f"phantom, seed {config.seed}", "licence": "generated: none needed", **facts}
    dataset = find(DATASET)
    return {
        "name": dataset.title,
        "licence": str(dataset.licence),
        "citation": dataset.citation,
        "address": dataset.address,
        **facts,
    }


def _settings(session: Session, final: Model) -> dict[str, dict[str, object]]:
    config = session.project.config
    return {
        "query": config.query.model_dump(),
        "splits": config.splits.model_dump(),
        "image": config.image.model_dump(exclude={"uri"}),
        **{name: dict(table) for name, table in config.settings.items() if table},
        "final model": {"steps": FINAL_STEPS, "seed": final.seed, "answers": len(final.trained_on)},
        "seeds": {"project": config.seed, **_seeds(session)},
    }


def _cost_model() -> dict[str, float]:
    cost = CostModel()
    return {
        "seconds to take a patch up and submit it": cost.open_seconds,
        "seconds to look at a megavoxel": cost.scan_seconds,
        "seconds to draw a voxel of an outline": cost.draw_seconds,
        "seconds to begin an object that is missing": cost.start_seconds,
        "seconds to click away an object that is not there": cost.remove_seconds,
        "voxels below which an error is not seen": cost.smallest,
    }


def _seeds(session: Session) -> dict[str, int]:
    return {f"model {model.id}": model.seed for model in session.project.journal.models()}


def _test_box(session: Session) -> Box:
    test = session.project.config.test_box
    if test is None:
        raise ValueError(f"{session.project.root} has no splits.test; it is no project of the demo")
    return test


def _device_name(device: str) -> str:
    if device == "cuda":
        return torch.cuda.get_device_name()
    return f"{os.cpu_count()} cores, {platform.processor() or platform.machine()}"


def _write_json(data: Summary, path: Path) -> None:
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    partial.write_text(json.dumps(data, indent=1))
    partial.replace(path)
