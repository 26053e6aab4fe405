"""Handing out queries, the steps of drafts, active time and previews in the journal."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from conftest import FakeClock
from microtome.box import Box
from microtome.labels import IGNORE
from microtome.project import Answer, Journal, Model, Query, Skip, create_journal, open_journal
from microtome.project.database import connect
from microtome.project.drafts import LEASE
from microtome.project.encoding import encode_array
from microtome.project.records import Activity, Op, Preview
from microtome.project.schema import _VERSION_1, _VERSION_2, _VERSION_3, APPLICATION_ID, SCHEMA

SHAPE = (1, 3, 4)


@pytest.fixture
def journal(tmp_path: Path, clock: FakeClock) -> Iterator[Journal]:
    with create_journal(tmp_path / "journal.sqlite", clock) as journal:
        journal.add_queries([_query(rank) for rank in range(3)])
        yield journal


def _query(rank: int, number: int = 0) -> Query:
    box = Box.of(SHAPE).shifted((rank, 0, 0))
    return Query(round=number, box=box, strategy="entropy", score=0.5, rank=rank, reason="unsure")


def _answer(query_id: int, annotator: str, seconds: float = 1.0) -> Answer:
    labels = np.ones(SHAPE, dtype=np.uint8)
    return Answer(
        query_id=query_id, annotator=annotator, labels=labels, active_seconds=seconds, method="scratch"
    )


def op(seq: int, key: str | None = None, annotator: str = "ada") -> Op:
    runs = np.array([[0, 2, 1], [5, 1, IGNORE]], dtype=np.int32)
    return Op(
        query_id=1, annotator=annotator, seq=seq, key=key or f"k{seq}", kind="edit", tool="brush", runs=runs
    )


def activity(key: str, looking: float = 2.0, editing: float = 3.0) -> Activity:
    return Activity(query_id=1, annotator="ada", key=key, looking_seconds=looking, editing_seconds=editing)


def preview(query_id: int | None = 1, model_id: int = 1) -> Preview:
    voxels = np.arange(12, dtype=np.uint8).reshape(SHAPE)
    box = Box.of(SHAPE)
    return Preview(model_id=model_id, query_id=query_id, box=box, classes=voxels % 2, uncertainty=voxels)


def _handed(journal: Journal, annotator: str, **options: object) -> int | None:
    query = journal.drafts.assign(annotator, **options)
    return None if query is None else query.id


def test_no_query_is_handed_to_two(journal: Journal) -> None:
    assert [_handed(journal, name) for name in ("ada", "ben", "cleo", "dan")] == [1, 2, 3, None]


def test_who_comes_back_gets_the_query_they_had(journal: Journal) -> None:
    assert [_handed(journal, name) for name in ("ada", "ben", "ada", "ben")] == [1, 2, 1, 2]


def test_the_next_query_can_be_fetched_ahead(journal: Journal) -> None:
    assert _handed(journal, "ada") == 1
    assert _handed(journal, "ada", holding=[1]) == 2
    assert _handed(journal, "ada", holding=[1]) == 2
    assert _handed(journal, "ada", holding=[1, 2]) == 3


def test_what_was_answered_or_skipped_is_not_handed_out_again(journal: Journal) -> None:
    journal.add_answer(_answer(1, "ada"))
    journal.add_skip(Skip(query_id=2, annotator="ben", reason="blurred"))
    assert _handed(journal, "ada") == 3
    assert _handed(journal, "cleo") is None


def test_a_query_goes_to_as_many_people_as_asked_for(journal: Journal) -> None:
    assert [_handed(journal, name, repeat=2) for name in ("ada", "ben", "cleo")] == [1, 1, 2]
    journal.add_answer(_answer(1, "ada"))
    assert _handed(journal, "ada", repeat=2) == 2
    journal.add_answer(_answer(1, "ben"))
    assert _handed(journal, "dan", repeat=2) == 3


def test_the_newest_round_comes_first_and_its_best_query(journal: Journal) -> None:
    journal.add_queries([_query(4, number=1), _query(3, number=1)])
    assert _handed(journal, "ada") == 5
    assert [query.id for query in journal.drafts.unassigned()] == [4, 1, 2, 3]


def test_a_query_goes_to_another_after_a_long_silence(journal: Journal, clock: FakeClock) -> None:
    assert _handed(journal, "ada") == 1
    clock.now += LEASE / 2
    journal.drafts.add_activity(activity("sign of life"))
    clock.now += LEASE / 2 + timedelta(seconds=1)
    assert _handed(journal, "ben") == 2
    clock.now += LEASE
    assert _handed(journal, "cleo") == 1


def test_queries_that_nobody_saw_can_be_withdrawn_and_asked_again(journal: Journal) -> None:
    assert _handed(journal, "ada") == 1
    assert [query.id for query in journal.drafts.untouched()] == [2, 3]
    assert journal.drafts.withdraw([1, 2, 3, 99]) == {2, 3}
    assert journal.drafts.withdraw([2]) == set()
    assert journal.withdrawn() == {2, 3}
    assert [query.id for query in journal.open_queries()] == [1]
    assert _handed(journal, "ben") is None
    journal.add_queries([_query(1, number=1)])
    assert _handed(journal, "ben") == 4


def test_steps_come_back_in_order_and_whole(journal: Journal) -> None:
    added = [journal.drafts.add_op(op(seq)) for seq in (1, 2)]
    found = journal.drafts.ops(1, "ada")
    assert [step.seq for step in found] == [1, 2]
    assert [step.id for step in found] == [step.id for step in added]
    assert np.array_equal(found[0].runs, op(1).runs)
    assert journal.drafts.ops(1, "ben") == []


def test_the_same_step_may_be_sent_again(journal: Journal) -> None:
    first = journal.drafts.add_op(op(1))
    assert journal.drafts.add_op(op(1)).id == first.id
    assert len(journal.drafts.ops(1, "ada")) == 1


@pytest.mark.parametrize(("seq", "key"), [(1, "another"), (3, None), (7, None)])
def test_a_step_out_of_order_is_refused_and_changes_nothing(
    journal: Journal, seq: int, key: str | None
) -> None:
    journal.drafts.add_op(op(1))
    with pytest.raises(ValueError, match=f"expected step 2 of this draft; got step {seq}"):
        journal.drafts.add_op(op(seq, key))
    assert journal.drafts.last_seq(1, "ada") == 1


def test_active_time_is_counted_once_and_what_was_answered_for_is_not_counted_again(
    journal: Journal,
) -> None:
    for key in ("a", "a", "b"):
        journal.drafts.add_activity(activity(key))
    assert journal.drafts.active_seconds(1, "ada") == 10
    assert journal.drafts.active_seconds(1, "ben") == 0
    journal.add_answer(_answer(1, "ada", 10))
    assert journal.drafts.active_seconds(1, "ada") == 0
    journal.drafts.add_activity(activity("c"))
    assert journal.drafts.active_seconds(1, "ada") == 5


def test_an_answer_keeps_its_instances_and_the_step_it_was_taken_from(journal: Journal) -> None:
    instances = np.arange(12, dtype=np.uint16).reshape(SHAPE) * 5000
    journal.add_answer(replace(_answer(1, "ada"), instances=instances, draft_seq=7))
    found = journal.answer_of(1, "ada")
    assert found is not None
    assert found.draft_seq == 7
    assert found.instances is not None
    assert np.array_equal(found.instances, instances)
    assert journal.answer_of(1, "ben") is None


def test_the_latest_model_s_preview_is_shown(journal: Journal) -> None:
    for number in range(2):
        journal.add_model(Model(round=number, seed=0, path=f"models/{number}", seconds=1))
    journal.previews.add(preview(model_id=2))
    journal.previews.add(preview(model_id=1))
    section = journal.previews.add(preview(query_id=None, model_id=2))
    shown = journal.previews.of_query(1)
    assert shown is not None
    assert shown.model_id == 2
    assert np.array_equal(shown.uncertainty, preview().uncertainty)
    assert journal.previews.of_query(2) is None
    assert journal.previews.queries_of(2) == {1}
    assert journal.previews.of_section(0) == section.id
    assert journal.previews.sections_of(1) == set()
    with pytest.raises(ValueError, match="holds no preview 9"):
        journal.previews.get(9)


def test_a_preview_keeps_its_foreground_if_it_has_one(journal: Journal) -> None:
    journal.add_model(Model(round=0, seed=0, path="models/0", seconds=1))
    foreground = np.arange(100, 112, dtype=np.uint8).reshape(SHAPE)
    with_one = journal.previews.add(replace(preview(), foreground=foreground))
    without = journal.previews.add(preview())
    kept = journal.previews.get(with_one.id).foreground
    assert kept is not None
    assert np.array_equal(kept, foreground)
    assert journal.previews.get(without.id).foreground is None


def test_previews_of_an_older_journal_have_no_foreground(tmp_path: Path) -> None:
    path = tmp_path / "old.sqlite"
    voxels = encode_array(np.ones(SHAPE, np.uint8))
    with closing(connect(path, "rwc")) as old:
        old.execute("PRAGMA journal_mode = WAL")
        old.executescript(
            f"{_VERSION_1} {_VERSION_2} {_VERSION_3}"
            f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = 3;"
            "INSERT INTO models VALUES (1, '', 0, 0, 'models/0', '{}', '{}', 1)"
        )
        columns = "1, '', 1, NULL, 0, 0, 0, 1, 3, 4, ?, ?"
        old.execute(f"INSERT INTO previews VALUES ({columns})", (voxels, voxels))
    with open_journal(path) as journal:
        found = journal.previews.get(1)
        assert found.foreground is None
        assert (found.classes == 1).all()
        added = journal.previews.add(replace(preview(query_id=None), foreground=found.classes))
        assert journal.previews.get(added.id).foreground is not None
        assert journal.check() == []
    with closing(sqlite3.connect(path)) as upgraded:
        assert upgraded.execute("PRAGMA user_version").fetchone() == (SCHEMA,)


def test_an_older_journal_is_brought_up_to_date(tmp_path: Path) -> None:
    path = tmp_path / "old.sqlite"
    with closing(connect(path, "rwc")) as old:
        old.execute("PRAGMA journal_mode = WAL")
        old.executescript(
            f"{_VERSION_1} PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = 1;"
            "INSERT INTO queries VALUES (1, '', 0, 'paint', 0, 0, 0, 1, 3, 4, 'entropy', 0, 0, '')"
        )
    with open_journal(path) as journal:
        assert journal.drafts.assign("ada") == journal.query(1)
        journal.add_answer(_answer(1, "ada"))
        assert journal.check() == []
    with closing(sqlite3.connect(path)) as upgraded:
        assert upgraded.execute("PRAGMA user_version").fetchone() == (SCHEMA,)
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            upgraded.execute("DELETE FROM assignments")


def test_check_names_a_draft_with_a_gap(journal: Journal) -> None:
    journal.drafts.add_op(op(1))
    with closing(sqlite3.connect(journal.path)) as other:
        other.execute(
            "INSERT INTO ops SELECT 9, created_at, 1, 'ada', 3, 'x', kind, tool, runs, NULL FROM ops"
        )
        other.commit()
    assert journal.check() == ["the draft of query 1 by ada lacks steps"]
