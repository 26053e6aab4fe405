"""A trained U-Net made ready for prediction: batch norm folded away, dropout as masks that are given."""

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from microtome.net.config import NetConfig
from microtome.net.unet import UNet


def folded(net: UNet) -> UNet:
    """A copy of `net` in evaluation mode whose batch norms are part of the convolutions before them.

    The copy gives the same logits up to rounding and is for prediction alone.
    """
    net = copy.deepcopy(net).eval()
    for module in net.modules():
        if isinstance(module, nn.Sequential):
            _fold_last_conv(module)
    return channels_last(net)


def channels_last(net: UNet) -> UNet:
    """The same net, its weights laid out for 2-D convolutions to run fastest; 3-D ones gain nothing."""
    if net.config.flat:
        net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return net


Masks = tuple[Tensor, ...]
"""Of one sample, for each pool: 0 where an activation is dropped, else 1 / (1 − p)."""


def dropout_masks(config: NetConfig, images: Sequence[int], generator: torch.Generator) -> Masks:
    """Masks for images of shape b 1 z y x, drawn level by level, for `UNet.dropped`."""
    b, _, z, y, x = images
    masks, steps = [], (1, 1, 1)
    for width, pool in zip(config.widths, config.level_pools, strict=False):
        steps = (steps[0] * pool[0], steps[1] * pool[1], steps[2] * pool[2])
        sides = (z // steps[0], y // steps[1], x // steps[2])
        if config.flat:
            mask = torch.empty(b * z, width, *sides[1:], memory_format=torch.channels_last)
        else:
            mask = torch.empty(b, width, *sides)
        kept = 1 - config.dropout
        masks.append(mask.bernoulli_(kept, generator=generator).div_(kept))
    return tuple(masks)


def _fold_last_conv(unit: nn.Sequential) -> None:
    for index in range(1, len(unit)):
        conv, norm = unit[index - 1], unit[index]
        if isinstance(conv, nn.Conv2d | nn.Conv3d) and isinstance(norm, nn.BatchNorm2d | nn.BatchNorm3d):
            unit[index - 1] = fuse_conv_bn_eval(conv, norm)
            unit[index] = nn.Identity()
