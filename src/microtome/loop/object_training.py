"""Training on judged objects: from the project's latest model and what people decided to a new model."""

import shutil
import time
from collections.abc import Sequence
from dataclasses import asdict, replace

import numpy as np

from microtome.learn.examples import half
from microtome.loop.models import load
from microtome.loop.session import Session
from microtome.loop.training import examples_from
from microtome.objects.decisions import decisions
from microtome.objects.feedback import INITIAL_SHARE, Judged, decided_rows, judged_examples, mixed
from microtome.objects.proposals import Proposals
from microtome.objects.sets import ProposalSets
from microtome.predict.model import save_model
from microtome.project import Model


def object_classes(session: Session, found: Proposals) -> tuple[int, ...]:
    """Which classes of the project's labels the objects of a set are, from where they were found.

    Raises:
        ValueError: If the project has several classes and they were found in something else.
    """
    known = session.project.config.classes
    named = tuple(name.strip() for name in found.plan.origin.rpartition(": ")[2].split(","))
    given = named if set(named) <= set(known) else known
    if len(given) != _sides(found):
        raise ValueError(
            f"expected objects of {_sides(found)} of the project's classes {', '.join(known)}; "
            f"proposals {found.folder.name} were found in {found.plan.origin}"
        )
    return tuple(1 + known.index(name) for name in given)


def taught_classes(session: Session, found: Proposals) -> tuple[int, ...]:
    """The same, of a set of which verdicts can teach a model.

    Raises:
        ValueError: If the project has other classes besides, as what is no object may be one of those.
    """
    known = session.project.config.classes
    if len(known) != _sides(found):
        raise ValueError(
            f"objects teach a model of their own class alone: an incorrect one may be anything else; "
            f"the objects have {_sides(found)} class(es), the project has {', '.join(known)}"
        )
    return object_classes(session, found)


def _sides(found: Proposals) -> int:
    return 1 if found.sides() is None else 2


def judged_objects(session: Session, people: int = 1) -> list[Judged]:
    """What was decided, in each set of proposals of the objects that were asked about in it.

    So each decision goes with the mask that people saw, also where the object has another one by now. Sets
    that are gone are left out.

    Raises:
        ValueError: If a set is damaged, or `taught_classes` refuses.
        OSError: If one cannot be read.
    """
    verdicts, sets = session.project.journal.verdicts, ProposalSets(session.project.root)
    queries = verdicts.queries()
    found = decisions(queries, verdicts.verdicts(), people)
    judged = []
    for name in sets.finished():
        asked = {query.object_key for query in queries if query.proposals == name}
        proposals = sets.opened(name)
        correct = decided_rows(proposals.table(), {key: found[key] for key in asked})
        if correct:
            judged.append(Judged(proposals, correct, taught_classes(session, proposals)))
    return judged


def train_on_objects(session: Session, judged: Sequence[Judged], *, initial: float = INITIAL_SHARE) -> Model:
    """Go on training the latest model with judged objects and what was painted, and add it to the journal.

    The recipe of the session must say how a model is fine-tuned (`feedback.tuning`).

    Raises:
        ValueError: If there is no model or nothing to learn from, or the recipe does not fine-tune.
        OSError: If a volume cannot be read or the model not written.
    """
    journal, tune = session.project.journal, session.recipe.fine_tune
    if tune is None:
        raise ValueError("training on objects expects a recipe that fine-tunes")
    latest, answers = session.project.model(), list(journal.answers())
    margin = half(tune.window)
    painted = examples_from(session.project, session.image, answers, margin=margin) if initial else []
    examples = mixed(
        painted, [one for part in judged for one in judged_examples(part, session.image, margin)], initial
    )
    number = 1 + len(journal.models())
    seed = int(np.random.default_rng((session.project.config.seed, number, 4)).integers(2**31))
    began = time.monotonic()
    model = load(session, latest).fit(examples, seed=seed, progress=session.progress)
    seconds = time.monotonic() - began
    folder = session.project.models_dir / f"{number:03d}"
    shutil.rmtree(folder, ignore_errors=True)  # one that was written but never entered in the journal
    said = [correct for part in judged for correct in part.correct.values()]
    objects = {
        "proposals": [part.proposals.folder.name for part in judged],
        "correct": sum(said),
        "incorrect": len(said) - sum(said),
    }
    save_model(model, folder, seed=seed, answers=[answer.id for answer in answers], objects=objects)
    return journal.add_model(
        replace(
            latest,
            id=None,
            created_at=None,
            seed=seed,
            path=str(folder.relative_to(session.project.root)),
            settings=asdict(session.recipe),
            trained_on=tuple(answer.id for answer in answers if answer.id is not None),
            metrics={
                "loss": model.losses[-1],
                "classes": list(session.project.config.classes),
                "objects": objects,
            },
            seconds=seconds,
        )
    )
