"""The tables of the journal, and the triggers that make them append-only."""

SCHEMA = 1
"""Stored as SQLite's user_version; a journal with a higher one is refused."""

APPLICATION_ID = 0x6D69636A
"""Marks the file as a microtome journal: "micj" in ASCII."""

_TABLES = """
CREATE TABLE queries (
    id INTEGER PRIMARY KEY,
    created_at TEXT NOT NULL,
    round INTEGER NOT NULL CHECK (round >= 0),
    kind TEXT NOT NULL CHECK (kind IN ('paint')),
    z0 INTEGER NOT NULL, y0 INTEGER NOT NULL, x0 INTEGER NOT NULL,
    z1 INTEGER NOT NULL, y1 INTEGER NOT NULL, x1 INTEGER NOT NULL,
    strategy TEXT NOT NULL,
    score REAL NOT NULL,
    rank INTEGER NOT NULL,
    reason TEXT NOT NULL,
    CHECK (z0 < z1 AND y0 < y1 AND x0 < x1),
    UNIQUE (kind, z0, y0, x0, z1, y1, x1, round)
);
CREATE TABLE models (
    id INTEGER PRIMARY KEY,
    created_at TEXT NOT NULL,
    round INTEGER NOT NULL CHECK (round >= 0),
    seed INTEGER NOT NULL,
    path TEXT NOT NULL,
    settings TEXT NOT NULL,
    metrics TEXT NOT NULL,
    seconds REAL NOT NULL
);
CREATE TABLE answers (
    id INTEGER PRIMARY KEY,
    created_at TEXT NOT NULL,
    query_id INTEGER NOT NULL REFERENCES queries (id),
    annotator TEXT NOT NULL,
    nz INTEGER NOT NULL, ny INTEGER NOT NULL, nx INTEGER NOT NULL,
    labels BLOB NOT NULL,
    annotated BLOB NOT NULL,
    annotated_voxels INTEGER NOT NULL,
    active_seconds REAL NOT NULL CHECK (active_seconds >= 0),
    method TEXT NOT NULL,
    shown_model INTEGER REFERENCES models (id),
    supersedes INTEGER UNIQUE,
    UNIQUE (id, query_id),
    FOREIGN KEY (supersedes, query_id) REFERENCES answers (id, query_id)
);
CREATE UNIQUE INDEX one_first_answer ON answers (query_id, annotator) WHERE supersedes IS NULL;
CREATE TABLE trained_on (
    model_id INTEGER NOT NULL REFERENCES models (id),
    answer_id INTEGER NOT NULL REFERENCES answers (id),
    created_at TEXT NOT NULL,
    PRIMARY KEY (model_id, answer_id)
);
CREATE TABLE skips (
    id INTEGER PRIMARY KEY,
    created_at TEXT NOT NULL,
    query_id INTEGER NOT NULL REFERENCES queries (id),
    annotator TEXT NOT NULL,
    reason TEXT NOT NULL
);
CREATE INDEX skips_of_query ON skips (query_id);
CREATE TABLE events (
    id INTEGER PRIMARY KEY,
    created_at TEXT NOT NULL,
    kind TEXT NOT NULL,
    data TEXT NOT NULL
);
"""

TABLE_NAMES = ("queries", "models", "answers", "trained_on", "skips", "events")

_APPEND_ONLY = """
CREATE TRIGGER {table}_no_update BEFORE UPDATE ON {table}
BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table}
BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
"""


def create_script() -> str:
    """The SQL that makes an empty journal in one transaction."""
    triggers = "".join(_APPEND_ONLY.format(table=table) for table in TABLE_NAMES)
    versions = f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {SCHEMA};"
    return f"BEGIN; {_TABLES} {triggers} {versions} COMMIT;"
