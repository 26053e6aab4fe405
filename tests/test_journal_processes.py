"""The journal under kill -9, two writers, a full disk and files that are no journal."""

import os
import random
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
import pytest

import microtome
from microtome.box import Box
from microtome.project.database import connect
from microtome.project.journal import Journal, create_journal, open_journal
from microtome.project.records import Answer, Query
from microtome.project.schema import SCHEMA

SHAPE = (1, 16, 16)

WRITER = """
import itertools, sys
from pathlib import Path
import numpy as np
from microtome.project.journal import open_journal
from microtome.project.records import Answer

path, annotator, limit = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
rng = np.random.default_rng(0)
with open_journal(path) as journal:
    for n in range(limit):
        labels = rng.integers(0, 2, (1, 16, 16), dtype=np.uint8)
        added = journal.add_answer(
            Answer(query_id=1, annotator=f"{annotator}{n}", labels=labels, active_seconds=1, method="scratch")
        )
        print(added.id, flush=True)
"""


def query() -> Query:
    return Query(round=0, box=Box.of(SHAPE), strategy="random", score=0.0, rank=0, reason="")


def answer(annotator: str) -> Answer:
    labels = np.random.default_rng(0).integers(0, 200, SHAPE, dtype=np.uint8)
    return Answer(query_id=1, annotator=annotator, labels=labels, active_seconds=1.0, method="scratch")


@contextmanager
def writer(path: Path, annotator: str, limit: int) -> Iterator[subprocess.Popen]:
    source = str(Path(microtome.__file__).parent.parent)
    command = [sys.executable, "-c", WRITER, str(path), annotator, str(limit)]
    environment = {**os.environ, "PYTHONPATH": source}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "journal.sqlite"
    with create_journal(path) as journal:
        journal.add_queries([query()])
    return path


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_no_acknowledged_answer_is_lost_when_the_writer_is_killed(path: Path, seed: int) -> None:
    with writer(path, "ada", 1_000_000) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        time.sleep(random.Random(seed).uniform(0, 0.3))
        process.kill()
        lines = [first, *process.stdout.read().splitlines(keepends=True)]
    acknowledged = [int(line) for line in lines if line.endswith("\n")]
    assert acknowledged, "the writer ended before it was killed"
    with open_journal(path) as journal:
        found = [item.id for item in journal.answers()]
        assert journal.check() == []
        journal.add_answer(answer("afterwards"))
    assert len(set(found)) == len(found)
    assert acknowledged == found[: len(acknowledged)]
    assert len(found) - len(acknowledged) <= 1  # committed, but killed before it could say so


def test_two_processes_write_at_once_and_nothing_is_lost(path: Path) -> None:
    with writer(path, "ada", 60) as ada, writer(path, "bob", 60) as bob:
        acknowledged = [int(line) for out in (ada.stdout, bob.stdout) if out is not None for line in out]
        assert (ada.wait(), bob.wait()) == (0, 0)
    with open_journal(path) as journal:
        assert sorted(acknowledged) == [item.id for item in journal.answers()] == list(range(1, 121))
        assert journal.check() == []


def test_a_reader_sees_what_another_connection_added(path: Path) -> None:
    with open_journal(path) as first, open_journal(path) as second:
        first.add_answer(answer("ada"))
        assert [item.annotator for item in second.answers()] == ["ada"]


def test_a_full_disk_is_one_line_and_changes_nothing(path: Path) -> None:
    connection = connect(path, "rw")
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {pages + 1}")
    with Journal(path, connection) as journal:
        acknowledged = []
        with pytest.raises(OSError, match="the disk is full") as caught:  # noqa: PT012
            for n in range(1000):
                acknowledged.append(journal.add_answer(answer(f"ada{n}")).id)  # noqa: PERF401
        assert "\n" not in str(caught.value)
        assert str(path) in str(caught.value)
        assert [item.id for item in journal.answers()] == acknowledged
        with pytest.raises(OSError, match="the disk is full"):
            journal.add_queries([Query(**{**query().__dict__, "round": n}) for n in range(1, 200)])
        assert len(journal.queries()) == 1
    with open_journal(path) as journal:
        assert journal.check() == []
        journal.add_answer(answer("with room again"))


def test_a_read_only_journal_is_one_line_and_can_be_read(path: Path) -> None:
    with Journal(path, connect(path, "ro")) as journal:
        with pytest.raises(OSError, match=r"journal\.sqlite: it is read-only .*nothing was written"):
            journal.add_answer(answer("ada"))
        assert len(journal.queries()) == 1


def test_a_journal_locked_for_too_long_is_one_line(path: Path) -> None:
    with closing(connect(path, "rw")) as other, open_journal(path, busy_seconds=0.05) as journal:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(OSError, match=r"journal\.sqlite: it is locked by another process"):
            journal.add_answer(answer("ada"))
        other.execute("ROLLBACK")
        assert journal.add_answer(answer("ada")).id == 1


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    path.write_bytes(b"no database at all, but long enough to look like one" * 20)
    with pytest.raises(ValueError, match=r"journal\.sqlite: it is not an SQLite database"):
        open_journal(path)


def test_a_database_that_is_no_journal_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE things (id)")
    with pytest.raises(ValueError, match="is not a microtome journal"):
        open_journal(path)


def test_a_journal_of_a_newer_microtome_is_refused(path: Path) -> None:
    with closing(sqlite3.connect(path)) as other:
        other.execute(f"PRAGMA user_version = {SCHEMA + 1}")
    newer = rf"newer microtome \(schema {SCHEMA + 1}; this one reads up to {SCHEMA}\)"
    with pytest.raises(ValueError, match=newer):
        open_journal(path)


def test_a_damaged_file_is_reported_by_check(path: Path) -> None:
    with open_journal(path) as journal:
        for n in range(40):
            journal.add_answer(answer(f"ada{n}"))
    data = bytearray(path.read_bytes())
    data[-4096:] = bytes(4096)
    path.write_bytes(data)
    with open_journal(path) as journal:
        assert journal.check() != []


def test_a_folder_that_does_not_exist_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="it cannot be opened"):
        create_journal(tmp_path / "missing" / "journal.sqlite")
