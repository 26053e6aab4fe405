"""The journal: all that happened in a project, in one append-only SQLite file.

It is the only source of truth. Several processes may use it at once, each through its own `Journal`. What a
method that adds has returned is on the disk.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any

from microtome.labels import annotated
from microtome.project.clock import Clock, timestamp, utc_now
from microtome.project.database import (
    connect,
    create_tables,
    insert,
    plain_errors,
    require_journal,
    transaction,
)
from microtome.project.drafts import Drafts
from microtome.project.judging import Judging
from microtome.project.previews import Previews
from microtome.project.records import Answer, Effort, Event, Json, Model, Query, Skip
from microtome.project.rows import (
    answer_from,
    answer_row,
    effort_from,
    event_from,
    event_row,
    model_from,
    model_row,
    query_from,
    query_row,
    skip_from,
    skip_row,
    trained_on_row,
)
from microtome.project.sheets import Sheets
from microtome.project.verdicts import Verdicts

_CURRENT = "NOT EXISTS (SELECT 1 FROM answers AS later WHERE later.supersedes = answers.id)"


class Journal:
    """One process's connection to a journal; close it, or use it in a `with` statement.

    Every method raises OSError where the file cannot be read or written (full, read-only, locked) and
    ValueError where it is damaged; nothing is half-written then.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection, clock: Clock = utc_now) -> None:
        self.path = path
        self._connection = connection
        self._clock = clock
        self.drafts = Drafts(path, connection, clock)
        self.previews = Previews(path, connection, clock)
        self.verdicts = Verdicts(path, connection, clock)
        self.sheets = Sheets(path, connection, clock, self.verdicts)
        self.judging = Judging(path, connection, clock, self.verdicts, self.sheets)

    def __enter__(self) -> "Journal":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def add_queries(self, queries: Sequence[Query]) -> list[Query]:
        """Add a round's queries, all of them or none, and return them with their ids.

        Raises:
            ValueError: If a box is asked twice in the same round.
        """
        added = []
        with transaction(self._connection, self.path) as db:
            for query in queries:
                dated = replace(query, created_at=self._now())
                self._require_unasked(dated)
                added.append(replace(dated, id=insert(db, "queries", query_row(dated))))
        return added

    def add_answer(self, answer: Answer) -> Answer:
        """Add an answer and return it with its id, once it is on the disk.

        Raises:
            ValueError: If there is no such query, model or superseded answer, if the labels do not have the
                query's shape, or if this annotator has answered the query and supersedes nothing.
        """
        return self.add_answers([answer])[0]

    def add_answers(self, answers: Sequence[Answer]) -> list[Answer]:
        """Add answers, all of them or none, and return them with their ids, once they are on the disk.

        Raises:
            ValueError: As `add_answer` does, of any of them.
        """
        dated = [replace(answer, created_at=self._now()) for answer in answers]
        rows = [answer_row(answer) for answer in dated]  # compressed before the other processes have to wait
        added = []
        with transaction(self._connection, self.path) as db:
            for answer, row in zip(dated, rows, strict=True):
                self._require_answerable(answer)
                added.append(replace(answer, id=insert(db, "answers", row)))
        return added

    def add_skip(self, skip: Skip) -> Skip:
        """Close a query without an answer.

        Raises:
            ValueError: If there is no such query.
        """
        dated = replace(skip, created_at=self._now())
        with transaction(self._connection, self.path) as db:
            self.query(skip.query_id)
            return replace(dated, id=insert(db, "skips", skip_row(dated)))

    def add_model(self, model: Model) -> Model:
        """Add a trained model and the answers that it saw.

        Raises:
            ValueError: If an answer does not exist, or the settings or metrics are no JSON.
        """
        dated = replace(model, created_at=self._now())
        row = model_row(dated)
        with transaction(self._connection, self.path) as db:
            added = replace(dated, id=insert(db, "models", row))
            for answer_id in model.trained_on:
                insert(db, "trained_on", trained_on_row(added, answer_id))
        return added

    def add_event(self, kind: str, data: Json) -> Event:
        """Add an event.

        Raises:
            ValueError: If the data are no JSON.
        """
        dated = Event(kind=kind, data=data, created_at=self._now())
        row = event_row(dated)
        with transaction(self._connection, self.path) as db:
            return replace(dated, id=insert(db, "events", row))

    def queries(self, strategy: str | None = None) -> list[Query]:
        """All queries, or those that one strategy chose, in id order."""
        if strategy is None:
            return [query_from(row) for row in self._rows("SELECT * FROM queries ORDER BY id")]
        sql = "SELECT * FROM queries WHERE strategy = ? ORDER BY id"
        return [query_from(row) for row in self._rows(sql, strategy)]

    def query(self, query_id: int) -> Query:
        """The query of this id.

        Raises:
            ValueError: If there is none.
        """
        rows = self._rows("SELECT * FROM queries WHERE id = ?", int(query_id))
        if not rows:
            raise ValueError(f"{self.path} holds no query {query_id}")
        return query_from(rows[0])

    def open_queries(self) -> list[Query]:
        """Queries that nobody has answered, skipped or withdrawn: those planted, then by round and rank."""
        sql = (
            "SELECT * FROM queries WHERE id NOT IN (SELECT query_id FROM answers)"
            " AND id NOT IN (SELECT query_id FROM skips)"
            " AND id NOT IN (SELECT query_id FROM withdrawals) ORDER BY rank >= 0, round, rank, id"
        )
        return [query_from(row) for row in self._rows(sql)]

    def withdrawn(self) -> set[int]:
        """The queries that were taken back before anybody saw them; their boxes may be asked again."""
        return {row["query_id"] for row in self._rows("SELECT query_id FROM withdrawals")}

    def answer_of(self, query_id: int, annotator: str) -> Answer | None:
        """What an annotator answered last to a query, if anything.

        Raises:
            ValueError: If its stored labels are damaged.
        """
        sql = "SELECT * FROM answers WHERE query_id = ? AND annotator = ? ORDER BY id DESC LIMIT 1"
        rows = self._rows(sql, query_id, annotator)
        return answer_from(rows[0]) if rows else None

    def answers_to(self, query_id: int) -> list[Answer]:
        """The answers to a query that none supersedes: one of each annotator.

        Raises:
            ValueError: If stored labels are damaged.
        """
        sql = f"SELECT * FROM answers WHERE query_id = ? AND {_CURRENT} ORDER BY id"
        return [answer_from(row) for row in self._rows(sql, query_id)]

    def answered_by(self, annotator: str) -> list[tuple[Query, str]]:
        """The queries that an annotator answered, and when they did so last, the oldest answer first."""
        sql = (
            "SELECT queries.*, max(answers.created_at) AS answered_at, min(answers.id) AS first FROM answers"
            " JOIN queries ON queries.id = answers.query_id WHERE annotator = ?"
            " GROUP BY queries.id ORDER BY first"
        )
        return [(query_from(row), row["answered_at"]) for row in self._rows(sql, annotator)]

    def answer_ids(self) -> set[int]:
        """The ids of the answers that none supersedes."""
        return {row["id"] for row in self._rows(f"SELECT id FROM answers WHERE {_CURRENT}")}

    def answers(self, since_id: int = 0) -> Iterator[Answer]:
        """The answers with an id above `since_id` that none supersedes, in id order, read one at a time.

        Raises:
            ValueError: If stored labels are damaged.
        """
        sql = f"SELECT id FROM answers WHERE id > ? AND {_CURRENT} ORDER BY id"
        for row in self._rows(sql, since_id):
            yield self.answer(row["id"])

    def answer(self, answer_id: int) -> Answer:
        """The answer of this id, superseded or not.

        Raises:
            ValueError: If there is none, or its stored labels are damaged.
        """
        rows = self._rows("SELECT * FROM answers WHERE id = ?", int(answer_id))
        if not rows:
            raise ValueError(f"{self.path} holds no answer {answer_id}")
        return answer_from(rows[0])

    def efforts(self) -> list[Effort]:
        """What each answer cost, superseded ones included, in id order."""
        sql = (
            f"SELECT answers.*, queries.round AS round, {_CURRENT} AS current FROM answers"
            " JOIN queries ON queries.id = answers.query_id ORDER BY answers.id"
        )
        return [effort_from(row) for row in self._rows(sql)]

    def skips(self) -> list[Skip]:
        """All skips, in id order."""
        return [skip_from(row) for row in self._rows("SELECT * FROM skips ORDER BY id")]

    def models(self) -> list[Model]:
        """All models, in id order."""
        return [self._model(row) for row in self._rows("SELECT * FROM models ORDER BY id")]

    def latest_model(self) -> Model | None:
        """The model that was added last, if any."""
        rows = self._rows("SELECT * FROM models ORDER BY id DESC LIMIT 1")
        return self._model(rows[0]) if rows else None

    def events(self, kind: str) -> list[Event]:
        """The events of a kind, in id order."""
        rows = self._rows("SELECT * FROM events WHERE kind = ? ORDER BY id", kind)
        return [event_from(row) for row in rows]

    def latest_event(self, kind: str) -> Event | None:
        """The event of a kind that was added last, if any."""
        rows = self._rows("SELECT * FROM events WHERE kind = ? ORDER BY id DESC LIMIT 1", kind)
        return event_from(rows[0]) if rows else None

    def version(self) -> tuple[int, ...]:
        """Numbers that change whenever anything is added."""
        tables = ("queries", "answers", "skips", "models", "events", "assignments", "activities", "previews")
        sql = ", ".join(f"(SELECT coalesce(max(id), 0) FROM {table})" for table in tables)
        withdrawn = "(SELECT count(*) FROM withdrawals)"
        return tuple(self._rows(f"SELECT {sql}, {withdrawn}")[0])

    def check(self) -> list[str]:
        """What is wrong with the file, one line each; empty where all is well."""
        try:
            problems = [row[0] for row in self._rows("PRAGMA integrity_check") if row[0] != "ok"]
            for row in self._rows("PRAGMA foreign_key_check"):
                problems.append(f"row {row['rowid']} of {row['table']} points to a missing row")  # noqa: PERF401
            ids = [row["id"] for row in self._rows("SELECT id FROM answers ORDER BY id")]
        except ValueError as error:
            return [str(error)]
        gaps = "SELECT query_id, annotator FROM ops GROUP BY query_id, annotator HAVING max(seq) != count(*)"
        problems += [
            f"the draft of query {row['query_id']} by {row['annotator']} lacks steps"
            for row in self._rows(gaps)
        ]
        return problems + [problem for answer_id in ids for problem in self._answer_problems(answer_id)]

    def _answer_problems(self, answer_id: int) -> list[str]:
        try:
            answer = self.answer(answer_id)
            box = self.query(answer.query_id).box
            stored = self._rows("SELECT annotated_voxels FROM answers WHERE id = ?", answer_id)[0][0]
        except ValueError as error:
            return [f"answer {answer_id}: {error}"]
        if answer.labels.shape != box.shape:
            return [f"answer {answer_id}: labels of shape {answer.labels.shape} for box {box}"]
        if stored != annotated(answer.labels).sum():
            return [f"answer {answer_id}: {stored} annotated voxels on record, other than its labels say"]
        return []

    def _require_answerable(self, answer: Answer) -> None:
        box = self.query(answer.query_id).box
        if answer.labels.shape != box.shape:
            raise ValueError(
                f"query {answer.query_id} asks for labels of shape {box.shape}; got {answer.labels.shape}"
            )
        if answer.shown_model is not None and not self._rows(
            "SELECT 1 FROM models WHERE id = ?", answer.shown_model
        ):
            raise ValueError(f"{self.path} holds no model {answer.shown_model}")
        if answer.supersedes is None:
            self._require_first(answer)
        else:
            self._require_supersedable(answer, answer.supersedes)

    def _require_first(self, answer: Answer) -> None:
        sql = "SELECT max(id) FROM answers WHERE query_id = ? AND annotator = ?"
        earlier = self._rows(sql, answer.query_id, answer.annotator)[0][0]
        if earlier is not None:
            raise ValueError(
                f"{answer.annotator} has answered query {answer.query_id} already: "
                f"a correction must supersede answer {earlier}"
            )

    def _require_supersedable(self, answer: Answer, earlier_id: int) -> None:
        earlier = self.answer(earlier_id)
        if earlier.query_id != answer.query_id:
            raise ValueError(
                f"answer {earlier_id} is to query {earlier.query_id}; it cannot be superseded "
                f"by an answer to query {answer.query_id}"
            )
        later = self._rows("SELECT id FROM answers WHERE supersedes = ?", earlier_id)
        if later:
            raise ValueError(f"answer {earlier_id} was superseded already, by answer {later[0]['id']}")

    def _require_unasked(self, query: Query) -> None:
        sql = (
            "SELECT id FROM queries WHERE kind = ? AND round = ?"
            " AND z0 = ? AND y0 = ? AND x0 = ? AND z1 = ? AND y1 = ? AND x1 = ?"
        )
        corners = [int(corner) for corner in (*query.box.start, *query.box.stop)]
        if self._rows(sql, query.kind, int(query.round), *corners):
            raise ValueError(f"box {query.box} was already asked in round {query.round}")

    def _model(self, row: sqlite3.Row) -> Model:
        sql = "SELECT answer_id FROM trained_on WHERE model_id = ? ORDER BY rowid"
        return model_from(row, tuple(seen["answer_id"] for seen in self._rows(sql, row["id"])))

    def _rows(self, sql: str, *values: int | str) -> list[Any]:
        with plain_errors(self.path):
            return self._connection.execute(sql, values).fetchall()

    def _now(self) -> str:
        return timestamp(self._clock)


def create_journal(path: Path, clock: Clock = utc_now) -> Journal:
    """A new, empty journal.

    Raises:
        ValueError: If there is a file already.
        OSError: If it cannot be written.
    """
    if path.exists():
        raise ValueError(f"{path} exists already")
    connection = connect(path, "rwc")
    try:
        create_tables(connection, path)
    except OSError:
        connection.close()
        raise
    return Journal(path, connection, clock)


def open_journal(path: Path, clock: Clock = utc_now, *, busy_seconds: float = 30.0) -> Journal:
    """An existing journal; a write waits up to `busy_seconds` for other processes.

    Raises:
        ValueError: If there is none, or it is no journal, or made by a newer microtome.
        OSError: If it cannot be opened.
    """
    if not path.is_file():
        raise ValueError(f"there is no journal at {path}")
    connection = connect(path, "rw", busy_seconds)
    try:
        require_journal(connection, path)
    except (OSError, ValueError):
        connection.close()
        raise
    return Journal(path, connection, clock)
