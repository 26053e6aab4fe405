"""The worker: what it does next, read from the journal alone."""

from pathlib import Path

import numpy as np
import pytest

from conftest import phantom_project
from growing import growing_project
from microtome.cli.session import opened
from microtome.loop.session import Session
from microtome.progress import silent
from microtome.project import Answer
from microtome.serve.dashboard import learning_curve
from microtome.serve.desk import Desk
from microtome.serve.events import ESTIMATE, LOOK, TRAIN, WATCH, WORKER, looked_at, worker_state
from microtome.serve.worker import Worker


def _answer(session: Session, n: int, annotator: str = "ada") -> None:
    """Hand out and answer the next `n` queries by the truth."""
    journal = session.project.journal
    for _ in range(n):
        query = journal.drafts.assign(annotator)
        assert query is not None
        assert query.id is not None
        labels = session.truth.read(query.box)
        journal.add_answer(
            Answer(query_id=query.id, annotator=annotator, labels=labels, active_seconds=30, method="scratch")
        )


def _finish(worker: Worker) -> None:
    for _ in range(200):
        if not worker.step():
            return
    raise AssertionError("the worker finds no end")


def test_queries_wait_before_anybody_asks(project_folder: Path) -> None:
    with opened(project_folder, "cpu", silent) as session:
        _finish(Worker(session))
        assert len(session.project.journal.open_queries()) == 3  # query.start of the project


def test_it_trains_when_enough_answers_are_new_and_asks_anew(project_folder: Path) -> None:
    with opened(project_folder, "cpu", silent) as session:
        worker, journal = Worker(session), session.project.journal
        _finish(worker)
        _answer(session, 2)
        _finish(worker)
        assert journal.latest_model() is None
        _answer(session, 1)
        _finish(worker)
        model = journal.latest_model()
        assert model is not None
        assert len(model.trained_on) == 3
        waiting = journal.drafts.unassigned()
        assert {(query.round, query.strategy) for query in waiting} == {(1, "entropy")}
        assert len(waiting) == 4  # query.batch of the project
        assert journal.withdrawn()  # what nobody saw of the first round


def test_a_project_that_grows_fills_the_next_sections_in_once_the_first_is_drawn(tmp_path: Path) -> None:
    with opened(growing_project(tmp_path / "p"), "cpu", silent) as session:
        worker, journal = Worker(session), session.project.journal
        _finish(worker)
        assert len(journal.open_queries()) == 1
        _answer(session, 1)
        worker.step()  # does not ask for a second section to draw
        assert len(journal.queries()) == 1
        _finish(worker)
        assert len(journal.models()) == 1
        waiting = journal.open_queries()
        assert sorted(query.strategy for query in waiting) == ["audit", "outward", "outward", "outward"]
        assert all(query.round == 1 and journal.previews.of_query(query.id or 0) for query in waiting)
        _answer(session, 1)
        _finish(worker)
        assert [len(model.trained_on) for model in journal.models()] == [1, 2]
        assert {query.round for query in journal.drafts.unassigned()} == {1}  # asked ahead of the model


def test_the_last_answers_are_learned_although_they_are_few(tmp_path: Path) -> None:
    with opened(growing_project(tmp_path / "p", sections=3, audits=0), "cpu", silent) as session:
        worker, journal = Worker(session), session.project.journal
        for _ in range(3):
            _finish(worker)
            _answer(session, 1)
        _finish(worker)
        assert [len(model.trained_on) for model in journal.models()] == [1, 2, 3]


def test_it_trains_at_once_when_somebody_asks_for_it_and_once(project_folder: Path) -> None:
    with opened(project_folder, "cpu", silent) as session:
        worker, journal = Worker(session), session.project.journal
        _finish(worker)
        _answer(session, 1)
        journal.add_event(TRAIN, {})
        _finish(worker)
        _answer(session, 1)
        _finish(worker)
        assert len(journal.models()) == 1


def test_every_waiting_query_gets_a_prediction_to_begin_with(project_folder: Path) -> None:
    with opened(project_folder, "cpu", silent) as session:
        worker, journal = Worker(session), session.project.journal
        _finish(worker)
        _answer(session, 3)
        _finish(worker)
        for query in journal.open_queries():
            assert query.id is not None
            preview = journal.previews.of_query(query.id)
            assert preview is not None
            assert preview.box.contains(query.box)
            assert preview.classes.max() <= 1


def test_watched_sections_are_predicted(project_folder: Path) -> None:
    with opened(project_folder, "cpu", silent) as session:
        worker, journal = Worker(session), session.project.journal
        journal.add_event(WATCH, {"sections": [3]})
        _finish(worker)
        assert journal.previews.of_section(3) is None
        _answer(session, 3)
        _finish(worker)
        found = journal.previews.of_section(3)
        assert found is not None
        assert journal.previews.get(found).box.shape == (1, 96, 96)


