"""How the project gets on, as the dashboard shows it: everything is read from the journal."""

from collections import defaultdict
from typing import Any

import numpy as np

from microtome.evaluate.agreement import Agreement
from microtome.evaluate.overlap import ContingencyTable, empty_table, jaccard
from microtome.project import Journal, Project, Query, total_cost
from microtome.project.summary import agreement_of, annotators, rounds
from microtome.serve.desk import Desk, box_json, preview_json
from microtome.serve.events import (
    ESTIMATE,
    WorkerState,
    answers_needed,
    untrained_answers,
    watched_sections,
)


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
    total = total_cost(journal)
    return {
        "project": desk.about(),
        "worker": _worker_json(desk.project, worker),
        "rounds": _rounds(journal),
        "curve": learning_curve(desk.project),
        "annotators": _annotators(journal),
        "agreement": _agreement(agreement_of(journal)),
        "gallery": _gallery(journal),
        "sections": [_section(journal, z) for z in watched_sections(journal)],
        "answers": total.answers,
        "open": len(journal.open_queries()),
        "minutes": total.minutes,
        "megavoxels": total.megavoxels,
        "minutes_per_megavoxel": total.minutes_per_megavoxel,
    }


def learning_curve(project: Project) -> list[dict[str, Any]]:
    """For each model, how well it did on answers that it had not seen, pooled over their voxels."""
    journal, names = project.journal, project.config.classes
    tables: dict[int, ContingencyTable] = defaultdict(lambda: empty_table(len(names)))
    evaluated: dict[int, int] = defaultdict(int)
    for event in journal.events(ESTIMATE):
        tables[event.data["model"]] += ContingencyTable(np.array(event.data["table"], dtype=np.int64))
        evaluated[event.data["model"]] += 1
    seconds = {effort.answer_id: effort.active_seconds for effort in journal.efforts()}
    points = []
    for model in journal.models():
        assert model.id is not None, "records of a journal have an id"
        table, last = tables[model.id], max(model.trained_on, default=0)
        by_class = {name: _jaccard(table, k + 1) for k, name in enumerate(names)}
        known = [value for value in by_class.values() if value is not None]
        points.append(
            {
                "model": model.id,
                "answers": len(model.trained_on),
                "minutes": sum(spent for answer, spent in seconds.items() if answer <= last) / 60,
                "evaluated": evaluated[model.id],
                "jaccard": sum(known) / len(known) if known else None,
                "classes": by_class,
            }
        )
    return points


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
    return [
        {
            "name": person.name,
            "answers": person.answers,
            "skipped": person.skipped,
            "minutes": person.minutes,
            "looking_minutes": person.looking_minutes,
            "editing_minutes": person.editing_minutes,
            "answers_per_hour": person.answers_per_hour,
        }
        for person in annotators(journal)
    ]


def _agreement(found: Agreement | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {
        "queries": found.queries,
        "voxels": found.voxels,
        "agreement": found.agreement,
        "kappa": found.kappa,
    }


def _gallery(journal: Journal) -> list[dict[str, Any]]:
    answered: dict[int, list[str]] = defaultdict(list)
    methods: dict[int, list[str]] = defaultdict(list)
    for effort in journal.efforts():
        if effort.current:
            answered[effort.query_id].append(effort.annotator)
            methods[effort.query_id].append(effort.method)
    skipped = {skip.query_id: skip.annotator for skip in journal.skips()}
    handed, withdrawn = journal.drafts.assigned(), journal.withdrawn()  # nobody saw the withdrawn

    def shown(query: Query) -> dict[str, Any]:
        assert query.id is not None, "records of a journal have an id"
        if answered[query.id]:
            state, people = "answered", answered[query.id]
        elif query.id in skipped:
            state, people = "skipped", [skipped[query.id]]
        else:
            people = handed.get(query.id, [])
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
