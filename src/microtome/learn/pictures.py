"""Square pictures of objects as arrays, and as a VAE sees them."""

import numpy as np
import torch
from jaxtyping import Float32, Int8, UInt8
from torch import Tensor
from torch.nn import functional

from microtome.net.vae import VAEConfig

Pictures = UInt8[np.ndarray, "n *c y x"] | Int8[np.ndarray, "n *c y x"] | Float32[np.ndarray, "n *c y x"]
"""uint8 grey values, int8 mask codes -1, 0 and 1, or float32 in [-1, 1].

A grey value g is seen as g / 127.5 - 1. The channel axis may be left out where there is one channel, and
the side may be a multiple of the VAE's: the picture is then averaged down to it. A memory-mapped array is
read a batch at a time.
"""


def require_pictures(pictures: Pictures, config: VAEConfig) -> None:
    """Refuse what a VAE of this config cannot take.

    Raises:
        ValueError: If there is no picture, or shape or range are not those that `Pictures` says.
    """
    channels, sides = pictures.shape[1:-2] or (1,), pictures.shape[-2:]
    if channels != (config.channels,) or sides[0] != sides[1] or sides[0] % config.side:
        raise ValueError(
            f"expected pictures of {config.channels} channel(s) and a square whose side is a multiple of "
            f"{config.side}; got shape {pictures.shape}"
        )
    if not pictures.size:
        raise ValueError(f"expected at least one picture; got shape {pictures.shape}")
    if pictures.dtype != np.uint8:
        low, high = pictures.min(), pictures.max()
        if not (low >= -1 and high <= 1):  # so put, nan is refused too
            raise ValueError(f"{pictures.dtype} pictures must be in [-1, 1]; got {low} … {high}")


def as_tensor(pictures: Pictures, config: VAEConfig, device: str) -> Float32[Tensor, "n c s s"]:
    """Pictures as the network sees them, on `device`."""
    grey, side = pictures.dtype == np.uint8, pictures.shape[-1]
    batch = torch.from_numpy(np.array(pictures, order="C")).to(device).float()
    batch = batch.view(len(pictures), config.channels, side, side)
    if side != config.side:
        batch = functional.avg_pool2d(batch, side // config.side)
    batch = batch / 127.5 - 1 if grey else batch
    return batch.contiguous(memory_format=torch.channels_last)
