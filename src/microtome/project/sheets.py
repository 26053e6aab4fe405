"""Sheets of objects or audits: who was handed which, and how far they have come."""

import hashlib
import sqlite3
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from microtome.project.clock import Clock, timestamp
from microtome.project.database import insert, plain_errors, transaction
from microtome.project.drafts import LEASE
from microtome.project.judging_rows import sheet_from
from microtome.project.records import Sheet, Sorting, VerdictWord
from microtome.project.sheets_sql import ACTIVE, CLOSED, FREE_AUDITS, LEFT, SAID, STILL_WANTED, WANTED
from microtome.project.verdicts import Verdicts

Points = tuple[tuple[int, int, int], ...]


@dataclass(frozen=True, slots=True)
class Order:
    """What is handed out: objects of a set of proposals, sorted, so many to a sheet, to so many people each.

    Raises:
        ValueError: If a sheet would have no tile, or no object an annotator.
    """

    proposals: str
    sorting: Sorting = "cluster"
    tiles: int = 60
    repeat: int = 1

    def __post_init__(self) -> None:
        if self.tiles < 1 or self.repeat < 1:
            raise ValueError(
                f"expected at least one tile and one annotator; got {self.tiles} and {self.repeat}"
            )


@dataclass(frozen=True, slots=True)
class Left:
    """Objects that are not finished, from where an annotator sits.

    They are on other people's open sheets, or judged by the annotator and waiting for others, or neither.
    """

    open: int
    elsewhere: int
    others: int


