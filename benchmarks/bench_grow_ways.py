"""The same sections by other ways than growing from a whole one.

Patches by a query strategy: patches of 128² are asked for all over the sections that growing labels; after
every 16 (or `--patches`), which are as much as one section of vnc, the model predicts all sections, and what
it would take to correct them is added. Where to stop is chosen with hindsight, in favour of these ways.

Growing by quarters or sixteenths of a section (256² and 128² of vnc) in place of whole ones: less is drawn
before the first network.
"""

import argparse
import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from bench_grow import CELLS, STEPS
from grow_cells import AWAY, DATA, PARTS, Data
from grow_report import report
from microtome.benchmark.machine import commit
from microtome.box import Box, Int3
from microtome.cli.create import NewProject, create
from microtome.cli.grow import begin
from microtome.cli.session import opened
from microtome.cli.show import progress
from microtome.learn.settings import TABLES
from microtome.loop.asking import plant
from microtome.loop.drift import WORTH
from microtome.loop.models import view
from microtome.loop.session import Session
from microtome.loop.simulation import Budget, simulate
from microtome.oracle import CostModel
from microtome.predict.posterior import class_map, class_map_at
from microtome.progress import Progress
from microtome.project import total_cost
from microtome.project.config import load_config, save_config
from microtome.project.cost import MEGAVOXEL
from microtome.project.records import OUTWARD

WAYS = ("bald", "random", "foreground-random", *PARTS)
SIDE = 128  # voxels of a patch
ROUND = 16  # patches


