"""Which unlabelled images a strategy asks people about."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int64

from microtome.benchmark.images.image_set import Images
from microtome.benchmark.images.two_stream import TwoStreams, two_stream
from microtome.learn.classifier import Classifier
from microtome.query.k_centre import k_centres

Rows = Int64[np.ndarray, "k"]


@dataclass(frozen=True, eq=False)
class Seen:
    """What a strategy may look at: images, which of them are labelled, and what was learnt so far."""

    images: Images
    labelled: Rows
    classifier: Classifier
    means: Callable[[], Float32[np.ndarray, "n d"]]  # of all images, in a VAE that saw no label

    @property
    def candidates(self) -> Rows:
        """Rows without a label."""
        return np.setdiff1d(np.arange(len(self.images)), self.labelled)


Strategy = Callable[[Seen, int, np.random.Generator], Rows]
"""Distinct candidates: so many, or all where there are fewer."""


def at_random(seen: Seen, n: int, rng: np.random.Generator) -> Rows:
    """Every candidate is as likely."""
    return rng.permutation(seen.candidates)[:n]


def core_set(seen: Seen, n: int, rng: np.random.Generator) -> Rows:
    """Greedy k-centre on the activations before the last layer (Sener & Savarese 2018)."""
    points, start = (seen.classifier.features(seen.images[rows]) for rows in (seen.candidates, seen.labelled))
    return seen.candidates[k_centres(points, start, n, rng).picks]


def learning_loss(seen: Seen, n: int, rng: np.random.Generator) -> Rows:
    """Those of the largest predicted losses (Yoo & Kweon 2019); there are too few to take a sample first."""
    rows = rng.permutation(seen.candidates)
    losses = seen.classifier.predicted_losses(seen.images[rows])
    return rows[np.argsort(-losses, kind="stable")[:n]]


@dataclass(frozen=True, slots=True)
class TwoStream:
    """Class scores into so many clusters, each of them by the means in a VAE (Lin et al. 2020)."""

    clusters: int = 50

    def __call__(self, seen: Seen, n: int, rng: np.random.Generator) -> Rows:
        """Those nearest the centres; see `two_stream`."""
        means = seen.means()
        candidates, labelled = (
            TwoStreams(seen.classifier.predict(seen.images[rows]), means[rows])
            for rows in (seen.candidates, seen.labelled)
        )
        return seen.candidates[two_stream(candidates, labelled, n, self.clusters, rng)]
