"""A residual network for small images (He et al. 2016), with a head that predicts its loss if asked for."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from microtome.net.loss_head import LossHead


@dataclass(frozen=True, slots=True)
class ResNetConfig:
    """What a residual network looks like; by default ResNet-18, with the first layers that CIFAR-10 is given.

    Raises:
        ValueError: If a setting is out of range.
    """

    classes: int
    channels: int = 3
    width: int = 64  # channels of the first stage; each further stage has twice as many on half the side
    blocks: tuple[int, ...] = (2, 2, 2, 2)  # of each stage, two convolutions each
    loss_head: bool = False  # a head that predicts the loss of an image (Yoo & Kweon 2019)

    def __post_init__(self) -> None:
        if self.classes < 2 or min(self.channels, self.width) < 1:
            raise ValueError(
                "expected at least 2 classes, 1 channel and a width of 1; "
                f"got {self.classes}, {self.channels} and {self.width}"
            )
        if not self.blocks or min(self.blocks) < 1:
            raise ValueError(f"every stage needs at least 1 block; got {self.blocks}")

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels of each stage."""
        return tuple(self.width << stage for stage in range(len(self.blocks)))


class ResNet(nn.Module):
    """Logits of `config.classes` for images `b channels y x` of any size.

    The first convolution is 3 × 3 without a stride and no pool follows: small images lose no detail there.
    """

    def __init__(self, config: ResNetConfig) -> None:
        super().__init__()
        self.config = config
        widths = config.widths
        self.stem = nn.Sequential(*_conv(config.channels, config.width, 1), nn.ReLU(inplace=True))
        self.stages = nn.ModuleList(
            _stage(widths[max(k - 1, 0)], width, 1 if k == 0 else 2, config.blocks[k])
            for k, width in enumerate(widths)
        )
        self.head = nn.Linear(widths[-1], config.classes)
        # last: all other weights are drawn before, and are the same with it and without
        self.loss_head = LossHead(widths) if config.loss_head else None

    def forward(self, image: Float[Tensor, "b c y x"]) -> Float[Tensor, "b k"]:
        return self.head(self.features(image))

    def features(self, image: Float[Tensor, "b c y x"]) -> Float[Tensor, "b d"]:
        """Mean activations of the last stage: what goes into the last layer."""
        return self._means(image)[-1]

    def with_loss(
        self, image: Float[Tensor, "b c y x"], *, detached: bool
    ) -> tuple[Float[Tensor, "b k"], Float[Tensor, "b"]]:
        """Logits, and the loss predicted of each image; `detached` keeps its gradient to the head itself.

        Raises:
            ValueError: If the network has no such head.
        """
        if self.loss_head is None:
            raise ValueError("this network predicts no losses: loss_head is off")
        means = self._means(image)
        return self.head(means[-1]), self.loss_head([m.detach() if detached else m for m in means])

    def _means(self, image: Tensor) -> list[Tensor]:
        """Mean activation of each channel after every stage."""
        means, x = [], self.stem(image)
        for stage in self.stages:
            x = stage(x)
            means.append(x.mean(dim=(2, 3)))
        return means


class _Block(nn.Module):
    """Two convolutions, and around them a path that is as short as the shapes allow."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.convs = nn.Sequential(
            *_conv(inputs, outputs, stride), nn.ReLU(inplace=True), *_conv(outputs, outputs, 1)
        )
        same = inputs == outputs and stride == 1
        self.shortcut = nn.Identity() if same else nn.Sequential(*_conv(inputs, outputs, stride, kernel=1))

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.convs(x) + self.shortcut(x))


def _stage(inputs: int, outputs: int, stride: int, blocks: int) -> nn.Sequential:
    first = _Block(inputs, outputs, stride)
    return nn.Sequential(first, *(_Block(outputs, outputs, 1) for _ in range(blocks - 1)))


def _conv(inputs: int, outputs: int, stride: int, *, kernel: int = 3) -> tuple[nn.Module, nn.Module]:
    conv = nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, bias=False)
    return conv, nn.BatchNorm2d(outputs)
