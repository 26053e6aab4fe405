"""A labelling server in memory or in a thread, and somebody who labels at it."""

import threading
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import uvicorn
from fastapi.testclient import TestClient

from conftest import free_port
from microtome.labels import IGNORE
from microtome.learn.settings import TABLES
from microtome.loop.asking import top_up
from microtome.project import open_project
from microtome.serve.app import Access, create_app
from microtome.serve.office import Office
from microtome.serve.server import address_of

HOST = "127.0.0.1:8765"
ORIGIN = f"http://{HOST}"
ACCESS = Access("a-token-of-the-test", "microtome-8765", (HOST,))


@contextmanager
def client_of(folder: Path, *, repeat: int = 1, worker_runs: bool = True) -> Iterator[TestClient]:
    """A client that has the token and comes from the page."""
    with open_project(folder, TABLES) as project:
        office = Office(project, repeat=repeat, worker_runs=lambda: worker_runs)
        app = create_app(office, ACCESS)
        headers = {"origin": ORIGIN}
        cookies = {ACCESS.cookie: ACCESS.token}
        with TestClient(app, base_url=ORIGIN, headers=headers, cookies=cookies) as client:
            yield client


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address of a labelling page that a thread of this process serves, without a worker."""
    address, bound = address_of(folder, "127.0.0.1", free_port())
    access = Access(address.token, f"microtome-{address.port}", (f"127.0.0.1:{address.port}",))
    with (
        open_project(folder, TABLES) as project,
        closing(Office(project, repeat=1, worker_runs=lambda: True)) as office,
    ):
        app = create_app(office, access, stopping=lambda: server.should_exit)
        config = uvicorn.Config(app, log_level="warning", ws="none", timeout_graceful_shutdown=3)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]})
        thread.start()
        try:
            yield address.url
        finally:
            server.should_exit = True
            thread.join()


def ask(folder: Path, n: int) -> None:
    """Put queries into the project's journal."""
    from microtome.cli.session import opened
    from microtome.progress import silent

    with opened(folder, "cpu", silent, reading=True) as session:
        top_up(session, n)


class Painter:
    """An annotator who paints without a page."""

    def __init__(self, client: TestClient, name: str = "ada") -> None:
        self.client = client
        self.name = name
        self.query: dict[str, Any] = {}
        self.values = np.empty(0, np.uint32)
        self.seq = 0

    def next(self) -> dict[str, Any] | None:
        found = self.client.post("/api/next", json={"annotator": self.name, "holding": []}).json()["query"]
        if found is not None:
            self._hold(found)
        return found

    def open(self, query_id: int) -> None:
        self._hold(self.client.get(f"/api/queries/{query_id}", params={"annotator": self.name}).json())

    def op(self, kind: str = "edit", runs: list[int] | None = None, **more: Any) -> dict[str, Any]:  # noqa: ANN401
        tool = "brush" if kind == "edit" else None
        return {
            "seq": self.seq + 1,
            "key": str(uuid4()),
            "kind": kind,
            "tool": tool,
            "runs": runs or [],
            **more,
        }

    def send(self, op: dict[str, Any]) -> Any:  # noqa: ANN401
        url = f"/api/queries/{self.query['id']}/ops"
        response = self.client.post(url, json={"annotator": self.name, "op": op})
        if response.status_code == 200:
            self.seq = response.json()["seq"]
        return response

    def paint(self, start: int, length: int, value: int) -> None:
        assert self.send(self.op(runs=[start, length, value])).status_code == 200
        self.values[start : start + length] = value

    def submit(self, **more: Any) -> Any:  # noqa: ANN401
        body = {
            "annotator": self.name,
            "seq": self.seq,
            "crc": zlib.crc32(self.values.astype("<u4").tobytes()),
        }
        return self.client.post(f"/api/queries/{self.query['id']}/answer", json={**body, **more})

    def _hold(self, query: dict[str, Any]) -> None:
        self.query = query
        sides = np.subtract(query["box"]["stop"], query["box"]["start"])
        self.values = np.full(int(sides.prod()), IGNORE, np.uint32)
        self.seq = len(query["ops"])
