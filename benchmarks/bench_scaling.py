"""What segmenting 1 and 300 gigavoxels would take on many cores and other disks, from small volumes.

Each stage is run on one core over two phantoms, one half as large as the other, after a warm-up and by turns;
what a voxel costs is the slope between the two, so that what is spent once for a volume is not counted. Its
schedule is timed: seconds within blocks can be spread over workers, the rest is spent by the process that
gathers what they say. Bytes that are read and written are what the system counts. A stage on many cores then
takes the longest of three: blocks over cores, bytes over the bandwidth of the storage that all share, and the
rest. Cores and bandwidths are assumed.
"""

import argparse
import json
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import matplotlib
import numpy as np
import torch
from matplotlib.figure import Figure as Picture
from matplotlib.ticker import FuncFormatter

from microtome.benchmark.phantom import PhantomConfig
from microtome.benchmark.report.figures import style
from microtome.benchmark.report.study_figures import PAPER
from microtome.box import Int3
from microtome.cli.create import NewProject, create
from microtome.cli.session import opened
from microtome.learn.settings import TABLES
from microtome.loop.models import Way, predict
from microtome.loop.session import Session
from microtome.loop.simulation import Budget, simulate
from microtome.oracle import CostModel
from microtome.progress import silent
from microtome.project.config import load_config, save_config
from microtome.schedule import in_turn
from microtome.segment.instances import label_instances
from microtome.segment.measure import measure
from microtome.segment.settings import InstanceSettings
from record import RESULTS, Figure, fill, median_of, record, tell

T = TypeVar("T")
R = TypeVar("R")

PAGE = Path(__file__).parents[1] / "docs" / "scaling.md"
PICTURE = PAGE.parent / "images" / "scaling.png"
COSTS = "scaling/costs"
SEED, TURNS = 0, 3
SHAPE: Int3 = (16, 2048, 2048)
TRIAL: Int3 = (4, 256, 512)
PATCHES, STEPS, TRIAL_STEPS = 16, 200, 5
STAGES = ("prediction", "instances", "measurements")
QUANTITIES = {
    "work": "seconds of a core within blocks",
    "rest": "seconds of the process that gathers",
    "read": "bytes read",
    "written": "bytes written",
}
GIGA = 1e9
SIZES = {"1 gigavoxel": 1e9, "300 gigavoxels": 300e9}
CORES = tuple(int(n) for n in np.unique(np.logspace(0, 4, 81).round()))


@dataclass(frozen=True)
class Machines:
    """Cores, and the storage that they share."""

    name: str
    cores: int
    read: float  # bytes a second
    write: float


MACHINES = (
    Machines("this machine: 2 cores, a disk of 0.5 GB/s", 2, 0.5e9, 0.5e9),
    Machines("a workstation: 16 cores, NVMe", 16, 3e9, 2e9),
    Machines("a group's cluster: 10 × 32 cores, NFS behind 10 Gbit/s", 320, 1.1e9, 0.8e9),
    Machines("an institute's: 100 × 64 cores, a parallel file system", 6400, 20e9, 10e9),
)


@dataclass(frozen=True)
class Costs:
    """Of a stage, for a voxel."""

    stage: str
    work: float  # seconds of a core, within blocks
    rest: float  # seconds of the process that gathers
    read: float  # bytes
    written: float

    def seconds(self, voxels: float, cores: int, read: float, write: float) -> dict[str, float]:
        """What each resource needs; the stage takes as long as the slowest."""
        return {
            "computing": voxels * self.work / cores,
            "storage": voxels * (self.read / read + self.written / write),
            "gathering": voxels * self.rest,
        }


class Timed:
    """Blocks in turn; the seconds that are spent within them."""

    def __init__(self) -> None:
        self.inside = 0.0

    def __call__(self, function: Callable[[T], R], items: Sequence[T]) -> Iterator[tuple[int, R]]:
        yield from in_turn(self._clocked(function), items)

    def _clocked(self, function: Callable[[T], R]) -> Callable[[T], R]:
        def call(item: T) -> R:
            began = time.perf_counter()
            result = function(item)  # reading, computing and writing one after the other, as on a worker
            self.inside += time.perf_counter() - began
            return result

        return call


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--turns", type=int, default=TURNS)
    parser.add_argument("--report", action="store_true", help="Measure nothing; tell what was measured.")
    parser.add_argument(
        "--try", action="store_true", dest="tried", help="Small volumes; print, do not record."
    )
    words = parser.parse_args()
    if not words.report:
        torch.set_num_threads(1)
        shape, steps = (TRIAL, TRIAL_STEPS) if words.tried else (SHAPE, STEPS)
        with tempfile.TemporaryDirectory() as folder:
            figures = _measured(Path(folder), shape, steps, words.turns)
        if words.tried:
            tell(figures)
            return
        record(COSTS, figures, [SEED])
    told = json.loads((RESULTS / f"{COSTS}.json").read_text())
    costs = [Costs(stage, *(_value(told, stage, name) for name in QUANTITIES)) for stage in STAGES]
    fill(PAGE, "measured", _said(told))
    fill(PAGE, "costs", _cost_table(costs))
    fill(PAGE, "times", _time_table(costs))
    _draw(costs)


def _value(told: Mapping[str, Any], stage: str, quantity: str) -> float:
    value: float = told["figures"][f"{stage}_{quantity}"]["value"]
    return value


