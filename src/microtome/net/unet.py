"""One U-Net for 2-D, thin 3-D and isotropic 3-D data (Ronneberger 2015, Çiçek 2016)."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from microtome.box import Int3

Norm = Literal["batch", "instance", "none"]
Activation = Literal["relu", "leaky_relu", "elu"]


@dataclass(frozen=True, slots=True)
class NetConfig:
    """What a U-Net looks like. Where no kernel and no pool crosses z it runs as a 2-D net on every section.

    Raises:
        ValueError: If a setting is out of range, or kernels and pools do not fit the widths.
    """

    widths: tuple[int, ...] = (16, 32, 64, 128)  # channels of each level, finest first
    kernels: tuple[Int3, ...] = ()  # z y x of each level; () is 1 3 3 everywhere
    pools: tuple[Int3, ...] = ()  # z y x between levels; () is 1 2 2 everywhere
    norm: Norm = "batch"  # batch norm folds into the convolution when predicting
    activation: Activation = "relu"
    dropout: float = 0.1  # probability that an activation is dropped, behind every pool
    residual: bool = False  # each block adds its input
    squeeze_excitation: bool = False  # each block rescales its channels (Hu 2018)
    separable: bool = False  # depthwise then pointwise convolutions (Chollet 2017)

    def __post_init__(self) -> None:
        if not self.widths or min(self.widths) < 1:
            raise ValueError(f"widths must be positive channel counts; got {self.widths}")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout must be in [0, 1); got {self.dropout}")
        for name, given, count in (
            ("kernels", self.kernels, len(self.widths)),
            ("pools", self.pools, len(self.widths) - 1),
        ):
            if given and len(given) != count:
                raise ValueError(
                    f"{name} must have {count} entries for {len(self.widths)} levels; got {len(given)}"
                )
        if any(k % 2 == 0 or k < 1 for kernel in self.kernels for k in kernel):
            raise ValueError(f"kernels must be odd and positive on every axis; got {self.kernels}")
        if any(step < 1 for pool in self.pools for step in pool):
            raise ValueError(f"pools must be at least 1 on every axis; got {self.pools}")

    @property
    def level_kernels(self) -> tuple[Int3, ...]:
        return self.kernels or ((1, 3, 3),) * len(self.widths)

    @property
    def level_pools(self) -> tuple[Int3, ...]:
        return self.pools or ((1, 2, 2),) * (len(self.widths) - 1)

    @property
    def flat(self) -> bool:
        """Whether no kernel and no pool crosses z."""
        return all(k[0] == 1 for k in self.level_kernels + self.level_pools)

    @property
    def multiple(self) -> Int3:
        """Input sides must be multiples of this, z y x: the product of the pools."""
        return _per_axis(lambda axis: math.prod(pool[axis] for pool in self.level_pools))

    @property
    def receptive_radius(self) -> Int3:
        """Farthest input voxel, per axis z y x, that can change an output voxel."""
        return _per_axis(self._radius)

    def _radius(self, axis: int) -> int:
        radius, stride = 0, 1
        for level, kernel in enumerate(self.level_kernels):
            deepest = level == len(self.widths) - 1
            radius += (2 if deepest else 4) * (kernel[axis] // 2) * stride  # two convs down, two up
            if not deepest:
                step = self.level_pools[level][axis]
                radius += (step - 1) * stride  # a pool sees one cell, and the way up starts anywhere in it
                stride *= step
        return radius


class UNet(nn.Module):
    """Logits of `classes` channels (background first) for one-channel images.

    Input is `b 1 z y x`, with sides that are multiples of `config.multiple`; output `b classes z y x`.
    """

    def __init__(self, config: NetConfig, classes: int) -> None:
        super().__init__()
        self.config = config
        widths, kernels, pools = config.widths, config.level_kernels, config.level_pools
        self.down = nn.ModuleList(
            _Block(config, 1 if level == 0 else widths[level - 1], width, kernels[level])
            for level, width in enumerate(widths)
        )
        self.pool = nn.ModuleList(_pool(config, step) for step in pools)
        self.rise = nn.ModuleList(
            _transposed(config, widths[level + 1], widths[level], step) for level, step in enumerate(pools)
        )
        self.up = nn.ModuleList(
            _Block(config, 2 * widths[level], widths[level], kernels[level]) for level in range(len(pools))
        )
        self.head = _conv(config, widths[0], classes, (1, 1, 1))

    def forward(self, image: Float[Tensor, "b 1 z y x"]) -> Float[Tensor, "b classes z y x"]:
        return self._unfold(self._decode(*self._encode(self._fold(image))), image)

    def bottleneck(self, image: Float[Tensor, "b 1 z y x"]) -> Float[Tensor, "b c u v w"]:
        """Activations of the deepest level, on its own coarse grid."""
        return self._unfold(self._encode(self._fold(image))[0], image)

    def _encode(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        skips = []
        for block, pool in zip(self.down, self.pool, strict=False):
            skips.append(block(x))
            x = pool(skips[-1])
        return self.down[-1](x), skips

    def _decode(self, x: Tensor, skips: list[Tensor]) -> Tensor:
        for level in reversed(range(len(skips))):
            x = self.up[level](torch.cat([skips[level], self.rise[level](x)], dim=1))
        return self.head(x)

    def _fold(self, image: Tensor) -> Tensor:
        if not self.config.flat:
            return image
        b, c, z, y, x = image.shape
        return image.transpose(1, 2).reshape(b * z, c, y, x)

    def _unfold(self, x: Tensor, image: Tensor) -> Tensor:
        if not self.config.flat:
            return x
        b, _, z, _, _ = image.shape
        return x.reshape(b, z, *x.shape[1:]).transpose(1, 2)


class _Block(nn.Module):
    """Two convolutions with norm and activation; squeeze-excitation and a residual path where asked for."""

    def __init__(self, config: NetConfig, inputs: int, outputs: int, kernel: Int3) -> None:
        super().__init__()
        self.first = _unit(config, inputs, outputs, kernel)
        self.second = _unit(config, outputs, outputs, kernel)
        self.excite = _SqueezeExcitation(outputs) if config.squeeze_excitation else nn.Identity()
        self.shortcut = _conv(config, inputs, outputs, (1, 1, 1)) if config.residual else None

    def forward(self, x: Tensor) -> Tensor:
        y = self.excite(self.second(self.first(x)))
        return y if self.shortcut is None else y + self.shortcut(x)


class _SqueezeExcitation(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        hidden = max(width // 8, 2)
        self.gate = nn.Sequential(nn.Linear(width, hidden), nn.ReLU(), nn.Linear(hidden, width), nn.Sigmoid())

    def forward(self, x: Tensor) -> Tensor:
        weights = self.gate(x.flatten(2).mean(2))
        return x * weights.view(*weights.shape, *(1,) * (x.ndim - 2))


def _unit(config: NetConfig, inputs: int, outputs: int, kernel: Int3) -> nn.Sequential:
    bias = config.norm == "none"
    if config.separable and inputs > 1:
        convs = [
            _conv(config, inputs, inputs, kernel, groups=inputs, bias=False),
            _conv(config, inputs, outputs, (1, 1, 1), bias=bias),
        ]
    else:
        convs = [_conv(config, inputs, outputs, kernel, bias=bias)]
    return nn.Sequential(*convs, _norm(config, outputs), _activation(config))


def _conv(
    config: NetConfig, inputs: int, outputs: int, kernel: Int3, *, groups: int = 1, bias: bool = True
) -> nn.Module:
    size = kernel[1:] if config.flat else kernel
    layer = nn.Conv2d if config.flat else nn.Conv3d
    return layer(inputs, outputs, size, padding=tuple(k // 2 for k in size), groups=groups, bias=bias)  # type: ignore[arg-type]


def _transposed(config: NetConfig, inputs: int, outputs: int, step: Int3) -> nn.Module:
    if config.flat:
        return nn.ConvTranspose2d(inputs, outputs, step[1:], step[1:])
    return nn.ConvTranspose3d(inputs, outputs, step, step)


def _pool(config: NetConfig, step: Int3) -> nn.Sequential:
    if config.flat:
        return nn.Sequential(nn.MaxPool2d(step[1:]), nn.Dropout(config.dropout))
    return nn.Sequential(nn.MaxPool3d(step), nn.Dropout(config.dropout))


def _norm(config: NetConfig, width: int) -> nn.Module:
    if config.norm == "none":
        return nn.Identity()
    if config.norm == "batch":
        return nn.BatchNorm2d(width) if config.flat else nn.BatchNorm3d(width)
    return nn.InstanceNorm2d(width, affine=True) if config.flat else nn.InstanceNorm3d(width, affine=True)


def _activation(config: NetConfig) -> nn.Module:
    if config.activation == "relu":
        return nn.ReLU(inplace=True)
    if config.activation == "leaky_relu":
        return nn.LeakyReLU(0.01, inplace=True)
    return nn.ELU(inplace=True)


def _per_axis(value: Callable[[int], int]) -> Int3:
    return (value(0), value(1), value(2))
