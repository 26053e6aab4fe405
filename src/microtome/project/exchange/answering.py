"""Answers out of changed pictures, with the time they took, in step with the page's drafts."""

from collections.abc import Mapping, Sequence
from uuid import uuid4

import numpy as np
from jaxtyping import Int32, UInt16

from microtome.labels import annotated
from microtome.project.exchange.changes import Change
from microtome.project.exchange.sheets import Labels
from microtome.project.journal import Journal
from microtome.project.records import INSTANCE, Activity, Answer, Op


def add_answers(
    journal: Journal,
    changes: Sequence[Change],
    current: Mapping[int, Answer],
    annotator: str,
    seconds: float,
) -> list[Answer]:
    """Answer the queries that changed, all of them or none; `seconds` are shared by labelled voxels.

    `current` has what the annotator answered before, to be superseded.

    Raises:
        ValueError: If an answer was superseded meanwhile.
        OSError: If the journal cannot be written.
    """
    voxels = [int(annotated(change.labels).sum()) for change in changes]
    answers: list[Answer] = []
    spent: list[float] = []
    for change, own in zip(changes, voxels, strict=True):
        query, earlier = change.query.query, current.get(change.query.query)
        spent.append(seconds * own / sum(voxels))
        instances = _instances(change.labels, earlier)
        answers.append(
            Answer(
                query_id=query,
                annotator=annotator,
                labels=change.labels,
                instances=instances,
                active_seconds=spent[-1] + journal.drafts.active_seconds(query, annotator),
                method="scratch" if change.query.model is None else "corrected",
                shown_model=change.query.model,
                draft_seq=_redrawn(journal, query, annotator, change.labels, instances),
                supersedes=None if earlier is None else earlier.id,
            )
        )
    added = journal.add_answers(answers)
    for answer, own_seconds in zip(added, spent, strict=True):
        _report(journal, answer, own_seconds)
    return added


def _report(journal: Journal, answer: Answer, seconds: float) -> None:
    """Enter the time as the page does, so that it is the annotator's and no later answer pays for it."""
    journal.drafts.add_activity(
        Activity(
            query_id=answer.query_id,
            annotator=answer.annotator,
            key=uuid4().hex,
            looking_seconds=0.0,
            editing_seconds=seconds,
        )
    )


def _instances(labels: Labels, earlier: Answer | None) -> UInt16[np.ndarray, "z y x"] | None:
    """The objects that were told apart before, where the class is the same."""
    if earlier is None or earlier.instances is None:
        return None
    return np.where(labels == earlier.labels, earlier.instances, np.uint16(0))


def _redrawn(
    journal: Journal,
    query: int,
    annotator: str,
    labels: Labels,
    instances: UInt16[np.ndarray, "z y x"] | None,
) -> int | None:
    """Bring the annotator's draft, if there is one, to these labels, so that the page goes on from them."""
    last = journal.drafts.last_seq(query, annotator)
    if not last:
        return None
    values = labels.astype(np.int32)
    if instances is not None:
        values += INSTANCE * instances.astype(np.int32)
    restored = Op(
        query_id=query,
        annotator=annotator,
        seq=last + 1,
        key=uuid4().hex,
        kind="edit",
        tool="restore",
        runs=_runs(values.ravel()),
    )
    journal.drafts.add_op(restored)
    return restored.seq


def _runs(values: Int32[np.ndarray, " n"]) -> Int32[np.ndarray, "k 3"]:
    """The runs that give all voxels of a box these values."""
    starts = np.flatnonzero(np.diff(values, prepend=np.int32(-1)))
    return np.stack([starts, np.diff(starts, append=values.size), values[starts]], axis=1).astype(np.int32)
