"""The server's process: its address, its worker, and its end."""

import asyncio
import json
import logging
import os
import re
import secrets
import socket
import subprocess
import threading
import time
import webbrowser
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import uvicorn
from fastapi import FastAPI

from microtome.objects.proposals import Proposals
from microtome.project import Project
from microtome.project.sheets import Order
from microtome.serve.app import Access, create_app, create_proofread_app
from microtome.serve.office import Office
from microtome.serve.proofread_office import ProofreadOffice

Page = Literal["label", "proofread"]
PORTS: dict[Page, int] = {"label": 8765, "proofread": 8766}
TOKEN = re.compile("[0-9A-Za-z_-]{32}")
LOOPBACK = ("127.0.0.1", "localhost", "::1")
GRACE = 3  # seconds for answers under way when the server ends
RESTART_AFTER = 1.0  # seconds before a worker that died is started again

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Address:
    """Where the page is, and the token that opens it."""

    host: str
    port: int
    token: str

    @property
    def origin(self) -> str:
        """The address without the token."""
        return f"http://{_bracketed(self.host)}:{self.port}"

    @property
    def url(self) -> str:
        """The address to open."""
        return f"{self.origin}/?token={self.token}"


def address_of(
    root: Path, host: str, port: int | None, page: Page = "label"
) -> tuple[Address, socket.socket]:
    """The page's address, the same again after a restart so that open pages go on, and its bound socket.

    Raises:
        OSError: If the port is taken, or the file that keeps the token cannot be written.
    """
    path = root / f"{page}.json"
    token, last = kept_address(path) or (secrets.token_urlsafe(24), PORTS[page])
    bound = _bound(host, [port] if port is not None else [last, 0])
    address = Address(host, bound.getsockname()[1], token)
    _keep(path, {"token": token, "port": address.port})
    return address, bound


def kept_address(path: Path) -> tuple[str, int] | None:
    """The token and port of the last server, if the file holds such as this program makes."""
    try:
        kept = json.loads(path.read_text())
        token, port = kept["token"], kept["port"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    sound = isinstance(token, str) and TOKEN.fullmatch(token) and isinstance(port, int) and 0 < port < 2**16
    return (token, port) if sound else None


def serve(
    project: Project,
    address: Address,
    bound: socket.socket,
    worker: Sequence[str],
    *,
    repeat: int = 1,
    announce: Callable[[str], None] = print,
    browser: bool = True,
) -> None:
    """Serve the page until it is stopped, with a worker process beside it, which is the command `worker`.

    Raises:
        ValueError: If the project's image changed or the journal is damaged.
        OSError: If one of them cannot be read.
    """
    with _running(worker) as alive, closing(Office(project, repeat=repeat, worker_runs=alive)) as office:
        _run(create_app(office, _access(address)), address, bound, announce, browser=browser)


def serve_proofreading(
    project: Project,
    proposals: Proposals,
    order: Order,
    address: Address,
    bound: socket.socket,
    *,
    announce: Callable[[str], None] = print,
    browser: bool = True,
) -> None:
    """Serve the proofreading page of a set of proposals until it is stopped.

    Raises:
        ValueError: If the project's image changed, or the journal or the proposals are damaged.
        OSError: If one of them cannot be read.
    """
    with closing(ProofreadOffice(project, proposals, order)) as office:
        app = create_proofread_app(office, _access(address))
        _run(app, address, bound, announce, browser=browser)


def _run(
    app: FastAPI,
    address: Address,
    bound: socket.socket,
    announce: Callable[[str], None],
    *,
    browser: bool,
) -> None:
    config = uvicorn.Config(
        app, log_level="warning", access_log=False, ws="none", timeout_graceful_shutdown=GRACE
    )
    server = uvicorn.Server(config)
    app.state.stopping = lambda: server.should_exit
    announce(address.url)
    if browser:
        threading.Thread(target=webbrowser.open, args=(address.url,), daemon=True).start()
    logging.getLogger("uvicorn.error").addFilter(_is_no_ending)
    server.run(sockets=[bound])


def _is_no_ending(record: logging.LogRecord) -> bool:
    """Whether a record is worth printing: requests that are cut off when the server ends are not."""
    if record.exc_info is not None and isinstance(record.exc_info[1], asyncio.CancelledError):
        return False
    return not any(ending in record.getMessage() for ending in ("CancelledError", "KeyboardInterrupt"))


def _access(address: Address) -> Access:
    names = {address.host, *LOOPBACK} if address.host in LOOPBACK else {address.host}
    if address.host in ("0.0.0.0", "::"):
        names = {*LOOPBACK, socket.gethostname(), *_own_addresses()}
    hosts = tuple(f"{_bracketed(name)}:{address.port}" for name in sorted(names))
    return Access(address.token, f"microtome-{address.port}", hosts)


def _own_addresses() -> set[str]:
    try:
        found = socket.getaddrinfo(socket.gethostname(), None)
    except OSError:
        return set()
    return {str(entry[4][0]) for entry in found}


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _bound(host: str, ports: Sequence[int]) -> socket.socket:
    """A socket on the first of `ports` that is free; 0 is any.

    Raises:
        OSError: If none is.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for port in ports:
        # asyncio sends without delay (TCP_NODELAY) only on sockets that say they are TCP
        bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        try:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.bind((host, port))
            bound.listen(128)  # who comes before the server is ready waits
        except OSError as error:
            bound.close()
            problem = error
        else:
            bound.set_inheritable(False)
            return bound
    raise OSError(f"cannot listen at {host}, port {ports[-1]}: {problem.strerror or problem}")


def _keep(path: Path, data: dict[str, object]) -> None:
    """Write a file that only its owner may read, in one piece."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(data, file)
    partial.replace(path)


@contextmanager
def _running(command: Sequence[str]) -> Iterator[Callable[[], bool]]:
    """A process that is started again whenever it dies, and says whether it is alive.

    It gets a pipe as its standard input, which ends when this process does, however that ends.
    """
    current: list[subprocess.Popen[bytes]] = []
    ending = threading.Event()

    def keep_alive() -> None:
        while not ending.is_set():
            current[:] = [subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)]
            code = current[0].wait()
            if not ending.wait(RESTART_AFTER):
                log.warning("the worker ended with code %d; it is started again", code)

    keeper = threading.Thread(target=keep_alive, daemon=True)
    keeper.start()
    try:
        yield lambda: bool(current) and current[0].poll() is None
    finally:
        ending.set()
        for process in current:
            process.terminate()
            _await(process)


def _await(process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + GRACE
    while process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    process.kill()
