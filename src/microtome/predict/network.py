"""A network made ready to predict: normalised images in, class probabilities out; here on PyTorch."""

import copy
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Float32
from torch import Tensor

from microtome.learn.targets import Target
from microtome.net.cropping import Cuts, cropped
from microtome.net.inference import Masks
from microtome.net.unet import UNet
from microtome.predict.gpu import Backend, fetched, of_all_sizes, own_stream, sent

HALF = torch.bfloat16  # on a GPU
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

    def sampled(self, images: Images, masks: Iterable[Masks], cuts: Cuts = ()) -> Iterator[Probabilities]:
        """The same with dropout, once for each set of masks."""
        ...


@runtime_checkable
class Engine(Protocol):
    """What computes: it makes networks ready. Plain data, so that it can be sent to other processes."""

    @property
    def name(self) -> str: ...

    @property
    def at_once(self) -> int:
        """Predictions at a time that share the cores of a CPU. One has them all."""
        ...

    def shared(self) -> "Engine":
        """The same for several predictions at a time, where they take less together; else itself."""
        ...

    def ready(self, net: UNet, target: Target, device: str) -> Network:
        """A folded net, its channels read by `target`, ready to predict.

        Raises:
            ImportError: If the engine's library is not installed.
        """
        ...


@dataclass(frozen=True)
class TorchEngine:
    """PyTorch on any device; on a GPU in bfloat16, and compiled where that is asked for."""

    compiles: bool = False  # faster, after a minute or so
    name: str = "torch"

    @property
    def at_once(self) -> int:
        return 1

    def shared(self) -> "TorchEngine":
        return self

    def ready(self, net: UNet, target: Target, device: str) -> Network:
        if torch.device(device).type == "cpu":
            return TorchNetwork(net, target, device)
        half = copy.deepcopy(net).to(device, HALF)  # features are taken from `net` itself, in float32
        network = TorchNetwork(half, target, device, HALF)
        return network.compiled() if self.compiles else network


TORCH = TorchEngine()


@dataclass(frozen=True)
class TorchNetwork:
    """A folded U-Net in any precision. Threads that predict at a time each have a stream of their own."""

    net: UNet
    target: Target
    device: str
    precision: torch.dtype = torch.float32
    faster: Callable[[Tensor], Tensor] | None = None  # the same as `classes`, nothing cut

    def compiled(self, backend: Backend = "inductor") -> "TorchNetwork":
        """The same, compiled once for images of all sizes; where that fails it warns and stays as it is."""
        z, y, x = self.net.config.multiple
        sides = (1, 4 * y, 5 * x) if self.net.config.flat else (3 * z, 4 * y, 5 * x)
        example = torch.zeros(1, 1, *sides, device=self.device, dtype=self.precision)
        return replace(self, faster=of_all_sizes(self.classes, example, backend))

    def classes(self, images: Tensor, cuts: Cuts = ()) -> Tensor:
        """Probabilities on the device, of images that are there in the net's precision."""
        return class_probabilities(self.target.class_logits(self.net(images, cuts)))

    def probabilities(self, images: Images, cuts: Cuts = ()) -> Probabilities:
        with torch.inference_mode(), own_stream(self.device):
            if self.faster is None:
                return fetched(self.classes(self._sent(images), cuts))
            whole = self.faster(self._sent(images))
            return fetched(cropped(whole, cuts[0].skip) if cuts else whole)

    def sampled(self, images: Images, masks: Iterable[Masks], cuts: Cuts = ()) -> Iterator[Probabilities]:
        """What no dropout changes is computed once, and several samples go together where small."""
        with torch.inference_mode(), own_stream(self.device):
            undropped = self.net.undropped(self._sent(images), cuts)
        for group in grouped(masks, images.numel()):
            yield from self._group(undropped, group, images, cuts)

    def _group(
        self, undropped: tuple[Tensor, Tensor], group: Sequence[Masks], images: Images, cuts: Cuts
    ) -> list[Probabilities]:
        with torch.inference_mode(), own_stream(self.device):
            joined = [self._sent(torch.cat(level)) for level in zip(*group, strict=True)]
            pooled, share = (torch.cat([one] * len(group)) for one in undropped)
            outputs = self.net.dropped(pooled, share, joined, cuts)
            logits = [self.net.unfolded(one, images) for one in outputs.chunk(len(group))]
            return [fetched(class_probabilities(self.target.class_logits(one))) for one in logits]

    def _sent(self, tensor: Tensor) -> Tensor:
        return sent(tensor, self.device).to(self.precision)


def class_probabilities(logits: Float[Tensor, "b c *space"]) -> Float32[Tensor, "b c *space"]:
    """Softmax over the classes; as one sigmoid where there are two, which is several times faster."""
    logits = logits.float()
    if logits.shape[1] != 2:
        return logits.softmax(dim=1)
    foreground = torch.sigmoid(logits[:, 1] - logits[:, 0])
    return torch.stack([1 - foreground, foreground], dim=1)


def grouped(masks: Iterable[Masks], voxels: int) -> Iterator[Sequence[Masks]]:
    """Sets of masks that go together, given the voxels of the images of one."""
    left = iter(masks)
    while group := list(islice(left, max(1, TOGETHER // voxels))):
        yield group
