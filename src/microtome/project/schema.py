"""The tables of the journal, and the triggers that make them append-only."""

SCHEMA = 4
"""Stored as SQLite's user_version; a journal with a higher one is refused."""

APPLICATION_ID = 0x6D69636A
"""Marks the file as a microtome journal: "micj" in ASCII."""

_VERSION_1 = """
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

_VERSION_2 = """
ALTER TABLE answers ADD COLUMN instances BLOB;
ALTER TABLE answers ADD COLUMN draft_seq INTEGER;
CREATE INDEX answers_of_query ON answers (query_id, annotator);
CREATE TABLE withdrawals (
    query_id INTEGER PRIMARY KEY REFERENCES queries (id),
    created_at TEXT NOT NULL
);
CREATE TABLE assignments (
    id INTEGER PRIMARY KEY,
    created_at TEXT NOT NULL,
    query_id INTEGER NOT NULL REFERENCES queries (id),
    annotator TEXT NOT NULL
);
CREATE INDEX assignments_by_time ON assignments (created_at);
CREATE INDEX assignments_of_query ON assignments (query_id, annotator);
CREATE TABLE ops (
    id INTEGER PRIMARY KEY,
    created_at TEXT NOT NULL,
    query_id INTEGER NOT NULL REFERENCES queries (id),
    annotator TEXT NOT NULL,
    seq INTEGER NOT NULL CHECK (seq >= 1),
    key TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('edit', 'undo', 'redo')),
    tool TEXT,
    runs BLOB NOT NULL,
    model_id INTEGER REFERENCES models (id),
    UNIQUE (query_id, annotator, seq)
);
CREATE TABLE activities (
    id INTEGER PRIMARY KEY,
    created_at TEXT NOT NULL,
    query_id INTEGER NOT NULL REFERENCES queries (id),
    annotator TEXT NOT NULL,
    key TEXT NOT NULL UNIQUE,
    looking_seconds REAL NOT NULL CHECK (looking_seconds >= 0),
    editing_seconds REAL NOT NULL CHECK (editing_seconds >= 0)
);
CREATE INDEX activities_by_time ON activities (created_at);
CREATE INDEX activities_of_query ON activities (query_id, annotator);
CREATE TABLE previews (
    id INTEGER PRIMARY KEY,
    created_at TEXT NOT NULL,
    model_id INTEGER NOT NULL REFERENCES models (id),
    query_id INTEGER REFERENCES queries (id),
    z0 INTEGER NOT NULL, y0 INTEGER NOT NULL, x0 INTEGER NOT NULL,
    z1 INTEGER NOT NULL, y1 INTEGER NOT NULL, x1 INTEGER NOT NULL,
    classes BLOB NOT NULL,
    uncertainty BLOB NOT NULL
);
CREATE INDEX previews_of_query ON previews (query_id, model_id);
CREATE INDEX events_of_kind ON events (kind);
"""

_VERSION_3 = """
CREATE TABLE judge_queries (
    id INTEGER PRIMARY KEY,
    created_at TEXT NOT NULL,
    round INTEGER NOT NULL CHECK (round >= 0),
    proposals TEXT NOT NULL,
    object_key INTEGER NOT NULL CHECK (object_key >= 0),
    z0 INTEGER NOT NULL, y0 INTEGER NOT NULL, x0 INTEGER NOT NULL,
    z1 INTEGER NOT NULL, y1 INTEGER NOT NULL, x1 INTEGER NOT NULL,
    cluster INTEGER NOT NULL,
    strategy TEXT NOT NULL,
    score REAL NOT NULL,
    rank INTEGER NOT NULL,
    reason TEXT NOT NULL,
    CHECK (z0 < z1 AND y0 < y1 AND x0 < x1),
    UNIQUE (proposals, object_key),
    UNIQUE (id, object_key)
);
CREATE TABLE judge_withdrawals (
    query_id INTEGER PRIMARY KEY REFERENCES judge_queries (id),
    created_at TEXT NOT NULL
);
CREATE TABLE audits (
    id INTEGER PRIMARY KEY,
    created_at TEXT NOT NULL,
    proposals TEXT NOT NULL,
    z0 INTEGER NOT NULL, y0 INTEGER NOT NULL, x0 INTEGER NOT NULL,
    z1 INTEGER NOT NULL, y1 INTEGER NOT NULL, x1 INTEGER NOT NULL,
    CHECK (z0 < z1 AND y0 < y1 AND x0 < x1),
    UNIQUE (proposals, z0, y0, x0, z1, y1, x1)
);
CREATE TABLE sheets (
    id INTEGER PRIMARY KEY,
    created_at TEXT NOT NULL,
    proposals TEXT NOT NULL,
    annotator TEXT NOT NULL,
    sorting TEXT NOT NULL CHECK (sorting IN ('cluster', 'random', 'audit')),
    audit_id INTEGER REFERENCES audits (id),
    CHECK ((sorting = 'audit') = (audit_id IS NOT NULL))
);
CREATE INDEX sheets_of_annotator ON sheets (proposals, annotator);
CREATE TABLE sheet_tiles (
    created_at TEXT NOT NULL,
    sheet_id INTEGER NOT NULL REFERENCES sheets (id),
    place INTEGER NOT NULL CHECK (place >= 0),
    query_id INTEGER NOT NULL REFERENCES judge_queries (id),
    PRIMARY KEY (sheet_id, place),
    UNIQUE (sheet_id, query_id)
);
CREATE INDEX sheet_tiles_of_query ON sheet_tiles (query_id);
CREATE TABLE closings (
    id INTEGER PRIMARY KEY,
    created_at TEXT NOT NULL,
    sheet_id INTEGER NOT NULL REFERENCES sheets (id),
    key TEXT NOT NULL UNIQUE,
    closed INTEGER NOT NULL CHECK (closed IN (0, 1))
);
CREATE INDEX closings_of_sheet ON closings (sheet_id);
CREATE TABLE sheet_activities (
    id INTEGER PRIMARY KEY,
    created_at TEXT NOT NULL,
    sheet_id INTEGER NOT NULL REFERENCES sheets (id),
    key TEXT NOT NULL UNIQUE,
    looking_seconds REAL NOT NULL CHECK (looking_seconds >= 0),
    editing_seconds REAL NOT NULL CHECK (editing_seconds >= 0)
);
CREATE INDEX sheet_activities_of_sheet ON sheet_activities (sheet_id, created_at);
CREATE TABLE verdicts (
    id INTEGER PRIMARY KEY,
    created_at TEXT NOT NULL,
    query_id INTEGER NOT NULL,
    object_key INTEGER NOT NULL,
    sheet_id INTEGER REFERENCES sheets (id),
    annotator TEXT NOT NULL,
    verdict TEXT NOT NULL CHECK (verdict IN ('correct', 'incorrect', 'unsure', 'withdrawn')),
    touched INTEGER NOT NULL CHECK (touched IN (0, 1)),
    active_seconds REAL NOT NULL CHECK (active_seconds >= 0),
    key TEXT NOT NULL UNIQUE,
    supersedes INTEGER UNIQUE,
    UNIQUE (id, query_id, annotator),
    FOREIGN KEY (query_id, object_key) REFERENCES judge_queries (id, object_key),
    FOREIGN KEY (supersedes, query_id, annotator) REFERENCES verdicts (id, query_id, annotator)
);
CREATE UNIQUE INDEX one_first_verdict ON verdicts (query_id, annotator) WHERE supersedes IS NULL;
CREATE INDEX verdicts_of_query ON verdicts (query_id, annotator);
CREATE INDEX verdicts_of_object ON verdicts (object_key, annotator, id, verdict);
CREATE INDEX verdicts_of_sheet ON verdicts (sheet_id);
CREATE TABLE audit_answers (
    id INTEGER PRIMARY KEY,
    created_at TEXT NOT NULL,
    audit_id INTEGER NOT NULL REFERENCES audits (id),
    sheet_id INTEGER REFERENCES sheets (id),
    annotator TEXT NOT NULL,
    points TEXT NOT NULL,
    done INTEGER NOT NULL CHECK (done IN (0, 1)),
    active_seconds REAL NOT NULL CHECK (active_seconds >= 0),
    key TEXT NOT NULL UNIQUE,
    supersedes INTEGER UNIQUE,
    UNIQUE (id, audit_id, annotator),
    FOREIGN KEY (supersedes, audit_id, annotator) REFERENCES audit_answers (id, audit_id, annotator)
);
CREATE UNIQUE INDEX one_first_audit_answer ON audit_answers (audit_id, annotator) WHERE supersedes IS NULL;
CREATE INDEX audit_answers_of_sheet ON audit_answers (sheet_id);
"""

_VERSION_4 = """
ALTER TABLE previews ADD COLUMN foreground BLOB;
"""

_TABLE_NAMES = (
    ("queries", "models", "answers", "trained_on", "skips", "events"),
    ("withdrawals", "assignments", "ops", "activities", "previews"),
    (
        *("judge_queries", "judge_withdrawals", "audits", "sheets", "sheet_tiles", "closings"),
        *("sheet_activities", "verdicts", "audit_answers"),
    ),
    (),
)
_VERSIONS = (_VERSION_1, _VERSION_2, _VERSION_3, _VERSION_4)

TABLE_NAMES = tuple(name for names in _TABLE_NAMES for name in names)

_APPEND_ONLY = """
CREATE TRIGGER {table}_no_update BEFORE UPDATE ON {table}
BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table}
BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
"""


def upgrade_script(schema: int) -> str:
    """The SQL that brings a journal of an older schema up to date; of schema 0, an empty file, a new journal.

    It is to be run inside a transaction.
    """
    tables = " ".join(_VERSIONS[schema:])
    added = [name for names in _TABLE_NAMES[schema:] for name in names]
    triggers = "".join(_APPEND_ONLY.format(table=table) for table in added)
    return f"{tables} {triggers} PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {SCHEMA};"
