"""What a few answers come to when each group of alike objects takes the label of most of its representatives.

The ablation of Lin et al. (2020, tables 2 and 3): the accuracy of the labels of all proposals, by design of
the groups, at an equal number of answers.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int64

from microtome.objects.clustering import Clusters, hierarchical, late_fusion
from microtome.objects.propagation import propagated
from microtome.objects.streams import Streams

EACH = 5  # answers a group


@dataclass(frozen=True, slots=True)
class Design:
    """How objects are grouped: into `masks` by the one stream, each of these into `images` by the other.

    1 leaves a stream out. `fused` groups by both side by side, into as many.

    Raises:
        ValueError: If there is not at least one group.
    """

    masks: int
    images: int
    fused: bool = False

    def __post_init__(self) -> None:
        if min(self.masks, self.images) < 1:
            raise ValueError(f"expected at least one group; got {self.masks} × {self.images}")

    def __str__(self) -> str:
        if self.fused:
            return f"late fusion {self.groups}"
        if self.images == 1:
            return f"mask only {self.masks}"
        return (
            f"image only {self.images}" if self.masks == 1 else f"hierarchical {self.masks} × {self.images}"
        )

    @property
    def groups(self) -> int:
        """How many groups there are, if every one has members."""
        return self.masks * self.images

    def grouped(self, streams: Streams, rng: np.random.Generator) -> Clusters:
        """The groups of objects with these features.

        Raises:
            ValueError: If a feature is not finite.
        """
        if self.fused:
            return late_fusion(streams.masks, streams.images, self.groups, rng)
        return hierarchical(streams.masks, streams.images, (self.masks, self.images), rng)


BEST = Design(64, 4)
PAPER = (
    Design(128, 1),
    Design(256, 1),
    Design(1, 128),
    Design(1, 256),
    Design(256, 1, fused=True),
    Design(64, 2),
    Design(128, 2),
    BEST,
    Design(32, 8),
)
"""Table 2, of 28 700 proposals: with 5 answers a group 2.23 % of them, or 4.46 %."""


def scaled(objects: int, share: float) -> tuple[Design, ...]:
    """Designs like those of the paper that ask about a share of fewer objects, or a little more or less.

    They have the same number of groups, the nearest multiple of 8, and 5 answers a group; hierarchical ones
    part those by the masks into 2, 4 and 8.
    """
    groups = 8 * max(1, round(objects * share / EACH / 8))
    parted = [Design(groups // by, by) for by in (2, 4, 8) if groups > by]
    return (Design(groups, 1), Design(1, groups), Design(groups, 1, fused=True), *parted)


@dataclass(frozen=True, eq=False)
class Annotated:
    """Which objects were asked about, and the labels that all of them got: True is correct."""

    rows: Int64[np.ndarray, "m"]
    labels: Bool[np.ndarray, "n"]
    error: float = float("nan")  # the share that is expected to be wrong, by the answers alone
    warning: str = ""  # what the answers say against labels by groups

    def accuracy(self, correct: Bool[np.ndarray, "n"]) -> float:
        """The share of the labels that is right."""
        return float(np.mean(self.labels == correct))


def annotated(
    clusters: Clusters, correct: Bool[np.ndarray, "n"], answers: int, rng: np.random.Generator
) -> Annotated:
    """Labels by the answers on the representatives of groups.

    Raises:
        ValueError: If the groups are of other objects.
    """
    return told(clusters, correct, clusters.representatives(answers, rng))


def told(clusters: Clusters, correct: Bool[np.ndarray, "n"], rows: Int64[np.ndarray, "m"]) -> Annotated:
    """Labels by the answers on any objects.

    Raises:
        ValueError: If the groups are of other objects, or an object is unknown or there twice.
    """
    if len(clusters.groups) != len(correct):
        raise ValueError(f"expected groups of {len(correct)} objects; got {len(clusters.groups)}")
    found = propagated(clusters.groups, rows, correct[rows], insist=True)
    return Annotated(rows, found.labels, found.error.value, found.warning)


def at_random(correct: Bool[np.ndarray, "n"], answers: int, rng: np.random.Generator) -> Annotated:
    """Answers on objects drawn at random; all others are taken to be correct."""
    rows = np.sort(rng.choice(len(correct), min(answers, len(correct)), replace=False))
    labels = np.ones(len(correct), bool)
    labels[rows] = correct[rows]
    return Annotated(rows, labels, float("nan"))


def expected_at_random(correct: Bool[np.ndarray, "n"], answers: int) -> float:
    """Mean accuracy of s answers at random where a share p of n objects is right: p + (s/n)(1 − p)."""
    p = float(correct.mean())
    return p + min(answers / len(correct), 1) * (1 - p)
