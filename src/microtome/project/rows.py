"""Records as rows of the journal's tables, and back. Numbers are made plain: SQLite does not know numpy's."""

import json
import sqlite3
from typing import Any

import numpy as np

from microtome.box import Box
from microtome.labels import annotated
from microtome.project.encoding import (
    EncodedLabels,
    decode_array,
    decode_labels,
    encode_array,
    encode_labels,
)
from microtome.project.records import (
    Activity,
    Answer,
    Effort,
    Event,
    Json,
    Model,
    Op,
    Preview,
    Query,
    Skip,
)

Row = dict[str, Any]


CORNERS = ("z0", "y0", "x0", "z1", "y1", "x1")


def box_row(box: Box) -> Row:
    """The columns of a box."""
    return {name: int(corner) for name, corner in zip(CORNERS, (*box.start, *box.stop), strict=True)}


def box_from(row: sqlite3.Row) -> Box:
    """The box of a row."""
    return Box((row["z0"], row["y0"], row["x0"]), (row["z1"], row["y1"], row["x1"]))


def query_row(query: Query) -> Row:
    """The columns of a query, but for its id."""
    return {
        "created_at": query.created_at,
        "round": int(query.round),
        "kind": query.kind,
        **box_row(query.box),
        "strategy": query.strategy,
        "score": float(query.score),
        "rank": int(query.rank),
        "reason": query.reason,
    }


def query_from(row: sqlite3.Row) -> Query:
    """The query of a row."""
    return Query(
        id=row["id"],
        round=row["round"],
        kind=row["kind"],
        box=box_from(row),
        strategy=row["strategy"],
        score=row["score"],
        rank=row["rank"],
        reason=row["reason"],
        created_at=row["created_at"],
    )


def answer_row(answer: Answer) -> Row:
    """The columns of an answer, but for its id; its labels are encoded."""
    code = encode_labels(answer.labels)
    nz, ny, nx = code.shape
    return {
        "created_at": answer.created_at,
        "query_id": int(answer.query_id),
        "annotator": answer.annotator,
        **{"nz": nz, "ny": ny, "nx": nx},
        "labels": code.labels,
        "annotated": code.mask,
        "annotated_voxels": int(annotated(answer.labels).sum()),
        "active_seconds": float(answer.active_seconds),
        "method": answer.method,
        "shown_model": None if answer.shown_model is None else int(answer.shown_model),
        "supersedes": None if answer.supersedes is None else int(answer.supersedes),
        "instances": None if answer.instances is None else encode_array(answer.instances),
        "draft_seq": None if answer.draft_seq is None else int(answer.draft_seq),
    }


def answer_from(row: sqlite3.Row) -> Answer:
    """The answer of a row, its labels decoded.

    Raises:
        ValueError: If they are damaged.
    """
    shape = (row["nz"], row["ny"], row["nx"])
    return Answer(
        id=row["id"],
        query_id=row["query_id"],
        annotator=row["annotator"],
        labels=decode_labels(EncodedLabels(shape, row["labels"], row["annotated"])),
        active_seconds=row["active_seconds"],
        method=row["method"],
        shown_model=row["shown_model"],
        supersedes=row["supersedes"],
        instances=None if row["instances"] is None else decode_array(row["instances"], shape, np.uint16),
        draft_seq=row["draft_seq"],
        created_at=row["created_at"],
    )


def effort_from(row: sqlite3.Row) -> Effort:
    """The effort of a row of `answers` with the query's `round` and whether the answer is `current`."""
    return Effort(
        answer_id=row["id"],
        query_id=row["query_id"],
        round=row["round"],
        annotator=row["annotator"],
        method=row["method"],
        current=bool(row["current"]),
        voxels=row["annotated_voxels"] if row["current"] else 0,
        active_seconds=row["active_seconds"],
        shown_model=row["shown_model"],
    )


def skip_row(skip: Skip) -> Row:
    """The columns of a skip, but for its id."""
    return {
        "created_at": skip.created_at,
        "query_id": int(skip.query_id),
        "annotator": skip.annotator,
        "reason": skip.reason,
    }


def skip_from(row: sqlite3.Row) -> Skip:
    """The skip of a row."""
    return Skip(
        id=row["id"],
        query_id=row["query_id"],
        annotator=row["annotator"],
        reason=row["reason"],
        created_at=row["created_at"],
    )


