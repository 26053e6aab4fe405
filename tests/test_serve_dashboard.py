"""What the dashboard makes of the journal."""

from pathlib import Path

import numpy as np
import pytest

from microtome.learn.settings import TABLES
from microtome.project import Answer, Model, Project, open_project
from microtome.serve.dashboard import learning_curve
from microtome.serve.events import ESTIMATE
from serving import ask


def _answered(project: Project, n: int) -> None:
    """`n` more answers, of a minute each."""
    for _ in range(n):
        query = project.journal.drafts.assign("ada")
        assert query is not None
        assert query.id is not None
        labels = np.zeros(query.box.shape, np.uint8)
        project.journal.add_answer(
            Answer(query_id=query.id, annotator="ada", labels=labels, active_seconds=60, method="scratch")
        )


def _trained(project: Project) -> None:
    seen = tuple(sorted(project.journal.answer_ids()))
    project.journal.add_model(Model(round=0, seed=0, path="models/x", seconds=1, trained_on=seen))


def _tried(project: Project, model: int, answer: int, right: int, wrong: int) -> None:
    """The model found `right` voxels of the class, and `wrong` others were missed."""
    table = [[100, 0], [wrong, right]]
    project.journal.add_event(ESTIMATE, {"model": model, "answer": answer, "table": table})


@pytest.fixture
def project(project_folder: Path) -> Project:
    ask(project_folder, 9)
    with open_project(project_folder, TABLES) as project:
        yield project


def test_there_is_no_curve_before_a_model(project: Project) -> None:
    assert learning_curve(project) == []


def test_a_model_that_was_tried_on_nothing_has_no_place_on_the_curve(project: Project) -> None:
    _answered(project, 2)
    _trained(project)
    (point,) = learning_curve(project)
    assert (point["jaccard"], point["evaluated"], point["answers"], point["minutes"]) == (None, 0, 2, 2)


def test_a_model_stands_by_what_it_does_better_than_the_one_before_on_the_same_answers(
    project: Project,
) -> None:
    _answered(project, 2)
    _trained(project)
    _answered(project, 1)  # answer 3
    _tried(project, 1, 3, right=80, wrong=20)
    _trained(project)
    _answered(project, 1)  # answer 4, a hard one
    _tried(project, 1, 4, right=30, wrong=70)
    _tried(project, 2, 4, right=40, wrong=60)
    first, second = learning_curve(project)
    assert (first["jaccard"], first["unseen"], first["before"]) == (0.8, 0.8, None)
    assert first["evaluated"] == 1  # answer 4 came when there was a newer model
    assert (second["unseen"], second["before"]) == (0.4, 0.3)
    assert second["jaccard"] == pytest.approx(0.9)


def test_voxels_are_pooled_over_answers(project: Project) -> None:
    _answered(project, 1)
    _trained(project)
    _answered(project, 2)
    _tried(project, 1, 2, right=90, wrong=10)
    _tried(project, 1, 3, right=0, wrong=100)
    (point,) = learning_curve(project)
    assert (point["jaccard"], point["evaluated"]) == (0.45, 2)


def test_a_class_that_nobody_saw_has_no_value(project: Project) -> None:
    _answered(project, 1)
    _trained(project)
    _answered(project, 1)
    _tried(project, 1, 2, right=0, wrong=0)
    (point,) = learning_curve(project)
    assert point["classes"] == {"mitochondria": None}
