"""The training loop: labelled examples in, averaged weights out."""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from microtome.labels import annotated
from microtome.learn.augment import augmented
from microtome.learn.config import AugmentConfig, ErrorWeighting, TrainConfig
from microtome.learn.examples import Example, Windows, image_statistics
from microtome.learn.losses import Emphasis, class_weights, image_losses, ranking_loss, unmarked
from microtome.learn.step import finite, half_precision, take_step
from microtome.learn.targets import CLASSES, Target, target_of
from microtome.learn.weights import Weights
from microtome.net.config import NetConfig
from microtome.net.inference import channels_last
from microtome.net.unet import UNet
from microtome.progress import Progress

MOMENTUM = 0.9  # of stochastic gradient descent
REPORT_EVERY = 10  # steps; reading the loss waits for a GPU


@dataclass(frozen=True)
class Trained:
    """The outcome of training: weights, the grey values they expect, and how it went."""

    snapshots: tuple[Weights, ...]  # the last is that of the whole run
    statistics: tuple[float, float]  # mean and s.d. of the images' grey values
    losses: tuple[float, ...]  # one per REPORT_EVERY steps
    steps: int
    seconds: float


@dataclass(frozen=True)
class Trainer:
    """Everything about training but the examples and the seed."""

    net: NetConfig
    classes: int  # background included
    config: TrainConfig
    augment: AugmentConfig
    snapshots: int = 1
    device: str = "cpu"
    corrections: ErrorWeighting = field(default_factory=ErrorWeighting)

    def fit(
        self,
        examples: Sequence[Example],
        *,
        seed: int,
        start: Weights | None = None,
        share: float = 1.0,
        progress: Progress,
    ) -> Trained:
        """Train from `start`, or from random weights, on `examples`, or on a random `share` of them.

        The same examples, seed, device and thread count give the same weights, unless `seconds` cuts
        training short.

        Raises:
            ValueError: If nothing is labelled, labels are not classes, a window does not fit the net, or the
            loss is not finite.
        """
        window, multiple = self.config.window, self.net.multiple
        if any(w % m for w, m in zip(window, multiple, strict=True)):
            raise ValueError(f"window must be a multiple of {multiple} for this net; got {window}")
        drawn = _drawn(examples, share, seed)
        windows = Windows(drawn, window, self.classes, seed=seed)
        statistics = image_statistics(examples)  # of all: networks of an ensemble see the same image
        target = self._target(examples)
        net = new_net(self.net, target.channels(self.classes), seed=seed).to(self.device).train()
        if start is not None:
            net.load_state_dict(start)
        return self._run(
            net,
            windows,
            statistics,
            _Clock(self._steps(drawn), self.config.seconds),
            seed,
            progress,
            target=target,
        )

    def _run(
        self,
        net: UNet,
        windows: Windows,
        statistics: tuple[float, float],
        clock: "_Clock",
        seed: int,
        progress: Progress,
        *,
        target: Target,
    ) -> Trained:
        config = self.config
        rng = np.random.default_rng((seed, 2))
        weights = self._class_weights(windows)
        optimiser = _optimiser(net, config)
        average = _Average(net, config.ema)
        losses: list[float] = []
        snapshots: list[Weights] = []
        with torch.random.fork_rng():
            torch.manual_seed(seed)  # dropout masks
            fraction = 0.0
            while fraction < 1:
                for group in optimiser.param_groups:
                    group["lr"] = config.learning_rate * _rate(config, fraction, self.snapshots)
                images, labels = windows.draw(
                    config.batch,
                    config.foreground,
                    rng,
                    reject=config.reject,
                    reject_below=config.reject_below,
                )
                x, y = (
                    part.to(self.device) for part in augmented(images, labels, self.augment, statistics, rng)
                )
                emphasis = None
                if windows.emphasised:
                    y, emphasis = unmarked(y, self.corrections)
                loss = step(net, optimiser, x, y, weights, config, fraction, target=target, emphasis=emphasis)
                average.update(net, clock.steps)
                fraction = clock.tick()  # read once a step: time goes on between two looks at it
                while len(snapshots) < min(math.floor(fraction * self.snapshots), self.snapshots):
                    snapshots.append(average.copy())
                if clock.steps % REPORT_EVERY == 0 or fraction >= 1:
                    losses.append(finite(float(loss), clock.steps))
                    progress("training", clock.steps, clock.total, f"loss {losses[-1]:.3f}")
        return Trained(tuple(snapshots), statistics, tuple(losses), clock.steps, clock.seconds)

    def _steps(self, examples: Sequence[Example]) -> int:
        if not self.config.epochs:
            return self.config.steps
        return math.ceil(self.config.epochs * len(examples) / self.config.batch)

    def _target(self, examples: Sequence[Example]) -> Target:
        if self.config.target != "distance":
            return target_of(self.config.target)
        sizes = {example.voxel_size_nm for example in examples}
        if len(sizes) != 1 or None in sizes:
            raise ValueError(
                f"target 'distance' expects examples of one voxel size in nm; got {sorted(map(str, sizes))}"
            )
        return target_of("distance", sizes.pop())

    def _class_weights(self, windows: Windows) -> Tensor | None:
        given = self.config.class_weights
        if given and len(given) != self.classes:
            raise ValueError(
                f"class_weights must have {self.classes} entries, background first; got {len(given)}"
            )
        if not given and self.config.target != "classes":
            return None  # balanced in each window
        weights = torch.tensor(given) if given else class_weights(torch.from_numpy(windows.counts).float())
        return weights.to(self.device)


