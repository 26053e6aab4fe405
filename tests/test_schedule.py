import os
import re
from collections.abc import Iterator

import pytest

from microtome.schedule import in_turn, on_dask

pytestmark = pytest.mark.filterwarnings("default")  # of Dask and its web server


def squared(number: int) -> int:
    return number**2


def failing(number: int) -> int:
    raise ValueError(f"block {number} is damaged")


def process(number: int) -> int:
    return os.getpid()


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    from distributed import LocalCluster

    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None, processes=True) as cluster:
        yield cluster.scheduler_address


def test_items_are_worked_through_in_turn() -> None:
    assert list(in_turn(squared, [3, 4, 5])) == [(0, 9), (1, 16), (2, 25)]


def test_a_cluster_gives_every_result_with_the_number_of_its_item(address: str) -> None:
    with on_dask(address) as schedule:
        assert dict(schedule(squared, range(40))) == {k: k**2 for k in range(40)}
        assert dict(schedule(squared, [])) == {}


def test_the_workers_of_a_cluster_are_other_processes(address: str) -> None:
    with on_dask(address) as schedule:
        assert os.getpid() not in dict(schedule(process, range(8))).values()


def test_an_error_on_a_worker_is_raised_here(address: str) -> None:
    with on_dask(address) as schedule, pytest.raises(ValueError, match="block 0 is damaged"):
        list(schedule(failing, [0]))


def test_a_scheduler_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("microtome.schedule.ANSWER_SECONDS", 1)
    expected = re.escape("expected a Dask scheduler at tcp://127.0.0.1:9; none answers")
    with pytest.raises(OSError, match=expected), on_dask("tcp://127.0.0.1:9"):
        pass
