"""Objects to judge, verdicts, audits and sheets as rows of the journal's tables, and back."""

import json
import sqlite3

from microtome.project.records import Audit, AuditAnswer, JudgeQuery, Sheet, Verdict
from microtome.project.rows import Row, box_from, box_row


def judge_query_row(query: JudgeQuery) -> Row:
    """The columns of a query for an object, but for its id."""
    return {
        "created_at": query.created_at,
        "round": int(query.round),
        "proposals": query.proposals,
        "object_key": int(query.object_key),
        **box_row(query.box),
        "cluster": int(query.cluster),
        "strategy": query.strategy,
        "score": float(query.score),
        "rank": int(query.rank),
        "reason": query.reason,
    }


def judge_query_from(row: sqlite3.Row) -> JudgeQuery:
    """The query of a row."""
    return JudgeQuery(
        id=row["id"],
        round=row["round"],
        proposals=row["proposals"],
        object_key=row["object_key"],
        box=box_from(row),
        cluster=row["cluster"],
        strategy=row["strategy"],
        score=row["score"],
        rank=row["rank"],
        reason=row["reason"],
        created_at=row["created_at"],
    )


def verdict_row(verdict: Verdict) -> Row:
    """The columns of a verdict, but for its id."""
    return {
        "created_at": verdict.created_at,
        "query_id": int(verdict.query_id),
        "sheet_id": None if verdict.sheet_id is None else int(verdict.sheet_id),
        "annotator": verdict.annotator,
        "verdict": verdict.verdict,
        "touched": int(verdict.touched),
        "active_seconds": float(verdict.active_seconds),
        "key": verdict.key,
        "supersedes": None if verdict.supersedes is None else int(verdict.supersedes),
    }


def verdict_from(row: sqlite3.Row) -> Verdict:
    """The verdict of a row."""
    return Verdict(
        id=row["id"],
        query_id=row["query_id"],
        annotator=row["annotator"],
        verdict=row["verdict"],
        touched=bool(row["touched"]),
        active_seconds=row["active_seconds"],
        key=row["key"],
        sheet_id=row["sheet_id"],
        supersedes=row["supersedes"],
        created_at=row["created_at"],
    )


def audit_row(audit: Audit) -> Row:
    """The columns of an audit, but for its id."""
    return {"created_at": audit.created_at, "proposals": audit.proposals, **box_row(audit.box)}


def audit_from(row: sqlite3.Row) -> Audit:
    """The audit of a row."""
    return Audit(id=row["id"], proposals=row["proposals"], box=box_from(row), created_at=row["created_at"])


def audit_answer_row(answer: AuditAnswer) -> Row:
    """The columns of an answer to an audit, but for its id."""
    return {
        "created_at": answer.created_at,
        "audit_id": int(answer.audit_id),
        "sheet_id": None if answer.sheet_id is None else int(answer.sheet_id),
        "annotator": answer.annotator,
        "points": json.dumps([[int(at) for at in point] for point in answer.points]),
        "done": int(answer.done),
        "active_seconds": float(answer.active_seconds),
        "key": answer.key,
        "supersedes": None if answer.supersedes is None else int(answer.supersedes),
    }


def audit_answer_from(row: sqlite3.Row) -> AuditAnswer:
    """The answer of a row."""
    return AuditAnswer(
        id=row["id"],
        audit_id=row["audit_id"],
        annotator=row["annotator"],
        points=tuple((z, y, x) for z, y, x in json.loads(row["points"])),
        done=bool(row["done"]),
        active_seconds=row["active_seconds"],
        key=row["key"],
        sheet_id=row["sheet_id"],
        supersedes=row["supersedes"],
        created_at=row["created_at"],
    )


def sheet_from(row: sqlite3.Row, query_ids: tuple[int, ...]) -> Sheet:
    """The sheet of a row of `sheets` with whether it is `closed`."""
    return Sheet(
        id=row["id"],
        proposals=row["proposals"],
        annotator=row["annotator"],
        sorting=row["sorting"],
        query_ids=query_ids,
        audit_id=row["audit_id"],
        closed=bool(row["closed"]),
        created_at=row["created_at"],
    )
