"""What the latest model predicts where people look: of open queries, and of sections that they chose."""

import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

from microtome.project.clock import Clock, timestamp
from microtome.project.database import insert, plain_errors, transaction
from microtome.project.records import Preview
from microtome.project.rows import preview_from, preview_row


class Previews:
    """The part of a journal that holds predictions to look at; the same rules hold as for the rest."""

    def __init__(self, path: Path, connection: sqlite3.Connection, clock: Clock) -> None:
        self.path = path
        self._connection = connection
        self._clock = clock

    def add(self, preview: Preview) -> Preview:
        """Add a preview and return it with its id.

        Raises:
            ValueError: If there is no such model or query.
        """
        dated = replace(preview, created_at=timestamp(self._clock))
        row = preview_row(dated)
        with transaction(self._connection, self.path) as db:
            return replace(dated, id=insert(db, "previews", row))

    def get(self, preview_id: int) -> Preview:
        """The preview of this id.

        Raises:
            ValueError: If there is none, or its voxels are damaged.
        """
        rows = self._rows("SELECT * FROM previews WHERE id = ?", int(preview_id))
        if not rows:
            raise ValueError(f"{self.path} holds no preview {preview_id}")
        return preview_from(rows[0])

    def of_query(self, query_id: int) -> Preview | None:
        """The latest preview of a query, if any."""
        sql = "SELECT * FROM previews WHERE query_id = ? ORDER BY model_id DESC, id DESC LIMIT 1"
        rows = self._rows(sql, query_id)
        return preview_from(rows[0]) if rows else None

    def shown(self, query_id: int, model_id: int) -> Preview | None:
        """The preview of a query by this model, if any."""
        sql = "SELECT * FROM previews WHERE query_id = ? AND model_id = ? ORDER BY id DESC LIMIT 1"
        rows = self._rows(sql, query_id, model_id)
        return preview_from(rows[0]) if rows else None

    def queries_of(self, model_id: int) -> set[int]:
        """The queries that have a preview by this model."""
        sql = "SELECT query_id FROM previews WHERE model_id = ? AND query_id IS NOT NULL"
        return {row["query_id"] for row in self._rows(sql, model_id)}

    def of_section(self, z: int) -> int | None:
        """The id of the latest preview of a section, if any."""
        sql = (
            "SELECT id FROM previews WHERE query_id IS NULL AND z0 = ?"
            " ORDER BY model_id DESC, id DESC LIMIT 1"
        )
        rows = self._rows(sql, z)
        return int(rows[0]["id"]) if rows else None

    def sections_of(self, model_id: int) -> set[int]:
        """The sections that have a preview by this model."""
        sql = "SELECT z0 FROM previews WHERE model_id = ? AND query_id IS NULL"
        return {row["z0"] for row in self._rows(sql, model_id)}

    def _rows(self, sql: str, *values: int | str) -> list[Any]:
        with plain_errors(self.path):
            return self._connection.execute(sql, values).fetchall()
