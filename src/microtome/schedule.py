"""Who works through the blocks of a volume: this process, several here, or the workers of a Dask cluster."""

import json
import os
import pickle
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import (
    FIRST_COMPLETED,
    CancelledError,
    Executor,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
    wait,
)
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Generic, Protocol, TypeVar, runtime_checkable

from microtome.parent import end_with_parent

T = TypeVar("T")
D = TypeVar("D")
E = TypeVar("E")
R = TypeVar("R")

BUFFERED = 2  # blocks that are read ahead, and as many that wait to be written

AHEAD = 4  # tasks a worker thread that wait at the scheduler: enough to keep it busy, few enough to lose
ANSWER_SECONDS = 10  # within which a scheduler must answer


@runtime_checkable
class Schedule(Protocol):
    """Calls a function with each item and gives the results, each with its item's number, as they come."""

    def __call__(self, function: Callable[[T], R], items: Sequence[T]) -> Iterator[tuple[int, R]]: ...


@dataclass(frozen=True)
class Stages(Generic[T, D, E, R]):
    """Work on a block in three stages, so that disk and processor can be busy with different blocks."""

    read: Callable[[T], D]
    compute: Callable[[D], E]
    write: Callable[[T, E], R]
    computing: int = 0  # threads, for what waits for a GPU; with 0 the caller's own thread computes
    writing: int = 1  # threads

    def __call__(self, item: T) -> R:
        return self.write(item, self.compute(self.read(item)))


def in_turn(function: Callable[[T], R], items: Sequence[T]) -> Iterator[tuple[int, R]]:
    """One after the other, in this process; `Stages` read ahead and write behind.

    When a stage raises, what was computed before is still written, and then the error is raised.
    """
    if isinstance(function, Stages):
        return enumerate(_overlapped(function, items))
    return ((number, function(item)) for number, item in enumerate(items))


def _overlapped(stages: Stages[T, D, E, R], items: Sequence[T]) -> Iterator[R]:
    with (
        _threads(1, "read") as readers,
        _threads(max(1, stages.computing), "compute") as computers,
        _threads(stages.writing, "write") as writers,
    ):
        read = _ahead(readers, stages.read, items, BUFFERED)
        if stages.computing:
            computed = _ahead(computers, stages.compute, read, stages.computing)
        else:
            computed = map(stages.compute, read)
        yield from _ahead(writers, _both(stages.write), zip(items, computed, strict=True), stages.writing + 1)


@contextmanager
def _threads(count: int, name: str) -> Iterator[Executor]:
    """So many threads; in the end they finish what they began, and begin no more of what waits."""
    pool = ThreadPoolExecutor(count, name)
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def _ahead(pool: Executor, function: Callable[[T], R], items: Iterable[T], count: int) -> Iterator[R]:
    """Results in the order of their items; so many more are worked on while one is used.

    Where the items end in an error, it is raised after the results of those before it.
    """
    running: deque[Future[R]] = deque()
    failed: Exception | None = None
    source = iter(items)
    while True:
        try:
            item = next(source)
        except StopIteration:
            break
        except Exception as error:  # raised once what came before is done
            failed = error
            break
        running.append(pool.submit(function, item))
        if len(running) > count:
            yield running.popleft().result()
    while running:
        yield running.popleft().result()
    if failed is not None:
        raise failed


def _both(function: Callable[[T, E], R]) -> Callable[[tuple[T, E]], R]:
    return lambda both: function(*both)


