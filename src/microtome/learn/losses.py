"""Losses that ignore what nobody labelled."""

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from microtome.labels import IGNORE
from microtome.learn.config import Loss

SMOOTH = 1.0  # voxels; keeps Dice defined where a class is absent
MARGIN = 1.0  # by which predicted losses of a pair should differ, at least


def masked_loss(
    logits: Float[Tensor, "b c z y x"],
    labels: Int[Tensor, "b z y x"],
    weights: Float[Tensor, "c"],
    loss: Loss,
) -> Float[Tensor, ""]:
    """Loss over the labelled voxels of a batch; 0 where there are none, and then without a gradient.

    Cross-entropy is weighted by class. Dice is 1 minus the mean over the foreground classes, its sums
    taken over the whole batch: one window without foreground says nothing about overlap.
    """
    known = labels != IGNORE
    target = torch.where(known, labels, 0)
    log_proba = functional.log_softmax(logits.float(), dim=1)
    total = logits.new_zeros((), dtype=torch.float32)
    if loss != "dice":
        weight = weights[target] * known
        log_target = log_proba.gather(1, target.unsqueeze(1)).squeeze(1)
        total = total - (weight * log_target).sum() / weight.sum().clamp_min(1e-6)
    if loss != "ce":
        total = total + _dice(log_proba, target, known)
    return total


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


def _dice(log_proba: Tensor, target: Tensor, known: Tensor) -> Tensor:
    overlap = []
    for c in range(1, log_proba.shape[1]):
        proba = log_proba[:, c].exp() * known
        truth = (target == c) & known
        overlap.append((2 * (proba * truth).sum() + SMOOTH) / (proba.sum() + truth.sum() + SMOOTH))
    return 1 - torch.stack(overlap).mean()
