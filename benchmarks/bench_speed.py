"""Training and prediction against the bare passes of the same network, and against MONAI.

All contestants of a comparison take turns within one process, so that a neighbour on the machine slows them
alike; a figure is the median of the ratios of the rounds.
"""

import statistics
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from monai.inferers import sliding_window_inference
from torch.nn import functional

from microtome.benchmark.phantom import PhantomConfig, phantom
from microtome.learn.augment import augmented
from microtome.learn.config import Recipe
from microtome.learn.examples import Example, Windows, image_statistics
from microtome.learn.losses import class_weights
from microtome.learn.train import _Average, new_net, step
from microtome.net.inference import folded
from microtome.net.unet import UNet
from microtome.predict.model import SegmentationModel
from microtome.predict.network import class_probabilities
from microtome.predict.windows import blended, normalised
from record import Figure, record

ROUNDS = 15
SEED = 0
RECIPE = Recipe()
WINDOW, OVERLAP = 256, 0.25  # of the comparison with MONAI
SIDE = 1024  # of the section that is predicted


def main() -> None:
    made = phantom(PhantomConfig(shape=(2, SIDE, SIDE), seed=SEED))
    labels = (made.mitochondria > 0).astype(np.uint8)
    figures = {**training(made.image, labels), **prediction(made.image), **against_monai(made.image)}
    record("speed", figures, seeds=[SEED])


def training(image: np.ndarray, labels: np.ndarray) -> dict[str, Figure]:
    """Our step with windows, augmentation, loss and averaging against forward, backward and step alone."""
    config = replace(RECIPE.train, batch=8, window=(1, 128, 128))
    examples = [Example(image, labels)]
    windows = Windows(examples, config.window, 2, seed=SEED)
    statistics_ = image_statistics(examples)
    weights = class_weights(torch.from_numpy(windows.counts).float())
    ours, plain, last = (new_net(RECIPE.net, 2, seed=SEED).train() for _ in range(3))
    plain = plain.to(memory_format=torch.contiguous_format)
    optimisers = {id(net): torch.optim.AdamW(net.parameters(), lr=1e-3) for net in (ours, plain, last)}
    average, rng = _Average(ours, config.ema), np.random.default_rng(SEED)
    z, y, x = config.window
    batch = torch.randn(config.batch, 1, z, y, x)
    target = torch.randint(0, 2, (config.batch, z, y, x))

    def our_step() -> None:
        images, known = windows.draw(config.batch, config.foreground, rng)
        a, b = augmented(images, known, RECIPE.augment, statistics_, rng)
        step(ours, optimisers[id(ours)], a, b, weights, config)
        average.update(ours, 100)

    def bare_step(net: UNet) -> None:
        optimisers[id(net)].zero_grad()
        functional.cross_entropy(net(batch), target).backward()
        optimisers[id(net)].step()

    times = take_turns(
        {"ours": our_step, "plain": lambda: bare_step(plain), "channels_last": lambda: bare_step(last)}
    )
    note = f"batch {config.batch} x {y}^2; bare in PyTorch's default layout"
    best = _ratio(times, "channels_last", "ours")
    return {
        "train_vs_bare": _ratio(
            times, "plain", "ours", f"{note}; {best.value:.2f} of a bare step in channels_last"
        ),
        "train_vs_bare_channels_last": _ratio(
            times, "channels_last", "ours", "the same, bare in channels_last"
        ),
    }


def prediction(image: np.ndarray) -> dict[str, Figure]:
    """A section from uint8 to a posterior against the forward pass of its normalised tensor."""
    model = _model()
    net = UNet(RECIPE.net, 2)
    net.load_state_dict(model.members[0])
    same_engine, plain = folded(net), net.eval()
    section = image[:1]
    tensor = normalised(section, model.statistics)[None, None]

    def forward(one: UNet) -> None:
        with torch.inference_mode():
            one(tensor)

    times = take_turns(
        {
            "ours": lambda: model.posterior(section, 1, SEED),
            "bare": lambda: forward(same_engine),
            "plain": lambda: forward(plain),
        }
    )
    plain_ratio = _ratio(times, "plain", "ours")
    note = f"1 x {SIDE}^2; bare: forward of the same folded net; {plain_ratio.value:.2f} x plain PyTorch"
    return {
        "predict_vs_bare": _ratio(times, "bare", "ours", note),
        "predict_vs_plain": _ratio(
            times, "plain", "ours", "bare in PyTorch's default layout, batch norm apart"
        ),
    }


def against_monai(image: np.ndarray) -> dict[str, Figure]:
    """Overlapping windows of the same size and overlap, blended, by us and by MONAI."""
    model = _model()
    net = UNet(RECIPE.net, 2)
    net.load_state_dict(model.members[0])
    ours, theirs = folded(net), net.eval()
    tensor = normalised(image[:1], model.statistics)
    shared = int(WINDOW * OVERLAP)
    results: dict[str, np.ndarray] = {}

    def our_way() -> None:
        with torch.inference_mode():
            results["ours"] = blended(
                lambda x: class_probabilities(ours(x)), tensor, (1, WINDOW, WINDOW), (0, shared, shared)
            )

    def their_way() -> None:
        with torch.inference_mode():
            proba = sliding_window_inference(
                tensor[None],
                (WINDOW, WINDOW),
                8,
                lambda x: theirs(x[:, :, None])[:, :, 0].softmax(1),
                overlap=OVERLAP,
            )
        results["monai"] = proba[0].numpy()[:, None]

    times = take_turns({"ours": our_way, "monai": their_way})
    same = float((results["ours"].argmax(0) == results["monai"].argmax(0)).mean())
    apart = float(np.abs(results["ours"] - results["monai"]).max())
    note = (
        f"windows {WINDOW}^2, overlap {OVERLAP}, {SIDE}^2; {same:.5f} of masks equal, "
        f"probabilities {apart:.3f} apart at most"
    )
    return {"predict_vs_monai": _ratio(times, "monai", "ours", note)}


def take_turns(contestants: dict[str, Callable[[], None]]) -> dict[str, list[float]]:
    """Seconds of each contestant in each round, after a warm-up."""
    for run in contestants.values():
        run(), run()
    times: dict[str, list[float]] = {name: [] for name in contestants}
    for k in range(ROUNDS):
        order = list(contestants)[k % len(contestants) :] + list(contestants)[: k % len(contestants)]
        for name in order:
            began = time.perf_counter()
            contestants[name]()
            times[name].append(time.perf_counter() - began)
    return times


def _ratio(times: dict[str, list[float]], base: str, ours: str, note: str = "") -> Figure:
    """How many times as fast as `base` ours is."""
    ratios = [b / a for a, b in zip(times[ours], times[base], strict=True)]
    low, high = np.percentile(ratios, [10, 90])
    return Figure(statistics.median(ratios), (float(low), float(high)), len(ratios), note)


def _model() -> SegmentationModel:
    """A model with batch-norm statistics of real size, trained for no more than that."""
    net = new_net(RECIPE.net, 2, seed=SEED).train()
    for _ in range(3):
        net(torch.randn(8, 1, 1, 128, 128))
    return SegmentationModel(RECIPE, 2, members=(dict(net.state_dict()),), statistics=(128.0, 50.0))


if __name__ == "__main__":
    main()
