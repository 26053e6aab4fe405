"""Objects that people judge, what they say of them, and the boxes in which they look for missed ones."""

import sqlite3
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from microtome.project.clock import Clock, timestamp
from microtome.project.database import insert, plain_errors, transaction
from microtome.project.judging_rows import (
    audit_answer_from,
    audit_answer_row,
    audit_from,
    audit_row,
    judge_query_from,
    judge_query_row,
    verdict_from,
    verdict_row,
)
from microtome.project.records import Audit, AuditAnswer, JudgeQuery, Verdict

CURRENT = "NOT EXISTS (SELECT 1 FROM {table} AS later WHERE later.supersedes = {table}.id)"
IN_FORCE = f"verdicts.verdict != 'withdrawn' AND {CURRENT.format(table='verdicts')}"

_UNSEEN = """
SELECT id FROM judge_queries WHERE id NOT IN (SELECT query_id FROM judge_withdrawals)
AND id NOT IN (SELECT query_id FROM sheet_tiles) AND id NOT IN (SELECT query_id FROM verdicts)
"""


class Verdicts:
    """The part of a journal about proposed objects; the same rules hold as for the rest.

    An object is known by its `object_key`, which it keeps from one set of proposals to the next.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection, clock: Clock) -> None:
        self.path = path
        self._connection = connection
        self._clock = clock

    def add_queries(self, queries: Sequence[JudgeQuery]) -> list[JudgeQuery]:
        """Ask for verdicts on objects, all of them or none, and return the queries with their ids.

        Raises:
            ValueError: If an object is asked twice in the same set of proposals.
        """
        with transaction(self._connection, self.path) as db:
            asked = {(row["proposals"], row["object_key"]) for row in db.execute(_ASKED).fetchall()}
            added = []
            for query in queries:
                if (query.proposals, query.object_key) in asked:
                    raise ValueError(
                        f"object {query.object_key} was already asked in proposals {query.proposals}"
                    )
                asked.add((query.proposals, query.object_key))
                dated = replace(query, created_at=timestamp(self._clock))
                added.append(replace(dated, id=insert(db, "judge_queries", judge_query_row(dated))))
        return added

    def queries(self, proposals: str | None = None) -> list[JudgeQuery]:
        """The queries of a set of proposals, or all, in id order, without those that were withdrawn."""
        sql = (
            "SELECT * FROM judge_queries WHERE (?1 IS NULL OR proposals = ?1)"
            " AND id NOT IN (SELECT query_id FROM judge_withdrawals) ORDER BY id"
        )
        return [judge_query_from(row) for row in self._rows(sql, proposals)]

    def query(self, query_id: int) -> JudgeQuery:
        """The query of this id.

        Raises:
            ValueError: If there is none.
        """
        rows = self._rows("SELECT * FROM judge_queries WHERE id = ?", int(query_id))
        if not rows:
            raise ValueError(f"{self.path} holds no object query {query_id}")
        return judge_query_from(rows[0])

    def withdraw(self, query_ids: Collection[int]) -> set[int]:
        """Take back those of these queries that nobody was shown yet, and return which."""
        with transaction(self._connection, self.path) as db:
            withdrawn = {row["id"] for row in db.execute(_UNSEEN).fetchall()} & set(query_ids)
            for query_id in sorted(withdrawn):
                row = {"query_id": query_id, "created_at": timestamp(self._clock)}
                insert(db, "judge_withdrawals", row)
        return withdrawn

    def add_verdict(self, verdict: Verdict) -> Verdict:
        """Add a verdict, in place of what the annotator said before, or find that it is there already.

        Raises:
            ValueError: If there is no such query, or its key names another verdict.
        """
        return self.add_verdicts([verdict])[0]

    def add_verdicts(self, verdicts: Sequence[Verdict]) -> list[Verdict]:
        """Add verdicts, all of them or none; each supersedes what its annotator said before.

        Raises:
            ValueError: If there is no such query, or a key names another verdict.
        """
        with transaction(self._connection, self.path) as db:
            return [self.put(db, verdict) for verdict in verdicts]

    def put(self, db: sqlite3.Connection, verdict: Verdict) -> Verdict:
        """`add_verdict` inside a transaction that is open already."""
        there = db.execute("SELECT * FROM verdicts WHERE key = ?", (verdict.key,)).fetchone()
        if there is not None:
            said = ("query_id", "annotator", "verdict")
            _require_same(verdict.key, [there[name] for name in said], verdict_row(verdict), said)
            return verdict_from(there)
        object_key = self.query(verdict.query_id).object_key
        earlier = self.last(verdict.query_id, verdict.annotator)
        dated = replace(
            verdict, created_at=timestamp(self._clock), supersedes=None if earlier is None else earlier.id
        )
        row = {**verdict_row(dated), "object_key": object_key}
        return replace(dated, id=insert(db, "verdicts", row))

    def last(self, query_id: int, annotator: str) -> Verdict | None:
        """What an annotator said last of a query's object, be it that they withdrew it."""
        sql = "SELECT * FROM verdicts WHERE query_id = ? AND annotator = ? ORDER BY id DESC LIMIT 1"
        rows = self._rows(sql, int(query_id), annotator)
        return verdict_from(rows[0]) if rows else None

    def verdicts(self, proposals: str | None = None) -> list[Verdict]:
        """What holds now, in id order: of each annotator and query the last verdict, unless withdrawn."""
        sql = (
            "SELECT verdicts.* FROM verdicts JOIN judge_queries ON judge_queries.id = verdicts.query_id"
            f" WHERE {IN_FORCE} AND (?1 IS NULL OR proposals = ?1) ORDER BY verdicts.id"
        )
        return [verdict_from(row) for row in self._rows(sql, proposals)]

    def judged(self) -> set[int]:
        """The keys of the objects of which somebody said something that still holds."""
        sql = f"SELECT DISTINCT object_key FROM verdicts WHERE {IN_FORCE}"
        return {row["object_key"] for row in self._rows(sql)}

    def add_audits(self, audits: Sequence[Audit]) -> list[Audit]:
        """Ask for a look at boxes, all of them or none, and return the audits with their ids.

        Raises:
            ValueError: If a box is there twice.
        """
        with transaction(self._connection, self.path) as db:
            dated = [replace(audit, created_at=timestamp(self._clock)) for audit in audits]
            return [replace(audit, id=insert(db, "audits", audit_row(audit))) for audit in dated]

    def audits(self, proposals: str | None = None) -> list[Audit]:
        """The audits of a set of proposals, or all, in id order."""
        sql = "SELECT * FROM audits WHERE ?1 IS NULL OR proposals = ?1 ORDER BY id"
        return [audit_from(row) for row in self._rows(sql, proposals)]

    def audit(self, audit_id: int) -> Audit:
        """The audit of this id.

        Raises:
            ValueError: If there is none.
        """
        rows = self._rows("SELECT * FROM audits WHERE id = ?", int(audit_id))
        if not rows:
            raise ValueError(f"{self.path} holds no audit {audit_id}")
        return audit_from(rows[0])

    def add_audit_answer(self, answer: AuditAnswer) -> AuditAnswer:
        """Add an answer, in place of the annotator's before it, or find that it is there already.

        Raises:
            ValueError: If there is no such audit, a point lies outside its box, or its key names another.
        """
        with transaction(self._connection, self.path) as db:
            return self.put_audit_answer(db, answer)

    def put_audit_answer(self, db: sqlite3.Connection, answer: AuditAnswer) -> AuditAnswer:
        """`add_audit_answer` inside a transaction that is open already."""
        row = audit_answer_row(answer)
        there = db.execute("SELECT * FROM audit_answers WHERE key = ?", (answer.key,)).fetchone()
        if there is not None:
            said = ("audit_id", "annotator", "points", "done")
            _require_same(answer.key, [there[name] for name in said], row, said)
            return audit_answer_from(there)
        box = self.audit(answer.audit_id).box
        for point in answer.points:
            if not all(a <= at < b for a, at, b in zip(box.start, point, box.stop, strict=True)):
                raise ValueError(f"expected points inside the audit's box {box}; got {point}")
        earlier = self.last_audit_answer(answer.audit_id, answer.annotator)
        dated = replace(
            answer, created_at=timestamp(self._clock), supersedes=None if earlier is None else earlier.id
        )
        return replace(dated, id=insert(db, "audit_answers", audit_answer_row(dated)))

    def last_audit_answer(self, audit_id: int, annotator: str) -> AuditAnswer | None:
        """What an annotator marked last in an audit's box, done or not."""
        sql = "SELECT * FROM audit_answers WHERE audit_id = ? AND annotator = ? ORDER BY id DESC LIMIT 1"
        rows = self._rows(sql, int(audit_id), annotator)
        return audit_answer_from(rows[0]) if rows else None

    def audit_answers(self, proposals: str | None = None) -> list[AuditAnswer]:
        """The answers that hold now and are done, in id order: one of each annotator and audit."""
        sql = (
            "SELECT audit_answers.* FROM audit_answers JOIN audits ON audits.id = audit_answers.audit_id"
            f" WHERE done AND {CURRENT.format(table='audit_answers')} AND (?1 IS NULL OR proposals = ?1)"
            " ORDER BY audit_answers.id"
        )
        return [audit_answer_from(row) for row in self._rows(sql, proposals)]

    def _rows(self, sql: str, *values: int | str | None) -> list[Any]:
        with plain_errors(self.path):
            return self._connection.execute(sql, values).fetchall()


_ASKED = "SELECT proposals, object_key FROM judge_queries"


def _require_same(key: str, there: list[object], row: dict[str, Any], said: tuple[str, ...]) -> None:
    if there != [row[name] for name in said]:
        raise ValueError(f"{key} was sent before, and said something else then")