def _drawn(examples: Sequence[Example], share: float, seed: int) -> Sequence[Example]:
    """A random share of the examples on which something is labelled, at least one; all of them for 1."""
    if share == 1:
        return examples
    labelled = [example for example in examples if annotated(example.labels).any()]
    count = max(1, round(share * len(labelled)))
    chosen = np.random.default_rng((seed, 3)).permutation(len(labelled))[:count]
    return [labelled[index] for index in sorted(chosen.tolist())]


def _optimiser(net: UNet, config: TrainConfig) -> torch.optim.Optimizer:
    rate, decay = config.learning_rate, config.weight_decay
    if config.optimiser == "sgd":
        return torch.optim.SGD(net.parameters(), lr=rate, momentum=MOMENTUM, weight_decay=decay, foreach=True)
    return torch.optim.AdamW(net.parameters(), lr=rate, weight_decay=decay, foreach=True)


def new_net(config: NetConfig, channels: int, *, seed: int) -> UNet:
    """A U-Net with random weights drawn from `seed`; the process's random state is left as it was."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net = UNet(config, channels)
    return channels_last(net)


def step(
    net: UNet,
    optimiser: torch.optim.Optimizer,
    x: Tensor,
    y: Tensor,
    weights: Tensor | None,
    config: TrainConfig,
    fraction: float = 0.0,
    *,
    target: Target = CLASSES,
    emphasis: Emphasis | None = None,
) -> Tensor:
    """One optimiser step, `fraction` of the training behind it.

    A head that predicts losses is trained along with the net; what is returned is the loss of the labels.
    """
    with half_precision(x.device.type, config.precision):
        detached = fraction >= config.loss_head_until
        outputs, guess = net.with_loss(x, detached=detached) if net.config.loss_head else (net(x), None)
    loss = target.loss(outputs, y, weights, config.loss, emphasis)
    total = loss
    if guess is not None:
        total = loss + ranking_loss(guess, image_losses(target.class_logits(outputs.detach()), y))
    take_step(optimiser, total)
    return loss.detach()


class _Clock:
    """Counts steps and seconds towards whichever limit comes first."""

    def __init__(self, total: int, seconds: float) -> None:
        self.total, self.steps = total, 0
        self._limit, self._start = seconds, time.monotonic()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._start

    def tick(self) -> float:
        """Count a step; the share of the limit that is now used up, 1 or more at the end."""
        self.steps += 1
        spent = self.seconds / self._limit if self._limit else 0.0
        return max(self.steps / self.total, spent)


class _Average:
    """Exponential moving average of weights and batch-norm statistics, short at the start."""

    def __init__(self, net: UNet, decay: float) -> None:
        self._decay = decay
        self.weights: Weights = {name: value.detach().clone() for name, value in net.state_dict().items()}

    def copy(self) -> Weights:
        """The averages as they are now, on the CPU."""
        return {name: value.detach().to("cpu", copy=True) for name, value in self.weights.items()}

    def update(self, net: UNet, steps: int) -> None:
        decay = min(self._decay, 1 - 1 / (steps + 2)) if self._decay else 0.0
        mine, its = [], []
        for name, value in net.state_dict().items():
            if value.is_floating_point():
                mine.append(self.weights[name])
                its.append(value.detach())
            else:
                self.weights[name].copy_(value)
        torch._foreach_lerp_(mine, its, 1 - decay)


def _rate(config: TrainConfig, fraction: float, cycles: int) -> float:
    """Share of the learning rate after that fraction of the training."""
    rising = min(1.0, fraction / config.warm_up) if config.warm_up else 1.0
    if config.schedule == "cosine":
        return rising * 0.5 * (1 + math.cos(math.pi * (fraction * cycles % 1)))
    if config.schedule == "steps":
        return rising * (1.0 if fraction < 0.9 else 0.1 if fraction < 0.95 else 0.01)
    return rising
