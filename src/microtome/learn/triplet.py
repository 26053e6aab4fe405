"""A VAE's features bent by answers: what people called right drawn together, and away from what was wrong.

Fine-tuning by triplets, as Lin et al. (2020) do between rounds, with the loss of Hoffer & Ailon (2015).
"""

import math
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor
from torch.nn import functional

from microtome.learn.pictures import Pictures, as_tensor, require_pictures
from microtome.learn.step import finite, take_step
from microtome.learn.vae import FittedVAE, net_of, vae_loss
from microtome.learn.weights import weights_of
from microtome.progress import Progress, silent


@dataclass(frozen=True, slots=True)
class TripletTraining:
    """How features are fine-tuned, by Adam; an epoch has as many triplets as there are answers.

    Raises:
        ValueError: If a setting is out of range.
    """

    epochs: int = 30
    batch: int = 32  # triplets a step, of three pictures each
    learning_rate: float = 1e-4
    weight: float = 1.0  # of the triplets against the VAE's own loss

    def __post_init__(self) -> None:
        if min(self.epochs, self.batch) < 1:
            raise ValueError(f"epochs and batch must be at least 1; got {self.epochs} and {self.batch}")
        if not 0 < self.learning_rate < math.inf or not 0 <= self.weight < math.inf:
            raise ValueError(
                "learning_rate must be positive and weight at least 0; "
                f"got {self.learning_rate} and {self.weight}"
            )


def fine_tuned(
    vae: FittedVAE,
    pictures: Pictures,
    answers: Bool[np.ndarray, "m"],
    training: TripletTraining | None = None,
    *,
    seed: int,
    progress: Progress = silent,
) -> FittedVAE:
    """The VAE trained on with the pictures that were answered: correct is True.

    The loss is the VAE's own of all pictures in a triplet, plus `weight` times that of the triplets.
    `losses` of the result has one entry an epoch.

    Raises:
        ValueError: If pictures do not fit the VAE or the answers, all answers are the same, or the loss
            is not finite.
    """
    training = training or TripletTraining()
    require_pictures(pictures, vae.config)
    _require_both(len(pictures), answers)
    net = net_of(vae).train()
    optimiser = torch.optim.Adam(net.parameters(), lr=training.learning_rate, foreach=True)
    rng, generator = np.random.default_rng((seed, 1)), torch.Generator().manual_seed(seed)
    steps = math.ceil(len(answers) / training.batch)
    losses = []
    for epoch in range(1, training.epochs + 1):
        total = torch.zeros((), device=vae.device)
        for _ in range(steps):
            rows = triplets(answers, min(training.batch, len(answers)), rng)
            batch = as_tensor(pictures[rows.ravel()], vae.config, vae.device)
            loss, means = vae_loss(net, batch, vae.training, generator)
            x, same, other = means.chunk(3)
            loss = loss + training.weight * triplet_loss(x, same, other)
            take_step(optimiser, loss)
            total += loss.detach()
        losses.append(finite(float(total) / steps, epoch * steps))
        progress("fine-tuning the VAE", epoch, training.epochs, f"loss {losses[-1]:.4f}")
    return replace(vae, weights=weights_of(net), losses=tuple(losses))


def triplet_loss(
    x: Float[Tensor, "b d"], same: Float[Tensor, "b d"], other: Float[Tensor, "b d"]
) -> Float[Tensor, ""]:
    """Mean of 2 p², p the soft-max of the distance to `same` against that to `other` (Hoffer & Ailon 2015).

    From 0, where `same` is far nearer, to 2; 0.5 where both are equally far. It is computed in logarithms,
    so that large distances do not overflow.
    """
    near = torch.linalg.vector_norm(x - same, dim=1)
    far = torch.linalg.vector_norm(x - other, dim=1)
    return (2 * (2 * functional.logsigmoid(near - far)).exp()).mean()


def triplets(
    answers: Bool[np.ndarray, "n"], count: int, rng: np.random.Generator
) -> Int64[np.ndarray, "3 count"]:
    """Rows of a picture, of another with the same answer, and of one with the other answer.

    Half of the first are answered True. Where only one picture has an answer it stands for its other.
    """
    classes = np.flatnonzero(answers), np.flatnonzero(~answers)
    first = (np.arange(count) + rng.integers(2)) % 2  # an odd count gives either class the extra one
    rows = np.empty((3, count), dtype=np.int64)
    for kind in (0, 1):
        mine, others = classes[kind], classes[1 - kind]
        at = np.flatnonzero(first == kind)
        one = rng.integers(len(mine), size=len(at))
        step = rng.integers(1, max(len(mine), 2), size=len(at))
        rows[0, at] = mine[one]
        rows[1, at] = mine[(one + step) % len(mine)]
        rows[2, at] = others[rng.integers(len(others), size=len(at))]
    return rows


def _require_both(count: int, answers: Bool[np.ndarray, "n"]) -> None:
    if len(answers) != count:
        raise ValueError(f"expected an answer for each of {count} pictures; got {len(answers)}")
    if answers.all() or not answers.any():
        kind = "correct" if answers.all() else "incorrect"
        raise ValueError(f"triplets need answers of both kinds; got {len(answers)}, all {kind}")
