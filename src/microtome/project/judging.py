"""What is said on a sheet: verdicts, marks, that it is done, and the time that it took."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from microtome.project.clock import Clock, timestamp
from microtome.project.database import insert, plain_errors, transaction
from microtome.project.records import Activity, AuditAnswer, Sheet, Verdict, VerdictWord
from microtome.project.sheets import Points, Sheets
from microtome.project.sheets_sql import SAID
from microtome.project.verdicts import Verdicts

_UNBILLED = """
SELECT (SELECT coalesce(sum(looking_seconds + editing_seconds), 0) FROM sheet_activities WHERE sheet_id = ?1)
- (SELECT coalesce(sum(active_seconds), 0) FROM verdicts WHERE sheet_id = ?1)
- (SELECT coalesce(sum(active_seconds), 0) FROM audit_answers WHERE sheet_id = ?1)
"""


class StaleError(ValueError):
    """What the page takes for granted is not what the journal holds."""


@dataclass(frozen=True, slots=True)
class Change:
    """An annotator's verdict on a query, and what it was before; None where nothing was said."""

    query_id: int
    verdict: VerdictWord
    was: VerdictWord | None


class Judging:
    """The part of a journal that the proofreading page writes; the same rules hold as for the rest."""

    def __init__(
        self, path: Path, connection: sqlite3.Connection, clock: Clock, verdicts: Verdicts, sheets: Sheets
    ) -> None:
        self.path = path
        self._connection = connection
        self._clock = clock
        self._verdicts = verdicts
        self._sheets = sheets

    def judge(
        self, sheet_id: int, key: str, changes: Sequence[Change], activities: Sequence[Activity] = ()
    ) -> None:
        """Take verdicts that were chosen, all of them or none; those sent again with the same key count once.

        Raises:
            StaleError: If something else was said before.
            ValueError: If an object is not on the sheet or there twice, nothing is said, or the key names
                other verdicts.
        """
        told = [change.query_id for change in changes]
        if len(set(told)) < len(told):
            twice = next(query_id for query_id in told if told.count(query_id) > 1)
            raise ValueError(f"expected one verdict of each query; query {twice} is there more than once")
        with transaction(self._connection, self.path) as db:
            sheet = self._sheets.sheet(sheet_id)
            strangers = set(told) - set(sheet.query_ids)
            if strangers or not changes:
                raise ValueError(f"expected objects of sheet {sheet_id}; got queries {sorted(strangers)}")
            before = self._sheets.said(sheet_id)
            known = bool(self._rows("SELECT 1 FROM verdicts WHERE key = ?", _key(key, changes[0].query_id)))
            if not known and any(before.get(change.query_id) != change.was for change in changes):
                raise StaleError("another page has judged some of these objects meanwhile")
            self._add_activities(db, activities)
            share = self._unbilled(sheet_id) / len(changes)
            for change in changes:
                self._put(db, sheet, change.query_id, change.verdict, key, share)

    def mark(
        self, sheet_id: int, key: str, points: Points, was: Points, activities: Sequence[Activity] = ()
    ) -> None:
        """Take the marks of missed objects, in place of those before.

        Raises:
            StaleError: If other marks were there before.
            ValueError: If the sheet is no audit, a point lies outside its box, or the key names other marks.
        """
        with transaction(self._connection, self.path) as db:
            sheet = self._sheets.sheet(sheet_id)
            known = bool(self._rows("SELECT 1 FROM audit_answers WHERE key = ?", key))
            if not known and self._sheets.points(sheet) != was:
                raise StaleError("another page has marked something here meanwhile")
            self._add_activities(db, activities)
            self._answer(db, sheet, key, points, done=sheet.closed)

    def close(
        self,
        sheet_id: int,
        key: str,
        said: dict[int, VerdictWord],
        points: Points = (),
        activities: Sequence[Activity] = (),
    ) -> None:
        """Confirm a sheet: what was not touched is correct, and an audit's marks are all that was missed.

        `said` and `points` are what the page shows; with the same key it happens once.

        Raises:
            StaleError: If the journal holds something else.
        """
        with transaction(self._connection, self.path) as db:
            if self._rows("SELECT 1 FROM closings WHERE key = ?", key):
                return
            sheet = self._sheets.sheet(sheet_id)
            there = self._sheets.said(sheet_id)
            if there != said or self._sheets.points(sheet) != points:
                raise StaleError("another page has judged some of these objects meanwhile")
            self._add_activities(db, activities)
            untouched = [query_id for query_id in sheet.query_ids if query_id not in there]
            share = self._unbilled(sheet_id) / max(len(untouched), 1)
            for query_id in untouched:
                self._put(db, sheet, query_id, "correct", key, share, touched=False)
            if sheet.audit_id is not None:
                self._answer(db, sheet, key, points, done=True)
            self._add_closing(db, sheet_id, key, closed=True)

    def reopen(self, sheet_id: int, key: str) -> None:
        """Take back that a sheet was confirmed, and with it every verdict that was not chosen; once.

        Raises:
            ValueError: If there is no such sheet.
        """
        with transaction(self._connection, self.path) as db:
            sheet = self._sheets.sheet(sheet_id)
            if not sheet.closed or self._rows("SELECT 1 FROM closings WHERE key = ?", key):
                return
            for row in self._rows(SAID, sheet_id):
                if not row["touched"]:
                    self._put(db, sheet, row["query_id"], "withdrawn", key, 0.0, touched=False)
            if sheet.audit_id is not None:
                self._answer(db, sheet, key, self._sheets.points(sheet), done=False)
            self._add_closing(db, sheet_id, key, closed=False)

    def add_activities(self, activities: Sequence[Activity]) -> None:
        """Add reports of active time, each once; the `query_id` of each is a sheet's.

        Raises:
            ValueError: If there is no such sheet, or the seconds are negative.
        """
        with transaction(self._connection, self.path) as db:
            self._add_activities(db, activities)

    def _add_closing(self, db: sqlite3.Connection, sheet_id: int, key: str, *, closed: bool) -> None:
        row = {"sheet_id": int(sheet_id), "key": key, "closed": int(closed)}
        insert(db, "closings", {"created_at": timestamp(self._clock), **row})

    def _add_activities(self, db: sqlite3.Connection, activities: Sequence[Activity]) -> None:
        for activity in activities:
            if not self._rows("SELECT 1 FROM sheet_activities WHERE key = ?", activity.key):
                row = {
                    "created_at": timestamp(self._clock),
                    "sheet_id": int(activity.query_id),
                    "key": activity.key,
                    "looking_seconds": float(activity.looking_seconds),
                    "editing_seconds": float(activity.editing_seconds),
                }
                insert(db, "sheet_activities", row)

    def _put(
        self,
        db: sqlite3.Connection,
        sheet: Sheet,
        query_id: int,
        verdict: VerdictWord,
        key: str,
        seconds: float,
        *,
        touched: bool = True,
    ) -> None:
        said = Verdict(
            query_id=query_id,
            annotator=sheet.annotator,
            verdict=verdict,
            touched=touched,
            active_seconds=seconds,
            key=_key(key, query_id),
            sheet_id=sheet.id,
        )
        self._verdicts.put(db, said)

    def _answer(self, db: sqlite3.Connection, sheet: Sheet, key: str, points: Points, *, done: bool) -> None:
        if sheet.audit_id is None:
            raise ValueError(f"expected an audit; sheet {sheet.id} has objects to judge")
        answer = AuditAnswer(
            audit_id=sheet.audit_id,
            annotator=sheet.annotator,
            points=points,
            done=done,
            active_seconds=self._unbilled(sheet.id),
            key=key,
            sheet_id=sheet.id,
        )
        self._verdicts.put_audit_answer(db, answer)

    def _unbilled(self, sheet_id: int) -> float:
        """Seconds of activity on a sheet that nothing that was said there accounts for yet."""
        return max(0.0, float(self._rows(_UNBILLED, int(sheet_id))[0][0]))

    def _rows(self, sql: str, *values: int | str) -> list[Any]:
        with plain_errors(self.path):
            return self._connection.execute(sql, values).fetchall()


def _key(key: str, query_id: int) -> str:
    """The name of one of several verdicts that were sent as one."""
    return f"{key}/{query_id}"