def cores() -> int:
    """Those of this machine that this process may use."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextmanager
def on_processes(count: int, begin: Callable[[], None] | None = None) -> Iterator[Schedule]:
    """So many processes on this machine. Functions, items and results must pickle.

    A process calls `begin` once, gets a function once however many items there are, and ends with this one.

    Raises:
        ValueError: If there is none.
        OSError: If one was killed, for want of memory as a rule.
    """
    if count < 1:
        raise ValueError(f"expected at least one process; got {count}")
    spawn = get_context("spawn")  # a fork would copy locks that are held
    with ProcessPoolExecutor(count, spawn, _begun, (begin,)) as pool:
        try:
            yield _Processes(pool, count)
        except BrokenProcessPool as error:
            raise OSError("a process was killed (perhaps for memory); run the same again") from error
        finally:
            pool.shutdown(cancel_futures=True)


def _begun(begin: Callable[[], None] | None) -> None:
    end_with_parent()
    if begin is not None:
        begin()


@contextmanager
def on_dask(address: str) -> Iterator[Schedule]:
    """The workers of the Dask scheduler at `address`, as in tcp://host:8786 or the path of a scheduler file.

    Functions, items and results must pickle; the workers must see the same files by the same names. What a
    worker did not finish when it died, another does.

    Raises:
        OSError: If no scheduler answers there.
    """
    from distributed import Client, KilledWorker
    from distributed.comm.addressing import get_address_host_port

    try:
        where = _written_in(Path(address)) if address.endswith(".json") else address
        if not where.startswith("inproc://"):  # which has neither
            get_address_host_port(where)  # a client that is given no address would wait for its own end
        client = Client(where, timeout=ANSWER_SECONDS, set_as_default=False)
    except (OSError, ValueError) as error:
        raise OSError(f"expected a Dask scheduler at {address}; none answers: {error}") from error
    try:
        yield _Workers(client)
    except (KilledWorker, CancelledError) as error:
        reason = "a block killed every worker that tried it" if isinstance(error, KilledWorker) else error
        raise OSError(f"the Dask cluster at {address} gave up: {reason}") from error
    finally:
        client.close()


def _written_in(file: Path) -> str:
    """The address in a scheduler's file."""
    try:
        return str(json.loads(file.read_text())["address"])
    except (ValueError, LookupError, TypeError) as error:
        raise ValueError(f"{file} is no file of a scheduler") from error


@dataclass(frozen=True)
class _Processes:
    """The processes of a pool."""

    pool: ProcessPoolExecutor
    count: int

    def __call__(self, function: Callable[[T], R], items: Sequence[T]) -> Iterator[tuple[int, R]]:
        waiting, running = iter(enumerate(items)), dict[Future[R], int]()
        with TemporaryDirectory() as folder:
            kept = Path(folder) / "function"
            kept.write_bytes(pickle.dumps(function))

            def submit(count: int) -> None:
                for number, item in islice(waiting, count):
                    running[self.pool.submit(_call_kept, kept, item)] = number

            submit(self.count * 2)  # one to be done, and one that waits
            while running:
                done, _ = wait(running, return_when=FIRST_COMPLETED)
                submit(len(done))
                for future in done:
                    yield running.pop(future), future.result()


class _Workers:
    """The workers of a client's scheduler."""

    def __init__(self, client: Any) -> None:  # noqa: ANN401
        self._client = client

    def __call__(self, function: Callable[[T], R], items: Sequence[T]) -> Iterator[tuple[int, R]]:
        from distributed import as_completed

        numbers: dict[Any, int] = {}
        waiting = iter(enumerate(items))
        running = as_completed(loop=self._client.loop)
        [shared] = self._client.scatter([function], broadcast=True, hash=False)

        def submit() -> bool:
            for number, item in waiting:
                future = self._client.submit(
                    _call, shared, item, pure=False, key=f"block-{id(numbers)}-{number}"
                )
                numbers[future.key] = number
                running.add(future)
                return True
            return False

        threads = sum(self._client.nthreads().values())
        for _ in range(max(1, threads) * AHEAD):
            if not submit():
                break
        for future in running:
            result = future.result()
            number = numbers.pop(future.key)
            submit()
            yield number, result


def _call_kept(kept: Path, item: T) -> Any:  # noqa: ANN401
    return _function(kept)(item)


@lru_cache(1)
def _function(kept: Path) -> Callable[[Any], Any]:
    function: Callable[[Any], Any] = pickle.loads(kept.read_bytes())
    return function


def _call(function: Callable[[T], R], item: T) -> R:
    return function(item)