def test_an_answer_that_is_looked_at_again_is_predicted_by_the_latest_model(project_folder: Path) -> None:
    with opened(project_folder, "cpu", silent) as session:
        worker, journal = Worker(session), session.project.journal
        _finish(worker)
        _answer(session, 3)
        _finish(worker)
        (first, *_) = journal.answers()
        latest = journal.latest_model()
        assert latest is not None
        assert journal.previews.shown(first.query_id, latest.id or 0) is None
        Desk(session.project).look(first.query_id)
        Desk(session.project).look(first.query_id)
        assert looked_at(journal) == [first.query_id]
        assert len(journal.events(LOOK)) == 1
        _finish(worker)
        found = journal.previews.shown(first.query_id, latest.id or 0)
        assert found is not None
        assert found.foreground is not None
        assert np.array_equal(found.classes == 1, found.foreground >= 128)


def test_a_model_is_tried_on_answers_that_it_did_not_see(project_folder: Path) -> None:
    with opened(project_folder, "cpu", silent) as session:
        worker, journal = Worker(session), session.project.journal
        _finish(worker)
        _answer(session, 3)
        _finish(worker)
        assert [point["evaluated"] for point in learning_curve(session.project)] == [0]
        _answer(session, 2)
        _finish(worker)
        (point,) = learning_curve(session.project)
        assert (point["evaluated"], point["answers"], point["minutes"]) == (2, 3, 1.5)
        assert 0 <= point["jaccard"] <= 1
        seen = set(journal.models()[0].trained_on)
        assert not seen & {event.data["answer"] for event in journal.events(ESTIMATE)}


def test_queries_are_added_while_it_trains(project_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("microtome.serve.worker.REPORT_EVERY", 0.0)
    with opened(project_folder, "cpu", silent) as session:
        worker, journal = Worker(session), session.project.journal
        _finish(worker)
        for name in ("ada", "ben", "cleo"):
            _answer(session, 1, name)
        worker._trained()
        waiting_at_once = [query for query in journal.queries() if query.id not in (1, 2, 3)]
        assert waiting_at_once
        assert {query.strategy for query in waiting_at_once} == {"random"}


def test_nothing_left_to_ask_is_found_out_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    twelve = phantom_project(tmp_path / "p", query_shape=(1, 48, 48))  # boxes that can be asked
    with opened(twelve, "cpu", silent) as session:
        worker = Worker(session)
        for _ in range(4):
            _finish(worker)
            _answer(session, 3)
        _finish(worker)
        assert session.project.journal.open_queries() == []
        monkeypatch.setattr("microtome.serve.worker.top_up", lambda *_, **__: pytest.fail("asked again"))
        assert not worker.step()


def test_what_fails_is_said_and_tried_again(project_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("microtome.serve.worker.AFTER_FAILURE", 0.0)
    with opened(project_folder, "cpu", silent) as session:
        worker = Worker(session)
        calls: list[bool] = []

        def fail() -> bool:
            calls.append(True)
            raise OSError("the disk is full")

        monkeypatch.setattr(worker, "step", fail)
        worker.run(lambda: len(calls) < 3)
        state = worker_state(session.project.journal)
        assert (state.state, state.message) == ("failed", "the disk is full")


def test_what_it_does_is_in_the_journal(project_folder: Path) -> None:
    with opened(project_folder, "cpu", silent) as session:
        worker = Worker(session)
        turns = iter(range(40))
        worker.run(lambda: next(turns) < 3)
        states = [event.data["state"] for event in session.project.journal.events(WORKER)]
        assert states[:2] == ["starting", "asking"]
        assert states[-1] == "idle"


def test_a_desk_and_a_worker_share_a_project_through_the_journal(project_folder: Path) -> None:
    with (
        opened(project_folder, "cpu", silent) as session,
        opened(project_folder, "cpu", silent, reading=True) as other,
    ):
        _finish(Worker(session))
        desk = Desk(other.project)
        found = desk.next("ada", [])["query"]
        assert found is not None
        assert np.subtract(found["box"]["stop"], found["box"]["start"]).tolist() == [1, 32, 32]


def test_nobody_waits_for_a_round_that_takes_long_to_choose(project_folder: Path) -> None:
    with opened(project_folder, "cpu", silent) as session:
        worker, journal = Worker(session), session.project.journal
        _finish(worker)
        for name in ("ada", "ben", "cleo"):
            _answer(session, 1, name)
        _finish(worker)
        for name in ("dan", "eva", "fay", "gus"):
            journal.drafts.assign(name)
        assert len(journal.drafts.unassigned()) < journal.drafts.people_at_work()
        worker._hasten()
        assert len(journal.drafts.unassigned()) >= journal.drafts.people_at_work()
        assert journal.queries()[-1].strategy == "random"  # query.start_strategy of the project


def test_a_query_handed_out_while_the_next_round_is_chosen_is_not_asked_twice(
    project_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(project_folder, "cpu", silent) as session:
        worker, journal = Worker(session), session.project.journal
        _finish(worker)
        _answer(session, 3)
        real = type(session.strategy).select
        handed = []

        def select(*values: object, **more: object) -> object:
            handed.append(journal.drafts.assign("ben"))
            return real(*values, **more)

        monkeypatch.setattr(type(session.strategy), "select", select)
        _finish(worker)
        open_boxes = [query.box for query in journal.open_queries()]
        assert handed[0] is not None
        assert open_boxes.count(handed[0].box) == 1