def op_row(op: Op) -> Row:
    """The columns of a step of a draft, but for its id."""
    return {
        "created_at": op.created_at,
        "query_id": int(op.query_id),
        "annotator": op.annotator,
        "seq": int(op.seq),
        "key": op.key,
        "kind": op.kind,
        "tool": op.tool,
        "runs": encode_array(op.runs),
        "model_id": None if op.model is None else int(op.model),
    }


def op_from(row: sqlite3.Row) -> Op:
    """The step of a row.

    Raises:
        ValueError: If its runs are damaged.
    """
    return Op(
        id=row["id"],
        query_id=row["query_id"],
        annotator=row["annotator"],
        seq=row["seq"],
        key=row["key"],
        kind=row["kind"],
        tool=row["tool"],
        runs=decode_array(row["runs"], (-1, 3), np.int32),
        model=row["model_id"],
        created_at=row["created_at"],
    )


def activity_row(activity: Activity) -> Row:
    """The columns of a report of activity, but for its id."""
    return {
        "created_at": activity.created_at,
        "query_id": int(activity.query_id),
        "annotator": activity.annotator,
        "key": activity.key,
        "looking_seconds": float(activity.looking_seconds),
        "editing_seconds": float(activity.editing_seconds),
    }


def activity_from(row: sqlite3.Row) -> Activity:
    """The report of a row."""
    return Activity(
        id=row["id"],
        query_id=row["query_id"],
        annotator=row["annotator"],
        key=row["key"],
        looking_seconds=row["looking_seconds"],
        editing_seconds=row["editing_seconds"],
        created_at=row["created_at"],
    )


def preview_row(preview: Preview) -> Row:
    """The columns of a preview, but for its id."""
    return {
        "created_at": preview.created_at,
        "model_id": int(preview.model_id),
        "query_id": None if preview.query_id is None else int(preview.query_id),
        **box_row(preview.box),
        "classes": encode_array(preview.classes),
        "uncertainty": encode_array(preview.uncertainty),
        "foreground": None if preview.foreground is None else encode_array(preview.foreground),
    }


def preview_from(row: sqlite3.Row) -> Preview:
    """The preview of a row.

    Raises:
        ValueError: If its voxels are damaged.
    """
    box = box_from(row)
    return Preview(
        id=row["id"],
        model_id=row["model_id"],
        query_id=row["query_id"],
        box=box,
        classes=decode_array(row["classes"], box.shape, np.uint8),
        uncertainty=decode_array(row["uncertainty"], box.shape, np.uint8),
        foreground=None
        if row["foreground"] is None
        else decode_array(row["foreground"], box.shape, np.uint8),
        created_at=row["created_at"],
    )


def model_row(model: Model) -> Row:
    """The columns of a model, but for its id and the answers that it saw.

    Raises:
        ValueError: If settings or metrics are no JSON.
    """
    return {
        "created_at": model.created_at,
        "round": int(model.round),
        "seed": int(model.seed),
        "path": model.path,
        "settings": _json_text(model.settings),
        "metrics": _json_text(model.metrics),
        "seconds": float(model.seconds),
    }


def trained_on_row(model: Model, answer_id: int) -> Row:
    """The columns that say that a model saw an answer."""
    return {"created_at": model.created_at, "model_id": model.id, "answer_id": int(answer_id)}


def model_from(row: sqlite3.Row, trained_on: tuple[int, ...]) -> Model:
    """The model of a row."""
    return Model(
        id=row["id"],
        round=row["round"],
        seed=row["seed"],
        path=row["path"],
        settings=json.loads(row["settings"]),
        trained_on=trained_on,
        metrics=json.loads(row["metrics"]),
        seconds=row["seconds"],
        created_at=row["created_at"],
    )


def event_row(event: Event) -> Row:
    """The columns of an event, but for its id.

    Raises:
        ValueError: If its data are no JSON.
    """
    return {"created_at": event.created_at, "kind": event.kind, "data": _json_text(event.data)}


def event_from(row: sqlite3.Row) -> Event:
    """The event of a row."""
    return Event(id=row["id"], kind=row["kind"], data=json.loads(row["data"]), created_at=row["created_at"])


def _json_text(data: Json) -> str:
    try:
        return json.dumps(data, allow_nan=False, sort_keys=True)
    except TypeError as error:
        raise ValueError(f"the journal keeps JSON only: {error}") from error