@dataclass(frozen=True)
class Way:
    """A project that is asked for patches by a strategy."""

    data: Data
    strategy: str
    seed: int
    steps: int  # of training a network
    rounds: int
    patches: int  # of each round
    work: Path
    bars: Progress

    def cell(self, path: Path) -> dict[str, Any]:
        """What came of it, computed once."""
        if not path.exists():
            found = {
                "commit": commit(),
                "strategy": self.strategy,
                "seed": self.seed,
                "steps": self.steps,
                "round": self.patches,
                "rows": self._rows(),
            }
            path.parent.mkdir(parents=True, exist_ok=True)
            path.with_suffix(".partial").write_text(json.dumps(found, indent=1))
            path.with_suffix(".partial").rename(path)
        found = json.loads(path.read_text())
        assert isinstance(found, dict)
        return found

    def _rows(self) -> list[dict[str, float]]:
        if self.strategy in PARTS:
            return [self._grown(PARTS[self.strategy])]
        folder = self.work / "ways" / self.data.name / f"{self.strategy}-{self.patches}-{self.seed}"
        if not (folder / "project.toml").exists():
            self._create(folder, (1, SIDE, SIDE), self.strategy)
        rows = []
        with opened(folder, "auto", self.bars) as session:
            for k in range(1, self.rounds + 1):
                simulate(session, Budget(k * self.patches), CostModel(), hand=WORTH)
                asked, left = total_cost(session.project.journal).minutes, self._left(session)
                megavoxels = self._sections.size / MEGAVOXEL
                rows.append(
                    {
                        "patches": k * self.patches,
                        "asked": asked / megavoxels,
                        "corrected": left / megavoxels,
                        "min_per_mvox": (asked + left) / megavoxels,
                    }
                )
        return rows

    def _grown(self, parts: int) -> dict[str, float]:
        """Grow by the plain schedule, by so many parts of each side, until all is labelled."""
        depth, height, width = self.data.shape
        shape = (1, height // parts, width // parts)
        boxes = parts**2 * (depth - 2 * AWAY)
        folder = self.work / "ways" / self.data.name / f"{self.strategy.replace(' ', '-')}-{self.seed}"
        if not (folder / "project.toml").exists():
            self._create(folder, shape, OUTWARD, precision="bfloat16")
            begin(folder, "plain")
        with opened(folder, "auto", self.bars) as session:
            if not session.project.journal.queries():
                plant(session, (depth - AWAY - 1 if self.seed % 2 else AWAY, height // 4, width // 4))
            simulate(session, Budget(boxes), CostModel(), hand=WORTH, finish=False)
            minutes = total_cost(session.project.journal).minutes / (self._sections.size / MEGAVOXEL)
        return {"patches": boxes, "asked": minutes, "corrected": 0.0, "min_per_mvox": minutes}

    @property
    def _sections(self) -> Box:
        """Those that growing labels, and that may be asked about."""
        depth, height, width = self.data.shape
        return Box((AWAY, 0, 0), (depth - AWAY, height, width))

    def _left(self, session: Session) -> float:
        """Minutes to correct what the latest model says of every section; what was labelled is right."""
        model = session.project.journal.latest_model()
        assert model is not None, "a simulation ends with a model"
        answers = list(session.project.journal.answers())
        boxes = {answer.query_id: session.project.journal.query(answer.query_id).box for answer in answers}
        seen, seconds = view(session, model), 0.0
        for z in range(self._sections.start[0], self._sections.stop[0]):
            section = Box((z, *self._sections.start[1:]), (z + 1, *self._sections.stop[1:]))
            truth, posterior = session.truth.read(section), seen.posterior(section)
            ways = {0.0: class_map(posterior)} | {t: class_map_at(posterior, t) for t in WORTH.thresholds}
            for shown in ways.values():
                for answer in answers:
                    if section.contains(boxes[answer.query_id]):
                        shown[boxes[answer.query_id].relative_to(section).slices] = answer.labels
            seconds += min(
                CostModel().correction(WORTH.corrected(truth, shown), shown)
                + CostModel().slide_seconds * (threshold > 0)
                for threshold, shown in ways.items()
            )
        return seconds / 60

    def _create(self, folder: Path, shape: Int3, strategy: str, precision: str = "float32") -> None:
        depth, _, _ = self.data.shape
        far = depth - AWAY if self.seed % 2 == 0 else 0
        new = NewProject(
            classes=(self.data.kind,),
            dataset=self.data.dataset,
            downsample=self.data.downsample,
            query_shape=shape,
            train=f"{AWAY}:{depth - AWAY}",
            test=f"{far}:{far + AWAY}",
            strategy=strategy,
            start=self.patches,
            batch=self.patches,
            seed=self.seed,
        )
        create(folder, new, lambda text: None)
        path = folder / "project.toml"
        config = load_config(path, TABLES)
        changes = {
            "query": config.query.model_copy(update={"audits": 0}),
            "train": {**config.train, "steps": self.steps, "precision": precision},
        }
        save_config(config.model_copy(update=changes), path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", nargs="+", choices=list(DATA), default=["vnc-membranes"])
    parser.add_argument("--seeds", type=int, nargs="+", default=list(range(5)))
    parser.add_argument("--strategies", nargs="+", choices=WAYS, default=WAYS)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--patches", type=int, default=ROUND, help="Of each round.")
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "grow")
    parser.add_argument("--steps", type=int, default=STEPS, help="Of training a network.")
    parser.add_argument("--cells", type=Path, default=CELLS, help="Folder of what came out.")
    words = parser.parse_args()
    torch.set_num_threads(1)
    with progress() as bars:
        for seed in words.seeds:
            for name in words.data:
                for strategy in words.strategies:
                    sizes = (words.steps, words.rounds, words.patches)
                    way = Way(DATA[name], strategy, seed, *sizes, words.work, bars)
                    few = "" if words.patches == ROUND else f"-{words.patches}"
                    cell = f"{seed}-{strategy.replace(' ', '-')}{few}.json"
                    found = way.cell(words.cells / name / "ways" / cell)
                    costs = " ".join(f"{row['min_per_mvox']:.1f}" for row in found["rows"])
                    print(f"{name}, seed {seed}, {strategy}: {costs} minutes a megavoxel", flush=True)
    report(words.cells)


if __name__ == "__main__":
    main()
