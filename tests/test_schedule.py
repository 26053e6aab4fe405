import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from microtome.schedule import BUFFERED, Stages, cores, in_turn, on_dask, on_processes

pytestmark = pytest.mark.filterwarnings("default")  # of Dask and its web server


def squared(number: int) -> int:
    return number**2


def failing(number: int) -> int:
    raise ValueError(f"block {number} is damaged")


def process(number: int) -> int:
    return os.getpid()


class Disk:
    """What was done on it, in order; reading, computing or writing one item may fail."""

    def __init__(self, fails: str = "", at: int = -1) -> None:
        self.done: list[tuple[str, int]] = []
        self.fails, self.at = fails, at

    def stages(self, computing: int = 0, writing: int = 1) -> Stages[int, int, int, int]:
        return Stages(partial(self.do, "read"), partial(self.do, "compute"), self.write, computing, writing)

    def write(self, item: int, result: int) -> int:
        return self.do("write", item) * 10

    def do(self, stage: str, item: int) -> int:
        if (stage, item) == (self.fails, self.at):
            raise OSError(f"{stage} of {item} failed")
        self.done.append((stage, item))
        return item


class Busy:
    """Holds threads until so many are in it, and counts them."""

    def __init__(self, expected: int) -> None:
        self.now = self.most = 0
        self.lock = threading.Lock()
        self.together = threading.Barrier(expected, timeout=30)

    def __enter__(self) -> None:
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)
        self.together.wait()
        time.sleep(0.01)  # in which one too many would come

    def __exit__(self, *_: object) -> None:
        with self.lock:
            self.now -= 1


threads = pytest.mark.parametrize(("computing", "writing"), [(0, 1), (2, 3)])


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    from distributed import LocalCluster

    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None, processes=True) as cluster:
        yield cluster.scheduler_address


def test_items_are_worked_through_in_turn() -> None:
    assert list(in_turn(squared, [3, 4, 5])) == [(0, 9), (1, 16), (2, 25)]


@threads
def test_stages_give_what_they_give_one_after_the_other(computing: int, writing: int) -> None:
    disk = Disk()
    assert list(in_turn(disk.stages(computing, writing), range(7))) == [(k, 10 * k) for k in range(7)]
    assert sorted(disk.done) == sorted((stage, k) for stage in ("read", "compute", "write") for k in range(7))
    assert [disk.stages()(k) for k in range(3)] == [0, 10, 20]


def test_blocks_are_read_ahead_but_not_far() -> None:
    disk = Disk()
    with pytest.raises(StopIteration):
        next(in_turn(disk.stages(), []))
    gone = threading.Event()
    seen: list[int] = []

    def compute(item: int) -> int:
        gone.wait(0.05)  # reading has the time to run ahead
        seen.append(max((k for stage, k in disk.done if stage == "read"), default=-1) - item)
        return item

    stages = Stages(partial(disk.do, "read"), compute, disk.write)
    list(in_turn(stages, range(8)))
    assert max(seen) <= BUFFERED
    assert min(seen[:-BUFFERED]) >= 1


def test_so_many_blocks_are_computed_and_written_at_a_time_and_no_more() -> None:
    counts = {"compute": Busy(2), "write": Busy(3)}

    def compute(item: int) -> int:
        with counts["compute"]:
            return item

    def write(item: int, result: int) -> int:
        with counts["write"]:
            return result

    stages = Stages(int, compute, write, computing=2, writing=3)
    assert list(in_turn(stages, range(12))) == [(k, k) for k in range(12)]
    assert {name: busy.most for name, busy in counts.items()} == {"compute": 2, "write": 3}


@threads
@pytest.mark.parametrize("stage", ["read", "compute"])
def test_what_was_computed_before_an_error_is_written(stage: str, computing: int, writing: int) -> None:
    disk, results = Disk(stage, 4), []
    with pytest.raises(OSError, match=f"{stage} of 4 failed"):
        results.extend(in_turn(disk.stages(computing, writing), range(7)))
    assert results == [(k, 10 * k) for k in range(4)]


@threads
def test_a_block_that_cannot_be_written_is_an_error(computing: int, writing: int) -> None:
    disk = Disk("write", 2)
    with pytest.raises(OSError, match="write of 2 failed"):
        list(in_turn(disk.stages(computing, writing), range(7)))


