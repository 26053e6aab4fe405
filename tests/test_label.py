"""`microtome label` as a process: its address, its worker, and its end."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from conftest import Run, free_port, phantom_project
from microtome.project import open_journal
from microtome.serve.server import address_of, kept_address

Start = Callable[..., "Running"]


class Running:
    """A server process and its address."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        assert process.stdout is not None
        self.url = process.stdout.readline().strip()

    def get(self, path: str) -> tuple[int, bytes]:
        parts = urlsplit(self.url)
        cookie = f"microtome-{parts.port}={parse_qs(parts.query)['token'][0]}"
        with closing(http.client.HTTPConnection(parts.hostname or "", parts.port or 0, timeout=10)) as there:
            there.request("GET", path, headers={"cookie": cookie})
            response = there.getresponse()
            return response.status, response.read()


def _began(folder: Path, *words: str) -> Running:
    command = [sys.executable, "-m", "microtome", "label", str(folder), "--no-browser", *words]
    return Running(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True))


def _end(one: Running) -> None:
    one.process.kill()
    one.process.wait()
    assert one.process.stdout is not None
    one.process.stdout.close()  # its worker ends by itself, seconds later


@pytest.fixture
def start(project_folder: Path) -> Iterator[Start]:
    running: list[Running] = []

    def begin(*words: str) -> Running:
        running.append(_began(project_folder, *words))
        return running[-1]

    yield begin
    for one in running:
        _end(one)


@pytest.fixture(scope="module")
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return phantom_project(tmp_path_factory.mktemp("label") / "mito")


@pytest.fixture(scope="module")
def shared(shared_folder: Path) -> Iterator[Running]:
    """A server for the tests that leave it running."""
    server = _began(shared_folder)
    yield server
    _end(server)


def _worker_of(server: int) -> int | None:
    for entry in Path("/proc").iterdir():
        try:
            words = (entry / "cmdline").read_text().split("\0")
            parent = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
        except (OSError, ValueError, IndexError):
            continue
        if parent == server and "worker" in words:
            return int(entry.name)
    return None


def _runs(process: int) -> bool:
    return Path(f"/proc/{process}/exe").exists()  # what has ended may wait long until somebody notes it


def _until(true: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.05)


def test_it_prints_an_address_and_has_queries_waiting(shared: Running, shared_folder: Path) -> None:
    status, body = shared.get("/api/state")
    assert status == 200
    assert json.loads(body)["open"] == 24
    assert (shared_folder / "label.json").stat().st_mode & 0o077 == 0


def test_it_ends_with_one_signal_and_takes_its_worker_along(start: Start) -> None:
    server = start()
    _until(lambda: _worker_of(server.process.pid))
    worker = _worker_of(server.process.pid)
    server.process.send_signal(signal.SIGINT)
    assert server.process.wait(10) in (0, 130)
    assert worker is not None
    _until(lambda: not _runs(worker))


def test_killed_it_leaves_no_worker_and_comes_back_at_the_same_address(start: Start) -> None:
    server = start("--port", str(free_port()))
    _until(lambda: _worker_of(server.process.pid))
    worker = _worker_of(server.process.pid)
    server.process.kill()
    server.process.wait()
    _until(lambda: not _runs(worker))
    assert start().url == server.url


def test_a_worker_that_dies_is_started_again(shared: Running, shared_folder: Path) -> None:
    _until(lambda: _worker_of(shared.process.pid))
    first = _worker_of(shared.process.pid)
    assert first is not None
    os.kill(first, signal.SIGKILL)
    _until(lambda: _worker_of(shared.process.pid) not in (None, first))
    with open_journal(shared_folder / "journal.sqlite") as journal:
        _until(lambda: journal.latest_event("worker") is not None)
        assert journal.check() == []


def test_a_project_has_one_server(run: Run, shared: Running, shared_folder: Path) -> None:
    assert shared.get("/api/state")[0] == 200
    code, _, err = run("label", shared_folder, "--no-browser")
    assert code == 1
    assert "being labelled already" in err


def test_a_port_that_is_taken_is_one_line(run: Run, project_folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, _, err = run("label", project_folder, "--no-browser", "--port", port)
    assert code == 1
    assert f"port {port}" in err
    assert len(err.splitlines()) == 1


def test_what_is_no_project_is_refused_and_left_alone(run: Run, tmp_path: Path) -> None:
    code, _, err = run("label", tmp_path / "nowhere", "--no-browser")
    assert code == 1
    assert "is not a microtome project" in err
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "example.org"])
def test_other_machines_are_let_in_only_when_that_is_asked_for(
    run: Run, host: str, project_folder: Path
) -> None:
    code, _, err = run("label", project_folder, "--host", host)
    assert code == 2
    assert "--allow-remote" in err


@pytest.mark.parametrize(
    "kept",
    [
        '{"token": "", "port": 9073}',
        '{"token": "x", "port": 9073}',
        '{"token": "' + "x" * 32 + '", "port": 99999999}',
        "[" * 40_000,
        "",
    ],
)
def test_a_token_that_this_program_did_not_make_is_replaced(tmp_path: Path, kept: str) -> None:
    (tmp_path / "label.json").write_text(kept)
    address, bound = address_of(tmp_path, "127.0.0.1", None)
    bound.close()
    assert len(address.token) == 32
    assert address.token != "x" * 32
    assert kept_address(tmp_path / "label.json") == (address.token, address.port)


def test_stopped_in_haste_it_ends_without_a_traceback(project_folder: Path) -> None:
    command = [sys.executable, "-m", "microtome", "label", str(project_folder), "--no-browser"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        for _ in range(3):
            time.sleep(0.3)
            process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=20)
    assert "Traceback" not in said
    assert process.returncode in (0, 130, -signal.SIGINT)  # the last signal may find it all but gone


def test_a_strategy_that_needs_a_model_cannot_be_the_first(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="unknown start strategy 'entropy'"):
        phantom_project(tmp_path / "p", start_strategy="entropy")
