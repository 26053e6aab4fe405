"""Features of 102 400 proposals: from volumes on disk to both streams on disk, on one core.

They lie in a volume of 25 × 4096 × 4096 voxels: a small phantom, repeated and turned, since what objects show
does not change what they cost. The library's small networks (`microtome objects features --small`) are fitted
first, to the small phantom, and timed by themselves: that does not grow with the number of objects, and what
networks weigh does not change what encoding costs, so fewer --steps do. Volumes and networks are kept in
--work. Each part is a process of its own, so that the peak of memory is its alone.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from apart import peak_bytes
from microtome.benchmark.objects.phantom import (
    IMAGE,
    PREDICTION,
    SETTINGS,
    VOXEL_NM,
    ObjectPhantomConfig,
    object_phantom,
)
from microtome.benchmark.protocol.spec import digest
from microtome.box import Box
from microtome.objects.features import SMALL, FeatureMaker
from microtome.objects.proposals import Proposals, open_proposals, propose
from microtome.objects.sources import OneClass
from microtome.objects.streams import FOLDER
from microtome.volume import Volume, create_volume, open_volume
from record import Figure, record

FEW = ObjectPhantomConfig(sections=4, across=32)
SECTIONS, ACROSS = 25, 2  # of the large volume: sections, and phantoms along either side of one
MANY = SECTIONS * ACROSS**2 * FEW.across**2
Taken = dict[str, float]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "object-features")
    parser.add_argument("--steps", type=int, default=SMALL.training.steps, help="Of fitting a network.")
    parser.add_argument("--only", choices=PARTS, help="One part in this process, printing what it took.")
    words = parser.parse_args()
    torch.set_num_threads(1)
    if words.only is not None:
        print(json.dumps(PARTS[words.only](words.work, words.steps)))
        return
    words.work.mkdir(parents=True, exist_ok=True)
    _record({part: _apart(part, words.work, words.steps) for part in PARTS}, words.steps)


def draw(work: Path, steps: int) -> Taken:
    """Both volumes with their proposals, if they are not there yet."""
    return _timed(lambda: _many(work))


def fit(work: Path, steps: int) -> Taken:
    """The two networks, and the features of the few; what it took before, where they are kept."""
    kept = work / f"fitted-{steps}.json"
    if not kept.exists():
        taken = _timed(_few_maker(work, steps).made)
        kept.write_text(json.dumps(taken))
    return json.loads(kept.read_text())


def encode(work: Path, steps: int) -> Taken:
    """The features of the many: patches are cut, turned, encoded by both networks, and written."""
    image, found = _many(work)
    networks = _few_maker(work, steps).networks()
    shutil.rmtree(found.folder / FOLDER, ignore_errors=True)
    maker = _maker(found, image, steps)
    taken = _timed(lambda: maker.made(networks))
    streams = maker.made(networks)  # as kept
    if streams.images.shape != (MANY, SMALL.images.latent) or not np.isfinite(streams.images).all():
        raise RuntimeError(f"expected features of {MANY} objects; got {streams.images.shape}")
    return taken


PARTS: dict[str, Callable[[Path, int], Taken]] = {"draw": draw, "fit": fit, "encode": encode}


def _many(work: Path) -> tuple[Volume, Proposals]:
    folder = work / "many"
    if not (folder / "done").exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        _repeated(work, folder)
        propose(OneClass(open_volume(folder / PREDICTION), "planted"), SETTINGS, folder / "001")
        (folder / "done").touch()
    found = open_proposals(folder / "001")
    if found.result.objects != MANY:
        raise RuntimeError(f"expected {MANY} proposals; got {found.result.objects}")
    return open_volume(folder / IMAGE), found


def _repeated(work: Path, folder: Path) -> None:
    """The small phantom's sections in turn, each by a quarter turn further, side by side."""
    object_phantom(FEW, work / "few")
    side = FEW.shape[1]
    for name in (IMAGE, PREDICTION):
        small = open_volume(work / "few" / name).read(Box.of(FEW.shape))
        large = create_volume(folder / name, (SECTIONS, ACROSS * side, ACROSS * side), small.dtype, VOXEL_NM)
        for number, (z, row, column) in enumerate(np.ndindex(SECTIONS, ACROSS, ACROSS)):
            start = (z, row * side, column * side)
            box = Box(start, (z + 1, start[1] + side, start[2] + side))
            large.write(box, np.rot90(small[number % len(small)], number // len(small))[None])


def _few_maker(work: Path, steps: int) -> FeatureMaker:
    few = object_phantom(FEW, work / "few")
    return _maker(few.proposals, few.image, steps)


def _maker(found: Proposals, image: Volume, steps: int) -> FeatureMaker:
    settings = replace(SMALL, training=replace(SMALL.training, steps=steps))
    return FeatureMaker(found, image, digest([found.result.labels_sha256]), settings)


def _timed(work: Callable[[], object]) -> Taken:
    """Seconds by the clock and of the processor, and the most memory this process ever had."""
    began, used = time.perf_counter(), time.process_time()
    work()
    seconds, busy = time.perf_counter() - began, time.process_time() - used
    return {"seconds": seconds, "cpu_seconds": busy, "peak_gb": peak_bytes() / 1e9}


def _apart(part: str, work: Path, steps: int) -> Taken:
    command = [sys.executable, __file__, "--only", part, "--work", str(work), "--steps", str(steps)]
    run = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    print(f"{part}: {run.stdout.strip()}", flush=True)
    return json.loads(run.stdout)


def _record(taken: dict[str, Taken], steps: int) -> None:
    encoded, fitted = taken["encode"], taken["fit"]
    size = f"{MANY} proposals in {SECTIONS} x {ACROSS * FEW.shape[1]} x {ACROSS * FEW.shape[2]} voxels"
    note = (
        f"{size}, SMALL networks given, one thread; {encoded['cpu_seconds']:.0f} s of the processor, "
        f"load average {os.getloadavg()[0]:.0f} on {os.cpu_count()} cores"
    )
    fitting = (
        f"both SMALL networks, {steps} steps of 64 each, and {FEW.count} objects encoded, one thread; "
        f"{fitted['cpu_seconds']:.0f} s of the processor; does not grow with the number of objects"
    )
    figures = {
        "features_of_100k_seconds": _figure(encoded["seconds"], note),
        "features_of_100k_cpu_seconds": _figure(encoded["cpu_seconds"], "of the same run"),
        "features_of_100k_peak_gb": _figure(encoded["peak_gb"], "PyTorch included"),
        f"features_fit_{steps}_steps_seconds": _figure(fitted["seconds"], fitting),
    }
    record("object-features", figures, seeds=[FEW.seed])


def _figure(value: float, note: str) -> Figure:
    return Figure(value, (value, value), 1, note)


if __name__ == "__main__":
    main()
