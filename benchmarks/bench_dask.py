"""Two local Dask workers against one: a volume predicted from Zarr to Zarr, and a worker killed midway.

Workers are processes with one thread each. Every turn predicts all blocks into a store of its own, with one
worker, with two, and in turn without Dask, in an order that alternates; what starts once, as workers and
imports, is not in the seconds. Then one of two workers gets SIGKILL when a third
of the blocks is done, and what is stored must be what one process stores, voxel for voxel.
"""

import argparse
import os
import signal
import statistics
import tempfile
import time
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from distributed import LocalCluster

from microtome.benchmark.phantom import PhantomConfig, phantom
from microtome.box import Box, Int3, tile
from microtome.learn.config import Recipe
from microtome.learn.train import new_net
from microtome.net.config import NetConfig
from microtome.predict.blocks import block_shape
from microtome.predict.filling import Filling, fill
from microtome.predict.model import SegmentationModel
from microtome.predict.network import TORCH, Engine
from microtome.predict.openvino import OpenVinoEngine
from microtome.predict.store import open_store, prediction_chunks
from microtome.progress import Progress, silent
from microtome.schedule import Schedule, in_turn, on_dask
from microtome.volume import create_volume, open_volume
from record import median_of, record, tell

TURNS = 5
WORKERS = (0, 1, 2)  # 0 is without Dask
SEED = 0
SHAPE: Int3 = (4, 2048, 2048)  # 32 blocks of 1 x 512 x 1024
NM = (40.0, 4.0, 4.0)
NET = NetConfig(widths=(16, 32, 64, 128))
ENGINES: dict[str, Engine] = {"torch": TORCH, "openvino": OpenVinoEngine()}
THREADS = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=TURNS)
    parser.add_argument("--sections", type=int, default=SHAPE[0])
    parser.add_argument("--side", type=int, default=SHAPE[1])
    parser.add_argument("--engine", choices=ENGINES, default="torch")
    parser.add_argument("--try", action="store_true", dest="tried", help="Print, do not record.")
    words = parser.parse_args()
    shape = (words.sections, words.side, words.side)
    os.environ.update(THREADS)  # of the workers, which are processes of their own
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        work = Work(Path(folder), shape, ENGINES[words.engine])
        seconds = work.turns(words.turns)
        work.kill()
    none, one, two = (statistics.median(seconds[count]) for count in WORKERS)
    note = (
        f"{words.engine}, {work.blocks} blocks, {shape} voxels: {one:.1f} s and {two:.1f} s, in turn without "
        f"Dask {none:.1f} s; killed: equal"
    )
    figures = {
        "dask_two_workers_speedup": median_of(_ratios(seconds, 1, 2), note),
        "dask_two_workers_over_none": median_of(_ratios(seconds, 0, 2), "the same, over blocks without Dask"),
    }
    if words.tried:
        tell(figures)
    else:
        record("dask", figures, [SEED])


def _ratios(seconds: dict[int, list[float]], slow: int, fast: int) -> list[float]:
    return [one / two for one, two in zip(seconds[slow], seconds[fast], strict=True)]


class Work:
    """A volume, a model, and a store for each time that it is predicted."""

    def __init__(self, folder: Path, shape: Int3, engine: Engine) -> None:
        self._folder, self._shape = folder, shape
        weights = new_net(NET, 2, seed=SEED).state_dict()
        model = SegmentationModel(Recipe(net=NET), 2, members=(weights,), statistics=(127.0, 70.0))
        self._model = replace(model, engine=engine)
        self.blocks = len(list(tile(Box.of(shape), block_shape(NET, shape), (0, 0, 0))))
        tissue = phantom(PhantomConfig(shape=(1, 512, 512), seed=SEED)).image
        repeats = tuple(-(-n // side) for n, side in zip(shape, tissue.shape, strict=True))
        z, y, x = shape
        image = create_volume(folder / "image.ome.zarr", shape, np.dtype(np.uint8), NM)
        image.write(Box.of(shape), np.tile(tissue, repeats)[:z, :y, :x])

    def turns(self, count: int) -> dict[int, list[float]]:
        """Seconds that workers take, by turns, so that neighbours slow all alike."""
        seconds: dict[int, list[float]] = {workers: [] for workers in WORKERS}
        with _cluster(1) as one, _cluster(2) as two:
            addresses = {0: None, 1: one.scheduler_address, 2: two.scheduler_address}
            for workers, address in addresses.items():
                self._predict(f"warm-{workers}", address)  # imports, and compiles
            for turn in range(count):
                for workers in WORKERS if turn % 2 else WORKERS[::-1]:
                    taken = self._predict(f"{turn}-{workers}", addresses[workers])
                    seconds[workers].append(taken)
                    print(f"turn {turn}: {workers} worker(s) {taken:.1f} s", flush=True)
        return seconds

    def kill(self) -> None:
        """Kill one of two workers midway.

        Raises:
            RuntimeError: If what is stored then is not what one process stores.
        """
        self._fill("alone", in_turn, silent)
        with _cluster(2) as cluster, on_dask(cluster.scheduler_address) as schedule:
            victim = cluster.workers[0].pid
            killed: list[int] = []

            def progress(task: str, done: int, total: int, note: str = "") -> None:
                if not killed and done >= total / 3:
                    killed.append(done)
                    os.kill(victim, signal.SIGKILL)

            self._fill("killed", schedule, progress)
        if not killed or self._stored("killed") != self._stored("alone"):
            raise RuntimeError(f"a worker killed after {killed} blocks: not what one process stores")
        print(f"one of two workers killed after {killed[0]} of {self.blocks} blocks: equal", flush=True)

    def _predict(self, name: str, address: str | None) -> float:
        with nullcontext(in_turn) if address is None else on_dask(address) as schedule:
            begun = time.perf_counter()
            self._fill(name, schedule, silent)
            return time.perf_counter() - begun

    def _fill(self, name: str, schedule: Schedule, progress: Progress) -> None:
        store = open_store(self._folder / name, ("a",), self._shape, NM, prediction_chunks(NET, self._shape))
        image = partial(open_volume, str(self._folder / "image.ome.zarr"))
        fill(
            Filling(self._model, image, store, 1, SEED),
            Box.of(self._shape),
            progress=progress,
            schedule=schedule,
        )

    def _stored(self, name: str) -> list[bytes]:
        box = Box.of(self._shape)
        return [
            open_volume(self._folder / name / f"{image}.ome.zarr").read(box).tobytes()
            for image in ("a", "uncertainty")
        ]


def _cluster(workers: int) -> LocalCluster:
    return LocalCluster(n_workers=workers, threads_per_worker=1, processes=True, dashboard_address=":0")


if __name__ == "__main__":
    main()
