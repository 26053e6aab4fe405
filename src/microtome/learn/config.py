"""The settings of training."""

import math
from dataclasses import dataclass, field
from typing import Literal

from microtome.box import Int3
from microtome.net.config import NetConfig

Loss = Literal["ce+dice", "ce", "dice", "squared"]
Schedule = Literal["cosine", "constant", "steps"]
Optimiser = Literal["adamw", "sgd"]
Precision = Literal["auto", "float32", "bfloat16"]
Errors = Literal["both", "missed", "made-up"]
"""What counts as an error of a prediction: missed is foreground that it did not have, made-up what it had."""
TargetName = Literal["classes", "sigmoid", "polarity", "distance"]
"""What the channels of a net are taught: see `microtome.learn.targets`."""


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """How one network is trained. Whichever of `steps` (or `epochs`) and `seconds` is used up first ends it.

    Raises:
        ValueError: If a setting is out of range.
    """

    steps: int = 1000  # optimiser steps
    epochs: int = 0  # if positive, passes over the examples, in place of `steps`
    seconds: float = 0.0  # if positive, wall time after which training ends, its schedule run out
    batch: int = 14  # windows a step
    window: Int3 = (1, 96, 96)  # voxels z y x of a training window
    learning_rate: float = 3e-3
    weight_decay: float = 1e-4
    optimiser: Optimiser = "adamw"  # or stochastic gradient descent with momentum 0.9
    schedule: Schedule = "cosine"  # to zero at the end; "steps": a tenth from 90 % on, a hundredth from 95 %
    warm_up: float = 0.0  # share of training over which the learning rate rises from 0
    precision: Precision = "auto"  # of activations in training; "auto": bfloat16 on a GPU, float32 on a CPU
    ema: float = 0.99  # decay of the averaged weights that predict; 0 predicts with the last ones
    target: TargetName = "classes"
    loss: Loss = "ce+dice"  # "squared" for target "distance", and for that alone
    class_weights: tuple[float, ...] = ()  # background first; () balances them by frequency, at most 5 : 1
    # for target "classes", and 19 : 1 in every window and channel by itself for the others
    foreground: float = 0.5  # share of windows that are drawn around a foreground voxel
    reject: float = 0.0  # probability that a window with too little foreground is drawn anew
    reject_below: int = 1  # foreground voxels of a window that are enough
    loss_head_until: float = (
        0.6  # share of training after which a loss head no longer changes the rest of the net
    )

    def __post_init__(self) -> None:
        _require(
            self.steps >= 1 and self.epochs >= 0, "steps >= 1 and epochs >= 0", (self.steps, self.epochs)
        )
        _require(self.batch >= 1, "batch >= 1", self.batch)
        _require(min(self.window) >= 1, "window >= 1 on every axis", self.window)
        _require(self.learning_rate > 0, "learning_rate > 0", self.learning_rate)
        _require(self.seconds >= 0, "seconds >= 0", self.seconds)
        _require(0 <= self.ema < 1, "ema in [0, 1)", self.ema)
        _require(0 <= self.warm_up <= 1, "warm_up in [0, 1]", self.warm_up)
        _require(0 <= self.foreground <= 1, "foreground in [0, 1]", self.foreground)
        _require(0 <= self.reject < 1, "reject in [0, 1)", self.reject)
        _require(self.reject_below >= 1, "reject_below >= 1", self.reject_below)
        _require(0 <= self.loss_head_until <= 1, "loss_head_until in [0, 1]", self.loss_head_until)
        weights = self.class_weights or (1.0,)
        _require(min(weights) >= 0 and 0 < sum(weights) < math.inf, "class_weights >= 0, not all 0", weights)
        _require(
            (self.target == "distance") == (self.loss == "squared"),
            "loss 'squared' for target 'distance', and for no other",
            (self.target, self.loss),
        )


