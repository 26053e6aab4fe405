"""Strategies compared on what a project's own people answered."""

import json
from pathlib import Path

import numpy as np
import pytest

from conftest import phantom_project
from microtome.benchmark.protocol.own import answered, schedule, task_of_answers
from microtome.benchmark.protocol.spec import Answers
from microtome.cli.app import main
from microtome.cli.session import opened
from microtome.learn.settings import TABLES
from microtome.loop.simulation import Budget, simulate
from microtome.oracle import CostModel
from microtome.progress import silent
from microtome.project import open_project


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of which 20 of 27 queries are answered."""
    folder = phantom_project(tmp_path_factory.mktemp("own") / "mito")
    with opened(folder, "cpu", silent) as session:
        simulate(session, Budget(20), CostModel())
    return folder


def last_answer(folder: Path) -> int:
    with open_project(folder, TABLES) as project:
        return max(answer.id or 0 for answer in project.journal.answers())


def test_a_third_of_the_answers_is_tested_on_and_never_chosen(labelled: Path) -> None:
    task = task_of_answers(Answers(folder=str(labelled), last=last_answer(labelled)))
    assert (len(task.pool.boxes), len(task.test.boxes)) == (14, 6)
    assert not set(task.pool.boxes) & set(task.test.boxes)
    with open_project(labelled, TABLES) as project:
        said = answered(project, last_answer(labelled))
    for scene in (task.pool, task.test):
        for box in scene.boxes:
            np.testing.assert_array_equal(scene.truth(box), said[box])


def test_answers_that_came_later_do_not_count(labelled: Path) -> None:
    own = Answers(folder=str(labelled), last=last_answer(labelled) - 2)
    task = task_of_answers(own)
    assert len(task.pool.boxes) + len(task.test.boxes) == 18
    assert task.digest == task_of_answers(own).digest
    assert task.digest != task_of_answers(own.model_copy(update={"last": own.last + 1})).digest


def test_a_dozen_answers_are_needed(labelled: Path) -> None:
    with pytest.raises(
        ValueError, match="expected at least 12 answered queries to compare strategies on; got 3"
    ):
        task_of_answers(Answers(folder=str(labelled), last=3))


@pytest.mark.parametrize(
    ("patches", "expected"),
    [
        (4, (2, (4,))),
        (8, (2, (4,))),
        (14, (3, (6,))),
        (70, (8, (16, 32))),
        (600, (8, (16, 32, 64, 128, 256))),
    ],
)
def test_budgets_double_while_most_patches_are_left(
    patches: int, expected: tuple[int, tuple[int, ...]]
) -> None:
    assert schedule(patches) == expected


def test_too_few_patches_have_no_schedule() -> None:
    with pytest.raises(ValueError, match="expected at least 4 patches"):
        schedule(3)


@pytest.mark.slow
def test_the_command_names_the_best_strategy_first_and_writes_a_report(
    labelled: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["simulate", str(labelled), "--compare", "entropy,margin", "--seeds", "2", "--json"]
    monkeypatch.setattr("sys.argv", ["microtome", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    data = json.loads(capsys.readouterr().out)
    names = [row["strategy"] for row in data["strategies"]]
    assert names[-1] == "full-supervision"
    assert set(names) >= {"random", "foreground-random", "entropy", "margin"}
    areas = [float(row["area_log2"]) for row in data["strategies"][:-1]]
    assert areas == sorted(areas, reverse=True)
    page = Path(data["report"]).read_text()
    assert page.startswith("<!DOCTYPE html>")
    assert "only patches that were asked about" in page
    monkeypatch.setattr(
        "sys.argv", ["microtome", "simulate", str(labelled), "--compare", "strided", "--json"]
    )
    with pytest.raises(SystemExit) as ended:
        main()
    again = json.loads(capsys.readouterr().out)
    assert again["report"] == data["report"]
    assert {row["strategy"] for row in again["strategies"]} >= {"entropy", "margin", "strided"}


def test_the_command_says_what_is_missing(
    project_folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for names, message in (
        ("entropy", "at least 12 answered queries"),
        ("entropie", "did you mean 'entropy'"),
        (" , ", "expected the names of strategies"),
    ):
        monkeypatch.setattr("sys.argv", ["microtome", "simulate", str(project_folder), "--compare", names])
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code == 1
        assert message in capsys.readouterr().err
