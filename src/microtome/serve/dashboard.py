"""How the project gets on, as the dashboard shows it: everything is read from the journal."""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from microtome.evaluate.overlap import ContingencyTable, empty_table, jaccard
from microtome.project import Journal, Project, Query, total_cost
from microtome.project.growth import grows
from microtome.project.growth_cost import told
from microtome.project.summary import agreement_of, annotators, rounds
from microtome.serve.desk import Desk
from microtome.serve.events import (
    ESTIMATE,
    WorkerState,
    answers_needed,
    untrained_answers,
    watched_sections,
)
from microtome.serve.told import box_json, preview_json


def state_of(desk: Desk, worker: WorkerState) -> dict[str, Any]:
    """The little that the painting page shows all the time."""
    latest = desk.journal.latest_model()
    return {
        "worker": _worker_json(desk.project, worker),
        "model": latest.id if latest else None,
        "answers": len(desk.journal.answer_ids()),
        "open": len(desk.journal.open_queries()),
    }


def dashboard_of(desk: Desk, worker: WorkerState) -> dict[str, Any]:
    """All that the dashboard shows."""
    journal = desk.journal
    total, agreed = total_cost(journal), agreement_of(journal)
    return {
        "project": desk.about(),
        "worker": _worker_json(desk.project, worker),
        "rounds": _rounds(journal),
        "curve": learning_curve(desk.project),
        "annotators": _annotators(journal),
        "agreement": None if agreed is None else asdict(agreed),
        "gallery": _gallery(journal),
        "sections": [_section(journal, z) for z in watched_sections(journal)],
        "answers": total.answers,
        "open": len(journal.open_queries()),
        "minutes": total.minutes,
        "megavoxels": total.megavoxels,
        "minutes_per_megavoxel": total.minutes_per_megavoxel,
        "growth": told(desk.project) if grows(desk.project.config) else None,
    }


def learning_curve(project: Project) -> list[dict[str, Any]]:
    """For each model, how well it did on answers that it had not seen, pooled over their voxels.

    Queries are chosen where a model is unsure, so that those of a later model are other and harder ones. Each
    model is therefore compared with the one before on the same answers, which neither has seen, and the curve
    adds these steps up, from the first model's own value.
    """
    journal, names = project.journal, project.config.classes
    tried = _tried(journal)
    seconds = {effort.answer_id: effort.active_seconds for effort in journal.efforts()}
    points: list[dict[str, Any]] = []
    level: list[float | None] = [None] * len(names)
    models = journal.models()
    for k, model in enumerate(models):
        last = max(model.trained_on, default=0)
        until = max(models[k + 1].trained_on, default=0) if k + 1 < len(models) else math.inf
        own = {answer: table for answer, table in tried[model.id].items() if last < answer <= until}
        earlier = tried[models[k - 1].id] if k else {}
        shared = own.keys() & earlier.keys()
        unseen = _scores(own.values(), len(names))
        after = _scores([own[answer] for answer in shared], len(names))
        before = _scores([earlier[answer] for answer in shared], len(names))
        level = [_next_level(*values) for values in zip(level, unseen, before, after, strict=True)]
        shown = level if own else [None] * len(names)
        points.append(
            {
                "model": model.id,
                "answers": len(model.trained_on),
                "minutes": sum(spent for answer, spent in seconds.items() if answer <= last) / 60,
                "evaluated": len(own),
                "jaccard": _mean(shown),
                "classes": dict(zip(names, shown, strict=True)),
                "unseen": _mean(unseen),
                "before": _mean(before),
            }
        )
    return points


def _tried(journal: Journal) -> dict[int | None, dict[int, ContingencyTable]]:
    """By model and answer: how the model did on it."""
    tried: dict[int | None, dict[int, ContingencyTable]] = defaultdict(dict)
    as_shown = {effort.answer_id for effort in journal.efforts() if effort.method == "accepted"}
    for event in journal.events(ESTIMATE):
        if event.data["answer"] in as_shown:
            continue  # it says what the model says
        table = ContingencyTable(np.array(event.data["table"], dtype=np.int64))
        tried[event.data["model"]][event.data["answer"]] = table
    return tried


def _scores(tables: Iterable[ContingencyTable], classes: int) -> list[float | None]:
    """Jaccard of each class over all tables together."""
    table = sum(tables, start=empty_table(classes))
    return [_jaccard(table, k + 1) for k in range(classes)]


def _next_level(
    level: float | None, unseen: float | None, before: float | None, after: float | None
) -> float | None:
    """A model's level: its predecessor's, and what it does better on the same answers; at first its own."""
    if level is None:
        return unseen
    if before is None or after is None:
        return level
    return min(max(level + after - before, 0.0), 1.0)


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _worker_json(project: Project, worker: WorkerState) -> dict[str, Any]:
    waiting = untrained_answers(project.journal)
    return {**worker.as_json(), "new_answers": waiting, "needed": answers_needed(project)}


def _rounds(journal: Journal) -> list[dict[str, Any]]:
    return [
        {
            "round": row.number,
            "strategy": row.strategy,
            "asked": row.asked,
            "open": row.still_open,
            "answers": row.cost.answers if row.cost else 0,
            "skipped": row.skipped,
            "minutes": row.cost.minutes if row.cost else 0.0,
            "megavoxels": row.cost.megavoxels if row.cost else 0.0,
            "minutes_per_megavoxel": row.cost.minutes_per_megavoxel if row.cost else None,
            "model": row.model,
        }
        for row in rounds(journal)
    ]


def _annotators(journal: Journal) -> list[dict[str, Any]]:
    return [{**asdict(person), "answers_per_hour": person.answers_per_hour} for person in annotators(journal)]


def _gallery(journal: Journal) -> list[dict[str, Any]]:
    answered: dict[int, list[str]] = defaultdict(list)
    methods: dict[int, list[str]] = defaultdict(list)
    for effort in journal.efforts():
        if effort.current:
            answered[effort.query_id].append(effort.annotator)
            methods[effort.query_id].append(effort.method)
    skipped = {skip.query_id: skip.annotator for skip in journal.skips()}
    handed, drawn = journal.drafts.assigned(), journal.drafts.drawn()
    withdrawn = journal.withdrawn()  # nobody saw the withdrawn

    def shown(query: Query) -> dict[str, Any]:
        assert query.id is not None, "records of a journal have an id"
        if answered[query.id]:
            state, people = "answered", answered[query.id]
        elif query.id in skipped:
            state, people = "skipped", [skipped[query.id]]
        else:
            people = handed.get(query.id, []) if query.id in drawn else []
            state = "drawing" if people else "open"
        return {
            "id": query.id,
            "round": query.round,
            "rank": query.rank,
            "state": state,
            "annotators": people,
            "box": box_json(query.box),
            "score": query.score,
            "reason": query.reason,
            "methods": methods[query.id],
        }

    return [shown(query) for query in journal.queries() if query.id not in withdrawn]


def _section(journal: Journal, z: int) -> dict[str, Any]:
    found = journal.previews.of_section(z)
    return {"z": z, "preview": None if found is None else preview_json(journal.previews.get(found))}


def _jaccard(table: ContingencyTable, label: int) -> float | None:
    """None where neither an annotator nor the model saw the class."""
    seen = table.counts[label].sum() + table.counts[:, label].sum()
    return jaccard(table, label) if seen else None
