"""How much more what was corrected will weigh in the next training."""

import numpy as np
from jaxtyping import UInt8

from microtome.learn.config import ErrorWeighting
from microtome.learn.corrections import emphases
from microtome.learn.settings import recipe_from
from microtome.learn.stages import staged
from microtome.project import Project
from microtome.project.growth import far_answers, sections_in, stage_at


class Weighing:
    """What a project weighs; where it grows, by the stage that its answers have reached.

    Raises:
        ValueError: If the project's settings of training do not fit.
    """

    def __init__(self, project: Project) -> None:
        self._project = project
        self._recipe = recipe_from(project.config.settings)
        recipes = [staged(self._recipe, stage) for stage in project.config.grow] or [self._recipe]
        self.strength = max(recipe.corrections.strength for recipe in recipes)  # of any stage

    def of(self, query_id: int) -> UInt8[np.ndarray, "z y x"] | None:
        """255 · E for each voxel of an answered query; None: unanswered, or nothing weighs more."""
        journal = self._project.journal
        answers = journal.answers_to(query_id)
        if not answers or not self.strength:
            return None
        unchanged = np.zeros(journal.query(query_id).box.shape, dtype=np.uint8)
        corrections = self._next()
        if not corrections.strength:
            return unchanged
        return emphases(journal, answers, corrections).get(query_id, unchanged)

    @property
    def errors(self) -> str:
        """Which errors weigh more in the next training: both, missed, made-up or none."""
        corrections = self._next()
        return corrections.errors if corrections.strength else "none"

    def _next(self) -> ErrorWeighting:
        journal = self._project.journal
        learned = journal.answer_ids() - far_answers(journal)
        stage = stage_at(self._project.config, sections_in(journal, learned))
        return (self._recipe if stage is None else staged(self._recipe, stage)).corrections
