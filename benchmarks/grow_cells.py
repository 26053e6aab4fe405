"""One run of growing on labelled data: what every section cost, and what every model missed near and far.

Runs of a seed share what they have in common: the first iterations are the same until a variant trains
otherwise, and are copied.
"""

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from microtome.benchmark.machine import commit
from microtome.box import Box, Int3
from microtome.cli.create import NewProject, create
from microtome.cli.session import opened
from microtome.evaluate.contours import false_negative_area, false_positive_area
from microtome.labels import IGNORE
from microtome.learn.settings import TABLES
from microtome.loop.asking import plant
from microtome.loop.drift import WORTH
from microtome.loop.models import view
from microtome.loop.session import Session
from microtome.loop.simulation import Budget, simulate
from microtome.oracle import CostModel, Hand
from microtome.predict.posterior import class_map
from microtome.progress import Progress
from microtome.project.config import PAPER_STAGES, StageConfig, load_config, save_config
from microtome.project.cost import MEGAVOXEL
from microtome.project.growth_cost import iterations

SMALLEST = (0, 5, 65, 401)  # voxels of a missed or made-up piece, as in the paper
AWAY = 3  # sections that are held out at either end: near where it begins, and far
FIRST, THEN, LAST = 5, 10, 14  # sections that are labelled when the third, the fourth, the last round begins
PARTS = {"grown by quarters": 2, "grown by sixteenths": 4}  # of each side of a section


@dataclass(frozen=True)
class Data:
    """A volume in which a class is grown, a section at a time."""

    dataset: str
    kind: str
    downsample: Int3
    shape: Int3  # at that resolution

    @property
    def name(self) -> str:
        return f"{self.dataset}-{self.kind}"


DATA = {
    data.name: data
    for data in (
        Data("vnc", "membranes", (1, 2, 2), (20, 512, 512)),
        Data("isbi2012", "membranes", (1, 2, 2), (30, 256, 256)),
        Data("vnc", "mitochondria", (1, 2, 2), (20, 512, 512)),
        Data("isbi2012", "mitochondria", (1, 2, 2), (30, 256, 256)),
        Data("flyem", "membranes", (1, 1, 1), (250, 250, 250)),
    )
}

Stages = tuple[StageConfig, ...]


@dataclass(frozen=True)
class Variant:
    """In which stages networks are trained; each from scratch, or going on from the one before."""

    stages: Stages
    going_on: bool = False


def _stages(net: str, errors: tuple[str, str], members: int = 1) -> Stages:
    """The paper's stages but for the nets, the weighting and the members of the last two."""
    third, fourth = PAPER_STAGES[2:]
    nets = {"paper": (third.net, fourth.net), "flat": ("flat", "flat")}[net]
    return (
        *PAPER_STAGES[:2],
        third.model_copy(update={"net": nets[0], "errors": errors[0]}),
        fourth.model_copy(update={"net": nets[1], "errors": errors[1], "members": members}),
    )


WEIGHTED, PLAIN = ("both", "missed"), ("none", "none")
VARIANTS: Mapping[str, Variant] = {
    "paper": Variant(PAPER_STAGES),
    "paper, one network": Variant(_stages("paper", WEIGHTED)),
    "paper, one network, not weighted": Variant(_stages("paper", PLAIN)),
    "2-D, one network": Variant(_stages("flat", WEIGHTED)),
    "2-D, one network, not weighted": Variant(_stages("flat", PLAIN)),
    "2-D, going on, not weighted": Variant(_stages("flat", PLAIN), going_on=True),
}