def _measured(folder: Path, shape: Int3, steps: int, turns: int) -> dict[str, Figure]:
    """What a voxel costs in each stage, turn by turn."""
    small: Int3 = (shape[0], shape[1] // 2, shape[2])
    slopes = []
    with ExitStack() as stack:
        sessions = [
            stack.enter_context(opened(_project(folder / name, size, steps), "auto", silent))
            for name, size in (("half", small), ("whole", shape))
        ]
        for session in sessions:
            simulate(session, Budget(PATCHES), CostModel())
            _spent(session)  # imports, and what engines keep of a model
        for turn in range(turns):
            order = sessions if turn % 2 else sessions[::-1]
            spent = {session.image.shape: _spent(session) for session in order}
            slopes.append((spent[shape] - spent[small]) / (np.prod(shape) - np.prod(small)))
    note = f"{{}} a voxel: the slope between {small} and {shape} voxels"
    return {
        f"{stage}_{name}": median_of([float(slope[k, j]) for slope in slopes], note.format(what))
        for k, stage in enumerate(STAGES)
        for j, (name, what) in enumerate(QUANTITIES.items())
    }


def _project(root: Path, shape: Int3, steps: int) -> Path:
    """A phantom, and how its model is to be taught."""
    new = NewProject(
        classes=("mitochondria",),
        phantom=PhantomConfig(shape=shape, seed=SEED),
        query_shape=(1, 128, 128),
        start=PATCHES,
        batch=PATCHES,
        seed=SEED,
    )
    create(root, new, print)
    path = root / "project.toml"
    config = load_config(path, TABLES)
    save_config(config.model_copy(update={"train": {**config.train, "steps": steps}}), path)
    return root


def _spent(session: Session) -> np.ndarray:
    """What all stages take from the beginning: a row for each, in the order of `QUANTITIES`."""
    root = session.project.root
    ids, work = root / "ids.ome.zarr", root / "work"
    for former in (root / "predictions" / "001", ids, work):
        shutil.rmtree(former, ignore_errors=True)
    probability = root / "predictions/001/mitochondria.ome.zarr"
    settings = InstanceSettings(smallest=200)
    stages: tuple[Callable[[Timed], object], ...] = (
        lambda timed: predict(session, None, None, Way("openvino", None, timed), print),
        lambda timed: label_instances(probability, ids, settings, work, schedule=timed),
        lambda timed: measure(str(ids), timed, silent),
    )
    return np.array([_row(stage) for stage in stages])


def _row(stage: Callable[[Timed], object]) -> tuple[float, float, int, int]:
    timed, before, began = Timed(), _bytes(), time.perf_counter()
    stage(timed)
    total = time.perf_counter() - began
    read, written = (after - first for after, first in zip(_bytes(), before, strict=True))
    return timed.inside, total - timed.inside, read, written


def _bytes() -> tuple[int, int]:
    """What this process has read and written, caches of the system included."""
    lines = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return int(lines["rchar"]), int(lines["wchar"])


def _said(told: Mapping[str, Any]) -> str:
    """How the costs were measured."""
    figure = told["figures"][f"{STAGES[0]}_work"]
    slope = figure["note"].split(": ")[1]
    return (
        f"Costs are the median of {figure['n']} turns, each {slope}, on {told['device']}, "
        f"{told['date'][:10]}; `benchmarks/results/{COSTS}.json` has their spread."
    )


def _cost_table(costs: Sequence[Costs]) -> str:
    rows = [
        f"| {cost.stage} | {cost.work * GIGA / 60:.1f} | {cost.rest * GIGA:.1f} "
        f"| {cost.read:.2f} | {cost.written:.2f} |"
        for cost in costs
    ]
    head = (
        "| for a gigavoxel | core minutes in blocks | seconds of gathering | GB read | GB written |\n"
        "|---|---|---|---|---|"
    )
    return "\n".join([head, *rows])


def _time_table(costs: Sequence[Costs]) -> str:
    rows = []
    for machines in MACHINES:
        cells = []
        for voxels in SIZES.values():
            each = [cost.seconds(voxels, machines.cores, machines.read, machines.write) for cost in costs]
            total = sum(max(one.values()) for one in each)
            slowest = [
                f"{cost.stage} by {max(one, key=lambda key: one[key])}"
                for cost, one in zip(costs, each, strict=True)
            ]
            cells.append(f"{_time(total)} ({', '.join(slowest)})")
        rows.append(f"| {machines.name} | {' | '.join(cells)} |")
    return "\n".join([f"| | {' | '.join(SIZES)} |", "|---|---|---|", *rows])


def _time(seconds: float) -> str:
    for unit, size in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} seconds"


def _draw(costs: Sequence[Costs]) -> None:
    """Time against cores; a line a bandwidth, and where another resource takes over."""
    with matplotlib.rc_context(style(PAPER)):
        picture = Picture(figsize=(9.6, 3.6), layout="constrained")
        for axes, (name, voxels) in zip(picture.subplots(1, 2), SIZES.items(), strict=True):
            for gigabytes in (0.05, 0.2, 1):
                hours = [
                    sum(
                        max(cost.seconds(voxels, n, gigabytes * 1e9, gigabytes * 1e9).values())
                        for cost in costs
                    )
                    / 3600
                    for n in CORES
                ]
                axes.loglog(CORES, hours, label=f"{gigabytes:g} GB/s")
            gathering = sum(voxels * cost.rest for cost in costs) / 3600
            axes.axhline(gathering, color="0.6", linestyle=":", label="gathering alone")
            axes.set(title=name, xlabel="cores", ylabel="hours")
            for axis in (axes.xaxis, axes.yaxis):
                axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            axes.legend(frameon=False, fontsize=8)
        picture.savefig(PICTURE, dpi=130)


if __name__ == "__main__":
    main()
