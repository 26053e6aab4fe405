"""What a block need not compute: on the way up, what none of the voxels that are kept depends on."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from microtome.box import Int3
from microtome.net.config import NetConfig


class Ends(NamedTuple):
    """Voxels at the two ends of each axis of space; z is left out where a net is flat."""

    before: Sequence[int]
    after: Sequence[int]


class Cut(NamedTuple):
    """What is cut off at a level on the way up, before its convolutions."""

    skip: Ends  # of what comes from the way down
    below: Ends  # of what comes from the level below, before it is brought to this resolution


Cuts = tuple[Cut, ...]
"""For each level on the way up, finest first; () cuts nothing off."""


def cuts(config: NetConfig, before: Int3, after: Int3) -> Cuts:
    """What can be cut off when so many voxels at the ends of the output are not wanted.

    The output then lacks the first cut's `skip`, which is no more than that, and the voxels that are wanted
    are what they were. Nothing can be cut where every voxel depends on all.
    """
    if not config.local:
        return ()
    unwanted = [Ends(before, after)]
    skips = []
    for kernel, pool in zip(config.level_kernels, config.level_pools, strict=False):
        skip = Ends(*(_spared(side, kernel, pool) for side in unwanted[-1]))
        skips.append(skip)
        unwanted.append(Ends(*([n // step for n, step in zip(side, pool, strict=True)] for side in skip)))
    nothing = Ends((0, 0, 0), (0, 0, 0))
    first = 1 if config.flat else 0
    return tuple(
        Cut(
            Ends(*(side[first:] for side in skip)),
            Ends(*(_less(side, gone)[first:] for side, gone in zip(left, there, strict=True))),
        )
        for skip, left, there in zip(skips, unwanted[1:], [*skips, nothing][1:], strict=True)
    )


def cropped(x: Tensor, ends: Ends) -> Tensor:
    """`x` without so many voxels at the ends of its last axes."""
    first = x.ndim - len(ends.before)
    for axis, (before, after) in enumerate(zip(*ends, strict=True), start=first):
        x = x.narrow(axis, before, x.shape[axis] - before - after)
    return x


def as_arrays(config: NetConfig, cuts: Cuts) -> list[Tensor]:
    """Cuts for a graph whose inputs are arrays: their sides say how much, and one more; () cuts nothing."""
    sides = 2 if config.flat else 3
    nothing = Ends((0,) * sides, (0,) * sides)
    every = cuts or (Cut(nothing, nothing),) * len(config.level_pools)
    return [torch.empty(*(1 + n for n in side)) for cut in every for ends in cut for side in ends]


def from_arrays(arrays: Sequence[Tensor]) -> Cuts:
    """The inverse of `as_arrays`."""
    sides = [tuple(n - 1 for n in array.shape) for array in arrays]
    return tuple(
        Cut(Ends(*sides[first : first + 2]), Ends(*sides[first + 2 : first + 4]))
        for first in range(0, len(sides), 4)
    )


def _spared(unwanted: Sequence[int], kernel: Int3, pool: Int3) -> list[int]:
    """Two convolutions see so far beyond what is wanted; the rest is cut in whole cells of the pool."""
    return [
        max(0, n - 2 * (k // 2)) // step * step for n, k, step in zip(unwanted, kernel, pool, strict=True)
    ]


def _less(side: Sequence[int], gone: Sequence[int]) -> list[int]:
    return [n - m for n, m in zip(side, gone, strict=True)]
