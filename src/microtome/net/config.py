"""What a U-Net looks like, apart from torch: so that settings can be read without it."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from microtome.box import Int3

Norm = Literal["batch", "instance", "none"]
Activation = Literal["relu", "leaky_relu", "elu"]
Skip = Literal["concatenate", "add"]


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
    skip: Skip = "concatenate"  # how a level on the way up takes in its equal on the way down
    separable: bool = False  # depthwise then pointwise convolutions (Chollet 2017)
    loss_head: bool = False  # a head that predicts the loss of an image (Yoo & Kweon 2019)

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
    def local(self) -> bool:
        """Whether an output voxel depends on its receptive field alone, and not on means of the image."""
        return self.norm != "instance" and not self.squeeze_excitation

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


def _per_axis(value: Callable[[int], int]) -> Int3:
    return (value(0), value(1), value(2))
