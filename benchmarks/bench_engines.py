"""Engines of prediction on a CPU: against MONAI's sliding windows, and dropout against eager passes.

Same network, weights, windows, overlap and volume. Contestants take turns within one process; a figure is the
median of the ratios of the rounds.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from monai.inferers import sliding_window_inference
from torch import Tensor

from microtome.benchmark.datasets import DATASETS, load, locate
from microtome.box import Box, Int3
from microtome.learn.config import Recipe
from microtome.learn.examples import Example
from microtome.net.config import NetConfig
from microtome.net.unet import UNet
from microtome.predict.int8 import calibrate, measured_loss
from microtome.predict.model import SegmentationModel
from microtome.predict.network import Network
from microtome.predict.openvino import OpenVinoEngine
from microtome.predict.windows import blended, normalised
from microtome.progress import silent
from microtome.volume import Downsampled, DownsampledLabels
from record import Figure, record

ROUNDS, SEED, SAMPLES = 15, 0, 10
STEPS_FLAT, STEPS_DEEP = 300, 60  # of training: 8 bits want ranges of values as they are in use
OVERLAP = 0.25  # MONAI's default
VNC = DATASETS["vnc"]
DEEP = NetConfig(widths=(16, 32, 64), kernels=((3, 3, 3),) * 3, pools=((1, 2, 2), (2, 2, 2)))
TRAIN, TEST = slice(0, 10), slice(12, 14)  # sections of vnc


@dataclass(frozen=True)
class Contest:
    """A trained model and the windows in which both predict."""

    model: SegmentationModel
    image: np.ndarray
    window: Int3

    @property
    def tensor(self) -> Tensor:
        return normalised(self.image, self.model.statistics)

    @property
    def overlap(self) -> Int3:
        z, y, x = (int(side * OVERLAP) for side in self.window)
        return (z, y, x)

    @property
    def plain(self) -> UNet:
        """The network as a user of PyTorch has it: default layout, batch norm apart."""
        net = UNet(self.model.recipe.net, self.model.classes)
        net.load_state_dict(self.model.members[0])
        return net.eval()

    def ours(self, network: Network) -> Callable[[], np.ndarray]:
        tensor = self.tensor

        def run() -> np.ndarray:
            return blended(network.probabilities, tensor, self.window, self.overlap)

        return run

    def monai(self, predictor: Callable[[Tensor], Tensor] | None = None) -> Callable[[], np.ndarray]:
        """MONAI's sliding windows, with the plain network unless another is given."""
        net, tensor = self.plain, self.tensor[None, None]
        predict = predictor or (lambda x: net(x).softmax(1))

        def run() -> np.ndarray:
            with torch.inference_mode():
                proba = sliding_window_inference(tensor, self.window, 1, predict, overlap=OVERLAP)
            found: np.ndarray = proba[0].numpy()
            return found

        return run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--steps", type=int, nargs=2, default=(STEPS_FLAT, STEPS_DEEP))
    words = parser.parse_args()
    image, labels = _vnc()
    flat, deep = (
        _fitted(net, image, labels, n) for net, n in zip((Recipe().net, DEEP), words.steps, strict=True)
    )
    test, truth = image[TEST], labels[TEST]
    sections, stack = Contest(flat, test[:1], (1, 256, 256)), Contest(deep, _stack(image), (16, 128, 128))
    figures = {
        "engine_vs_monai_fp32_2d": _float32(sections, words.rounds),
        "engine_vs_monai_fp32_3d": _float32(stack, words.rounds),
        "as_predicted_vs_monai_2d": _as_predicted(sections, words.rounds),
        "as_predicted_vs_monai_3d": _as_predicted(stack, words.rounds),
        "engine_vs_monai_int8_2d": _int8(sections, image, test, truth, words.rounds),
        "mc_dropout_10_cost": _dropout(flat, test[:1], words.rounds),
    }
    record("engines", figures, seeds=[SEED])


def _vnc() -> tuple[np.ndarray, np.ndarray]:
    """Sections at half the resolution, and their mitochondria."""
    image, labels = load(VNC, ["mitochondria"], locate(VNC, announce=print))
    half, known = Downsampled(image, (1, 2, 2)), DownsampledLabels(labels, (1, 2, 2))
    return half.read(Box.of(half.shape)), known.read(Box.of(half.shape))


def _fitted(net: NetConfig, image: np.ndarray, labels: np.ndarray, steps: int) -> SegmentationModel:
    depth = 1 if net.flat else 16
    recipe = Recipe(net=net)
    window = (depth, 96, 96) if net.flat else (depth, 64, 64)
    recipe = replace(
        recipe, train=replace(recipe.train, steps=steps, window=window, batch=14 if net.flat else 4)
    )
    example = Example(
        image[TRAIN] if net.flat else _stack(image), labels[TRAIN] if net.flat else _stack(labels)
    )
    return SegmentationModel(recipe, 2).fit([example], seed=SEED, progress=silent)


