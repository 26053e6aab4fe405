"""Which engine predicts: the one that is asked for, or the fastest on this machine, by trial."""

import hashlib
import json
import platform
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median

import numpy as np
import pooch
import torch

from microtome.box import Int3
from microtome.predict.model import SegmentationModel
from microtome.predict.network import TORCH, Engine, TorchEngine
from microtome.predict.openvino import OpenVinoEngine, openvino
from microtome.whole import whole_file

SECONDS = 10.0  # of a trial, conversion not counted
PIECE_FLAT: Int3 = (1, 512, 512)  # voxels z y x that are tried
PIECE_DEEP: Int3 = (16, 128, 128)
LEAST = 3  # turns of each
WORTH = 50_000_000  # voxels that take about as long as a trial
WORTH_COMPILING = 1_000_000_000  # voxels; with fewer, compiling takes longer than a GPU predicts

Say = Callable[[str], None]


@dataclass(frozen=True)
class Choice:
    """An engine, and why it was taken."""

    engine: Engine
    reason: str


def fastest(model: SegmentationModel, voxels: int, seconds: float = SECONDS) -> Choice:
    """The fastest engine for this model on this machine: as it was remembered, or by trial.

    Where nothing is remembered and there are few `voxels` to predict, there is no trial. Engines in float32
    say the same; those that do not are never chosen.
    """
    if model.device != "cpu":
        return Choice(TORCH, f"torch: the device is {model.device}")
    try:
        openvino()
    except ImportError:
        return Choice(TORCH, "torch: openvino is not installed (python -m pip install 'microtome[cpu]')")
    engines: dict[str, Engine] = {engine.name: engine for engine in (TORCH, OpenVinoEngine())}
    known, key = _remembered(), _key(model)
    if key not in known and voxels < WORTH:
        return Choice(TORCH, "torch: so small a volume is not worth a trial")
    if key not in known:
        known = {**known, key: _tried(model, engines, seconds)}
        _remember(known)
        how = "tried now"
    else:
        how = "tried before"
    speeds = {name: speed for name, speed in known[key].items() if name in engines}
    best = max(speeds, key=lambda name: speeds[name])
    others = ", ".join(f"{name} {speed:.2f}" for name, speed in speeds.items() if name != best)
    reason = f"{best}: {speeds[best]:.2f} megavoxels a second on this machine, {others} ({how})"
    return Choice(engines[best], reason)


def compiled_where_worth(model: SegmentationModel, voxels: int) -> SegmentationModel:
    """The same; a GPU compiles its networks first, where there are `voxels` enough to be worth it.

    Not those that cross z: compiled, they would compute the context of their blocks as well. Nor for samples
    of dropout, which run a network part by part.
    """
    on_gpu = model.device != "cpu" and model.engine == TORCH
    whole = model.recipe.net.flat and model.sampling != "dropout"
    if on_gpu and whole and voxels >= WORTH_COMPILING:
        return replace(model, engine=TorchEngine(compiles=True))
    return model


def _tried(model: SegmentationModel, engines: dict[str, Engine], seconds: float) -> dict[str, float]:
    """Megavoxels a second of each engine, by turns, so that neighbours slow all alike."""
    shape = PIECE_FLAT if model.recipe.net.flat else PIECE_DEEP
    image = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    models = {
        name: replace(model, engine=engine, sampling="single", members=model.members[:1])
        for name, engine in engines.items()
    }
    for one in models.values():
        one.mean(image, 1, 0)  # converts and compiles
    taken: dict[str, list[float]] = {name: [] for name in models}
    begun = time.perf_counter()
    while len(taken[TORCH.name]) < LEAST or time.perf_counter() - begun < seconds:
        for name, one in models.items():
            start = time.perf_counter()
            one.mean(image, 1, 0)
            taken[name].append(time.perf_counter() - start)
    return {name: image.size / 1e6 / median(times) for name, times in taken.items()}


def _key(model: SegmentationModel) -> str:
    """Of what the speed depends on: machine, threads, versions and the net's settings."""
    machine = platform.node(), platform.machine(), torch.backends.cpu.get_cpu_capability()
    versions = torch.get_num_threads(), torch.__version__, openvino().__version__
    net = json.dumps(asdict(model.recipe.net), sort_keys=True)
    return hashlib.sha256(f"{machine} {versions} {net}".encode()).hexdigest()[:32]


def _kept() -> Path:
    return Path(pooch.os_cache("microtome")) / "engines.json"


def _remembered() -> dict[str, dict[str, float]]:
    try:
        found = json.loads(_kept().read_text(encoding="utf-8"))
    except (OSError, ValueError):  # nothing was tried yet, or what was is damaged
        return {}
    return found if isinstance(found, dict) else {}


def _remember(speeds: dict[str, dict[str, float]]) -> None:
    try:
        _kept().parent.mkdir(parents=True, exist_ok=True)
        with whole_file(_kept()) as partial:
            partial.write_text(json.dumps(speeds, indent=1), encoding="utf-8")
    except OSError:  # a machine without a place to remember tries again
        return
