"""A network made ready to predict: normalised images in, class probabilities out; here on PyTorch."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Float32
from torch import Tensor

from microtome.learn.step import half_precision
from microtome.learn.targets import Target
from microtome.net.cropping import Cuts
from microtome.net.inference import Masks
from microtome.net.unet import UNet

TOGETHER = 2**18  # voxels of samples that are predicted at a time: more gain nothing and need memory

Images = Float32[Tensor, "b 1 z y x"]
Probabilities = Float32[Tensor, "b c u v w"]


@runtime_checkable
class Network(Protocol):
    """Trained weights on an engine. The same weights say the same, whatever the engine, up to rounding.

    Sides of images are multiples of the net's; what `cuts` leave away is not computed.
    """

    def probabilities(self, images: Images, cuts: Cuts = ()) -> Probabilities:
        """Of each class at every voxel."""
        ...

    def sampled(self, images: Images, masks: Sequence[Masks], cuts: Cuts = ()) -> Iterator[Probabilities]:
        """The same with dropout, once for each set of masks."""
        ...


@runtime_checkable
class Engine(Protocol):
    """What computes: it makes networks ready. Plain data, so that it can be sent to other processes."""

    @property
    def name(self) -> str: ...

    def ready(self, net: UNet, target: Target, device: str) -> Network:
        """A folded net, its channels read by `target`, ready to predict.

        Raises:
            ImportError: If the engine's library is not installed.
        """
        ...


@dataclass(frozen=True)
class TorchEngine:
    """PyTorch on any device; on a GPU in bfloat16."""

    name: str = "torch"

    def ready(self, net: UNet, target: Target, device: str) -> Network:
        return TorchNetwork(net.to(device), target, device)


TORCH = TorchEngine()


@dataclass(frozen=True)
class TorchNetwork:
    """A folded U-Net as it is."""

    net: UNet
    target: Target
    device: str

    def probabilities(self, images: Images, cuts: Cuts = ()) -> Probabilities:
        with torch.inference_mode(), half_precision(self.device):
            return self._classes(self.net(images.to(self.device), cuts))

    def sampled(self, images: Images, masks: Sequence[Masks], cuts: Cuts = ()) -> Iterator[Probabilities]:
        """The level that no dropout changes is computed once, and several samples go together where small."""
        with torch.inference_mode(), half_precision(self.device):
            finest = self.net.finest(images.to(self.device))
        for group in grouped(masks, images.numel()):
            yield from self._group(finest, group, images, cuts)

    def _group(
        self, finest: Tensor, group: Sequence[Masks], images: Images, cuts: Cuts
    ) -> list[Probabilities]:
        with torch.inference_mode(), half_precision(self.device):
            joined = [torch.cat(level).to(self.device) for level in zip(*group, strict=True)]
            outputs = self.net.dropped(torch.cat([finest] * len(group)), joined, cuts)
            return [self._classes(self.net.unfolded(one, images)) for one in outputs.chunk(len(group))]

    def _classes(self, outputs: Float[Tensor, "b channels z y x"]) -> Probabilities:
        return class_probabilities(self.target.class_logits(outputs)).cpu()


def class_probabilities(logits: Float[Tensor, "b c *space"]) -> Float32[Tensor, "b c *space"]:
    """Softmax over the classes; as one sigmoid where there are two, which is several times faster."""
    logits = logits.float()
    if logits.shape[1] != 2:
        return logits.softmax(dim=1)
    foreground = torch.sigmoid(logits[:, 1] - logits[:, 0])
    return torch.stack([1 - foreground, foreground], dim=1)


def grouped(masks: Sequence[Masks], voxels: int) -> Iterator[Sequence[Masks]]:
    """Sets of masks that go together, given the voxels of the images of one."""
    size = max(1, TOGETHER // voxels)
    for first in range(0, len(masks), size):
        yield masks[first : first + size]
