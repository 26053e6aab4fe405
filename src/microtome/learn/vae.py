"""A VAE fitted to pictures of objects: what it makes of a picture is where that lies among the others.

One is fitted to the masks of objects and one to image patches: the two streams of Lin et al. (2020).
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor
from torch.nn import functional

from microtome.learn.pictures import Pictures, as_tensor, require_pictures
from microtome.learn.step import finite, half_precision, take_step
from microtome.learn.weights import Weights, load_weights, save_weights, set_weights, weights_of
from microtome.net.vae import VAE, VAEConfig
from microtome.progress import Progress, silent

REPORT_EVERY = 10  # steps; reading the loss waits for a GPU


@dataclass(frozen=True, slots=True)
class VAETraining:
    """How a VAE is trained: by AdamW, with a linear warm-up, then a cosine to zero.

    Lin et al. took 400 000 steps of 512 pictures.

    Raises:
        ValueError: If a setting is out of range.
    """

    steps: int = 10_000
    batch: int = 64  # pictures a step
    learning_rate: float = 1e-3
    warm_up: float = 0.02  # share of the steps
    reconstruction: Literal["l1", "mse"] = "l1"  # mean over pixels
    divergence: float = 1e-4  # weight of the Kullback-Leibler divergence from N(0, 1)

    def __post_init__(self) -> None:
        if min(self.steps, self.batch) < 1:
            raise ValueError(f"steps and batch must be at least 1; got {self.steps} and {self.batch}")
        if not 0 < self.learning_rate < math.inf:
            raise ValueError(f"learning_rate must be positive; got {self.learning_rate}")
        if not 0 <= self.divergence < math.inf:
            raise ValueError(f"the weight of the divergence must be at least 0; got {self.divergence}")
        if not 0 <= self.warm_up < 1:
            raise ValueError(f"warm_up must be in [0, 1); got {self.warm_up}")
        if self.reconstruction not in ("l1", "mse"):
            raise ValueError(f"reconstruction must be 'l1' or 'mse'; got {self.reconstruction!r}")


@dataclass(frozen=True, eq=False)
class FittedVAE:
    """A VAE with its weights, which are on the CPU; `device` is where it computes."""

    config: VAEConfig
    training: VAETraining
    weights: Weights
    losses: tuple[float, ...] = ()  # one per REPORT_EVERY steps
    device: str = "cpu"

    def encode(
        self, pictures: Pictures, *, batch: int = 256, progress: Progress = silent
    ) -> Float32[np.ndarray, "n d"]:
        """The mean that the encoder gives each picture; its variance is not used.

        Raises:
            ValueError: If the pictures are not of this VAE's size or range.
        """
        features = np.empty((len(pictures), self.config.latent), dtype=np.float32)
        starts = range(0, len(pictures), batch)
        for at, rows in zip(starts, self.encoded(pictures[k : k + batch] for k in starts), strict=True):
            features[at : at + len(rows)] = rows
            progress("encoding", at + len(rows), len(pictures))
        return features

    def encoded(self, batches: Iterable[Pictures]) -> Iterator[Float32[np.ndarray, "b d"]]:
        """Means batch by batch, for pictures that are made while others are encoded.

        Raises:
            ValueError: If pictures are not of this VAE's size or range, or a batch has none.
        """
        for pictures in batches:
            require_pictures(pictures, self.config)
            with torch.inference_mode(), half_precision(self.device):
                mean, _ = self._net.encode(as_tensor(pictures, self.config, self.device))
            yield mean.float().cpu().numpy()

    def decode(self, features: Float32[np.ndarray, "n d"]) -> Float32[np.ndarray, "n c s s"]:
        """The pictures that features describe, in (-1, 1), all in one go."""
        with torch.inference_mode():
            pictures = self._net.decode(torch.from_numpy(features).to(self.device))
        return pictures.contiguous().cpu().numpy()

    @cached_property
    def _net(self) -> VAE:
        return net_of(self).eval()


def fit_vae(
    pictures: Pictures,
    config: VAEConfig,
    training: VAETraining | None = None,
    *,
    seed: int,
    device: str = "cpu",
    progress: Progress = silent,
) -> FittedVAE:
    """A VAE trained on `pictures`; the same seed, device and thread count give the same weights.

    Raises:
        ValueError: If the pictures are not of the size or range that `config` and `Pictures` say, or
            the loss is not finite.
    """
    training = training or VAETraining()
    require_pictures(pictures, config)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net = _laid_out(VAE(config)).to(device)
    optimiser = torch.optim.AdamW(net.parameters(), lr=training.learning_rate, weight_decay=0, foreach=True)
    rng, generator = np.random.default_rng((seed, 1)), torch.Generator().manual_seed(seed)
    losses: list[float] = []
    for done in range(1, training.steps + 1):
        optimiser.param_groups[0]["lr"] = training.learning_rate * _rate(done - 1, training)
        rows = np.sort(rng.integers(len(pictures), size=training.batch))  # sorted: a file is read forwards
        loss, _ = vae_loss(net, as_tensor(pictures[rows], config, device), training, generator)
        take_step(optimiser, loss)
        if done % REPORT_EVERY == 0 or done == training.steps:
            losses.append(finite(float(loss.detach()), done))
            progress("training the VAE", done, training.steps, f"loss {losses[-1]:.4f}")
    return FittedVAE(config, training, weights_of(net), tuple(losses), device)


def vae_loss(
    net: VAE, batch: Float32[Tensor, "b c s s"], training: VAETraining, generator: torch.Generator
) -> tuple[Float32[Tensor, ""], Float32[Tensor, "b d"]]:
    """Reconstruction error + weighted divergence, the mean over pictures; and the pictures' means."""
    noise = torch.randn(len(batch), net.config.latent, generator=generator).to(batch.device)
    with half_precision(batch.device.type):
        picture, mean, log_variance = net(batch, noise)
    mean = mean.float()
    distance = functional.l1_loss if training.reconstruction == "l1" else functional.mse_loss
    away = divergence(mean, log_variance.float()).mean()
    return distance(picture.float(), batch) + training.divergence * away, mean


