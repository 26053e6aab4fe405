"""What lies between a query and its answer: who was handed it, every step of the draft, the time it took."""

import sqlite3
from collections.abc import Collection
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from microtome.project.clock import Clock, timestamp
from microtome.project.database import insert, plain_errors, transaction
from microtome.project.records import Activity, Op, Query
from microtome.project.rows import activity_from, activity_row, op_from, op_row, query_from

SAME = ("key", "kind", "tool", "runs", "model_id")  # of a step that is sent again
LEASE = timedelta(minutes=30)  # without a sign of life for so long, a query may be handed to another

_CLOSED = """
    EXISTS (SELECT 1 FROM withdrawals WHERE withdrawals.query_id = queries.id)
"""
_HEARD = """
    SELECT query_id, annotator FROM answers UNION SELECT query_id, annotator FROM skips
"""
_NEXT = f"""
WITH heard AS ({_HEARD}),
live AS (
    SELECT query_id, annotator FROM assignments WHERE created_at > :since
    UNION SELECT query_id, annotator FROM activities WHERE created_at > :since
),
mine AS (
    SELECT query_id, min(id) AS first FROM assignments WHERE annotator = :annotator GROUP BY query_id
),
taken AS (
    SELECT query_id, count(*) AS people FROM (
        SELECT * FROM heard UNION SELECT query_id, annotator FROM live WHERE annotator != :annotator
    ) GROUP BY query_id
)
SELECT queries.*, mine.first AS first FROM queries
LEFT JOIN taken ON taken.query_id = queries.id
LEFT JOIN mine ON mine.query_id = queries.id
WHERE NOT {_CLOSED}
AND coalesce(taken.people, 0) < :repeat
AND NOT EXISTS (SELECT 1 FROM heard WHERE query_id = queries.id AND annotator = :annotator)
AND queries.id NOT IN (SELECT value FROM json_each(:holding))
ORDER BY mine.first IS NULL, mine.first, rank >= 0, round DESC, rank, queries.id LIMIT 1
"""


_UNTOUCHED = f"""
SELECT * FROM queries WHERE NOT {_CLOSED}
AND id NOT IN (SELECT query_id FROM assignments) AND id NOT IN (SELECT query_id FROM ({_HEARD}))
ORDER BY id
"""


