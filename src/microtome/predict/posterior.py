"""What several predictions of the same voxels say together, kept as sums, never as samples."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, UInt8

from microtome.box import Box, Int3

LEAST = np.finfo(np.float32).tiny  # added to p before its logarithm is taken; changes no other p


@dataclass(frozen=True)
class Posterior:
    """Sufficient statistics of m class distributions a voxel. Class 0 is background."""

    mean: Float32[np.ndarray, "c z y x"]  # p̄, probabilities that sum to 1 over c
    entropy_of_samples: Float32[np.ndarray, "z y x"]  # E[H(p)] in nats
    deviation: Float32[np.ndarray, "c z y x"]  # standard deviation of p over the samples

    def crop(self, box: Box) -> "Posterior":
        """The voxels of `box`, given in the coordinates of this piece."""
        return Posterior(
            self.mean[:, *box.slices], self.entropy_of_samples[box.slices], self.deviation[:, *box.slices]
        )


class PosteriorSum:
    """Adds class distributions one by one; `posterior` is what they say so far.

    With `largest` the mean is replaced by the largest probability that a sample gives each class of objects,
    scaled down where they come to more than 1, and background is the rest.
    """

    def __init__(self, classes: int, shape: Int3, *, largest: bool = False) -> None:
        self._count = 0
        self._most = np.zeros((classes - 1, *shape), dtype=np.float32) if largest else None
        self._mean = np.zeros((classes, *shape), dtype=np.float32)
        self._squares = np.zeros((classes, *shape), dtype=np.float32)
        self._plogp = np.zeros((classes, *shape), dtype=np.float32)
        self._spare = np.empty((classes, *shape), dtype=np.float32)  # so that adding allocates little

    def add(self, proba: Float32[np.ndarray, "c z y x"]) -> None:
        """Count one more sample in."""
        self._count += 1
        if self._most is not None:
            np.maximum(self._most, proba[1:], out=self._most)
        difference = proba - self._mean  # from the mean so far (Welford 1962): nothing cancels
        self._mean += np.multiply(difference, np.float32(1 / self._count), out=self._spare)
        difference *= np.subtract(proba, self._mean, out=self._spare)
        self._squares += difference
        self._plogp += _plogp(proba, out=self._spare)

    def posterior(self) -> Posterior:
        """Mean, mean entropy and (population) standard deviation of the samples added.

        Raises:
            ValueError: If none was added.
        """
        if not self._count:
            raise ValueError("a posterior expects at least one sample; got none")
        count = np.float32(self._count)
        mean_entropy = (0 - self._plogp.sum(axis=0)) / count  # 0 −, so that nothing is −0
        mean = self._mean.copy() if self._most is None else _with_background(self._most)
        return Posterior(mean, mean_entropy, np.sqrt(self._squares / count))


def _with_background(objects: Float32[np.ndarray, "n z y x"]) -> Float32[np.ndarray, "c z y x"]:
    """Probabilities of classes of objects, at most 1 together, and of background, the rest."""
    scaled = objects / np.maximum(objects.sum(axis=0), 1)
    return np.concatenate([np.maximum(1 - scaled.sum(axis=0, keepdims=True), 0), scaled])


def class_map(posterior: Posterior) -> UInt8[np.ndarray, "z y x"]:
    """The likeliest class of each voxel; with one class of objects, those of probability ½ and more.

    Of two equally likely classes it is the later one.
    """
    last = posterior.mean.shape[0] - 1
    return (last - posterior.mean[::-1].argmax(axis=0)).astype(np.uint8)


def class_map_at(posterior: Posterior, threshold: float) -> UInt8[np.ndarray, "z y x"]:
    """The likeliest class of objects where the foreground is at least so likely; else background.

    With one class of objects a threshold of ½ gives `class_map`.
    """
    mean = posterior.mean
    likeliest = len(mean) - 1 - mean[:0:-1].argmax(axis=0)
    return np.where(1 - mean[0] >= threshold, likeliest, 0).astype(np.uint8)


def entropy(proba: Float32[np.ndarray, "c z y x"]) -> Float32[np.ndarray, "z y x"]:
    """Shannon entropy of each voxel's class distribution, in nats: 0 when certain, ln c when not at all."""
    result: Float32[np.ndarray, "z y x"] = 0 - _plogp(proba, out=np.empty_like(proba)).sum(axis=0)
    return result


def _plogp(
    proba: Float32[np.ndarray, "c z y x"], out: Float32[np.ndarray, "c z y x"]
) -> Float32[np.ndarray, "c z y x"]:
    """P log p, written into `out`; 0 where p is 0. Several times faster than scipy's entr."""
    np.log(np.add(proba, LEAST, out=out), out=out)
    out *= proba
    return out
