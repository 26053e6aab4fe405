"""A small head that predicts how large a U-Net's loss is in an image (learning loss, Yoo & Kweon 2019)."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

HIDDEN = 128  # units for each level


class LossHead(nn.Module):
    """Levels' mean activations, each through a layer of its own, and all together to one number.

    The number has no unit: only its order from image to image is trained.
    """

    def __init__(self, widths: Sequence[int]) -> None:
        super().__init__()
        self.levels = nn.ModuleList(nn.Sequential(nn.Linear(width, HIDDEN), nn.ReLU()) for width in widths)
        self.last = nn.Linear(HIDDEN * len(widths), 1)

    def forward(self, levels: Sequence[Float[Tensor, "b _"]]) -> Float[Tensor, "b"]:
        """The predicted loss of each image, from mean activations of levels in the order of `widths`."""
        hidden = [layer(level) for layer, level in zip(self.levels, levels, strict=True)]
        return self.last(torch.cat(hidden, dim=1)).squeeze(1)
