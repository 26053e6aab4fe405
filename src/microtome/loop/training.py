"""Training: all answers with the image around them, into a new model of the project."""

import shutil
import time
from collections.abc import Iterable
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from microtome.box import Box, Int3
from microtome.evaluate.agreement import majority
from microtome.learn.config import ErrorWeighting, Recipe
from microtome.learn.corrections import emphases
from microtome.learn.examples import Example, composed, half
from microtome.loop.growing import at_stage
from microtome.loop.models import load
from microtome.loop.session import Session
from microtome.predict.model import SegmentationModel, save_model
from microtome.project import Answer, Model, Project
from microtome.project.growth import lessons, sections_in
from microtome.volume import Volume


def train(session: Session) -> Model:
    """Train on all answers and add the model to the journal.

    Raises:
        ValueError: If there is no answer yet.
        OSError: If the model cannot be written.
    """
    journal, config = session.project.journal, session.project.config
    answers = list(lessons(journal))
    if not answers:
        raise ValueError("training expects at least one answer; the journal holds none")
    session = at_stage(session, sections_in(journal, [answer.id or 0 for answer in answers]))
    number = max(journal.query(answer.query_id).round for answer in answers)
    latest = journal.latest_model()
    # not more than 63 bits; a seed of its own for each round
    seed = int(np.random.default_rng((config.seed, number, 1)).integers(2**31))
    began = time.monotonic()
    model = _fitted(session, latest, answers, seed)
    seconds = time.monotonic() - began
    folder = _model_folder(session.project, 1 + len(journal.models()))
    save_model(model, folder, seed=seed, answers=[answer.id for answer in answers])
    return journal.add_model(
        Model(
            round=number,
            seed=seed,
            path=str(folder.relative_to(session.project.root)),
            settings=asdict(session.recipe),
            trained_on=tuple(answer.id for answer in answers if answer.id is not None),
            metrics={"loss": model.losses[-1], "classes": list(config.classes)},
            seconds=seconds,
        )
    )


def examples_from(
    project: Project,
    image: Volume,
    answers: list[Answer],
    *,
    margin: Int3,
    corrections: ErrorWeighting | None = None,
) -> list[Example]:
    """An example of each query that was answered; what several people said to one is the majority's.

    With `corrections` what differs from the prediction that was shown is emphasised.
    """
    labelled = [
        (project.journal.query(query_id).box, majority(said)) for query_id, said in by_query(answers).items()
    ]
    raised = emphases(project.journal, answers, corrections) if corrections and corrections.strength else {}
    given = [raised.get(query_id) for query_id in by_query(answers)] if raised else []
    return composed(image.read, Box.of(image.shape), labelled, margin, image.voxel_size_nm, given)


def by_query(answers: Iterable[Answer]) -> dict[int, list[UInt8[np.ndarray, "z y x"]]]:
    """The labels of each query that was answered, one block an annotator."""
    said: dict[int, list[UInt8[np.ndarray, "z y x"]]] = {}
    for answer in answers:
        said.setdefault(answer.query_id, []).append(answer.labels)
    return said


def untrained(session: Session) -> bool:
    """Whether there are answers that the latest model did not see."""
    latest = session.project.journal.latest_model()
    last = max(latest.trained_on, default=0) if latest else 0
    return next(lessons(session.project.journal, since_id=last), None) is not None


def _fitted(session: Session, latest: Model | None, answers: list[Answer], seed: int) -> SegmentationModel:
    base = SegmentationModel(session.recipe, session.classes, session.sampling, session.device)
    if latest is not None and session.recipe.fine_tune is not None:
        before = load(session, latest)
        if _alike(before.recipe, session.recipe):
            base = replace(before, recipe=session.recipe)
    examples = examples_from(
        session.project,
        session.image,
        answers,
        margin=half(session.recipe.train.window),
        corrections=session.recipe.corrections,
    )
    return base.fit(examples, seed=seed, progress=session.progress)


def _alike(before: Recipe, now: Recipe) -> bool:
    """Whether networks of one recipe can go on by the other."""
    return (before.net, before.members, before.snapshots) == (now.net, now.members, now.snapshots)


def _model_folder(project: Project, number: int) -> Path:
    """The folder of the next model, cleared of one that was written but never entered in the journal."""
    folder = project.models_dir / f"{number:03d}"
    shutil.rmtree(folder, ignore_errors=True)
    return folder
