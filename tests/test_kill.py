"""`kill -9` in the middle of the real command: nothing is lost, and nothing is asked otherwise."""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from conftest import phantom_project
from microtome.learn.settings import TABLES
from microtome.project import open_project


def _command(folder: Path) -> list[str]:
    return [sys.executable, "-m", "microtome", "simulate", str(folder), "--patches", "15"]


def _asked(folder: Path) -> list[tuple[int, int, str, float]]:
    with open_project(folder, TABLES) as project:
        return [(q.round, q.rank, str(q.box), q.score) for q in project.journal.queries()]


def _answers(folder: Path) -> int:
    with open_project(folder, TABLES) as project:
        return len(project.journal.efforts())


@pytest.mark.slow
def test_a_simulation_killed_again_and_again_asks_what_it_would_have_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    whole, killed = phantom_project(tmp_path / "whole"), phantom_project(tmp_path / "killed")
    subprocess.run(_command(whole), check=True, capture_output=True)
    rng = random.Random(0)
    for reached in (1, 2, 5, 8, 12):  # answers after which it is killed, wherever it then is
        process = subprocess.Popen(_command(killed), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while _answers(killed) < reached and process.poll() is None:
            time.sleep(0.01)
        time.sleep(rng.uniform(0, 0.2))
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
    subprocess.run(_command(killed), check=True, capture_output=True)
    assert _asked(killed) == _asked(whole)
    with open_project(killed, TABLES) as project:
        answered = sorted(effort.query_id for effort in project.journal.efforts())
        assert answered == sorted(query.id for query in project.journal.queries() if query.id is not None)
        assert project.journal.check() == []
