import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from judging import fill
from microtome.box import Box
from microtome.labels import IGNORE
from microtome.project.database import connect
from microtome.project.journal import Journal, create_journal, open_journal
from microtome.project.records import Answer, Model, Query, Skip
from microtome.project.schema import TABLE_NAMES, upgrade_script
from test_journal_drafts import activity, op, preview

SHAPE = (1, 3, 4)


def query(rank: int = 0, number: int = 0) -> Query:
    box = Box.of(SHAPE).shifted((rank, 0, 0))
    return Query(round=number, box=box, strategy="entropy", score=0.5, rank=rank, reason="unsure")


def answer(query_id: int = 1, annotator: str = "ada", **changes: object) -> Answer:
    labels = np.full(SHAPE, IGNORE, dtype=np.uint8)
    labels[0, 0] = 1
    plain = Answer(
        query_id=query_id, annotator=annotator, labels=labels, active_seconds=2.5, method="scratch"
    )
    return replace(plain, **changes)


def model(**changes: object) -> Model:
    return replace(Model(round=0, seed=7, path="models/000", seconds=1.5), **changes)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.sqlite"


@pytest.fixture
def journal(path: Path) -> Iterator[Journal]:
    with create_journal(path) as journal:
        yield journal


@pytest.fixture
def asked(journal: Journal) -> Journal:
    journal.add_queries([query(0), query(1)])
    return journal


def ids(journal: Journal) -> list[int | None]:
    return [answer.id for answer in journal.answers()]


def test_queries_come_back_as_they_were_added(journal: Journal) -> None:
    added = journal.add_queries([query(0), query(1)])
    assert [item.id for item in added] == [1, 2]
    assert journal.queries() == added
    assert journal.query(2) == added[1]
    assert replace(added[1], id=None, created_at=None) == query(1)


def test_a_batch_with_a_box_asked_twice_is_refused_whole(journal: Journal) -> None:
    with pytest.raises(ValueError, match="box 0:1,0:3,0:4 was already asked in round 0"):
        journal.add_queries([query(1), query(0), query(0)])
    assert journal.queries() == []


def test_a_box_may_be_asked_again_in_a_later_round(journal: Journal) -> None:
    journal.add_queries([query(0, number=0)])
    assert len(journal.add_queries([query(0, number=1)])) == 1


def test_a_query_needs_voxels_and_a_score() -> None:
    with pytest.raises(ValueError, match="box with voxels"):
        replace(query(), box=Box.of((0, 1, 1)))
    with pytest.raises(ValueError, match="score that is a number; got nan"):
        replace(query(), score=float("nan"))


@given(labels=arrays(np.uint8, SHAPE), seconds=st.floats(0, 1e6), annotator=st.text("aé '\n0", min_size=1))
@settings(max_examples=30, deadline=None)
def test_an_answer_comes_back_as_it_was_given(labels: np.ndarray, seconds: float, annotator: str) -> None:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.row_factory = sqlite3.Row
    connection.executescript(upgrade_script(0))
    with Journal(Path("memory"), connection) as journal:
        journal.add_queries([query()])
        journal.add_answer(answer(labels=labels, active_seconds=seconds, annotator=annotator))
        (found,) = journal.answers()
    np.testing.assert_array_equal(found.labels, labels)
    assert (found.active_seconds, found.annotator) == (seconds, annotator)


def test_an_answer_comes_back_with_all_its_fields(asked: Journal) -> None:
    asked.add_model(model())
    given_ = answer(method="corrected", shown_model=1)
    added = asked.add_answer(given_)
    (found,) = asked.answers()
    np.testing.assert_array_equal(found.labels, given_.labels)
    assert replace(found, labels=added.labels).__dict__ == added.__dict__
    assert (found.id, found.method, found.shown_model, found.active_seconds) == (1, "corrected", 1, 2.5)