def divergence(mean: Float[Tensor, "b d"], log_variance: Float[Tensor, "b d"]) -> Float[Tensor, "b"]:
    """Kullback-Leibler divergence of each picture's Gaussian from N(0, 1), in nats; 0 where they agree."""
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(dim=1)


def net_of(vae: FittedVAE) -> VAE:
    """A network of its own with the weights of `vae`, on its device.

    Raises:
        ValueError: If the weights are not those of such a network.
    """
    net = VAE(vae.config)
    set_weights(net, vae.weights)
    return _laid_out(net).to(vae.device)


def save_vae(vae: FittedVAE, folder: Path) -> None:
    """Write `vae` into a new `folder`, whole or not at all.

    Raises:
        FileExistsError: If the folder is there already.
        OSError: If it cannot be written.
    """
    save_weights(folder, "vae", vae.weights, config=vae.config, training=vae.training, losses=vae.losses)


def load_vae(folder: Path, *, device: str = "cpu") -> FittedVAE:
    """The VAE saved in `folder`, to compute on `device`.

    Raises:
        ValueError: In one line, if the folder holds no whole VAE.
    """
    weights, settings = load_weights(
        folder, "vae", config=VAEConfig, training=VAETraining, losses=tuple[float, ...]
    )
    vae = FittedVAE(weights=weights, device=device, **settings)
    try:
        net_of(vae)
    except ValueError as error:
        raise ValueError(f"{folder} holds no whole vae: {error}") from error
    return vae


def _rate(step: int, training: VAETraining) -> float:
    """Share of the learning rate at a step: up in a line, down as a cosine."""
    warm = round(training.warm_up * training.steps)
    if step < warm:
        return (step + 1) / (warm + 1)
    return 0.5 * (1 + math.cos(math.pi * (step - warm) / (training.steps - warm)))


def _laid_out(net: VAE) -> VAE:
    net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return net