class Sheets:
    """The part of a journal that hands out objects to judge; the same rules hold as for the rest."""

    def __init__(self, path: Path, connection: sqlite3.Connection, clock: Clock, verdicts: Verdicts) -> None:
        self.path = path
        self._connection = connection
        self._clock = clock
        self._verdicts = verdicts

    def hand_out(self, annotator: str, order: Order, holding: Collection[int] = ()) -> Sheet | None:
        """A sheet of objects that the annotator does not hold yet, or None where no object is left for them.

        What they were handed before and did not close comes first, unless others took over what they left.
        An object goes to `repeat` people, to one more for each who is unsure of it, and to one more where
        they are tied; to nobody twice. One on the open sheet of somebody who gave no sign of life for `LEASE`
        may go to another.
        """
        with transaction(self._connection, self.path) as db:
            values = self._values(annotator, order)
            begun = self._begun(values, holding)
            if begun is not None:
                return begun
            rows = db.execute(WANTED, values).fetchall()
            if not rows:
                return None
            chosen = _sorted(rows, order.sorting)[: order.tiles]
            sheet_id, now = (
                self._add(db, annotator, order.proposals, order.sorting, None),
                timestamp(self._clock),
            )
            for place, query_id in enumerate(chosen):
                row = {"created_at": now, "sheet_id": sheet_id, "place": place, "query_id": query_id}
                insert(db, "sheet_tiles", row)
            return self.sheet(sheet_id)

    def hand_out_audit(self, annotator: str, order: Order, holding: Collection[int] = ()) -> Sheet | None:
        """A sheet with an audit that the annotator does not hold yet, or None where none is left for them."""
        with transaction(self._connection, self.path) as db:
            values = self._values(annotator, order)
            begun = self._begun(values, holding)
            if begun is not None:
                return begun
            row = db.execute(FREE_AUDITS, values).fetchone()
            if row is None:
                return None
            return self.sheet(self._add(db, annotator, order.proposals, "audit", row["id"]))

    def left(self, annotator: str, order: Order) -> Left:
        """What is not finished yet, from where an annotator sits."""
        with plain_errors(self.path):
            row = self._connection.execute(LEFT, self._values(annotator, order)).fetchone()
        return Left(row["open"], row["elsewhere"], row["others"])

    def sheet(self, sheet_id: int) -> Sheet:
        """The sheet of this id.

        Raises:
            ValueError: If there is none.
        """
        rows = self._rows(f"SELECT *, {CLOSED} AS closed FROM sheets WHERE id = ?", int(sheet_id))
        if not rows:
            raise ValueError(f"{self.path} holds no sheet {sheet_id}")
        sql = "SELECT query_id FROM sheet_tiles WHERE sheet_id = ? ORDER BY place"
        tiles = tuple(row["query_id"] for row in self._rows(sql, int(sheet_id)))
        return sheet_from(rows[0], tiles)

    def closed(self, annotator: str, proposals: str) -> list[int]:
        """The sheets that an annotator closed, the oldest first."""
        sql = f"SELECT id FROM sheets WHERE annotator = ? AND proposals = ? AND {CLOSED} ORDER BY id"
        return [row["id"] for row in self._rows(sql, annotator, proposals)]

    def handed(self, annotator: str, proposals: str) -> tuple[int, int]:
        """How many sheets of objects, and how many audits, an annotator was ever handed."""
        sql = (
            "SELECT coalesce(sum(sorting != 'audit'), 0), coalesce(sum(sorting = 'audit'), 0) FROM sheets"
            " WHERE annotator = ? AND proposals = ?"
        )
        objects, audits = self._rows(sql, annotator, proposals)[0]
        return int(objects), int(audits)

    def said(self, sheet_id: int) -> dict[int, VerdictWord]:
        """What the sheet's annotator says of its objects now, by query; the others were not touched yet."""
        return {row["query_id"]: row["verdict"] for row in self._rows(SAID, int(sheet_id))}

    def points(self, sheet: Sheet) -> Points:
        """What the sheet's annotator has marked in its audit's box."""
        if sheet.audit_id is None:
            return ()
        answer = self._verdicts.last_audit_answer(sheet.audit_id, sheet.annotator)
        return () if answer is None else answer.points

    def active(self, proposals: str) -> dict[str, tuple[float, float]]:
        """Seconds of looking and of editing on a set's sheets, by annotator."""
        rows = self._rows(ACTIVE, proposals)
        return {row["annotator"]: (row["looking"], row["editing"]) for row in rows}

    def version(self) -> tuple[int, ...]:
        """Numbers that change whenever something is said, handed out or asked."""
        tables = ("judge_queries", "audits", "sheets", "closings", "sheet_activities", "verdicts")
        sql = ", ".join(f"(SELECT coalesce(max(id), 0) FROM {table})" for table in tables)
        marks = "(SELECT coalesce(max(id), 0) FROM audit_answers)"
        return tuple(self._rows(f"SELECT {sql}, {marks}, (SELECT count(*) FROM judge_withdrawals)")[0])

    def _begun(self, values: dict[str, Any], holding: Collection[int]) -> Sheet | None:
        sql = f"SELECT id FROM sheets WHERE annotator = ? AND proposals = ? AND NOT {CLOSED} ORDER BY id"
        rows = self._rows(sql, values["annotator"], values["proposals"])
        begun = (self.sheet(row["id"]) for row in rows if row["id"] not in holding)
        return next((sheet for sheet in begun if self._is_wanted(sheet, values)), None)

    def _is_wanted(self, sheet: Sheet, values: dict[str, Any]) -> bool:
        """Whether it is not so that others took over all that the annotator left unsaid on it."""
        if sheet.id is None or len(self.said(sheet.id)) == len(sheet.query_ids):  # an audit has no objects
            return True
        return bool(self._connection.execute(STILL_WANTED, {**values, "sheet": sheet.id}).fetchall())

    def _add(
        self,
        db: sqlite3.Connection,
        annotator: str,
        proposals: str,
        sorting: Sorting,
        audit_id: int | None,
    ) -> int:
        row = {"proposals": proposals, "annotator": annotator, "sorting": sorting, "audit_id": audit_id}
        return insert(db, "sheets", {"created_at": timestamp(self._clock), **row})

    def _values(self, annotator: str, order: Order) -> dict[str, Any]:
        since = timestamp(lambda: self._clock() - LEASE)
        return {
            "annotator": annotator,
            "proposals": order.proposals,
            "repeat": order.repeat,
            "since": since,
        }

    def _rows(self, sql: str, *values: int | str) -> list[Any]:
        with plain_errors(self.path):
            return self._connection.execute(sql, values).fetchall()


def _sorted(rows: Sequence[sqlite3.Row], sorting: Sorting) -> list[int]:
    """The newest round first, cluster by cluster; or an order that has nothing to do with either."""
    if sorting == "random":
        return sorted((row["id"] for row in rows), key=_shuffled)
    ordered = sorted(rows, key=lambda row: (-row["round"], row["cluster"], row["rank"], row["id"]))
    return [row["id"] for row in ordered]


def _shuffled(query_id: int) -> bytes:
    """The same random order again after a restart."""
    return hashlib.blake2b(query_id.to_bytes(8), digest_size=8).digest()