def test_a_second_answer_must_supersede_the_first(asked: Journal) -> None:
    asked.add_answer(answer())
    with pytest.raises(ValueError, match=r"ada has answered query 1 already: .* supersede answer 1"):
        asked.add_answer(answer())
    asked.add_answer(answer(supersedes=1))
    assert ids(asked) == [2]
    assert asked.answer(1).id == 1


def test_another_annotator_may_answer_or_correct(asked: Journal) -> None:
    asked.add_answer(answer())
    asked.add_answer(answer(annotator="bob"))
    asked.add_answer(answer(annotator="bob", supersedes=1))
    assert ids(asked) == [2, 3]


def test_an_answer_is_superseded_only_once(asked: Journal) -> None:
    asked.add_answer(answer())
    asked.add_answer(answer(supersedes=1))
    with pytest.raises(ValueError, match="answer 1 was superseded already, by answer 2"):
        asked.add_answer(answer(supersedes=1))
    asked.add_answer(answer(supersedes=2))
    assert ids(asked) == [3]


def test_an_answer_supersedes_only_one_to_the_same_query(asked: Journal) -> None:
    asked.add_answer(answer(query_id=1))
    with pytest.raises(ValueError, match="answer 1 is to query 1"):
        asked.add_answer(answer(query_id=2, supersedes=1))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"query_id": 9}, "holds no query 9"),
        ({"supersedes": 9}, "holds no answer 9"),
        ({"shown_model": 9}, "holds no model 9"),
        ({"labels": np.zeros((1, 4, 3), dtype=np.uint8)}, r"\(1, 3, 4\); got \(1, 4, 3\)"),
    ],
)
def test_an_answer_that_does_not_fit_changes_nothing(asked: Journal, changes: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        asked.add_answer(answer(**changes))
    assert ids(asked) == []
    assert len(asked.open_queries()) == 2


def test_answers_are_added_together_or_not_at_all(asked: Journal) -> None:
    wrong = np.full((1, 2, 2), 1, dtype=np.uint8)
    with pytest.raises(ValueError, match="query 2 asks for labels of shape"):
        asked.add_answers([answer(), answer(2, labels=wrong)])
    assert asked.answer_ids() == set()
    added = asked.add_answers([answer(), answer(2)])
    assert [one.id for one in added] == ids(asked) == [1, 2]


def test_an_answer_needs_a_name_a_method_and_a_time() -> None:
    for changes in ({"annotator": ""}, {"method": ""}, {"active_seconds": -1.0}, {"active_seconds": np.inf}):
        with pytest.raises(ValueError, match=r"annotator and a method|finite and not negative"):
            answer(**changes)


def test_answers_since_an_id_are_the_newer_ones(asked: Journal) -> None:
    for name in ("ada", "bob", "cleo"):
        asked.add_answer(answer(annotator=name))
    assert [item.id for item in asked.answers(since_id=1)] == [2, 3]


def test_answers_added_while_reading_do_not_disturb(asked: Journal) -> None:
    asked.add_answer(answer(1))
    for found in asked.answers():
        asked.add_answer(answer(annotator="bob", supersedes=found.id))
    assert ids(asked) == [2]


def test_open_queries_come_by_round_and_rank(journal: Journal) -> None:
    journal.add_queries([query(0, number=1), query(2), query(1)])
    found = [(item.round, item.rank) for item in journal.open_queries()]
    assert found == [(0, 1), (0, 2), (1, 0)]


def test_answers_and_skips_close_queries(asked: Journal) -> None:
    asked.add_answer(answer(query_id=1))
    asked.add_skip(Skip(query_id=2, annotator="ada", reason="blurred"))
    assert asked.open_queries() == []
    assert [(item.query_id, item.reason) for item in asked.skips()] == [(2, "blurred")]


def test_a_query_that_does_not_exist_cannot_be_skipped(asked: Journal) -> None:
    with pytest.raises(ValueError, match="no query 9"):
        asked.add_skip(Skip(query_id=9, annotator="ada", reason=""))


def test_models_come_back_with_the_answers_they_saw(asked: Journal) -> None:
    assert asked.latest_model() is None
    asked.add_answer(answer(1))
    asked.add_answer(answer(2))
    first = asked.add_model(model(trained_on=(2, 1), settings={"net": {"a": [1]}}, metrics={"dice": 0.5}))
    second = asked.add_model(model(round=1))
    assert asked.models() == [first, second]
    assert asked.latest_model() == second
    assert first.trained_on == (2, 1)


@pytest.mark.parametrize(
    "changes", [{"trained_on": (9,)}, {"settings": {"a": {1}}}, {"metrics": {"a": np.nan}}]
)
def test_a_model_that_does_not_fit_is_refused_whole(asked: Journal, changes: dict) -> None:
    with pytest.raises(ValueError):
        asked.add_model(model(**changes))
    assert asked.models() == []


def test_events_come_back_by_kind(journal: Journal) -> None:
    journal.add_event("started", {"by": "ada"})
    journal.add_event("stopped", {})
    assert [item.data for item in journal.events("started")] == [{"by": "ada"}]


def test_every_row_bears_the_clock_in_utc(path: Path) -> None:
    noon = datetime(2024, 5, 1, 14, tzinfo=timezone(timedelta(hours=2)))
    with create_journal(path, clock=lambda: noon) as journal:
        (added,) = journal.add_queries([query()])
        assert added.created_at == "2024-05-01T12:00:00.000+00:00"
        assert datetime.fromisoformat(added.created_at) == noon.astimezone(UTC)


@pytest.mark.parametrize("table", TABLE_NAMES)
@pytest.mark.parametrize("statement", ["UPDATE {} SET created_at = ''", "DELETE FROM {}"])
def test_no_row_can_be_changed_or_deleted(asked: Journal, table: str, statement: str) -> None:
    asked.add_answer(answer())
    asked.add_model(model(trained_on=(1,)))
    asked.add_skip(Skip(query_id=2, annotator="ada", reason=""))
    asked.add_event("x", {})
    asked.drafts.assign("ben", repeat=2)
    asked.drafts.add_op(op(1))
    asked.drafts.add_activity(activity("a"))
    asked.previews.add(preview())
    asked.add_queries([query(5)])
    asked.drafts.withdraw([3])
    fill(asked)
    with (
        closing(sqlite3.connect(asked.path)) as other,
        pytest.raises(sqlite3.IntegrityError, match="append-only"),
    ):
        other.execute(statement.format(table))


def test_no_row_can_be_replaced(asked: Journal) -> None:
    with (
        closing(connect(asked.path, "rw")) as other,
        pytest.raises(sqlite3.IntegrityError, match="append-only"),
    ):
        other.execute("INSERT OR REPLACE INTO queries SELECT * FROM queries")


def test_a_journal_survives_closing(path: Path) -> None:
    with create_journal(path) as journal:
        journal.add_queries([query()])
        journal.add_answer(answer())
    with open_journal(path) as journal:
        assert ids(journal) == [1]
        assert journal.check() == []


def test_check_names_an_answer_that_does_not_decode(asked: Journal) -> None:
    asked.add_answer(answer())
    with closing(sqlite3.connect(asked.path)) as other:
        other.execute("DROP TRIGGER answers_no_update")
        other.execute("UPDATE answers SET labels = x'00'")
        other.commit()
    (problem,) = asked.check()
    assert problem.startswith("answer 1: ")


def test_check_names_rows_that_point_nowhere(asked: Journal) -> None:
    with closing(sqlite3.connect(asked.path)) as other:  # foreign keys are off by default
        other.execute("INSERT INTO skips (created_at, query_id, annotator, reason) VALUES ('', 9, '', '')")
        other.commit()
    assert asked.check() == ["row 1 of skips points to a missing row"]


def test_a_journal_is_not_created_over_another(journal: Journal) -> None:
    with pytest.raises(ValueError, match="exists already"):
        create_journal(journal.path)


def test_a_missing_journal_is_not_created_by_opening(path: Path) -> None:
    with pytest.raises(ValueError, match="no journal at"):
        open_journal(path)
    assert not path.exists()
