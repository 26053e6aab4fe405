"""Pictures that came back from a paint program: what was changed in them becomes answers."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from microtome.labels import annotated
from microtome.project.exchange.answering import add_answers
from microtome.project.exchange.changes import Change, changes_in
from microtome.project.exchange.manifest import Manifest, read_manifest
from microtome.project.exchange.sheets import Labels, Sheets
from microtome.project.folder import Project
from microtome.project.journal import Journal
from microtome.project.records import Answer

IMPORTED = "labels-imported"  # an event: of which export, by whom, and which answer each query got
LONGEST_NAME = 40  # of an annotator, at the page too


@dataclass(frozen=True, eq=False)
class Imported:
    """What came of an import: the answers that were added, how many voxels each changed, and what to know."""

    answers: tuple[Answer, ...]
    changed_voxels: tuple[int, ...]
    unchanged: int  # queries
    notes: tuple[str, ...]


def import_pictures(project: Project, folder: Path, annotator: str, minutes: float = 0.0) -> Imported:
    """Make answers of the pictures in `corrected` and `annotated` that changed since export or last import.

    All files are checked before the first answer is written, and the answers are written together. `minutes`
    are shared among them by voxels.

    Raises:
        ValueError: If the folder holds no export of this project, a picture is not as it was exported or has
            colours of no class, nothing is labelled any more, the annotator answered meanwhile, or the image
            changed since the project was made.
        OSError: If a file is missing or cannot be read.
    """
    if not 0 <= minutes < math.inf:
        raise ValueError(f"expected minutes that are finite and not negative; got {minutes}")
    if (
        not 1 <= len(annotator) <= LONGEST_NAME
        or annotator != annotator.strip()
        or not annotator.isprintable()
    ):
        raise ValueError(
            f"expected an annotator's name of up to {LONGEST_NAME} characters; got {annotator!r}"
        )
    project.image()  # refuses one that changed
    manifest, journal = read_manifest(folder, project), project.journal
    before = _imported_before(journal, manifest, annotator)
    changes, notes = changes_in(folder, Sheets(manifest, journal, before))
    current = {change.query.query: journal.answer_of(change.query.query, annotator) for change in changes}
    for change in changes:
        _require_known(change, current[change.query.query], before, annotator)
    said = {query: answer for query, answer in current.items() if answer is not None}
    new = [change for change in changes if not _says(said.get(change.query.query), change.labels)]
    answers = add_answers(journal, new, said, annotator, minutes * 60)
    latest = {change.query.query: said[change.query.query].id for change in changes if change not in new}
    latest |= {answer.query_id: answer.id for answer in answers}
    if latest:
        data = {"export": manifest.export, "annotator": annotator}
        journal.add_event(IMPORTED, {**data, "answers": {str(query): latest[query] for query in latest}})
    unchanged = len(manifest.queries) - len(new)
    return Imported(tuple(answers), tuple(change.voxels for change in new), unchanged, tuple(notes))


def _imported_before(journal: Journal, manifest: Manifest, annotator: str) -> dict[int, int]:
    """The answers that pictures of this export gave this annotator last, by query."""
    found: dict[int, int] = {}
    for event in journal.events(IMPORTED):
        if (event.data["export"], event.data["annotator"]) == (manifest.export, annotator):
            found |= {int(query): answer for query, answer in event.data["answers"].items()}
    return found


def _require_known(change: Change, current: Answer | None, before: Mapping[int, int], annotator: str) -> None:
    """Refuse to replace what the annotator answered elsewhere after the export."""
    query = change.query.query
    if not annotated(change.labels).any():
        raise ValueError(f"{change.file}: nothing is labelled in query {query} any more")
    if current is None or _says(current, change.labels):
        return
    if current.id not in (*change.query.answers, before.get(query)):
        raise ValueError(
            f"{change.file}: {annotator} answered query {query} after the export, by answer {current.id}: "
            f"export again, or put back the picture of query {query} as it was exported"
        )


def _says(answer: Answer | None, labels: Labels) -> bool:
    return answer is not None and np.array_equal(answer.labels, labels)
