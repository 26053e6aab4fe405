"""A model that tells strategies what a test lays down."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from microtome.box import Box
from microtome.predict.posterior import Posterior
from microtome.predict.sampling import Sampling

Described = Callable[[Sequence[Box]], np.ndarray]


def unknown(boxes: Sequence[Box]) -> np.ndarray:
    raise ValueError("the test did not lay this down")


@dataclass(frozen=True)
class Predicting:
    """A `ModelView` made of functions."""

    predict: Callable[[Box], Posterior]
    describe: Described = unknown
    gradient: Described = unknown
    loss: Described = unknown
    teach: Callable[[Box, np.ndarray, int], Callable[[Box], Posterior]] | None = None

    def posterior(self, box: Box, sampling: Sampling | None = None) -> Posterior:
        return self.predict(box)

    def features(self, boxes: Sequence[Box]) -> np.ndarray:
        return self.describe(boxes)

    def gradients(self, boxes: Sequence[Box]) -> np.ndarray:
        return self.gradient(boxes)

    def losses(self, boxes: Sequence[Box]) -> np.ndarray:
        return self.loss(boxes)

    def taught(self, box: Box, labels: np.ndarray, seed: int) -> Callable[[Box], Posterior]:
        assert self.teach is not None
        return self.teach(box, labels, seed)
