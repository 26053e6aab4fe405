"""Random changes of training windows that leave their meaning alone: what EM does to tissue anyway."""

import math

import numpy as np
import torch
from jaxtyping import Float, Float32, Int64, Integer, UInt8
from torch import Tensor
from torch.nn import functional

from microtome.labels import IGNORE
from microtome.learn.config import AugmentConfig

GRID = 32  # voxels between the nodes of an elastic deformation


def augmented(
    images: UInt8[np.ndarray, "b z y x"],
    labels: Integer[np.ndarray, "b z y x"],
    config: AugmentConfig,
    statistics: tuple[float, float],
    rng: np.random.Generator,
) -> tuple[Float32[Tensor, "b 1 z y x"], Int64[Tensor, "b z y x"]]:
    """Normalised images and labels, each window changed in its own way.

    Labels may be marks (`microtome.learn.corrections`). All random parameters are drawn first; image and
    labels are then deformed alike (the image linearly, the labels by the nearest voxel), and the image's grey
    values are changed.
    """
    mean, deviation = statistics
    image = (torch.from_numpy(images).float() - mean) / deviation
    target = torch.from_numpy(labels)
    if config.symmetries:
        image, target = _turned(image, target, rng)
    if config.rotation or config.scale or config.elastic or config.jitter:
        image, target = _deformed(image, target, config, rng)
    image = _recoloured(image, config, rng)
    return image.unsqueeze(1), target.long()


def _turned(image: Tensor, labels: Tensor, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    square = image.shape[-1] == image.shape[-2]
    images, targets = [], []
    for one, target in zip(image, labels, strict=True):
        turn = int(rng.integers(8 if square else 4))
        images.append(symmetry(one, turn))
        targets.append(symmetry(target, turn))
    return torch.stack(images), torch.stack(targets)


def symmetry(array: Tensor, turn: int) -> Tensor:
    """Element `turn` of the eight symmetries of y x: bit 0 flips x, bit 1 flips y, bit 2 transposes."""
    if turn & 4:
        array = array.transpose(-1, -2)
    axes = [axis for bit, axis in ((1, -1), (2, -2)) if turn & bit]
    return array.flip(axes) if axes else array


def undo_symmetry(array: Tensor, turn: int) -> Tensor:
    """What `symmetry` with the same `turn` did, undone."""
    axes = [axis for bit, axis in ((1, -1), (2, -2)) if turn & bit]
    array = array.flip(axes) if axes else array
    return array.transpose(-1, -2) if turn & 4 else array


def _deformed(
    image: Tensor, labels: Tensor, config: AugmentConfig, rng: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """Half the windows deformed; all sections of a window alike but for their jitter."""
    b, z, y, x = image.shape
    chosen = np.flatnonzero(rng.random(b) < 0.5)
    if not len(chosen):
        return image, labels
    grid = torch.stack([_sampling_grid((z, y, x), config, rng) for _ in chosen]).flatten(0, 1)
    flat = image[chosen].reshape(-1, 1, y, x)
    # grid_sample fills with 0 outside, so the labels travel shifted such that 0 means unknown
    known = (labels[chosen].float() - IGNORE).reshape(-1, 1, y, x)
    moved = functional.grid_sample(
        flat, grid, mode="bilinear", padding_mode="reflection", align_corners=False
    )
    target = functional.grid_sample(known, grid, mode="nearest", padding_mode="zeros", align_corners=False)
    image, labels = image.clone(), labels.clone()
    image[chosen] = moved.view(len(chosen), z, y, x)
    labels[chosen] = (target + IGNORE).view(len(chosen), z, y, x).to(labels.dtype)
    return image, labels


def _sampling_grid(
    shape: tuple[int, int, int], config: AugmentConfig, rng: np.random.Generator
) -> Float[Tensor, "z y x 2"]:
    z, y, x = shape
    angle = math.radians(rng.uniform(-config.rotation, config.rotation))
    zoom = 1 + rng.uniform(-config.scale, config.scale)
    cos, sin = zoom * math.cos(angle), zoom * math.sin(angle)
    matrix = torch.tensor([[cos, -sin * y / x, 0.0], [sin * x / y, cos, 0.0]])
    grid = functional.affine_grid(matrix[None], [1, 1, y, x], align_corners=False)
    if config.elastic:
        nodes = rng.normal(0, config.elastic, (1, 2, max(y // GRID, 2), max(x // GRID, 2)))
        field = functional.interpolate(
            torch.from_numpy(nodes).float(), (y, x), mode="bicubic", align_corners=True
        )
        grid = grid + field.permute(0, 2, 3, 1) * torch.tensor([2 / x, 2 / y])
    shift = rng.normal(0, config.jitter, (z, 2)) if z > 1 else np.zeros((z, 2))
    return grid + torch.from_numpy(shift).float()[:, None, None] * torch.tensor([2 / x, 2 / y])


def _recoloured(image: Tensor, config: AugmentConfig, rng: np.random.Generator) -> Tensor:
    b, z, y, x = image.shape
    contrast = 1 + rng.uniform(-config.contrast, config.contrast, (b, 1, 1, 1))
    brightness = rng.uniform(-config.brightness, config.brightness, (b, 1, 1, 1))
    if z > 1:  # sections flicker on their own as well
        brightness = brightness + rng.uniform(-config.brightness, config.brightness, (b, z, 1, 1)) / 2
    image = image * torch.from_numpy(contrast).float() + torch.from_numpy(brightness).float()
    blurred = np.flatnonzero(rng.random(b) < config.blur)
    if len(blurred):
        image[blurred] = _blur(image[blurred])
    if config.noise:
        level = torch.from_numpy(rng.uniform(0, config.noise, (b, 1, 1, 1)).astype(np.float32))
        image = image + level * torch.from_numpy(rng.standard_normal(image.shape, dtype=np.float32))
    for k in np.flatnonzero(rng.random(b) < config.cutout):
        h, w = rng.integers(y // 8, y // 3), rng.integers(x // 8, x // 3)
        top, left = rng.integers(0, y - h), rng.integers(0, x - w)
        image[k, :, top : top + h, left : left + w] = 0
    return image


def _blur(image: Tensor) -> Tensor:
    row = torch.tensor([0.25, 0.5, 0.25])
    kernel = (row[:, None] * row).view(1, 1, 3, 3)
    flat = functional.pad(image.reshape(-1, 1, *image.shape[-2:]), (1, 1, 1, 1), mode="reflect")
    return functional.conv2d(flat, kernel).view(image.shape)
