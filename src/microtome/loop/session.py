"""An open project with everything that it takes to work on it."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from microtome.learn.config import Recipe
from microtome.predict.sampling import Sampling
from microtome.progress import Progress, silent
from microtome.project import Project
from microtome.query.strategy import Strategy
from microtome.schedule import Schedule, in_turn
from microtome.volume import Volume

ExactEngineName = Literal["auto", "torch", "openvino"]


@dataclass(frozen=True)
class Session:
    """An open project with everything that it takes to work on it."""

    project: Project
    recipe: Recipe
    strategy: Strategy
    start: Strategy  # asks before there is a model
    sampling: Sampling
    device: str = "cpu"
    progress: Progress = field(default=silent)
    schedule: Schedule = in_turn  # who scores the candidates of a round
    engine: ExactEngineName = "torch"  # what the latest model computes on when it is asked

    @property
    def classes(self) -> int:
        """Number of classes, background included."""
        return len(self.project.config.classes) + 1

    @cached_property
    def image(self) -> Volume:
        """The image, opened and checked once."""
        return self.project.image()

    @cached_property
    def truth(self) -> Volume:
        """The known labels.

        Raises:
            ValueError: If the project has none.
        """
        truth = self.project.truth()
        if truth is None:
            raise ValueError(
                f"{self.project.root} has no [truth]: known labels are needed to simulate and to evaluate"
            )
        return truth