class Drafts:
    """The part of a journal that the labelling page writes; the same rules hold as for the rest."""

    def __init__(self, path: Path, connection: sqlite3.Connection, clock: Clock) -> None:
        self.path = path
        self._connection = connection
        self._clock = clock

    def assign(self, annotator: str, *, holding: Collection[int] = (), repeat: int = 1) -> Query | None:
        """Hand a query to an annotator who does not hold it yet, or None where there is none.

        What they were handed before and did not finish comes first, then the newest round, best first. No
        query goes to more than `repeat` people, unless one of them gave no sign of life for `LEASE`.
        """
        values = {
            "annotator": annotator,
            "repeat": int(repeat),
            "since": timestamp(lambda: self._clock() - LEASE),
            "holding": f"[{','.join(str(int(query_id)) for query_id in holding)}]",
        }
        with transaction(self._connection, self.path) as db:
            row = db.execute(_NEXT, values).fetchone()
            if row is None:
                return None
            if row["first"] is None:
                entry = {"created_at": timestamp(self._clock), "query_id": row["id"], "annotator": annotator}
                insert(db, "assignments", entry)
            return query_from(row)

    def holds(self, query_id: int, annotator: str) -> bool:
        """Whether a query was handed to an annotator, however long ago, or answered by them."""
        sql = (
            "SELECT 1 FROM assignments WHERE query_id = ? AND annotator = ?"
            " UNION SELECT 1 FROM answers WHERE query_id = ? AND annotator = ?"
        )
        return bool(self._rows(sql, query_id, annotator, query_id, annotator))

    def drawn(self) -> set[int]:
        """The queries of which somebody has begun a draft."""
        return {row["query_id"] for row in self._rows("SELECT DISTINCT query_id FROM ops")}

    def unassigned(self, repeat: int = 1) -> list[Query]:
        """The queries that a newcomer could be handed now, in the order in which they would be."""
        values = {
            "annotator": "",
            "repeat": int(repeat),
            "since": timestamp(lambda: self._clock() - LEASE),
            "holding": "[]",
        }
        sql = _NEXT.removesuffix(" LIMIT 1\n")
        with plain_errors(self.path):
            return [query_from(row) for row in self._connection.execute(sql, values)]

    def untouched(self) -> list[Query]:
        """The queries that nobody was handed, answered or skipped."""
        return [query_from(row) for row in self._rows(_UNTOUCHED)]

    def withdraw(self, query_ids: Collection[int]) -> set[int]:
        """Take back those of these queries that are still untouched, and return which."""
        with transaction(self._connection, self.path) as db:
            untouched = {row["id"] for row in db.execute(_UNTOUCHED).fetchall()}
            withdrawn = untouched & set(query_ids)
            for query_id in sorted(withdrawn):
                insert(db, "withdrawals", {"query_id": query_id, "created_at": timestamp(self._clock)})
        return withdrawn

    def people_at_work(self) -> int:
        """How many annotators gave a sign of life lately."""
        sql = (
            "SELECT count(*) FROM (SELECT annotator FROM assignments WHERE created_at > :since"
            " UNION SELECT annotator FROM activities WHERE created_at > :since)"
        )
        since = {"since": timestamp(lambda: self._clock() - LEASE)}
        with plain_errors(self.path):
            return int(self._connection.execute(sql, since).fetchone()[0])

    def assigned(self) -> dict[int, list[str]]:
        """To whom each query was handed."""
        people: dict[int, list[str]] = {}
        for row in self._rows("SELECT DISTINCT query_id, annotator FROM assignments ORDER BY id"):
            people.setdefault(row["query_id"], []).append(row["annotator"])
        return people

    def add_op(self, op: Op) -> Op:
        """Add the next step of a draft, or find that it is there already: a page may send it again.

        Raises:
            ValueError: If there is no such query or model, or it is not the next step.
        """
        dated = replace(op, created_at=timestamp(self._clock))
        row = op_row(dated)
        with transaction(self._connection, self.path) as db:
            there = self._rows(
                "SELECT * FROM ops WHERE query_id = ? AND annotator = ? AND seq = ?",
                op.query_id,
                op.annotator,
                op.seq,
            )
            if there and all(there[0][name] == row[name] for name in SAME):
                return op_from(there[0])
            last = self.last_seq(op.query_id, op.annotator)
            if op.seq != last + 1:
                raise ValueError(f"expected step {last + 1} of this draft; got step {op.seq}")
            return replace(dated, id=insert(db, "ops", row))

    def ops(self, query_id: int, annotator: str) -> list[Op]:
        """The steps of a draft, in order.

        Raises:
            ValueError: If one is damaged.
        """
        sql = "SELECT * FROM ops WHERE query_id = ? AND annotator = ? ORDER BY seq"
        return [op_from(row) for row in self._rows(sql, query_id, annotator)]

    def last_seq(self, query_id: int, annotator: str) -> int:
        """The number of the last step of a draft, 0 where there is none."""
        sql = "SELECT coalesce(max(seq), 0) FROM ops WHERE query_id = ? AND annotator = ?"
        return int(self._rows(sql, query_id, annotator)[0][0])

    def add_activity(self, activity: Activity) -> None:
        """Add a report of active time, once: a page may send it again.

        Raises:
            ValueError: If there is no such query, or the seconds are negative.
        """
        row = activity_row(replace(activity, created_at=timestamp(self._clock)))
        with transaction(self._connection, self.path) as db:
            if not self._rows("SELECT 1 FROM activities WHERE key = ?", activity.key):
                insert(db, "activities", row)

    def activities(self) -> list[Activity]:
        """All reports of active time, in id order."""
        return [activity_from(row) for row in self._rows("SELECT * FROM activities ORDER BY id")]

    def active_seconds(self, query_id: int, annotator: str) -> float:
        """How long an annotator was active on a query that no answer of theirs accounts for yet."""
        active = "SELECT coalesce(sum(looking_seconds + editing_seconds), 0) FROM activities"
        billed = "SELECT coalesce(sum(active_seconds), 0) FROM answers"
        where = "WHERE query_id = ? AND annotator = ?"
        sql = f"SELECT ({active} {where}) - ({billed} {where})"
        return max(0.0, float(self._rows(sql, query_id, annotator, query_id, annotator)[0][0]))

    def _rows(self, sql: str, *values: int | str) -> list[Any]:
        with plain_errors(self.path):
            return self._connection.execute(sql, values).fetchall()
