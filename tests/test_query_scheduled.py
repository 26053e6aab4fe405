"""Candidates scored by other processes: the same choice, and nothing but scores comes back."""

import dataclasses
import pickle
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from conftest import Run, phantom_project
from microtome.box import Box, grid
from microtome.cli.names import STRATEGIES
from microtome.cli.session import opened, scheduled
from microtome.loop.asking import ask
from microtome.loop.session import ExactEngineName
from microtome.loop.simulation import Budget, simulate
from microtome.oracle import CostModel
from microtome.predict.on_volume import ModelOnVolume
from microtome.progress import Progress, silent
from microtome.project import Query
from microtome.query.candidates import Candidates, Census
from microtome.query.strategy import Selection
from microtome.schedule import Schedule, in_turn, on_dask, on_processes
from microtome.volume import create_volume, open_volume
from test_predict_on_volume import SHAPE, striped, view

pytestmark = pytest.mark.filterwarnings("default")  # of Dask and its web server

DISTRIBUTED = (
    "entropy-discounted",
    "bald",
    "lubrano",
    "entropy-per-minute",
    "power-entropy",
    "clasp-pe",
    "suggestive",
    "foreground-random-predicted",
)
BOXES = tuple(grid(Box.of(SHAPE), (1, 16, 16)))


@pytest.fixture
def look(tmp_path: Path) -> ModelOnVolume:
    """A model over a volume on the disk, in three cells that are predicted apart."""
    volume = create_volume(tmp_path / "image.ome.zarr", SHAPE, np.dtype(np.uint8), (1.0, 1.0, 1.0))
    volume.write(Box.of(SHAPE), striped())
    return dataclasses.replace(view(), image=open_volume(tmp_path / "image.ome.zarr"))


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("microtome.query.candidates.PIECE", (1, 32, 16))


class Traced:
    """A schedule that keeps what goes out to another one and what comes back."""

    def __init__(self, schedule: Schedule = in_turn) -> None:
        self.sent: list[bytes] = []
        self.back: list[object] = []
        self.schedule = schedule

    def __call__(self, function: Callable, items: Sequence) -> Iterator[tuple[int, object]]:
        self.sent.append(pickle.dumps((function, list(items))))
        for number, result in self.schedule(pickle.loads(pickle.dumps(function)), items):
            self.back.append(result)
            yield number, result


def chosen(
    look: ModelOnVolume, schedule: Schedule, names: Sequence[str] = DISTRIBUTED
) -> dict[str, Selection]:
    """What each strategy chooses; all of them have the schedule score."""
    found = {}
    for name in names:
        traced = Traced(schedule)
        candidates = Candidates(BOXES, 2, look, labelled=BOXES[:1], schedule=traced)
        found[name] = STRATEGIES[name].select(candidates, 4, np.random.default_rng(0))
        assert len(traced.sent) == (2 if name == "entropy-per-minute" else 1)
    return found


def sent(look: ModelOnVolume) -> Traced:
    """What travels to find the largest entropy."""
    traced = Traced()
    STRATEGIES["entropy"].select(Candidates(BOXES, 2, look, schedule=traced), 4, np.random.default_rng(0))
    return traced


def test_processes_choose_as_one_does_score_by_score(look: ModelOnVolume) -> None:
    with scheduled("processes") as schedule:
        assert chosen(look, schedule) == chosen(look, in_turn)


@pytest.mark.slow
def test_the_workers_of_a_cluster_choose_as_one_process_does(look: ModelOnVolume) -> None:
    from distributed import LocalCluster

    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        on_dask(cluster.scheduler_address) as schedule,
    ):
        assert chosen(look, schedule) == chosen(look, in_turn)


def test_a_number_a_box_comes_back_and_no_voxels_travel(look: ModelOnVolume) -> None:
    fresh = sent(look)
    for box in BOXES:
        look.posterior(box)  # remembered here
    traced = sent(look)
    assert len(traced.back) > 1
    assert all(type(score) is float for scores in traced.back for score in scores)  # type: ignore[attr-defined]
    [before], [after] = fresh.sent, traced.sent
    assert len(after) == len(before)
    assert all(line.tobytes() not in after for section in striped() for line in section)


def test_predicted_voxels_are_counted_where_they_are_predicted(look: ModelOnVolume) -> None:
    traced = Traced()
    here, there = (
        Candidates(BOXES, 2, look, schedule=one).census_of_prediction() for one in (in_turn, traced)
    )
    assert isinstance(there, Census)
    np.testing.assert_array_equal(there.classes, here.classes)
    np.testing.assert_array_equal(there.borders, here.borders)
    assert len(traced.sent) == 1


def test_scores_that_come_in_another_order_are_of_the_same_boxes(look: ModelOnVolume) -> None:
    def backwards(function: Callable, items: Sequence) -> Iterator[tuple[int, object]]:
        for number in reversed(range(len(items))):
            yield number, function(items[number])

    names = ("bald", "entropy-per-minute")
    assert chosen(look, backwards, names) == chosen(look, in_turn, names)


def test_a_model_that_is_missing_is_asked_of_nobody() -> None:
    traced = Traced()
    with pytest.raises(ValueError, match="expects a trained model"):
        list(Candidates(BOXES, 2, schedule=traced).told(float))
    assert traced.sent == []


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    """A project with a model, that waits for its next round."""
    folder = phantom_project(tmp_path / "trained")
    with opened(folder, "cpu", silent) as session:
        simulate(session, Budget(3), CostModel())
    return folder


def asked(folder: Path, schedule: Schedule, engine: ExactEngineName, progress: Progress) -> list[Query]:
    """The next round of a project, of which a copy is asked."""
    copy = folder.with_name(f"{engine} {id(schedule)}")
    shutil.copytree(folder, copy)
    with opened(copy, "cpu", progress) as session:
        found = ask(dataclasses.replace(session, schedule=schedule, engine=engine), 4)
    return [dataclasses.replace(query, created_at=None) for query in found]


def test_a_round_asks_the_same_whoever_scores(trained: Path) -> None:
    traced, shown = Traced(), list[tuple[str, bool]]()

    def progress(task: str, done: int, total: int, note: str = "") -> None:
        shown.append((task, done == total))

    expected = asked(trained, in_turn, "torch", silent)
    assert asked(trained, traced, "torch", progress) == expected
    assert len(traced.sent) == 1
    assert shown[-1] == ("scoring", True)


@pytest.mark.slow
def test_a_round_asks_the_same_on_the_fast_engine(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("openvino")
    monkeypatch.setenv("XDG_CACHE_HOME", str(trained.parent / "cache"))
    expected, found = (asked(trained, in_turn, engine, silent) for engine in ("torch", "openvino"))
    assert [query.box for query in found] == [query.box for query in expected]
    np.testing.assert_allclose([q.score for q in found], [q.score for q in expected], rtol=1e-4)
    assert list((trained.parent / "cache").rglob("graph.xml"))


@pytest.mark.slow
def test_the_command_has_processes_score(trained: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    used: list[Traced] = []

    @contextmanager
    def traced(*words: object) -> Iterator[Traced]:
        with on_processes(*words) as schedule:
            used.append(Traced(schedule))
            yield used[0]

    monkeypatch.setattr("microtome.cli.session.on_processes", traced)
    shutil.copytree(trained, trained.with_name("there"))
    code, here, _ = run("query", trained, "--json")
    assert (code, used) == (0, [])
    code, there, _ = run("query", trained.with_name("there"), "--json", "--scheduler", "processes")
    assert (code, there) == (0, here)
    assert [len(one.sent) for one in used] == [1]
