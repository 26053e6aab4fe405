"""The loop on a small phantom project."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from conftest import phantom_project
from microtome.box import Box, grid
from microtome.cli.session import opened
from microtome.learn.config import ErrorWeighting
from microtome.loop.asking import _sampled, ask, is_stale, renew, top_up
from microtome.loop.models import evaluate, load, predict
from microtome.loop.session import Session
from microtome.loop.simulation import Budget, simulate
from microtome.loop.training import examples_from, train
from microtome.oracle import CostModel
from microtome.predict.posterior import class_map
from microtome.progress import silent
from microtome.project import Answer, Model
from microtome.project.records import Preview


def _asked(session: Session) -> list[tuple[int, int, Box, float]]:
    return [(q.round, q.rank, q.box, q.score) for q in session.project.journal.queries()]


def test_a_simulation_ends_at_its_budget_with_a_model_that_saw_every_answer(project_folder: Path) -> None:
    with opened(project_folder, "cpu", silent) as session:
        simulate(session, Budget(9), CostModel())
        journal = session.project.journal
        answers = list(journal.answers())
        assert Counter(q.round for q in journal.queries()) == {0: 3, 1: 4, 2: 2}
        assert len(answers) == 9
        assert [len(m.trained_on) for m in journal.models()] == [3, 7, 9]
        assert session.project.model().trained_on == tuple(a.id for a in answers)
        assert journal.check() == []


@pytest.fixture
def of_twelve(tmp_path: Path) -> Path:
    """A project in which twelve boxes are all that can be asked."""
    return phantom_project(tmp_path / "twelve", query_shape=(1, 48, 48))


def test_no_box_is_asked_twice_and_no_two_overlap(of_twelve: Path) -> None:
    with opened(of_twelve, "cpu", silent) as session:
        simulate(session, Budget(12), CostModel())
        boxes = [query.box for query in session.project.journal.queries()]
        assert len(boxes) == 12
        assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])
        assert ask(session, 5) == []


def test_a_budget_of_minutes_stops_the_annotator(project_folder: Path) -> None:
    with opened(project_folder, "cpu", silent) as session:
        simulate(session, Budget(100, minutes=0.3), CostModel())
        efforts = session.project.journal.efforts()
        seconds = [effort.active_seconds for effort in efforts]
        assert sum(seconds) >= 18 > sum(seconds[:-1])
        assert len(session.project.model().trained_on) == len(efforts)


def test_the_same_project_and_seed_ask_the_same(tmp_path: Path) -> None:
    asked = []
    for name in ("one", "two"):
        with opened(phantom_project(tmp_path / name), "cpu", silent) as session:
            simulate(session, Budget(8), CostModel())
            asked.append(_asked(session))
    assert asked[0] == asked[1]


def test_another_seed_asks_otherwise(tmp_path: Path) -> None:
    asked = []
    for seed in (0, 1):
        with opened(phantom_project(tmp_path / str(seed), seed=seed), "cpu", silent) as session:
            asked.append([query.box for query in ask(session, 3)])
    assert asked[0] != asked[1]


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[int, int, Box, float]]:
    """What is asked by a simulation in one go."""
    with opened(phantom_project(tmp_path_factory.mktemp("loop") / "whole"), "cpu", silent) as session:
        simulate(session, Budget(9), CostModel())
        return _asked(session)


@pytest.mark.parametrize(
    "steps_before", [1, pytest.param(3, marks=pytest.mark.slow), pytest.param(6, marks=pytest.mark.slow), 8]
)
def test_an_interrupted_simulation_goes_on_where_it_was(
    tmp_path: Path, uninterrupted: list[tuple[int, int, Box, float]], steps_before: int
) -> None:
    class Interrupted(Exception):
        pass

    calls = 0

    def interrupting(task: str, done: int, total: int, note: str = "") -> None:
        nonlocal calls
        calls += done == total
        if calls == steps_before:
            raise Interrupted

    folder = phantom_project(tmp_path / "parts")
    with opened(folder, "cpu", interrupting) as session, pytest.raises(Interrupted):
        simulate(session, Budget(9), CostModel())
    with opened(folder, "cpu", silent) as session:
        simulate(session, Budget(9), CostModel())
        assert _asked(session) == uninterrupted
        assert len(session.project.journal.efforts()) == 9


def test_asking_while_queries_are_open_is_refused(project_folder: Path) -> None:
    with opened(project_folder, "cpu", silent) as session:
        ask(session, 2)
        with pytest.raises(ValueError, match="2 queries are open"):
            ask(session, 2)


def test_training_without_answers_is_refused(project_folder: Path) -> None:
    with (
        opened(project_folder, "cpu", silent) as session,
        pytest.raises(ValueError, match="at least one answer"),
    ):
        train(session)


def test_examples_hold_every_label_that_falls_into_them(of_twelve: Path) -> None:
    with opened(of_twelve, "cpu", silent) as session:
        simulate(session, Budget(12), CostModel())
        answers = list(session.project.journal.answers())
        examples = examples_from(session.project, session.image, answers, margin=(0, 16, 16))
        for answer, example in zip(answers, examples, strict=True):
            box = session.project.journal.query(answer.query_id).box
            outer = box.grown((0, 16, 16)).intersection(Box.of(session.image.shape))
            np.testing.assert_array_equal(example.labels, session.truth.read(outer))
            np.testing.assert_array_equal(example.image, session.image.read(outer))


def test_an_evaluation_counts_every_voxel_of_the_test_split(project_folder: Path) -> None:
    with opened(project_folder, "cpu", silent) as session:
        simulate(session, Budget(3), CostModel())
        evaluation = evaluate(session)
        assert evaluation.box == Box((3, 0, 0), (4, 96, 96))
        assert evaluation.table.voxels == 96 * 96


def test_what_is_stored_is_what_the_model_predicts(project_folder: Path) -> None:
    with opened(project_folder, "cpu", silent) as session:
        simulate(session, Budget(3), CostModel())
        store = predict(session)
        model, whole = load(session, session.project.model()), Box.of(session.image.shape)
        samples = session.project.config.query.samples
        classes = class_map(model.posterior(session.image.read(whole), samples, 0))
        stored = store.volumes()[0].read(whole)
        np.testing.assert_array_equal(stored >= 128, classes == 1)


def test_an_unknown_model_is_named_with_those_there_are(project_folder: Path) -> None:
    with opened(project_folder, "cpu", silent) as session:
        with pytest.raises(ValueError, match="it has none yet: train one first"):
            evaluate(session)
        simulate(session, Budget(3), CostModel())
        with pytest.raises(ValueError, match=r"one of the project's models \(1\); got 7"):
            evaluate(session, 7)


def test_fine_tuning_starts_from_the_model_before(project_folder: Path) -> None:
    settings = project_folder / "project.toml"
    settings.write_text(settings.read_text() + "\n[fine_tune]\nsteps = 1\nlearning_rate = 1e-9\n")
    with opened(project_folder, "cpu", silent) as session:
        simulate(session, Budget(7), CostModel())
        first, second = (load(session, record) for record in session.project.journal.models())
        for name, weights in first.members[0].items():
            if name.endswith(("weight", "bias")):
                np.testing.assert_allclose(weights.numpy(), second.members[0][name].numpy(), atol=1e-6)


def test_a_model_left_without_an_entry_in_the_journal_is_made_anew(project_folder: Path) -> None:
    left = project_folder / "models" / "001"
    left.mkdir()
    (left / "weights.safetensors").write_bytes(b"half")
    with opened(project_folder, "cpu", silent) as session:
        simulate(session, Budget(3), CostModel())
        assert load(session, session.project.model()).members


def test_a_changed_net_does_not_load_old_models(project_folder: Path) -> None:
    with opened(project_folder, "cpu", silent) as session:
        simulate(session, Budget(3), CostModel())
        other = replace(
            session, recipe=replace(session.recipe, net=replace(session.recipe.net, widths=(4, 8, 16)))
        )
        with pytest.raises(ValueError, match="another \\[net\\]"):
            load(other, session.project.model())


def test_of_very_many_candidates_a_sample_is_asked_the_same_for_the_same_seed(
    project_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("microtome.loop.asking.MOST_CANDIDATES", 10)
    with opened(project_folder, "cpu", silent) as session:
        domain, shape = session.project.config.train_box, (1, 32, 32)
        sample = _sampled(domain, shape, 0)
        assert 1 < len(sample) <= 10
        assert set(sample) < set(grid(domain, shape))
        assert sample == _sampled(domain, shape, 0) != _sampled(domain, shape, 1)
        assert {query.box for query in ask(session, 3)} <= set(sample)


def test_a_budget_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1 patch"):
        Budget(0)


def test_a_round_is_topped_up_until_there_is_a_new_model(project_folder: Path) -> None:
    with opened(project_folder, "cpu", silent) as session:
        journal = session.project.journal
        first = ask(session, 2)
        more = top_up(session, 2)
        assert [(query.round, query.rank) for query in more] == [(0, 2), (0, 3)]
        assert len({query.box for query in [*first, *more]}) == 4
        labels = session.truth.read(first[0].box)
        assert first[0].id is not None
        journal.add_answer(
            Answer(query_id=first[0].id, annotator="ada", labels=labels, active_seconds=1, method="scratch")
        )
        train(session)
        assert is_stale(session)
        after = renew(session, 11)
        assert len(journal.withdrawn()) == 3
        assert not is_stale(session)
        assert not {query.box for query in after} & {first[0].box}
        assert {query.round for query in after} == {1}
        assert len(after) == 11
        assert top_up(session, 30)[0].rank == 11


def test_several_answers_to_a_query_are_one_example_of_what_most_say(project_folder: Path) -> None:
    with opened(project_folder, "cpu", silent) as session:
        (query,) = ask(session, 1)
        assert query.id is not None
        said = [np.full(query.box.shape, value, np.uint8) for value in (1, 0, 1)]
        answers = [
            Answer(query_id=query.id, annotator=name, labels=labels, active_seconds=1, method="scratch")
            for name, labels in zip(("ada", "ben", "cleo"), said, strict=True)
        ]
        (example,) = examples_from(session.project, session.image, answers, margin=(0, 0, 0))
        assert (example.labels == 1).all()


def test_a_prediction_that_was_shown_with_what_lies_around_it_is_compared_within_its_box(
    project_folder: Path,
) -> None:
    weighting = ErrorWeighting(strength=1.0, blur=0.0, smallest=1)
    with opened(project_folder, "cpu", silent) as session:
        journal = session.project.journal
        (query,) = ask(session, 1)
        model = journal.add_model(Model(round=0, seed=0, path="models/001", seconds=1.0))
        around = query.box.grown((0, 8, 8)).intersection(Box.of(session.image.shape))
        none = np.zeros(around.shape, dtype=np.uint8)
        assert query.id is not None
        assert model.id is not None
        journal.previews.add(
            Preview(model_id=model.id, query_id=query.id, box=around, classes=none, uncertainty=none)
        )
        labels = np.random.default_rng(0).integers(0, 2, query.box.shape, dtype=np.uint8)
        answer = Answer(
            query_id=query.id,
            annotator="ada",
            labels=labels,
            active_seconds=1.0,
            method="corrected",
            shown_model=model.id,
        )
        (example,) = examples_from(
            session.project,
            session.image,
            [journal.add_answer(answer)],
            margin=(0, 0, 0),
            corrections=weighting,
        )
        assert example.emphasis is not None
        np.testing.assert_array_equal(example.emphasis, 255 * labels)


def test_a_preview_tells_nothing_of_what_lies_beside_it() -> None:
    classes = np.arange(12, dtype=np.uint8).reshape(1, 3, 4)
    shown = Preview(
        model_id=1, query_id=1, box=Box((2, 5, 5), (3, 8, 9)), classes=classes, uncertainty=classes
    )
    np.testing.assert_array_equal(shown.within(Box((2, 6, 7), (3, 8, 9))), [[[6, 7], [10, 11]]])
    with pytest.raises(ValueError, match="inside that of preview None, 2:3,5:8,5:9; got 2:3,5:9,5:9"):
        shown.within(Box((2, 5, 5), (3, 9, 9)))
