"""Small images in colour or grey: checked, changed at random, and as a classifier sees them."""

import numpy as np
import torch
from jaxtyping import Float32, UInt8
from torch import Tensor

Images = UInt8[np.ndarray, "n c y x"]


def require_images(images: Images, channels: int) -> None:
    """Refuse what a classifier of so many channels cannot take.

    Raises:
        ValueError: If there are other channels.
    """
    if images.shape[1] != channels:
        raise ValueError(f"expected images of {channels} channel(s), n c y x; got shape {images.shape}")


def shifted_and_flipped(images: Images, crop: int, flip: bool, rng: np.random.Generator) -> Images:
    """Each image shifted by up to `crop` pixels, black coming in; with `flip` half of them mirrored in x."""
    count, _, height, width = images.shape
    padded = np.pad(images, ((0, 0), (0, 0), (crop, crop), (crop, crop)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (height, width), axis=(2, 3))
    top, left = rng.integers(2 * crop + 1, size=(2, count))
    changed = windows[np.arange(count), :, top, left]
    mirrored = rng.random(count) < (0.5 if flip else 0)
    changed[mirrored] = changed[mirrored, :, :, ::-1]
    return changed


def colour_statistics(images: Images) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of each channel's grey values; a deviation is at least 1."""
    counts = np.stack([np.bincount(channel.ravel(), minlength=256) for channel in images.swapaxes(0, 1)])
    proba = counts / counts.sum(axis=1, keepdims=True)
    grey = np.arange(256)
    mean = proba @ grey
    variance = (proba * (grey - mean[:, None]) ** 2).sum(axis=1)
    return tuple(mean.tolist()), tuple(np.maximum(np.sqrt(variance), 1).tolist())


def standardised(
    images: Images, mean: tuple[float, ...], deviation: tuple[float, ...]
) -> Float32[Tensor, "n c y x"]:
    """Images with `mean` and `deviation` of each channel taken out."""
    shift, scale = (torch.tensor(values).view(1, -1, 1, 1) for values in (mean, deviation))
    x = (torch.from_numpy(np.array(images, order="C")).float() - shift) / scale
    return x.contiguous(memory_format=torch.channels_last)
