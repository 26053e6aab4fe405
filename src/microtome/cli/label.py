"""`microtome label`: the first queries, then the page's server with its worker beside it."""

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from microtome.cli.session import opened, resolved_device
from microtome.learn.settings import TABLES
from microtome.loop.asking import batch_size, top_up
from microtome.progress import silent
from microtome.project import open_project

NICENESS = 5  # the worker gives way to the page
AHEAD = 24  # queries that wait for the first annotators
LOCK_WAIT = 30.0  # seconds that a new worker waits for one that is ending


def label(
    folder: Path,
    *,
    host: str,
    port: int | None,
    repeat: int,
    device: str,
    browser: bool,
    announce: Callable[[str], None],
) -> None:
    """Serve the labelling page of a project until it is stopped.

    Raises:
        ValueError: If it is no project, or somebody labels it already.
        OSError: If the port is taken.
    """
    from microtome.serve.server import address_of, serve

    if device == "cuda":
        resolved_device(device)  # to find out now, not in the worker
    with open_project(folder, TABLES) as project, _only_server(project.root):
        _ask_first(folder)
        address, bound = address_of(project.root, host, port)
        worker = [sys.executable, "-m", "microtome", "worker", str(project.root)]
        worker += ["--repeat", str(repeat), "--device", device]
        serve(project, address, bound, worker, repeat=repeat, announce=announce, browser=browser)


def is_served(root: Path) -> bool:
    """Whether a server labels a project now."""
    try:
        with FileLock(root / "label.lock", timeout=0):
            return False
    except Timeout:
        return True


@contextmanager
def _only_server(root: Path) -> Iterator[None]:
    """Hold the project's lock of servers, which the system frees when the process ends, however it ends."""
    try:
        with FileLock(root / "label.lock", timeout=0):
            yield
    except Timeout as error:
        from microtome.serve.server import kept_address

        there = kept_address(root / "label.json")
        at = f"port {there[1]}" if there else "another port"
        raise ValueError(f"{root} is being labelled already: a server runs for it at {at}") from error


def _ask_first(folder: Path) -> None:
    """Have queries waiting before the page is there: those of the first round need no torch."""
    with opened(folder, "cpu", silent, reading=True) as session:
        journal = session.project.journal
        if journal.latest_model() is None and not journal.open_queries():
            top_up(session, max(batch_size(session), AHEAD))


def work(folder: Path, *, repeat: int, device: str) -> None:
    """Train, predict and ask for a project's page, until the process that started this one ends.

    Raises:
        ValueError: If it is no project, or another process works on it.
    """
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    import torch

    from microtome.serve.worker import Worker

    torch.set_num_threads(max(1, (os.cpu_count() or 2) - 1))
    with opened(folder, device, silent, wait=LOCK_WAIT) as session:
        threading.Thread(target=_end_with_parent, daemon=True).start()
        Worker(session, repeat=repeat).run(lambda: True)


def _end_with_parent() -> None:
    """End this process as soon as its standard input does."""
    while os.read(sys.stdin.fileno(), 4096):
        time.sleep(0.01)
    os._exit(0)
