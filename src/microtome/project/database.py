"""An SQLite file that survives a kill: opening it, writing in transactions, and its errors in words."""

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from microtome.project.schema import APPLICATION_ID, SCHEMA, upgrade_script

_OS_ERRORS = {
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_READONLY: "it is read-only",
    sqlite3.SQLITE_BUSY: "it is locked by another process",
    sqlite3.SQLITE_LOCKED: "it is locked by another process",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened",
    sqlite3.SQLITE_IOERR: "the disk reports an error",
    sqlite3.SQLITE_PERM: "access is denied",
}
_DAMAGED = {
    sqlite3.SQLITE_NOTADB: "it is not an SQLite database",
    sqlite3.SQLITE_CORRUPT: "it is damaged",
}


def connect(path: Path, mode: Literal["rw", "rwc", "ro"], busy_seconds: float = 30.0) -> sqlite3.Connection:
    """A connection that writes through to the disk and waits `busy_seconds` for other processes.

    Raises:
        OSError: If the file cannot be opened.
        ValueError: If it is not an SQLite database.
    """
    with plain_errors(path):
        uri = f"{path.resolve().as_uri()}?mode={mode}"
        connection = sqlite3.connect(uri, uri=True, timeout=busy_seconds, isolation_level=None)
    try:
        with plain_errors(path):
            connection.row_factory = sqlite3.Row
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("PRAGMA recursive_triggers = ON")  # so that INSERT OR REPLACE cannot delete
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except (OSError, ValueError):
        connection.close()
        raise
    return connection


def create_tables(connection: sqlite3.Connection, path: Path) -> None:
    """Turn an empty database into an empty journal, in WAL mode.

    Raises:
        OSError: If it cannot be written, or the file system cannot share the write-ahead log.
    """
    with plain_errors(path):
        mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
        if mode != "wal":
            raise OSError(f"{path}: this file system cannot hold a shared write-ahead log; use a local disk")
        connection.executescript(f"BEGIN; {upgrade_script(0)} COMMIT;")


def require_journal(connection: sqlite3.Connection, path: Path) -> None:
    """Refuse a database that is no journal, or is newer than this code; bring an older one up to date.

    Raises:
        ValueError: If it is.
    """
    with plain_errors(path):
        application = connection.execute("PRAGMA application_id").fetchone()[0]
        schema = connection.execute("PRAGMA user_version").fetchone()[0]
    if application != APPLICATION_ID:
        raise ValueError(f"{path} is not a microtome journal")
    if schema > SCHEMA:
        raise ValueError(
            f"{path} was made by a newer microtome (schema {schema}; this one reads up to {SCHEMA})"
        )
    if schema < SCHEMA:
        _upgrade(connection, path)


def _upgrade(connection: sqlite3.Connection, path: Path) -> None:
    """Bring an older journal up to date, unless another process did while this one waited."""
    with plain_errors(path):
        connection.execute("BEGIN IMMEDIATE")
        try:
            schema = connection.execute("PRAGMA user_version").fetchone()[0]
            for statement in _statements(upgrade_script(schema) if schema < SCHEMA else ""):
                connection.execute(statement)
            connection.execute("COMMIT")
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")


def _statements(script: str) -> Iterator[str]:
    """The statements of a script; `executescript` would end the transaction that they are to run in."""
    statement = ""
    for part in script.split(";"):
        statement += part + ";"
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection, path: Path) -> Iterator[sqlite3.Connection]:
    """All statements inside are on the disk when this ends without an error, and none of them otherwise.

    Raises:
        OSError: If the file cannot be written: full, read-only, locked.
        ValueError: If a row breaks a rule of the tables, or the file is damaged.
    """
    with plain_errors(path):
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
            connection.execute("COMMIT")
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")


def insert(connection: sqlite3.Connection, table: str, row: dict[str, Any]) -> int:
    """Add a row and return its id; call it inside a transaction.

    Raises:
        sqlite3.Error: If SQLite refuses, for the transaction to translate.
    """
    names, marks = ", ".join(row), ", ".join(f":{name}" for name in row)
    cursor = connection.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", row)
    assert cursor.lastrowid is not None
    return cursor.lastrowid


@contextlib.contextmanager
def plain_errors(path: Path) -> Iterator[None]:
    """Say what an SQLite error means, in one line with the file's name; mistakes in our SQL pass through.

    Raises:
        OSError: If the system refused: full, read-only, locked, unreadable.
        ValueError: If the file is no database or damaged, or a row breaks a rule of the tables.
    """
    try:
        yield
    except sqlite3.ProgrammingError:
        raise
    except sqlite3.DatabaseError as error:
        code = error.sqlite_errorcode & 0xFF  # the low byte is the family, such as IOERR
        if code in _OS_ERRORS:
            raise OSError(f"{path}: {_OS_ERRORS[code]} ({error}); nothing was written") from error
        if code in _DAMAGED:
            raise ValueError(f"{path}: {_DAMAGED[code]} ({error})") from error
        if code == sqlite3.SQLITE_CONSTRAINT:
            raise ValueError(f"{path}: {error}; nothing was written") from error
        raise