@dataclass(frozen=True, slots=True)
class AugmentConfig:
    """Random changes of a training window. A probability or a size of 0 switches one off.

    Raises:
        ValueError: If a size is negative or not finite, or a probability not in [0, 1].
    """

    symmetries: bool = True  # the eight flips and quarter turns of y x
    rotation: float = 10.0  # degrees, either way, of half the windows
    scale: float = 0.05  # relative, either way, of the same windows
    elastic: float = 1.0  # voxels of displacement (s.d.), smooth over 32 voxels, of the same windows
    jitter: float = 1.0  # voxels (s.d.) by which each section of a 3-D window is shifted
    brightness: float = 0.2  # of the image's s.d., either way
    contrast: float = 0.2  # relative, either way
    noise: float = 0.05  # of the image's s.d., at most
    blur: float = 0.1  # probability of a 3 x 3 blur
    cutout: float = 0.0  # probability that a rectangle is made grey

    def __post_init__(self) -> None:
        sizes = (
            self.rotation,
            self.scale,
            self.elastic,
            self.jitter,
            self.brightness,
            self.contrast,
            self.noise,
        )
        _require(all(0 <= size < math.inf for size in sizes), "augmentation of finite sizes >= 0", sizes)
        _require(
            0 <= self.blur <= 1 and 0 <= self.cutout <= 1, "probabilities in [0, 1]", (self.blur, self.cutout)
        )


@dataclass(frozen=True, slots=True)
class ErrorWeighting:
    """How much more a voxel weighs that an annotator had to correct (Guay 2021).

    A weight is max(floor, (1 + strength · E) · c) with c the class weight, the largest being 1, and E in
    [0, 1] where a prediction was wrong: see `microtome.learn.corrections`.

    Raises:
        ValueError: If a setting is out of range.
    """

    strength: float = 0.0  # 0 is off; the paper has 100
    errors: Errors = "both"
    blur: float = 5.0  # voxels (s.d., y and x) over which a correction spreads
    smallest: int = 10  # voxels of a correction within a section; smaller ones do not count
    floor: float = 0.0  # least weight of a voxel, of the largest class weight; the paper has 0.08

    def __post_init__(self) -> None:
        sizes = (self.strength, self.blur, self.floor)
        most = 1e6  # beyond, a loss in single precision is no number any more
        _require(all(0 <= size <= most for size in sizes), "strength, blur and floor from 0 to 1e6", sizes)
        _require(self.smallest >= 1, "smallest >= 1", self.smallest)


