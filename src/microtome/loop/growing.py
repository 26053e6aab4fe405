"""Growing from one section: what is asked for next to it, and the recipe that holds by then (Guay 2021)."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy.spatial import cKDTree

from microtome.learn.stages import staged
from microtome.loop.session import Session
from microtome.project import Model
from microtome.project.growth import audits_of, grows, sections_in, seeds, stage_at
from microtome.query.candidates import Candidates
from microtome.query.strategy import Pick

SEED_REASON = "a seed: somebody said that growing begins here"


def at_stage(session: Session, sections: int) -> Session:
    """The session with the recipe that holds once so many sections are labelled.

    Raises:
        ValueError: If the recipe does not fit the stage.
    """
    stage = stage_at(session.project.config, sections)
    return session if stage is None else replace(session, recipe=staged(session.recipe, stage))


def step_size(session: Session) -> int:
    """How many boxes are asked for next: the first alone, then what the latest model's stage says.

    None while the first is open, or waits for its model: what comes next should be filled in.
    """
    journal, config = session.project.journal, session.project.config
    latest = journal.latest_model()
    if latest is None:
        return 0 if journal.open_queries() or journal.answer_ids() else 1
    stage = stage_at(config, sections_of(session, latest))
    assert stage is not None, "the project grows"
    return -(-stage.ask // config.query.shape[0])


def sections_of(session: Session, model: Model) -> int:
    """How many sections a model learned from."""
    return sections_in(session.project.journal, model.trained_on)


def round_that_runs(session: Session) -> int:
    """Every model begins a round, so that a round's cost tells what its model was worth."""
    latest = session.project.journal.latest_model()
    return 0 if latest is None else latest.round + 1


def planted(session: Session, candidates: Candidates) -> list[Pick]:
    """The open boxes in which somebody said that growing begins."""
    found = []
    for at in seeds(session.project.journal):
        for index, box in enumerate(candidates.boxes):
            if all(a <= p < b for a, p, b in zip(box.start, at, box.stop, strict=True)):
                found.append(Pick(index, 0.0, SEED_REASON))
    return found


def audits(session: Session, candidates: Candidates, picked: Sequence[int]) -> list[Pick]:
    """Where a project grows and has a model, boxes as far from what is labelled and each other as can be.

    No more than a quarter of what is left: the rest is to be grown into.
    """
    journal, config = session.project.journal, session.project.config
    asked = journal.latest_model() is None or audits_of(journal)
    if not grows(config) or asked or not len(candidates):
        return []
    starts = np.array([box.start for box in candidates.boxes]) / candidates.boxes[0].shape
    known = np.array([box.start for box in candidates.labelled]) / candidates.boxes[0].shape
    distance = np.asarray(cKDTree([*known, *starts[list(picked)]]).query(starts, p=1)[0])
    found: list[Pick] = []
    for _ in range(min(config.query.audits, len(starts) // 4)):
        index = int(distance.argmax())
        found.append(
            Pick(index, float(distance[index]), "far away: never learned from, to see how models do there")
        )
        distance = np.minimum(distance, np.abs(starts - starts[index]).sum(axis=1))
    return found
