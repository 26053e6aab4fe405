"""Class probabilities of an image in memory, in overlapping windows that are blended into one."""

from collections.abc import Callable, Sequence
from itertools import product

import numpy as np
import torch
from jaxtyping import Float, Float32, UInt8
from torch import Tensor

from microtome.box import Box, Int3

Engine = Callable[[Float[Tensor, "b 1 z y x"]], Float[Tensor, "b c u v w"]]
"""Normalised images in, class probabilities out."""


def blended(
    engine: Engine,
    image: Float32[Tensor, "z y x"],
    window: Int3,
    overlap: Int3,
    *,
    batch: int = 8,
) -> Float32[np.ndarray, "c u v w"]:
    """Probabilities of `engine` over an image, window by window.

    Windows lie on a regular lattice, neighbours sharing `overlap` voxels, in which one fades linearly
    into the other: the weights of every voxel sum to 1. An image no larger than a window is one window,
    and then nothing is blended. The image must hold at least one window.
    """
    axes = [
        _faded(side, length, shared)
        for side, length, shared in zip(image.shape, window, overlap, strict=True)
    ]
    if all(len(axis) == 1 for axis in axes):
        return engine(image[None, None])[0].numpy()
    result: Tensor | None = None
    every = list(product(*axes))
    for first in range(0, len(every), batch):
        places = every[first : first + batch]
        boxes = [_box([start for start, _ in place], window) for place in places]
        proba = engine(torch.stack([image[box.slices] for box in boxes]).unsqueeze(1))
        if result is None:
            result = torch.zeros((proba.shape[1], *image.shape))
        for one, box, place in zip(proba, boxes, places, strict=True):
            z, y, x = (weights for _, weights in place)
            weights = z[:, None, None] * (y[:, None] * x)
            result[:, *box.slices].addcmul_(one, weights.expand_as(one))
    assert result is not None
    return result.numpy()


def normalised(
    image: UInt8[np.ndarray, "z y x"], statistics: tuple[float, float]
) -> Float32[Tensor, "z y x"]:
    """Grey values as deviations from the mean that the net was trained with."""
    mean, deviation = statistics
    return torch.from_numpy(np.ascontiguousarray(image)).float().sub_(mean).div_(deviation)


def mirrored(image: UInt8[np.ndarray, "z y x"], multiple: Int3, least: Int3) -> UInt8[np.ndarray, "u v w"]:
    """The image with mirrored voxels behind its end, so that sides are multiples and at least `least`."""
    sides = [max(-(-side // m) * m, low) for side, m, low in zip(image.shape, multiple, least, strict=True)]
    margin = [(0, side - have) for side, have in zip(sides, image.shape, strict=True)]
    return np.pad(image, margin, mode="symmetric") if any(after for _, after in margin) else image


def _faded(side: int, length: int, overlap: int) -> list[tuple[int, Float32[Tensor, "n"]]]:
    """Starts of the windows along an axis, each with its weights; the weights at every voxel sum to 1."""
    step = length - overlap
    starts = sorted({*range(0, side - length, step), side - length})
    ramp = torch.arange(1, overlap + 1) / (overlap + 1)
    weights = []
    for start in starts:
        fade = torch.ones(length)
        if overlap and start > 0:
            fade[:overlap] *= ramp
        if overlap and start < side - length:
            fade[length - overlap :] *= ramp.flip(0)
        weights.append(fade)
    total = torch.zeros(side)
    for start, fade in zip(starts, weights, strict=True):
        total[start : start + length] += fade
    return [
        (start, fade / total[start : start + length]) for start, fade in zip(starts, weights, strict=True)
    ]


def _box(start: Sequence[int], window: Int3) -> Box:
    z, y, x = start
    return Box((z, y, x), (z + window[0], y + window[1], x + window[2]))