@dataclass(frozen=True, slots=True)
class Recipe:
    """A network, how it is trained, and how it goes on when more labels are there."""

    net: NetConfig = field(default_factory=NetConfig)
    train: TrainConfig = field(default_factory=TrainConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    fine_tune: TrainConfig | None = None  # None trains every round from scratch
    members: int = 1  # networks trained independently, from seeds of their own
    subset: float = (
        1.0  # share of the examples, drawn anew for each, that all members but the last learn from
    )
    snapshots: int = 1  # of each network: cosine restarts, one kept from each (Huang 2017)
    corrections: ErrorWeighting = field(default_factory=ErrorWeighting)

    def require_trainable(self, classes: int) -> None:
        """Refuse what training would, before anything is asked; `classes` counts the background.

        Raises:
            ValueError: If a window does not fit the net's pools, or class weights the classes.
        """
        for train in (self.train, self.fine_tune or self.train):
            divides = all(w % m == 0 for w, m in zip(train.window, self.net.multiple, strict=True))
            _require(
                divides, f"a window that is a multiple of {self.net.multiple} for this net", train.window
            )
            fits = len(train.class_weights) in (0, classes)
            _require(fits, f"{classes} class_weights, background first", train.class_weights)
            fits = train.target != "polarity" or classes == 3
            _require(
                fits, "classes pre and post, in this order, for target 'polarity'", f"{classes - 1} classes"
            )

    def __post_init__(self) -> None:
        _require(
            self.members >= 1 and self.snapshots >= 1,
            "members and snapshots >= 1",
            (self.members, self.snapshots),
        )
        _require(0 < self.subset <= 1, "subset in (0, 1]", self.subset)
        losses = {self.train.loss, (self.fine_tune or self.train).loss}
        _require(
            not self.corrections.strength or "dice" not in losses,
            "a loss other than 'dice', which weighs no voxels, where corrections have a strength",
            sorted(losses),
        )
        targets = (self.train.target, (self.fine_tune or self.train).target)
        _require(targets[0] == targets[1], "one target in training and fine-tuning", targets)


def demo() -> Recipe:
    """The default in less time: rounds of half a minute or less on two cores, for a first look.

    So short a training learns more from the images as they are than from ones deformed or made noisy.
    """
    augment = AugmentConfig(rotation=0, scale=0, elastic=0, noise=0, blur=0)
    return Recipe(train=TrainConfig(steps=250), augment=augment)


def roels_saeys() -> Recipe:
    """Roels & Saeys (2019): 500 epochs, then fine-tuned for 200 every round; Adam, cross-entropy.

    The learning rates are those of the authors' other programs; the paper's own were lost in its text.
    """
    train = TrainConfig(
        epochs=500, batch=4, window=(1, 256, 256), learning_rate=1e-3, weight_decay=0.0, schedule="constant",
        ema=0.0, loss="ce", class_weights=(1.0, 1.0), foreground=0.0,
    )  # fmt: skip
    tune = TrainConfig(
        epochs=200, batch=4, window=(1, 256, 256), learning_rate=5e-4, weight_decay=0.0, schedule="constant",
        ema=0.0, loss="ce", class_weights=(1.0, 1.0), foreground=0.0,
    )  # fmt: skip
    net = NetConfig(widths=(16, 32, 64, 128, 256), norm="instance", dropout=0.25)
    augment = AugmentConfig(rotation=0, scale=0, elastic=1.0, brightness=0, contrast=0.1, noise=0, blur=0)
    return Recipe(net=net, train=train, augment=augment, fine_tune=tune)


def lubrano(loss: Literal["dice", "ce"] = "dice") -> Recipe:
    """Lubrano et al. (2019): from scratch every round, dropout 0.2, Dice or weighted cross-entropy.

    The weights 0.30 foreground : 0.70 background are those of the released program.
    """
    train = TrainConfig(
        steps=1500, batch=5, window=(1, 512, 512), learning_rate=1e-3, weight_decay=0.0, schedule="constant",
        ema=0.0, loss=loss, class_weights=(0.7, 0.3), foreground=0.0,
    )  # fmt: skip
    net = NetConfig(widths=(32, 64, 128, 256, 512), dropout=0.2)
    augment = AugmentConfig(rotation=10, scale=0.2, elastic=0, noise=0, blur=0)
    return Recipe(net=net, train=train, augment=augment)


def lin(target: TargetName = "sigmoid") -> Recipe:
    """Lin et al. (2020): a residual 3-D U-Net whose kernels spare z, and windows that hold some foreground.

    Sizes and schedule are those of the authors' model of synaptic polarity; it wants a GPU. Here a block on
    the finest level has two kernels of 1 3 3 and theirs a first one of 1 5 5 besides.
    """
    train = TrainConfig(
        steps=50_000, batch=8, window=(8, 256, 256), learning_rate=1e-3, optimiser="sgd", schedule="steps",
        warm_up=0.02, ema=0.0, target=target, loss=_loss_of(target), foreground=0.0, reject=0.95,
        reject_below=1000,
    )  # fmt: skip
    augment = AugmentConfig(scale=0.2, blur=0.5, cutout=0.5)
    return Recipe(net=_lin_net((32, 64, 128, 256, 256), dropout=0.0), train=train, augment=augment)


def lin_small(target: TargetName = "sigmoid") -> Recipe:
    """The same kind of net and the same losses in minutes on two cores, trained as the default is."""
    train = TrainConfig(
        steps=1000, batch=4, window=(8, 64, 64), target=target, loss=_loss_of(target), foreground=0.0,
        reject=0.95, reject_below=64,
    )  # fmt: skip
    return Recipe(net=_lin_net((12, 24, 48, 64), dropout=0.1), train=train)


def _lin_net(widths: tuple[int, ...], dropout: float) -> NetConfig:
    deeper = len(widths) - 1
    return NetConfig(
        widths=widths, kernels=((1, 3, 3), *[(3, 3, 3)] * deeper), pools=((1, 2, 2),) * deeper,
        activation="elu", dropout=dropout, residual=True, squeeze_excitation=True, skip="add",
    )  # fmt: skip


def _loss_of(target: TargetName) -> Loss:
    return "squared" if target == "distance" else "ce+dice"


def _require(holds: bool, expected: str, got: object) -> None:
    if not holds:
        raise ValueError(f"training expects {expected}; got {got}")
