"""How unsure a posterior is of each voxel: one value a voxel, larger where it is less sure."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float32

from microtome.predict import posterior as statistics
from microtome.predict.posterior import Posterior

Uncertainty = Callable[[Posterior], Float32[np.ndarray, "z y x"]]


def entropy(posterior: Posterior) -> Float32[np.ndarray, "z y x"]:
    """Entropy of the mean prediction in nats (Shannon 1948): 0 when certain, ln c at most.

    With dropout samples it is what Roels & Saeys (2019) call BALD.
    """
    return statistics.entropy(posterior.mean)


def least_confidence(posterior: Posterior) -> Float32[np.ndarray, "z y x"]:
    """1 minus the probability of the likeliest class (Lewis & Gale 1994): 0 when certain, 1 - 1/c at most."""
    result: Float32[np.ndarray, "z y x"] = 1 - posterior.mean.max(axis=0)
    return result


def margin(posterior: Posterior) -> Float32[np.ndarray, "z y x"]:
    """1 minus the lead of the likeliest class over the second (Scheffer 2001): 0 when certain, 1 at a tie."""
    second, first = np.partition(posterior.mean, -2, axis=0)[-2:]
    result: Float32[np.ndarray, "z y x"] = 1 - (first - second)
    return result


def mutual_information(posterior: Posterior) -> Float32[np.ndarray, "z y x"]:
    """Entropy of the mean minus mean entropy of the samples, in nats (BALD, Houlsby 2011).

    0 where all samples agree, however unsure each of them is; 0 everywhere with one sample.
    """
    return np.maximum(entropy(posterior) - posterior.entropy_of_samples, 0)


def deviation(posterior: Posterior) -> Float32[np.ndarray, "z y x"]:
    """Standard deviation of the class probabilities over the samples, mean over classes (Lubrano 2019).

    0 where all samples agree, ½ at most.
    """
    result: Float32[np.ndarray, "z y x"] = posterior.deviation.mean(axis=0)
    return result
