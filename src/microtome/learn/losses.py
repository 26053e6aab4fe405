"""Losses that ignore what nobody labelled."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional

from microtome.labels import IGNORE
from microtome.learn.config import ErrorWeighting, Loss
from microtome.learn.corrections import MOST

SMOOTH = 1.0  # voxels; keeps Dice defined where a class is absent
CHANNEL_SMOOTH = 100.0  # voxels; likewise for channels that are not exclusive, in every window by itself
RAREST = 0.05  # share of a window below which a side of a channel weighs no more: at most 19 times the other
MARGIN = 1.0  # by which predicted losses of a pair should differ, at least
SPACE = (2, 3, 4)  # the axes z y x of a batch


@dataclass(frozen=True, eq=False)
class Emphasis:
    """Voxels that weigh more than their class: `more` times as much, and at least `floor` of the largest."""

    more: Float[Tensor, "b z y x"]
    floor: float = 0.0

    def on(
        self, weights: Float[Tensor, "b *c z y x"], largest: Float[Tensor, ""]
    ) -> Float[Tensor, "b *c z y x"]:
        """The weights of voxels, or of channels at voxels, with this emphasis; what weighs 0 still does."""
        more = self.more if weights.ndim == self.more.ndim else self.more.unsqueeze(1)
        return torch.where(weights > 0, (weights * more).clamp_min(self.floor * largest), 0)


def unmarked(
    marks: Int[Tensor, "b z y x"], config: ErrorWeighting
) -> tuple[Int[Tensor, "b z y x"], Emphasis]:
    """The labels in what `corrections.marks` put together, and how much more each voxel weighs."""
    return marks & 255, Emphasis(1 + config.strength / MOST * (marks >> 8), config.floor)


def masked_loss(
    logits: Float[Tensor, "b c z y x"],
    labels: Int[Tensor, "b z y x"],
    weights: Float[Tensor, "c"],
    loss: Loss,
    emphasis: Emphasis | None = None,
) -> Float[Tensor, ""]:
    """Loss over the labelled voxels of a batch; 0 where there are none, and then without a gradient.

    Cross-entropy is weighted by class, and by `emphasis`. Dice is 1 minus the mean over the foreground
    classes, its sums taken over the whole batch: one window without foreground says nothing about overlap.
    """
    known = labels != IGNORE
    target = torch.where(known, labels, 0)
    log_proba = functional.log_softmax(logits.float(), dim=1)
    total = logits.new_zeros((), dtype=torch.float32)
    if loss != "dice":
        weight = weights[target] * known
        if emphasis is not None:
            weight = emphasis.on(weight, weights.max())
        log_target = log_proba.gather(1, target.unsqueeze(1)).squeeze(1)
        total = total - (weight * log_target).sum() / weight.sum().clamp_min(1e-6)
    if loss != "ce":
        total = total + _dice(log_proba, target, known)
    return total


def channel_loss(
    outputs: Float[Tensor, "b c z y x"],
    truth: Bool[Tensor, "b c z y x"],
    weights: Float[Tensor, "b #c z y x"],
    loss: Loss,
) -> Float[Tensor, ""]:
    """Loss of channels that are not exclusive, each a sigmoid; voxels of weight 0 are left out.

    Cross-entropy is the mean over the other voxels of each one's times its weight. Dice is 1 minus the mean
    over windows and channels, each with its own sums: what is found in a window that holds nothing costs.
    With no voxel left it is 0, and then without a gradient.
    """
    outputs, known = outputs.float(), weights > 0
    total = outputs.new_zeros(())
    if loss != "dice":
        entropy = functional.binary_cross_entropy_with_logits(outputs, truth.float(), reduction="none")
        total = total + _mean(weights * entropy, known)
    if loss != "ce":
        proba, present = outputs.sigmoid() * known, (truth & known).float()
        overlap, both = (proba * present).sum(dim=SPACE), proba.sum(dim=SPACE) + present.sum(dim=SPACE)
        total = total + 1 - ((2 * overlap + CHANNEL_SMOOTH) / (both + CHANNEL_SMOOTH)).mean()
    return total


def range_loss(
    outputs: Float[Tensor, "b c z y x"],
    low: Float[Tensor, "b c z y x"],
    high: Float[Tensor, "b c z y x"],
    weights: Float[Tensor, "b #c z y x"],
) -> Float[Tensor, ""]:
    """Mean square by which outputs miss low … high, times weights; voxels of weight 0 are left out."""
    outside = outputs - outputs.clamp(low, high)
    return _mean(weights * outside.square(), weights > 0)


def balanced(
    truth: Bool[Tensor, "b c z y x"], known: Bool[Tensor, "b 1 z y x"]
) -> Float[Tensor, "b c z y x"]:
    """Weights of known voxels: 1 on the larger side of a channel in a window, more on the rarer; else 0.

    With f the share of known voxels that are true, kept within 0.05 … 0.95, the rarer side weighs
    max(f, 1 - f) / min(f, 1 - f), which is 19 at most.
    """
    shares = (truth & known).sum(dim=SPACE, keepdim=True) / known.sum(dim=SPACE, keepdim=True).clamp_min(1)
    true = shares.clamp(RAREST, 1 - RAREST)
    more = torch.where(truth, (1 - true) / true, true / (1 - true)).clamp_min(1)
    return more * known


def image_losses(logits: Float[Tensor, "b c z y x"], labels: Int[Tensor, "b z y x"]) -> Float[Tensor, "b"]:
    """Mean cross-entropy over the labelled voxels of each image, classes alike; nan where there are none."""
    voxels = functional.cross_entropy(logits.float(), labels, ignore_index=IGNORE, reduction="none")
    return voxels.flatten(1).sum(dim=1) / (labels != IGNORE).flatten(1).sum(dim=1)


def ranking_loss(predicted: Float[Tensor, "b"], losses: Float[Tensor, "b"]) -> Float[Tensor, ""]:
    """How badly predicted losses order the true ones (Yoo & Kweon 2019).

    The mean over all pairs of max(0, 1 - sign(l_i - l_j) (l̂_i - l̂_j)). Images whose true loss is nan are left
    out; without a pair it is 0, and pulls nowhere.
    """
    known = losses.isfinite()
    pairs = (known[:, None] & known).triu(diagonal=1)
    true, guess = torch.where(known, losses.detach(), 0), predicted.float()
    sign = (true[:, None] - true).sign()
    short = (MARGIN - sign * (guess[:, None] - guess)).clamp_min(0)
    return (short * pairs).sum() / pairs.sum().clamp_min(1)


def class_weights(counts: Float[Tensor, "c"], most: float = 5.0) -> Float[Tensor, "c"]:
    """Weights inverse to the voxel counts, the most frequent class 1 and none above `most`."""
    return (counts.max() / counts.clamp_min(1.0)).clamp_max(most).float()


def _mean(values: Tensor, known: Tensor) -> Tensor:
    return values.sum() / known.expand_as(values).sum().clamp_min(1)


def _dice(log_proba: Tensor, target: Tensor, known: Tensor) -> Tensor:
    overlap = []
    for c in range(1, log_proba.shape[1]):
        proba = log_proba[:, c].exp() * known
        truth = (target == c) & known
        overlap.append((2 * (proba * truth).sum() + SMOOTH) / (proba.sum() + truth.sum() + SMOOTH))
    return 1 - torch.stack(overlap).mean()