def _stack(sections: np.ndarray) -> np.ndarray:
    """Enough sections for a network that pools along z."""
    return np.ascontiguousarray(sections[:16, :256, :256])


def _float32(contest: Contest, rounds: int) -> Figure:
    """Times as fast as MONAI, with the same mask where windows are blended as MONAI does."""
    network = replace(contest.model, engine=OpenVinoEngine()).networks[0]
    ours, theirs = contest.ours(network), contest.monai()
    mine, other, blended_alike = (
        run().argmax(0) for run in (ours, theirs, contest.monai(network.probabilities))
    )
    note = (
        f"OpenVINO, windows {contest.window}, overlap {OVERLAP}, volume {contest.image.shape}; "
        f"{(blended_alike == other).mean():.6f} of voxels have the same class in MONAI's own windows, "
        f"{(mine == other).mean():.4f} with our windows, which fade into one another"
    )
    return _ratio(take_turns({"ours": ours, "monai": theirs}, rounds), note)


def _as_predicted(contest: Contest, rounds: int) -> Figure:
    """Times as fast as MONAI where it is left to the program how: each voxel once, with all its context."""
    model = replace(contest.model, engine=OpenVinoEngine())

    def ours() -> np.ndarray:
        return model.mean(contest.image, 1, SEED)

    theirs = contest.monai()
    alike = (ours().argmax(0) == theirs().argmax(0)).mean()
    note = (
        f"OpenVINO, volume {contest.image.shape} in one piece, against windows {contest.window} with overlap "
        f"{OVERLAP}; {alike:.4f} of voxels have the same class"
    )
    return _ratio(take_turns({"ours": ours, "monai": theirs}, rounds), note)


def _int8(contest: Contest, image: np.ndarray, test: np.ndarray, truth: np.ndarray, rounds: int) -> Figure:
    """Times as fast as MONAI, calibrated on sections that are not tested on."""
    tiles = [
        image[z : z + 1, y : y + 256, x : x + 256] for z in (0, 3, 6, 9) for y in (0, 256) for x in (0, 256)
    ]
    with tempfile.TemporaryDirectory() as folder:
        small = calibrate(contest.model, tiles, Path(folder))
        exact = replace(contest.model, engine=OpenVinoEngine())
        pieces = [(test[z : z + 1], truth[z : z + 1]) for z in range(len(test))]
        loss = measured_loss(exact, small, pieces, SEED)
        note = f"windows {contest.window}, overlap {OVERLAP}; {loss}, {len(test)} sections held out"
        times = take_turns({"ours": contest.ours(small.networks[0]), "monai": contest.monai()}, rounds)
    return _ratio(times, note)


def _dropout(model: SegmentationModel, section: np.ndarray, rounds: int) -> Figure:
    """Time of a posterior over that of as many eager passes with dropout on."""
    sampled = replace(model, sampling="dropout", engine=OpenVinoEngine())
    net = UNet(model.recipe.net, 2)
    net.load_state_dict(model.members[0])
    net.eval()
    for layer in net.modules():
        if isinstance(layer, torch.nn.Dropout):
            layer.train()
    tensor = normalised(section, model.statistics)[None, None]

    def eager() -> None:
        with torch.inference_mode():
            total = torch.zeros(2, *section.shape)
            for _ in range(SAMPLES):
                total += net(tensor).softmax(1)[0]

    def ours() -> None:
        sampled.posterior(section, SAMPLES, SEED)

    expected = replace(model, sampling="dropout").posterior(section, SAMPLES, SEED)
    found = sampled.posterior(section, SAMPLES, SEED)
    apart = max(
        float(np.abs(getattr(found, name) - getattr(expected, name)).max())
        for name in ("mean", "deviation", "entropy_of_samples")
    )
    times = take_turns({"ours": ours, "eager": eager}, rounds)
    ratios = [a / b for a, b in zip(times["ours"], times["eager"], strict=True)]
    note = (
        f"OpenVINO, {section.shape}, {SAMPLES} samples: mean, deviation and entropy against the mean alone; "
        f"{apart:.1e} at most from the statistics by PyTorch with the same masks"
    )
    low, high = np.percentile(ratios, [10, 90])
    return Figure(statistics.median(ratios), (float(low), float(high)), len(ratios), note)


def take_turns(contestants: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Seconds of each contestant in each round, after a warm-up."""
    for run in contestants.values():
        run()
    times: dict[str, list[float]] = {name: [] for name in contestants}
    for k in range(rounds):
        order = list(contestants) if k % 2 else list(contestants)[::-1]
        for name in order:
            began = time.perf_counter()
            contestants[name]()
            times[name].append(time.perf_counter() - began)
    return times


def _ratio(times: dict[str, list[float]], note: str) -> Figure:
    """How many times as fast as MONAI ours is."""
    ratios = [theirs / ours for ours, theirs in zip(times["ours"], times["monai"], strict=True)]
    low, high = np.percentile(ratios, [10, 90])
    return Figure(statistics.median(ratios), (float(low), float(high)), len(ratios), note)


if __name__ == "__main__":
    main()
