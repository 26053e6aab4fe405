"""A variational auto-encoder of small pictures (Kingma & Welling 2014), as Lin et al. (2020) shape it."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

GROUPS = 16  # of channels that are normalised together (Wu & He 2018)
MOST_LATENT = 4096  # 16 kB for each object; Lin et al. take at most 1000


@dataclass(frozen=True, slots=True)
class VAEConfig:
    """What a VAE looks like. The widths are those of Lin et al.; every one of them halves the picture.

    Raises:
        ValueError: If a setting is out of range, or the widths do not fit the side.
    """

    latent: int = 20  # numbers that describe a picture; Lin et al.: masks 20, images 1000, CIFAR-10 32
    widths: tuple[int, ...] = (64, 128, 128, 256, 256, 512)  # channels of each level, finest first
    side: int = 128  # pixels of a square picture
    channels: int = 1

    def __post_init__(self) -> None:
        if min(self.latent, self.channels, self.side) < 1:
            raise ValueError(
                "latent, channels and side must be at least 1; "
                f"got {self.latent}, {self.channels} and {self.side}"
            )
        if self.latent > MOST_LATENT:
            raise ValueError(f"latent must be at most {MOST_LATENT}; got {self.latent}")
        if not self.widths or any(width < 1 or width % GROUPS for width in self.widths):
            raise ValueError(f"widths of a VAE must be multiples of {GROUPS}; got {self.widths}")
        if self.side % 2 ** len(self.widths):
            raise ValueError(
                f"side must be a multiple of {2 ** len(self.widths)} for {len(self.widths)} widths; "
                f"got {self.side}"
            )
        if self.widths[-1] * self.deepest**2 == GROUPS:
            raise ValueError(f"a last width of {GROUPS} needs a larger side: groups of one value are all 0")

    @property
    def deepest(self) -> int:
        """Side of the deepest level in pixels."""
        return self.side // 2 ** len(self.widths)


MASKS, IMAGES = VAEConfig(latent=20), VAEConfig(latent=1000)
"""The networks of Lin et al. for masks and for image patches of 128² pixels: for a GPU."""
SMALL_MASKS = VAEConfig(latent=20, widths=(16, 32, 64), side=32)
SMALL_IMAGES = VAEConfig(latent=64, widths=(16, 32, 64), side=32)
"""A hundred times faster to train, for a few cores: patches are averaged down to 32² pixels.

With a further width of 128, on 64² pixels, a step took 3.4 times as long.
"""


class VAE(nn.Module):
    """Pictures in [-1, 1] to the mean and the log-variance of `latent` numbers each, and back.

    Pictures are `b channels side side`.
    """

    def __init__(self, config: VAEConfig) -> None:
        super().__init__()
        self.config = config
        widths, flat = config.widths, config.widths[-1] * config.deepest**2
        self.down = nn.Sequential(
            *(_down(a, b) for a, b in zip((config.channels, *widths), widths, strict=False))
        )
        self.mean = nn.Linear(flat, config.latent)
        self.log_variance = nn.Linear(flat, config.latent)
        self.rise = nn.Linear(config.latent, flat)
        back = widths[::-1]
        self.up = nn.Sequential(*(_up(a, b) for a, b in zip(back, (*back[1:], back[-1]), strict=True)))
        self.last = nn.Conv2d(widths[0], config.channels, 3, padding=1)

    def forward(
        self, picture: Float[Tensor, "b c s s"], noise: Float[Tensor, "b d"]
    ) -> tuple[Float[Tensor, "b c s s"], Float[Tensor, "b d"], Float[Tensor, "b d"]]:
        """What is decoded from mean + deviation × `noise`, then the mean and the log-variance."""
        mean, log_variance = self.encode(picture)
        return self.decode(mean + (0.5 * log_variance).exp() * noise), mean, log_variance

    def encode(self, picture: Float[Tensor, "b c s s"]) -> tuple[Float[Tensor, "b d"], Float[Tensor, "b d"]]:
        """Mean and log-variance of the numbers that describe each picture."""
        deep = self.down(picture).flatten(1)
        return self.mean(deep), self.log_variance(deep)

    def decode(self, numbers: Float[Tensor, "b d"]) -> Float[Tensor, "b c s s"]:
        """The pictures that `numbers` describe, in (-1, 1)."""
        side = self.config.deepest
        return torch.tanh(self.last(self.up(self.rise(numbers).unflatten(1, (-1, side, side)))))


def _down(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride=2, padding=1), nn.GroupNorm(GROUPS, outputs), nn.SiLU()
    )


def _up(inputs: int, outputs: int) -> nn.Sequential:
    conv = nn.ConvTranspose2d(inputs, outputs, 3, stride=2, padding=1, output_padding=1)
    return nn.Sequential(conv, nn.GroupNorm(GROUPS, outputs), nn.SiLU())