@dataclass(frozen=True)
class Runs:
    """All runs of one volume and seed; even seeds grow from the first sections on, odd ones from the last."""

    data: Data
    seed: int
    steps: int  # of training a network
    work: Path
    bars: Progress

    def cell(self, variant: str, path: Path) -> dict[str, Any]:
        """What came of a variant, computed once."""
        if not path.exists():
            folder = self._grown(VARIANTS[variant])
            with self._session(folder) as session:
                found = {"commit": commit(), "variant": variant, "seed": self.seed, **self._told(session)}
            path.parent.mkdir(parents=True, exist_ok=True)
            path.with_suffix(".partial").write_text(json.dumps(found, indent=1))
            path.with_suffix(".partial").rename(path)
        found = json.loads(path.read_text())
        assert isinstance(found, dict)
        return found

    @property
    def near(self) -> Box:
        """Sections beside the first that is labelled, in which nothing is asked."""
        return self._end(last=bool(self.seed % 2))

    @property
    def far(self) -> Box:
        """Sections at the other end."""
        return self._end(last=not self.seed % 2)

    def _end(self, *, last: bool) -> Box:
        depth, height, width = self.data.shape
        start = depth - AWAY if last else 0
        return Box((start, 0, 0), (start + AWAY, height, width))

    def _grown(self, variant: Variant) -> Path:
        """The project of a variant with all its answers; what it shares with others is copied from there."""
        folder = self._begun(variant)
        for count, upto in ((3, THEN), (4, LAST)):
            before, folder = folder, self._folder(variant, count)
            if not folder.exists():
                partial = folder.with_suffix(".partial")
                shutil.rmtree(partial, ignore_errors=True)
                shutil.copytree(before, partial)
                _restaged(partial, variant.stages[:count])
                with self._session(partial) as session:
                    simulate(session, Budget(upto), CostModel(), hand=WORTH, finish=False)
                partial.rename(folder)
        return folder

    def _begun(self, variant: Variant) -> Path:
        folder = self._folder(variant, 2)
        if not folder.exists():
            partial = folder.with_suffix(".partial")
            shutil.rmtree(partial, ignore_errors=True)
            self._create(partial, variant)
            with self._session(partial) as session:
                depth, height, width = self.data.shape
                plant(session, (depth - AWAY - 1 if self.seed % 2 else AWAY, height // 2, width // 2))
                simulate(session, Budget(FIRST), CostModel(), hand=WORTH, finish=False)
            partial.rename(folder)
        return folder

    def _folder(self, variant: Variant, stages: int) -> Path:
        words = [f"{stage.net}.{stage.errors}.{stage.members}" for stage in variant.stages[:stages]]
        return (
            self.work / self.data.name / str(self.seed) / "-".join([*words, *["going-on"] * variant.going_on])
        )

    def _create(self, folder: Path, variant: Variant) -> None:
        depth, height, width = self.data.shape
        new = NewProject(
            classes=(self.data.kind,),
            dataset=self.data.dataset,
            downsample=self.data.downsample,
            query_shape=(1, height, width),
            train=f"{AWAY}:{depth - AWAY}",
            test=f"{self.far.start[0]}:{self.far.stop[0]}",
            strategy="outward",
            start_strategy="outward",
            start=1,
            seed=self.seed,
        )
        create(folder, new, lambda text: None)
        path = folder / "project.toml"
        config = load_config(path, TABLES)
        query = config.query.model_copy(update={"sampling": "single", "samples": 1, "audits": 0})
        changes = {
            "query": query,
            "train": {**config.train, "steps": self.steps, "precision": "bfloat16"},
            "grow": variant.stages[:2],
        }
        if variant.going_on:
            changes["fine_tune"] = {"steps": self.steps // 2, "learning_rate": 1e-3}
        save_config(config.model_copy(update=changes), path)

    @contextmanager
    def _session(self, folder: Path) -> Iterator[Session]:
        with opened(folder, "auto", self.bars) as session:
            yield session

    def _told(self, session: Session) -> dict[str, Any]:
        steps = iterations(session.project)
        journal = session.project.journal
        rows = []
        for step, model in zip(steps, [None, *journal.models()], strict=True):
            row = {
                "iteration": step.number,
                "sections": step.sections,
                "asked": step.cost.answers,
                "min_per_mvox": step.cost.minutes_per_megavoxel,
                "least": step.cost.least,
                "most": step.cost.most,
            }
            if model is not None:
                seen = view(session, model)
                for name, box in (("near", self.near), ("far", self.far)):
                    predicted = class_map(seen.posterior(box))
                    row[name] = scores(session.truth.read(box), predicted)
                row["seconds"] = model.seconds
            rows.append(row)
        return {"rows": rows, "drawing_all": self._drawn(session), "steps": self.steps}

    def _drawn(self, session: Session) -> float:
        """Minutes a megavoxel to draw everything that was asked, from nothing."""
        boxes = [query.box for query in session.project.journal.queries()]
        seconds = sum(CostModel().scratch(session.truth.read(box)) for box in boxes)
        return seconds / 60 / (sum(box.size for box in boxes) / MEGAVOXEL)


def scores(truth: np.ndarray, predicted: np.ndarray) -> dict[str, Any]:
    """What is missed and made up, in pieces of each size, and the minutes to correct it by each tolerance."""
    known = truth != IGNORE
    true, found = known & (truth > 0), known & (predicted > 0)
    megavoxels = truth.size / MEGAVOXEL
    shown = np.where(known, predicted, IGNORE).astype(np.uint8)
    minutes = {
        f"minutes_tolerance_{hand.tolerance}": CostModel().correction(hand.corrected(truth, shown), shown)
        / 60
        / megavoxels
        for hand in (Hand(), WORTH)
    }
    return {
        "fn": {n: _mean(false_negative_area, true, found, n) for n in SMALLEST},
        "fp": {n: _mean(false_positive_area, true, found, n) for n in SMALLEST},
        "fn_3d": {n: false_negative_area(true, found, n, dims=3) for n in SMALLEST},
        "jaccard": float((true & found).sum() / max((true | found).sum(), 1)),
        **minutes,
    }


def _mean(measure: Any, true: np.ndarray, found: np.ndarray, n: int) -> float:  # noqa: ANN401
    """The mean over sections."""
    return float(np.mean([measure(true[z : z + 1], found[z : z + 1], n) for z in range(len(true))]))


def _restaged(folder: Path, stages: Sequence[StageConfig]) -> None:
    path = folder / "project.toml"
    save_config(load_config(path, TABLES).model_copy(update={"grow": tuple(stages)}), path)
