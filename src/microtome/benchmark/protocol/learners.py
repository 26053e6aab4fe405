"""What is trained in a study: a U-Net (tiers B and C), or light heads on frozen features (tier A)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import UInt8

from microtome.benchmark.protocol.task import Scene
from microtome.box import Box
from microtome.learn.config import Recipe
from microtome.learn.examples import composed, half
from microtome.learn.settings import tables_of
from microtome.predict.model import SegmentationModel
from microtome.predict.on_volume import ModelOnVolume
from microtome.predict.sampling import Sampling
from microtome.progress import silent
from microtome.query.candidates import ModelView

Labelled = Sequence[tuple[Box, UInt8[np.ndarray, "z y x"]]]


@runtime_checkable
class Learned(Protocol):
    """A model that was trained on some patches."""

    def on(self, scene: Scene) -> ModelView: ...


@runtime_checkable
class Learner(Protocol):
    """Trains from scratch: the same patches and seed give the same model."""

    @property
    def settings(self) -> object:
        """All that its models depend on besides, as JSON has it."""

    def fit(self, scene: Scene, labelled: Labelled, seed: int) -> Learned: ...


@dataclass(frozen=True)
class UNetLearner:
    """The product's own U-Net and training."""

    recipe: Recipe
    classes: int  # background included
    sampling: Sampling
    samples: int
    device: str = "cpu"

    @property
    def settings(self) -> object:
        """Every setting of the network and its training, and how it is sampled and where."""
        return [tables_of(self.recipe), self.sampling, self.samples, self.device]

    def fit(self, scene: Scene, labelled: Labelled, seed: int) -> "UNetLearned":
        """Train on patches with the image around them.

        Raises:
            ValueError: If nothing is labelled.
        """
        image, margin = scene.image, half(self.recipe.train.window)
        examples = composed(image.read, Box.of(image.shape), labelled, margin, image.voxel_size_nm)
        untrained = SegmentationModel(self.recipe, self.classes, self.sampling, self.device)
        return UNetLearned(untrained.fit(examples, seed=seed, progress=silent), self.samples, seed)


@dataclass(frozen=True)
class UNetLearned:
    """A trained U-Net, and how its posteriors are sampled."""

    model: SegmentationModel
    samples: int
    seed: int

    def on(self, scene: Scene) -> ModelOnVolume:
        """The model over a scene's image."""
        return ModelOnVolume(self.model, scene.image, self.samples, self.seed)
