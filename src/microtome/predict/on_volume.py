"""A model together with the volume it looks at: what it says of any box."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
from jaxtyping import Float32, Float64, UInt8

from microtome.box import Box, Int3
from microtome.learn.config import Recipe
from microtome.learn.examples import Example
from microtome.predict.blocks import region_posterior
from microtome.predict.model import SegmentationModel
from microtome.predict.network import TORCH
from microtome.predict.posterior import Posterior
from microtome.predict.sampling import Sampling
from microtome.progress import Progress, silent
from microtome.volume import Volume

BATCH = 64  # boxes described at a time
REMEMBERED = 2**28  # bytes of posteriors kept: strategies look at the same boxes several times
LESSON_STEPS = 100  # of a network that is trained on one box alone
LESSON_BATCH = 4


@dataclass(frozen=True)
class ModelOnVolume:
    """A fitted model over one image. Posteriors of a few boxes are remembered."""

    model: SegmentationModel
    image: Volume
    samples: int
    seed: int  # of dropout masks
    samples_of: dict[Sampling, int] = field(default_factory=lambda: {"dropout": 10, "flips": 4})
    progress: Progress = silent
    _known: dict[tuple[Box, Sampling], Posterior] = field(default_factory=dict, init=False, compare=False)
    _sampled: dict[Sampling, SegmentationModel] = field(default_factory=dict, init=False, compare=False)

    def __getstate__(self) -> dict[str, object]:
        """To another process go neither what is remembered nor who is shown the progress."""
        return {**vars(self), "progress": silent, "_known": {}, "_sampled": {}}

    def posterior(self, box: Box, sampling: Sampling | None = None) -> Posterior:
        """The posterior of a box: sampled as the model is, or in another way with `samples_of` samples.

        Raises:
            ValueError: If the model cannot be sampled so.
            OSError: If the image cannot be read.
        """
        way = sampling or self.model.sampling
        if (box, way) not in self._known:
            own = way == self.model.sampling
            samples = self.samples if own else self.samples_of.get(way, self.samples)
            if not own and way not in self._sampled:  # it keeps its networks
                self._sampled[way] = replace(self.model, sampling=way)
            model = self.model if own else self._sampled[way]
            self._remember(box, way, self._predicted(model, samples, box))
        return self._known[box, way]

    def features(self, boxes: Sequence[Box]) -> Float32[np.ndarray, "n d"]:
        """As `SegmentationModel.features`, for each box."""
        return self._each(boxes, self.model.features)

    def gradients(self, boxes: Sequence[Box]) -> Float32[np.ndarray, "n d"]:
        """As `SegmentationModel.gradients`, for each box."""
        return self._each(boxes, self.model.gradients)

    def losses(self, boxes: Sequence[Box]) -> Float64[np.ndarray, "n"]:
        """As `SegmentationModel.predicted_losses`, for each box.

        Raises:
            ValueError: If the net has no head that predicts losses.
        """
        return self._each(boxes, self.model.predicted_losses)

    def taught(self, box: Box, labels: UInt8[np.ndarray, "z y x"], seed: int) -> Callable[[Box], Posterior]:
        """A network of the same kind, trained for a moment on this box alone.

        Raises:
            ValueError: If nothing in the box is labelled.
        """
        untrained = replace(
            self.model,
            recipe=_lesson(self.model.recipe),
            sampling="single",
            members=(),
            losses=(),
            engine=TORCH,  # another would convert a network that is used once
        )
        example = Example(self.image.read(box), labels)
        return partial(self._predicted, untrained.fit([example], seed=seed, progress=silent), 1)

    def _predicted(self, model: SegmentationModel, samples: int, box: Box) -> Posterior:
        return region_posterior(
            model, self.image, box, samples=samples, seed=self.seed, progress=self.progress
        )

    def _remember(self, box: Box, way: Sampling, posterior: Posterior) -> None:
        self._known[box, way] = posterior
        while len(self._known) > 1 and sum(map(_bytes, self._known.values())) > REMEMBERED:
            self._known.pop(next(iter(self._known)))

    def _each(
        self, boxes: Sequence[Box], describe: Callable[[UInt8[np.ndarray, "b z y x"]], np.ndarray]
    ) -> np.ndarray:
        rows: list[np.ndarray] = [np.empty(0)] * len(boxes)
        for members in _alike(boxes):
            described = describe(np.stack([self.image.read(boxes[k]) for k in members]))
            for k, row in zip(members, described, strict=True):
                rows[k] = row
        return np.stack(rows)


def _alike(boxes: Sequence[Box]) -> Iterator[list[int]]:
    """Indices of boxes of the same shape, at most `BATCH` together."""
    shapes: dict[Int3, list[int]] = {}
    for index, box in enumerate(boxes):
        shapes.setdefault(box.shape, []).append(index)
    for members in shapes.values():
        for first in range(0, len(members), BATCH):
            yield members[first : first + BATCH]


def _lesson(recipe: Recipe) -> Recipe:
    train = replace(recipe.train, steps=LESSON_STEPS, epochs=0, seconds=0.0, batch=LESSON_BATCH)
    net = replace(recipe.net, loss_head=False)  # nobody asks it for losses
    return replace(recipe, net=net, train=train, fine_tune=None, members=1, snapshots=1)


def _bytes(posterior: Posterior) -> int:
    return posterior.mean.nbytes + posterior.entropy_of_samples.nbytes + posterior.deviation.nbytes
