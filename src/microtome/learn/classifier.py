"""Images put into classes by a residual network, trained as Lin et al. (2020) train theirs on CIFAR-10."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float32, Float64, Int64
from torch import Tensor
from torch.nn import functional

from microtome.learn.colours import (
    Images,
    colour_statistics,
    require_images,
    shifted_and_flipped,
    standardised,
)
from microtome.learn.losses import ranking_loss
from microtome.learn.step import finite, half_precision, take_step
from microtome.learn.weights import Weights, load_weights, save_weights, set_weights, weights_of
from microtome.net.resnet import ResNet, ResNetConfig
from microtome.progress import Progress, silent

BATCH = 256  # images a step when predicting
WARM_UP = 0.2  # share of a cycle in which the learning rate rises


@dataclass(frozen=True, slots=True)
class ClassifierTraining:
    """How a classifier is trained, by SGD; the defaults are those of Lin et al.

    Raises:
        ValueError: If a setting is out of range.
    """

    epochs: int = 200
    batch: int = 64  # images a step; 128 in Yoo & Kweon (2019)
    learning_rate: float = 0.1
    schedule: Literal["drop", "cycle"] = (
        "drop"  # to a tenth; or in lines up and down to 0 (Smith & Topin 2018)
    )
    drop_at: float = 0.8  # share of the epochs after which the learning rate is a tenth
    momentum: float = 0.9
    weight_decay: float = 5e-4
    crop: int = 4  # pixels by which an image is shifted at most, black coming in
    flip: bool = True  # half the images left to right
    loss_head_until: float = 0.6  # share of the epochs after which a loss head leaves the rest alone

    def __post_init__(self) -> None:
        if self.epochs < 1 or self.batch < 2 or self.crop < 0:
            raise ValueError(
                "expected epochs >= 1, batch >= 2 and crop >= 0; "
                f"got {self.epochs}, {self.batch} and {self.crop}"
            )
        if not 0 < self.learning_rate < math.inf or not 0 <= self.weight_decay < math.inf:
            raise ValueError(
                "learning_rate must be positive and weight_decay at least 0; "
                f"got {self.learning_rate} and {self.weight_decay}"
            )
        if self.schedule not in ("drop", "cycle"):
            raise ValueError(f"schedule must be 'drop' or 'cycle'; got {self.schedule!r}")
        if not 0 <= self.momentum < 1:
            raise ValueError(f"momentum must be in [0, 1); got {self.momentum}")
        if not (0 <= self.drop_at <= 1 and 0 <= self.loss_head_until <= 1):
            raise ValueError(
                "drop_at and loss_head_until must be in [0, 1]; "
                f"got {self.drop_at} and {self.loss_head_until}"
            )


@dataclass(frozen=True, eq=False)
class Classifier:
    """A trained network, its weights on the CPU, and the colours it expects; it computes on `device`."""

    config: ResNetConfig
    weights: Weights
    mean: tuple[float, ...]  # grey value of each channel
    deviation: tuple[float, ...]
    losses: tuple[float, ...] = ()  # mean cross-entropy of each epoch
    device: str = "cpu"

    def predict(self, images: Images) -> Float32[np.ndarray, "n k"]:
        """Class probabilities of each image.

        Raises:
            ValueError: If the images have other channels than those learnt from.
        """
        return self._each(images, lambda x: self._net(x).float().softmax(dim=1))

    def features(self, images: Images) -> Float32[np.ndarray, "n d"]:
        """Activations before the last layer.

        Raises:
            ValueError: If the images have other channels than those learnt from.
        """
        return self._each(images, self._net.features)

    def predicted_losses(self, images: Images) -> Float64[np.ndarray, "n"]:
        """The loss that the head predicts of each image; only the order has a meaning.

        Raises:
            ValueError: If the network has no such head, or the images have other channels.
        """
        return self._each(images, lambda x: self._net.with_loss(x, detached=True)[1]).astype(np.float64)

    def _each(self, images: Images, compute: Callable[[Tensor], Tensor]) -> np.ndarray:
        require_images(images, self.config.channels)
        rows = []
        for at in range(0, max(len(images), 1), BATCH):  # without images once, for the result's shape
            x = standardised(images[at : at + BATCH], self.mean, self.deviation).to(self.device)
            with torch.inference_mode(), half_precision(self.device):
                rows.append(compute(x).float().cpu().numpy())
        return np.concatenate(rows)

    @cached_property
    def _net(self) -> ResNet:
        return _net_of(self).eval()


def fit_classifier(
    images: Images,
    labels: Int64[np.ndarray, "m"],
    config: ResNetConfig,
    training: ClassifierTraining | None = None,
    *,
    seed: int,
    device: str = "cpu",
    progress: Progress = silent,
) -> Classifier:
    """A classifier trained from scratch; the same seed, device and thread count give the same weights.

    Raises:
        ValueError: If images and labels do not fit each other or `config`, or the loss is not finite.
    """
    training = training or ClassifierTraining()
    _require_labelled(images, labels, config)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net = _laid_out(ResNet(config)).to(device)
    mean, deviation = colour_statistics(images)
    optimiser = torch.optim.SGD(
        net.parameters(),
        lr=training.learning_rate,
        momentum=training.momentum,
        weight_decay=training.weight_decay,
        foreach=True,
    )
    rng = np.random.default_rng((seed, 1))
    losses: list[float] = []
    for epoch in range(training.epochs):
        detached = epoch >= round(training.loss_head_until * training.epochs)
        batches = np.array_split(rng.permutation(len(images)), max(len(images) // training.batch, 1))
        total = torch.zeros((), device=device)
        for step, rows in enumerate(batches):
            optimiser.param_groups[0]["lr"] = training.learning_rate * _rate(
                epoch + step / len(batches), training
            )
            changed = shifted_and_flipped(images[rows], training.crop, training.flip, rng)
            x, y = standardised(changed, mean, deviation), torch.from_numpy(labels[rows])
            total += _step(net, optimiser, x.to(device), y.to(device), detached=detached)
        losses.append(finite(float(total) / len(batches), (epoch + 1) * len(batches)))
        progress("training the classifier", epoch + 1, training.epochs, f"loss {losses[-1]:.3f}")
    return Classifier(config, weights_of(net), mean, deviation, tuple(losses), device)


def save_classifier(classifier: Classifier, folder: Path) -> None:
    """Write `classifier` into a new `folder`, whole or not at all.

    Raises:
        FileExistsError: If the folder is there already.
        OSError: If it cannot be written.
    """
    save_weights(
        folder,
        "classifier",
        classifier.weights,
        config=classifier.config,
        mean=classifier.mean,
        deviation=classifier.deviation,
        losses=classifier.losses,
    )


def load_classifier(folder: Path, *, device: str = "cpu") -> Classifier:
    """The classifier saved in `folder`, to compute on `device`.

    Raises:
        ValueError: In one line, if the folder holds no whole classifier.
    """
    numbers = tuple[float, ...]
    weights, settings = load_weights(
        folder, "classifier", config=ResNetConfig, mean=numbers, deviation=numbers, losses=numbers
    )
    classifier = Classifier(weights=weights, device=device, **settings)
    try:
        _net_of(classifier)
    except ValueError as error:
        raise ValueError(f"{folder} holds no whole classifier: {error}") from error
    return classifier


def _step(net: ResNet, optimiser: torch.optim.Optimizer, x: Tensor, y: Tensor, *, detached: bool) -> Tensor:
    """One step; the mean cross-entropy before it."""
    with half_precision(x.device.type):
        logits, guess = net.with_loss(x, detached=detached) if net.config.loss_head else (net(x), None)
    each = functional.cross_entropy(logits.float(), y, reduction="none")
    ranking = 0.0 if guess is None else ranking_loss(guess, each)
    take_step(optimiser, each.mean() + ranking)
    return each.detach().mean()


def _rate(epoch: float, training: ClassifierTraining) -> float:
    """Share of the learning rate after so many epochs."""
    if training.schedule == "drop":
        return 0.1 if epoch >= round(training.drop_at * training.epochs) else 1
    done = epoch / training.epochs
    return max(done / WARM_UP, 0.01) if done < WARM_UP else (1 - done) / (1 - WARM_UP)


def _require_labelled(images: Images, labels: Int64[np.ndarray, "m"], config: ResNetConfig) -> None:
    require_images(images, config.channels)
    if len(images) != len(labels) or len(images) < 2:
        raise ValueError(
            f"expected a label for each of 2 images or more; got {len(images)} images, {len(labels)} labels"
        )
    if labels.min() < 0 or labels.max() >= config.classes:
        raise ValueError(f"labels must be 0 … {config.classes - 1}; got {labels.min()} … {labels.max()}")


def _net_of(classifier: Classifier) -> ResNet:
    net = ResNet(classifier.config)
    set_weights(net, classifier.weights)
    return _laid_out(net).to(classifier.device)


def _laid_out(net: ResNet) -> ResNet:
    net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return net
