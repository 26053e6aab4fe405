"""Whole volumes: Zarr to Zarr against the bare forward pass, and 8 GB in little memory and linear time.

End to end, prediction and the bare pass take turns in one process; a figure is the median of the ratios. The
large volume is a phantom in an eighth of otherwise empty space, as sections of a block of resin are; it is
segmented by the command line in a process of its own, whose peak of resident memory is what the system says.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

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
from record import Figure, median_of, record

SEED, TURNS = 0, 5
NM = (45.0, 9.2, 9.2)
END_TO_END: Int3 = (6, 2048, 2048)  # voxels; cut into four blocks a section
LARGE: Int3 = (512, 4096, 4096)  # 8.6 GB
TISSUE: Int3 = (16, 1024, 1024)  # voxels of the phantom that is repeated
PATCHES, STEPS = 16, 200  # that the model is taught with
CHUNKS: Int3 = (16, 256, 256)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=("end-to-end", "large"))
    parser.add_argument("--turns", type=int, default=TURNS)
    parser.add_argument("--large", type=int, nargs=3, default=LARGE, metavar=("Z", "Y", "X"))
    parser.add_argument("--work", type=Path, help="Keep what is made in this folder, and go on there.")
    words = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        work = words.work or Path(folder)
        work.mkdir(parents=True, exist_ok=True)
        if words.only != "large":
            record("end-to-end", {"end_to_end_vs_bare_cpu": _end_to_end(work, words.turns)}, seeds=[SEED])
        if words.only != "end-to-end":
            z, y, x = words.large
            record("large-volume", _large(work, (z, y, x)), seeds=[SEED])


def _end_to_end(work: Path, turns: int) -> Figure:
    """Voxels a second from Zarr to Zarr over those of the network alone, both on OpenVINO."""
    image = work / "sections.zarr"
    if not image.exists():
        _repeated(image, END_TO_END, END_TO_END, phantom(PhantomConfig(shape=TISSUE, seed=SEED)).image)
    volume = open_volume(image, NM)
    net = Recipe().net
    weights = new_net(net, 2, seed=SEED).state_dict()
    model = SegmentationModel(
        Recipe(), 2, members=(weights,), statistics=(120.0, 40.0), engine=OpenVinoEngine()
    )
    block = Box.of(block_shape(net, volume.shape))
    count = len(list(tile(Box.of(volume.shape), block.shape, (0, 0, 0))))
    tensor = model.padded(volume.read(block))

    def bare() -> None:
        for _ in range(count):
            model.networks[0].probabilities(tensor)

    def whole() -> None:
        folder = work / "predicted"
        shutil.rmtree(folder, ignore_errors=True)
        chunks = prediction_chunks(net, volume.shape)
        store = open_store(folder, ("mitochondria",), volume.shape, NM, chunks)
        fill(Filling(model, lambda: volume, store, 1, SEED), Box.of(volume.shape), progress=silent)

    ratios = []
    bare(), whole()
    for turn in range(turns):
        order = (bare, whole) if turn % 2 else (whole, bare)
        seconds = {work: _seconds(work) for work in order}
        ratios.append(seconds[bare] / seconds[whole])
    note = f"OpenVINO, {torch.get_num_threads()} threads, {volume.shape} in blocks of {block.shape}"
    return median_of(ratios, note)


def _seconds(work: object) -> float:
    assert callable(work)
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


@dataclass(frozen=True)
class Run:
    """What segmenting a volume took."""

    voxels: int
    seconds: dict[str, float]  # of each stage, as the program says
    peak: int  # bytes of resident memory

    def nanoseconds(self) -> float:
        return 1e9 * sum(self.seconds.values()) / self.voxels


def _large(work: Path, shape: Int3) -> dict[str, Figure]:
    """Peak of memory at full size, and time a voxel over that of an eighth."""
    small = _segmented(work / "small", (shape[0] // 2, shape[1] // 2, shape[2] // 2))
    large = _segmented(work / "large", shape)
    told = ", ".join(
        f"{name} {seconds / large.voxels * 1e9:.0f} ({small.seconds[name] / small.voxels * 1e9:.0f})"
        for name, seconds in large.seconds.items()
    )
    growth = large.nanoseconds() / small.nanoseconds()
    memory = f"{large.voxels / 1e9:.1f} GB of bytes; {small.peak / 1e9:.2f} GB for an eighth of it"
    return {
        "peak_rss_8gb_volume": Figure(large.peak / 1e9, (large.peak / 1e9,) * 2, 1, memory),
        "time_per_voxel_growth": Figure(
            growth, (growth, growth), 1, f"ns a voxel, an eighth in brackets: {told}"
        ),
    }


def _segmented(folder: Path, shape: Int3) -> Run:
    """The phantom in an eighth of a volume, a model taught on it, and `microtome segment`."""
    kept = folder / "run.json"
    if not kept.exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        _project(folder, shape)
        peak = _segment(folder / "project")
        told = json.loads((folder / "project" / "segmentations" / "001" / "segmentation.json").read_bytes())
        kept.write_text(json.dumps({"seconds": told["seconds"], "peak": peak}))
    found = json.loads(kept.read_bytes())
    return Run(int(np.prod(shape)), found["seconds"], found["peak"])


def _segment(project: Path) -> int:
    """Run it; bytes of its peak of memory."""
    command = [sys.executable, "-m", "microtome", "segment", str(project), "--smallest", "200"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise RuntimeError(f"expected {' '.join(command)} to end well; it ended with {status}")
    return usage.ru_maxrss * 1024


def _project(folder: Path, shape: Int3) -> None:
    made = phantom(PhantomConfig(shape=TISSUE, seed=SEED))
    tissue = (shape[0], shape[1] // 2, shape[2] // 4)
    _repeated(folder / "image.zarr", shape, tissue, made.image)
    _repeated(folder / "truth.zarr", shape, tissue, (made.mitochondria > 0).astype(np.uint8))
    new = NewProject(
        classes=("mitochondria",),
        image=str(folder / "image.zarr"),
        labels=str(folder / "truth.zarr"),
        voxel_size_nm=NM,
        query_shape=(1, 128, 128),
        train=f"0:{TISSUE[0]},0:{min(TISSUE[1], tissue[1])},0:{min(TISSUE[2], tissue[2])}",
        start=PATCHES,
        batch=PATCHES,
        seed=SEED,
    )
    create(folder / "project", new, print)
    path = folder / "project" / "project.toml"
    config = load_config(path, TABLES)
    save_config(config.model_copy(update={"train": {**config.train, "steps": STEPS}}), path)
    with opened(folder / "project", "auto", silent) as session:
        simulate(session, Budget(PATCHES), CostModel())


def _repeated(path: Path, shape: Int3, region: Int3, piece: np.ndarray) -> None:
    """A volume with a piece repeated over a region at its origin, and nothing elsewhere."""
    create_volume(path, shape, piece.dtype, NM, chunks=CHUNKS)
    target: Volume = open_volume(path, writable=True)
    for block in tile(Box.of(region), _shape(piece.shape), (0, 0, 0)):
        z, y, x = block.write.shape
        target.write(block.write, piece[:z, :y, :x])


def _shape(sides: Sequence[int]) -> Int3:
    z, y, x = sides
    return z, y, x


if __name__ == "__main__":
    main()
