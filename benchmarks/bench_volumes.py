"""Whole volumes: Zarr to Zarr against the bare forward pass, and 8 GB in little memory and linear time.

End to end, prediction and the bare pass take turns in one process; a figure is the median of the ratios. The
large volume is a phantom in an eighth of otherwise empty space, as sections of a block of resin are; it is
segmented, each voxel predicted once, by the command line in a process of its own, whose peak of resident
memory is what the system says. With `--work` a run that was interrupted goes on, by the commit that it was
begun with: seconds of the process that was interrupted count by the clock of this one.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch

from apart import peak_bytes
from microtome.benchmark.machine import commit
from microtome.benchmark.phantom import PhantomConfig, phantom
from microtome.box import Box, Int3, tile
from microtome.cli.create import NewProject, create
from microtome.cli.session import opened
from microtome.learn.config import Recipe
from microtome.learn.settings import TABLES
from microtome.learn.train import new_net
from microtome.loop.simulation import Budget, simulate
from microtome.oracle import CostModel
from microtome.predict.blocks import block_shape
from microtome.predict.filling import Filling, fill
from microtome.predict.model import SegmentationModel
from microtome.predict.openvino import OpenVinoEngine
from microtome.predict.store import open_store, prediction_chunks
from microtome.progress import silent
from microtome.project.config import load_config, save_config
from microtome.volume import Volume, create_volume, open_volume
from microtome.volume.appearing import make_once
from microtome.whole import whole_file
from record import Figure, median_of, record, tell

SEED, TURNS = 0, 5
NM = (45.0, 9.2, 9.2)
PATCHES = 16  # that the model is taught with
CHUNKS: Int3 = (16, 256, 256)
LOOK_SECONDS = 0.5  # between looks at a process: so much of one that is interrupted is not counted


@dataclass(frozen=True)
class Size:
    """How large everything is."""

    end_to_end: Int3  # voxels
    large: Int3
    tissue: Int3  # of the phantom that is repeated
    steps: int  # that a model is trained for


FULL = Size((12, 2048, 2048), (512, 4096, 4096), (16, 1024, 1024), 200)  # six blocks a section; 8.6 GB
TRIAL = Size((1, 512, 512), (4, 512, 1024), (4, 256, 256), 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=("end-to-end", "large"))
    parser.add_argument("--turns", type=int, default=TURNS)
    parser.add_argument("--work", type=Path, help="Keep what is made in this folder, and go on there.")
    parser.add_argument(
        "--try", action="store_true", dest="tried", help="Small volumes; print, do not record."
    )
    words = parser.parse_args()
    size = TRIAL if words.tried else FULL
    with tempfile.TemporaryDirectory() as folder:
        work = words.work or Path(folder)
        work.mkdir(parents=True, exist_ok=True)
        if words.only != "large":
            _told("end-to-end", _end_to_end(work, size, words.turns), tried=words.tried)
        if words.only != "end-to-end":
            _told("large-volume", _large(work, size), tried=words.tried)


def _told(name: str, figures: dict[str, Figure], *, tried: bool) -> None:
    if tried:
        tell(figures)
    else:
        record(name, figures, seeds=[SEED])


def _end_to_end(work: Path, size: Size, turns: int) -> dict[str, Figure]:
    """Voxels a second from Zarr to Zarr over those of the network alone, both on OpenVINO."""
    shape = size.end_to_end
    image = work / f"sections-{_name(shape)}.zarr"
    piece = phantom(PhantomConfig(shape=size.tissue, seed=SEED)).image
    make_once(image, partial(_repeated, shape=shape, region=shape, piece=piece))
    volume = open_volume(image, NM)
    net, model = Recipe().net, _untrained()
    two = replace(model, engine=model.engine.shared())  # as the program predicts
    block = Box.of(block_shape(net, volume.shape))
    count = len(list(tile(Box.of(volume.shape), block.shape, (0, 0, 0))))
    tensor = model.padded(volume.read(block))

    def bare() -> None:
        for _ in range(count):
            model.networks[0].probabilities(tensor)

    def bare_two() -> None:
        with ThreadPoolExecutor(2) as threads:
            list(threads.map(lambda _: two.networks[0].probabilities(tensor), range(count)))

    def whole() -> None:
        folder = work / "predicted"
        shutil.rmtree(folder, ignore_errors=True)
        chunks = prediction_chunks(net, volume.shape)
        store = open_store(folder, ("mitochondria",), volume.shape, NM, chunks)
        fill(Filling(two, lambda: volume, store, 1, SEED), Box.of(volume.shape), progress=silent)

    voxels = {bare: count * block.size, bare_two: count * block.size, whole: int(np.prod(shape))}
    ratios: dict[Callable[[], None], list[float]] = {bare: [], bare_two: []}
    bare(), bare_two(), whole()
    for turn in range(turns):
        order = (bare, whole, bare_two) if turn % 2 else (bare_two, whole, bare)
        speeds = {task: voxels[task] / _seconds(task) for task in order}
        for alone, found in ratios.items():
            found.append(speeds[whole] / speeds[alone])
    note = f"OpenVINO, {torch.get_num_threads()} threads, {volume.shape} in blocks of {block.shape}"
    return {
        "end_to_end_vs_bare_cpu": median_of(ratios[bare], f"{note}; alone: pass after pass on all threads"),
        "end_to_end_vs_bare_two_at_once": median_of(ratios[bare_two], "alone: two passes at a time, as here"),
    }


def _untrained() -> SegmentationModel:
    weights = new_net(Recipe().net, 2, seed=SEED).state_dict()
    statistics = (120.0, 40.0)
    return SegmentationModel(Recipe(), 2, members=(weights,), statistics=statistics, engine=OpenVinoEngine())


def _seconds(task: Callable[[], None]) -> float:
    began = time.perf_counter()
    task()
    return time.perf_counter() - began


@dataclass
class Run:
    """What segmenting a volume took so far."""

    commit: str  # that it was begun with
    voxels: int
    seconds: dict[str, float]  # of each stage, as the program says; of processes that were interrupted
    peak: int = 0  # bytes of resident memory
    done: bool = False

    def nanoseconds(self) -> float:
        return 1e9 * sum(self.seconds.values()) / self.voxels

    def keep(self, path: Path) -> None:
        with whole_file(path) as partial:
            partial.write_text(json.dumps(asdict(self)))


def _large(work: Path, size: Size) -> dict[str, Figure]:
    """Peak of memory at full size, and time a voxel over that of an eighth."""
    z, y, x = size.large
    small = _segmented(work, (z // 2, y // 2, x // 2), size)
    large = _segmented(work, size.large, size)
    told = ", ".join(
        f"{name} {large.seconds.get(name, 0) / large.voxels * 1e9:.0f} "
        f"({small.seconds.get(name, 0) / small.voxels * 1e9:.0f})"
        for name in {**small.seconds, **large.seconds}
    )
    growth = large.nanoseconds() / small.nanoseconds()
    memory = f"{large.voxels / 1e9:.1f} GB of bytes, 7/8 empty; {small.peak / 1e9:.2f} GB for an eighth of it"
    times = f"7/8 of the volume is empty; ns a voxel, of a volume an eighth as large in brackets: {told}"
    return {
        "peak_rss_8gb_volume": Figure(large.peak / 1e9, (large.peak / 1e9,) * 2, 1, memory),
        "time_per_voxel_growth": Figure(growth, (growth, growth), 1, times),
    }


def _segmented(work: Path, shape: Int3, size: Size) -> Run:
    """The phantom in an eighth of a volume, a model taught on it, and `microtome segment`."""
    folder = work / _name(shape)
    folder.mkdir(exist_ok=True)
    kept = folder / "run.json"
    run = _begun(kept, int(np.prod(shape)))
    if not run.done:
        _volumes(folder, shape, size.tissue)
        make_once(folder / "project", partial(_project, folder=folder, shape=shape, size=size))
        _segment(folder / "project", run, kept)
    return run


def _begun(kept: Path, voxels: int) -> Run:
    """The run that goes on, or a new one."""
    if not kept.exists():
        run = Run(commit(), voxels, {})
        run.keep(kept)
        return run
    run = Run(**json.loads(kept.read_bytes()))
    if run.commit != commit():
        raise SystemExit(
            f"expected commit {run.commit}, with which {kept.parent} was begun; got {commit()}: "
            "check that out, or give another --work"
        )
    return run


def _segment(project: Path, run: Run, kept: Path) -> None:
    """Segment, and keep what it takes while it runs, should it be interrupted."""
    command = [sys.executable, "-m", "microtome", "segment", str(project), "--smallest", "200"]
    before, began = run.seconds.get("interrupted", 0.0), time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    while not (ended := os.waitpid(process.pid, os.WNOHANG))[0]:
        run.seconds["interrupted"] = before + time.monotonic() - began
        run.peak = max(run.peak, peak_bytes(process.pid))
        run.keep(kept)
        time.sleep(LOOK_SECONDS)
    status = ended[1]
    if status:
        raise RuntimeError(f"expected {' '.join(command)} to end well; it ended with {status}")
    told = json.loads((project / "segmentations" / "001" / "segmentation.json").read_bytes())
    run.seconds = told["seconds"] | ({"interrupted": before} if before else {})
    run.done = True
    run.keep(kept)


def _volumes(folder: Path, shape: Int3, tissue: Int3) -> None:
    """Image and truth, of which an eighth is tissue."""
    z, y, x = shape
    made = phantom(PhantomConfig(shape=tissue, seed=SEED))
    pieces = {"image.zarr": made.image, "truth.zarr": (made.mitochondria > 0).astype(np.uint8)}
    for name, piece in pieces.items():
        make_once(folder / name, partial(_repeated, shape=shape, region=(z, y // 2, x // 4), piece=piece))


def _project(root: Path, folder: Path, shape: Int3, size: Size) -> None:
    """A project of these volumes with a model that was taught on some of the tissue."""
    z, y, x = (min(a, b) for a, b in zip(size.tissue, (shape[0], shape[1] // 2, shape[2] // 4), strict=True))
    new = NewProject(
        classes=("mitochondria",),
        image=str(folder.resolve() / "image.zarr"),
        labels=str(folder.resolve() / "truth.zarr"),
        voxel_size_nm=NM,
        query_shape=(1, 128, 128),
        train=f"0:{z},0:{y},0:{x}",
        start=PATCHES,
        batch=PATCHES,
        seed=SEED,
    )
    create(root, new, print)
    path = root / "project.toml"
    config = load_config(path, TABLES)
    # four passes, as new projects have them, take four times as long
    once = config.query.model_copy(update={"sampling": "single", "samples": 1})
    train = {**config.train, "steps": size.steps}
    save_config(config.model_copy(update={"train": train, "query": once}), path)
    with opened(root, "auto", silent) as session:
        simulate(session, Budget(PATCHES), CostModel())


def _repeated(path: Path, shape: Int3, region: Int3, piece: np.ndarray) -> None:
    """A volume with a piece repeated over a region at its origin, and nothing elsewhere."""
    create_volume(path, shape, piece.dtype, NM, chunks=CHUNKS)
    target: Volume = open_volume(path, writable=True)
    for block in tile(Box.of(region), _shape(piece.shape), (0, 0, 0)):
        z, y, x = block.write.shape
        target.write(block.write, piece[:z, :y, :x])


def _name(shape: Int3) -> str:
    return "x".join(map(str, shape))


def _shape(sides: Sequence[int]) -> Int3:
    z, y, x = sides
    return z, y, x


if __name__ == "__main__":
    main()
