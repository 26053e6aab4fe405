"""A trained U-Net made ready for prediction: batch norm folded away, only dropout left to switch."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

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


@contextmanager
def dropout_masks(net: nn.Module, seed: int | None) -> Iterator[None]:
    """While it lasts dropout is on, its masks drawn from `seed`; with None it stays off.

    Normalisation is left in evaluation mode: sampling never touches its statistics. The random state
    of the process is the same afterwards as before.
    """
    if seed is None:
        yield
        return
    layers = [m for m in net.modules() if isinstance(m, nn.Dropout)]
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        for layer in layers:
            layer.train()
        try:
            yield
        finally:
            for layer in layers:
                layer.eval()


def _fold_last_conv(unit: nn.Sequential) -> None:
    for index in range(1, len(unit)):
        conv, norm = unit[index - 1], unit[index]
        if isinstance(conv, nn.Conv2d | nn.Conv3d) and isinstance(norm, nn.BatchNorm2d | nn.BatchNorm3d):
            unit[index - 1] = fuse_conv_bn_eval(conv, norm)
            unit[index] = nn.Identity()
