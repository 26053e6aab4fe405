"""What the channels of a net are taught, and the classes that their outputs mean."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional

from microtome.labels import IGNORE
from microtome.learn.config import Loss, TargetName
from microtome.learn.distance import signed_distances
from microtome.learn.losses import Emphasis, balanced, channel_loss, masked_loss, range_loss

SCALE_NM = 50.0  # a distance is taught as its tanh in this unit (Heinrich 2018)
REACH_NM = 3 * SCALE_NM  # beyond it tanh is 1, but for half a percent

Outputs = Float[Tensor, "b c z y x"]
Labels = Int[Tensor, "b z y x"]
Scalar = Float[Tensor, ""]
ClassWeights = Float[Tensor, "k"] | None


@runtime_checkable
class Target(Protocol):
    """How a net's channels are taught class labels, and how classes are read from them."""

    def channels(self, classes: int) -> int:
        """How many channels stand for `classes`, background included."""

    def loss(
        self,
        outputs: Outputs,
        labels: Labels,
        weights: ClassWeights,
        loss: Loss,
        emphasis: Emphasis | None = None,
    ) -> Scalar:
        """Loss over the labelled voxels: weighted by class, or balanced if no `weights` are given.

        With `emphasis` some voxels weigh more.
        """

    def class_logits(self, outputs: Float[Tensor, "b c *space"]) -> Float[Tensor, "b k *space"]:
        """What `outputs` say of the classes: a softmax gives their probabilities, background first."""


@dataclass(frozen=True)
class Classes:
    """A channel a class, exclusive: a softmax."""

    def channels(self, classes: int) -> int:
        return classes

    def loss(
        self,
        outputs: Outputs,
        labels: Labels,
        weights: ClassWeights,
        loss: Loss,
        emphasis: Emphasis | None = None,
    ) -> Scalar:
        given = outputs.new_ones(outputs.shape[1]) if weights is None else weights
        return masked_loss(outputs, labels, given, loss, emphasis)

    def class_logits(self, outputs: Float[Tensor, "b c *space"]) -> Float[Tensor, "b k *space"]:
        return outputs


CLASSES = Classes()


@dataclass(frozen=True)
class Sigmoids:
    """A channel a class of objects, each a sigmoid of its own.

    Classes are what the channels say given that a voxel is of one class at most: p ∝ a / (1 - a), and 1 for
    the background; with one class of objects that is its sigmoid.
    """

    def channels(self, classes: int) -> int:
        return classes - 1

    def loss(
        self,
        outputs: Outputs,
        labels: Labels,
        weights: ClassWeights,
        loss: Loss,
        emphasis: Emphasis | None = None,
    ) -> Scalar:
        truth = _each_class(labels, outputs.shape[1])
        return channel_loss(outputs, truth, _voxel_weights(truth, labels, weights, emphasis), loss)

    def class_logits(self, outputs: Float[Tensor, "b c *space"]) -> Float[Tensor, "b k *space"]:
        return _with_background(outputs.float())


@dataclass(frozen=True)
class Polarity:
    """Three sigmoids for the two sides of a synapse, class 1 pre and class 2 post: pre, post, and either.

    The background is what is not either; what is either is shared out by the odds of pre and post
    (channels as in Lin et al. 2020).
    """

    def channels(self, classes: int) -> int:
        """Three.

        Raises:
            ValueError: If the classes are not background, pre and post.
        """
        if classes != 3:
            raise ValueError(f"target 'polarity' expects two classes, pre and post; got {classes - 1}")
        return 3

    def loss(
        self,
        outputs: Outputs,
        labels: Labels,
        weights: ClassWeights,
        loss: Loss,
        emphasis: Emphasis | None = None,
    ) -> Scalar:
        sides = _each_class(labels, 2)
        truth = torch.cat([sides, sides.any(dim=1, keepdim=True)], dim=1)
        return channel_loss(outputs, truth, _voxel_weights(truth, labels, weights, emphasis), loss)

    def class_logits(self, outputs: Float[Tensor, "b c *space"]) -> Float[Tensor, "b k *space"]:
        sides, either = outputs[:, :2].float(), outputs[:, 2:].float()
        shares = functional.logsigmoid(either) + sides.log_softmax(dim=1)
        return torch.cat([functional.logsigmoid(-either), shares], dim=1)


@dataclass(frozen=True)
class Distances:
    """A channel a class of objects: tanh of the distance to its border, positive inside (Heinrich 2018).

    Half of 1 + tanh is the probability, which is ½ at the border. Where unlabelled voxels hide how far the
    border is, no output in the range that is left costs anything.
    """

    voxel_size_nm: tuple[float, float, float] | None = None  # z y x; without it the channels can only be read

    def channels(self, classes: int) -> int:
        return classes - 1

    def loss(
        self,
        outputs: Outputs,
        labels: Labels,
        weights: ClassWeights,
        loss: Loss,
        emphasis: Emphasis | None = None,
    ) -> Scalar:
        """See `Target`.

        Raises:
            ValueError: If the voxel size is not known.
        """
        if self.voxel_size_nm is None:
            raise ValueError("target 'distance' expects examples with a voxel size in nm; got none")
        truth = _each_class(labels, outputs.shape[1])
        known = (labels != IGNORE).unsqueeze(1)
        low, high = signed_distances(truth, known, self.voxel_size_nm, REACH_NM)
        low, high = (low / SCALE_NM).tanh(), (high / SCALE_NM).tanh()
        return range_loss(outputs.float().tanh(), low, high, _voxel_weights(truth, labels, weights, emphasis))

    def class_logits(self, outputs: Float[Tensor, "b c *space"]) -> Float[Tensor, "b k *space"]:
        return _with_background(2 * outputs.float())


def target_of(name: TargetName, voxel_size_nm: tuple[float, float, float] | None = None) -> Target:
    """The target of that name in the settings."""
    targets: dict[TargetName, Target] = {
        "classes": CLASSES,
        "sigmoid": Sigmoids(),
        "polarity": Polarity(),
        "distance": Distances(voxel_size_nm),
    }
    return targets[name]


def _each_class(labels: Labels, count: int) -> Bool[Tensor, "b c z y x"]:
    """Whether each voxel is of class 1, …, `count`."""
    return torch.stack([labels == c for c in range(1, count + 1)], dim=1)


def _voxel_weights(
    truth: Bool[Tensor, "b c z y x"], labels: Labels, weights: ClassWeights, emphasis: Emphasis | None
) -> Float[Tensor, "b #c z y x"]:
    known = (labels != IGNORE).unsqueeze(1)
    if weights is None:
        found = balanced(truth, known)
    else:
        found = weights[torch.where(known, labels.unsqueeze(1), 0)] * known
    return found if emphasis is None else emphasis.on(found, found.max())


def _with_background(logits: Float[Tensor, "b c *space"]) -> Float[Tensor, "b k *space"]:
    return torch.cat([torch.zeros_like(logits[:, :1]), logits], dim=1)
