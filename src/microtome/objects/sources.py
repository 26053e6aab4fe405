"""What counts as foreground: one class of a prediction, or the two sides of synapses."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Shaped
from scipy import ndimage

from microtome.box import Box, Int3
from microtome.objects.settings import ProposalSettings
from microtome.segment.probability import Stored, at_least, require_alike, require_probability, summed
from microtome.volume import Volume


@dataclass(frozen=True, eq=False)
class Foreground:
    """What a source says of a box.

    Voxels joined in `body` belong to one object. Its own voxels are the `halves`, which share none: there is
    one, the body itself, or there are the two sides of a synapse.
    """

    body: Bool[np.ndarray, "z y x"]
    halves: tuple[Bool[np.ndarray, "z y x"], ...]
    probability: Shaped[np.ndarray, "z y x"]  # as stored


@runtime_checkable
class Source(Protocol):
    """A prediction in which objects are to be found."""

    @property
    def volumes(self) -> dict[str, Volume]:
        """Probabilities by name, all of one shape and type."""

    @property
    def halves(self) -> int:
        """How many an object has."""

    @property
    def origin(self) -> str:
        """Where it comes from, for people."""

    def read(self, box: Box, settings: ProposalSettings) -> tuple[Stored, ...]:
        """All that is needed to say what is foreground in `box`."""

    def foreground(self, read: tuple[Stored, ...], box: Box, settings: ProposalSettings) -> Foreground:
        """The foreground of `box`, from what was read for it."""


@dataclass(frozen=True, eq=False)
class OneClass:
    """The probability of one class: bytes with 255 for 1, real numbers in [0, 1], or a mask.

    Raises:
        ValueError: If the volume holds other numbers.
    """

    probability: Volume
    origin: str = ""

    def __post_init__(self) -> None:
        require_probability("probability", self.probability)

    @property
    def volumes(self) -> dict[str, Volume]:
        return {"probability": self.probability}

    @property
    def halves(self) -> int:
        return 1

    def read(self, box: Box, settings: ProposalSettings) -> tuple[Stored, ...]:
        return (self.probability.read(box),)

    def foreground(self, read: tuple[Stored, ...], box: Box, settings: ProposalSettings) -> Foreground:
        """Where the probability reaches the threshold.

        Raises:
            ValueError: If a real number is not in [0, 1].
        """
        mask = at_least(read[0], settings.threshold)
        return Foreground(mask, (mask,), read[0])


@dataclass(frozen=True, eq=False)
class Polarity:
    """Probabilities of the pre- and the post-synaptic side, and of both together (Lin et al. 2020).

    A side is where it and the union are foreground; a voxel of both is of the likelier one, or post where
    they are equal. What the union, dilated, joins is one synapse.

    Raises:
        ValueError: If a volume holds no probabilities, or the three differ in shape or type.
    """

    pre: Volume
    post: Volume
    union: Volume
    origin: str = ""

    def __post_init__(self) -> None:
        require_alike(self.volumes)

    @property
    def volumes(self) -> dict[str, Volume]:
        return {"pre": self.pre, "post": self.post, "union": self.union}

    @property
    def halves(self) -> int:
        return 2

    def read(self, box: Box, settings: ProposalSettings) -> tuple[Stored, ...]:
        return (
            self.pre.read(box),
            self.post.read(box),
            self.union.read(around(box, settings, self.union.shape)),
        )

    def foreground(self, read: tuple[Stored, ...], box: Box, settings: ProposalSettings) -> Foreground:
        """The sides, and as body the dilated union.

        Raises:
            ValueError: If a real number is not in [0, 1].
        """
        pre, post, union = read
        inner = box.relative_to(around(box, settings, self.union.shape)).slices
        is_pre, is_post, joint = (at_least(side, settings.threshold) for side in read)
        both = is_pre & is_post
        halves = (is_pre & ~(both & (post >= pre)), is_post & ~(both & (post < pre)))
        body = dilated(joint, settings)[inner]
        return Foreground(body, tuple(half & joint[inner] for half in halves), union[inner])


@dataclass(frozen=True, eq=False)
class TwoSides:
    """Probabilities of the pre- and the post-synaptic side as two classes that exclude each other.

    Their sum says what is a synapse, and which is greater the side; post where they are equal. What the
    synapses, dilated, join is one.

    Raises:
        ValueError: If a volume holds no probabilities, or the two differ in shape or type.
    """

    pre: Volume
    post: Volume
    origin: str = ""

    def __post_init__(self) -> None:
        require_alike(self.volumes)

    @property
    def volumes(self) -> dict[str, Volume]:
        return {"pre": self.pre, "post": self.post}

    @property
    def halves(self) -> int:
        return 2

    def read(self, box: Box, settings: ProposalSettings) -> tuple[Stored, ...]:
        wide = around(box, settings, self.pre.shape)
        return self.pre.read(wide), self.post.read(wide)

    def foreground(self, read: tuple[Stored, ...], box: Box, settings: ProposalSettings) -> Foreground:
        """The sides, and as body both together, dilated.

        Raises:
            ValueError: If a real number is not in [0, 1].
        """
        pre, post = read
        inner = box.relative_to(around(box, settings, self.pre.shape)).slices
        either = summed(pre, post)
        joint, is_post = at_least(either, settings.threshold), (post >= pre)[inner]
        halves = (joint[inner] & ~is_post, joint[inner] & is_post)
        return Foreground(dilated(joint, settings)[inner], halves, either[inner])


def around(box: Box, settings: ProposalSettings, volume: Int3) -> Box:
    """The voxels of a volume from which dilation reaches into `box`."""
    z, y, x = (side // 2 for side in settings.dilation)
    return box.grown((z, y, x)).intersection(Box.of(volume))


def dilated(mask: Bool[np.ndarray, "z y x"], settings: ProposalSettings) -> Bool[np.ndarray, "z y x"]:
    """Every voxel in whose box of `settings.dilation` the mask has one."""
    if not mask.any():  # most blocks of a sparse volume
        return mask
    return ndimage.maximum_filter(mask.view(np.uint8), settings.dilation, mode="constant").view(bool)