@threads
def test_what_waits_to_be_written_is_not_begun_after_an_interruption(computing: int, writing: int) -> None:
    disk = Disk()

    def compute(item: int) -> int:
        if item == writing + 1:
            raise KeyboardInterrupt
        return item

    def write(item: int, result: int) -> int:
        time.sleep(0.3)  # as many as there are threads are being written when it comes
        return disk.write(item, result)

    stages = Stages(partial(disk.do, "read"), compute, write, computing, writing)
    with pytest.raises(KeyboardInterrupt):
        list(in_turn(stages, range(9)))
    written = [k for stage, k in disk.done if stage == "write"]
    assert sorted(written) == list(range(writing))


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not tell")
def test_cores_that_a_process_may_not_use_do_not_count() -> None:
    allowed = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(allowed)})
        assert cores() == 1
    finally:
        os.sched_setaffinity(0, allowed)
    assert cores() == len(allowed)


def test_a_cluster_gives_every_result_with_the_number_of_its_item(address: str) -> None:
    with on_dask(address) as schedule:
        assert dict(schedule(squared, range(40))) == {k: k**2 for k in range(40)}
        assert dict(schedule(squared, [])) == {}


def test_processes_give_every_result_with_the_number_of_its_item() -> None:
    with on_processes(2) as schedule:
        assert dict(schedule(squared, range(40))) == {k: k**2 for k in range(40)}
        assert dict(schedule(squared, [])) == {}
        assert os.getpid() not in dict(schedule(process, range(8))).values()
        with pytest.raises(ValueError, match="block 0 is damaged"):
            list(schedule(failing, [0]))


def killed(number: int) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return number


def test_a_process_that_is_killed_is_said_in_one_line() -> None:
    with (
        pytest.raises(OSError, match="a process was killed"),
        on_processes(1) as schedule,
    ):
        list(schedule(killed, [0]))


ORPHANED = """
import os, time
from microtome.schedule import on_processes
if __name__ == "__main__":
    with on_processes(1) as schedule:
        print(next(schedule(os.nice, [0])), flush=True)
        [process] = schedule.pool._processes
        print(process, flush=True)
        time.sleep(60)
"""


def test_processes_end_with_the_one_that_began_them(tmp_path: Path) -> None:
    (tmp_path / "parent.py").write_text(ORPHANED)
    with subprocess.Popen(
        [sys.executable, tmp_path / "parent.py"], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        parent.stdout.readline()
        child = int(parent.stdout.readline())
        parent.kill()
    until = time.monotonic() + 20
    while Path(f"/proc/{child}").exists() and time.monotonic() < until:
        time.sleep(0.05)
    assert not Path(f"/proc/{child}").exists()


class Sent:
    """A function that says in which process, and for which time there, it was unpacked."""

    unpacked = 0

    def __call__(self, item: int) -> tuple[int, int]:
        return os.getpid(), Sent.unpacked

    def __setstate__(self, state: dict) -> None:
        Sent.unpacked += 1

    def __getstate__(self) -> dict:
        return {"anything": 1}


def test_a_process_gets_a_function_once_however_many_items_there_are() -> None:
    with on_processes(1) as schedule:
        assert len(set(dict(schedule(Sent(), range(5))).values())) == 1
        assert {count for _, count in dict(schedule(Sent(), range(5))).values()} == {2}


def begin() -> None:
    os.environ["BEGUN"] = "yes"


def begun(number: int) -> bool:
    return "BEGUN" in os.environ


def test_a_process_begins_as_it_is_told() -> None:
    with on_processes(1, begin) as schedule:
        assert list(schedule(begun, [0])) == [(0, True)]
    assert not begun(0)


def test_no_processes_are_refused() -> None:
    with pytest.raises(ValueError, match="expected at least one process; got 0"), on_processes(0):
        pass


def test_the_workers_of_a_cluster_are_other_processes(address: str) -> None:
    with on_dask(address) as schedule:
        assert os.getpid() not in dict(schedule(process, range(8))).values()


def test_an_error_on_a_worker_is_raised_here(address: str) -> None:
    with on_dask(address) as schedule, pytest.raises(ValueError, match="block 0 is damaged"):
        list(schedule(failing, [0]))


@pytest.mark.parametrize("address", ["nowhere", "nonsense://a:1", "none.json", "empty.json"])
def test_an_address_that_is_none_is_named_at_once(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("empty.json").write_text("{}")
    began = time.monotonic()
    expected = f"expected a Dask scheduler at {address}; none answers"
    with pytest.raises(OSError, match=expected), on_dask(address):
        pass
    assert time.monotonic() - began < 10  # the library's own loading counts; it waited 20, or for ever


def test_a_scheduler_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("microtome.schedule.ANSWER_SECONDS", 1)
    expected = re.escape("expected a Dask scheduler at tcp://127.0.0.1:9; none answers")
    with pytest.raises(OSError, match=expected), on_dask("tcp://127.0.0.1:9"):
        pass
