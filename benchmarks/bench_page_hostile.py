"""Hostile requests: by schemathesis over the OpenAPI description, and by hand what it would not guess."""

import argparse
import hashlib
import http.client
import json
import random
import sqlite3
import subprocess
import sys
import tempfile
from collections import Counter
from contextlib import closing
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

from microtome.benchmark.phantom import PhantomConfig
from microtome.cli.create import NewProject, create
from record import Figure, record
from server import Server

EXAMPLES = 150  # of each kind for each address
SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")
ROUNDS = 40  # of the requests made by hand

SAID = ("queries", "answers", "skips", "ops", "models", "assignments", "activities")
"""Tables that only a well-formed request may add to; events are the worker's, too."""


class Client:
    """Requests as bytes on a wire, with the token."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.host, self.port = parts.hostname or "", parts.port or 0
        self.origin = f"http://{parts.netloc}"
        self.cookie = f"microtome-{parts.port}={parse_qs(parts.query)['token'][0]}"
        self.statuses: Counter[int] = Counter()

    def send(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> int:
        """The status of the answer; 0 where the connection was closed without one."""
        given = {"cookie": self.cookie, "origin": self.origin, "content-type": "application/json"}
        with closing(http.client.HTTPConnection(self.host, self.port, timeout=20)) as there:
            try:
                there.putrequest(method, path, skip_host="host" in (headers or {}), skip_accept_encoding=True)
                for name, value in {**given, **(headers or {})}.items():
                    there.putheader(name, value)
                if body is not None and "content-length" not in (headers or {}):
                    there.putheader("content-length", str(len(body)))
                there.endheaders(body)
                status = there.getresponse().status
            except (OSError, http.client.HTTPException, ValueError, UnicodeError):
                status = 0
        self.statuses[status] += 1
        return status

    def post(self, path: str, message: object) -> int:
        return self.send("POST", path, json.dumps(message).encode())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=EXAMPLES)
    examples = parser.parse_args().examples
    with tempfile.TemporaryDirectory() as folder:
        project = _project(Path(folder) / "p")
        with Server(project) as server:
            client = Client(server.url)
            query = _begin(client)
            before = _digest(project)
            by_hand = _by_hand(client, query)
            changed = _digest(project) != before
            fuzzed, crashes = _fuzz(client, Path(folder), examples)
            alive = client.send("GET", "/api/state") == 200
        sound = _sound(project)
    total = sum(by_hand.values()) + fuzzed
    bad = sum(count for status, count in by_hand.items() if status >= 500 or 200 <= status < 300)
    print(f"by hand: {dict(sorted(by_hand.items()))}; the journal {'CHANGED' if changed else 'is as it was'}")
    print(
        f"schemathesis: {fuzzed} requests, {crashes} failures; server alive: {alive}; journal sound: {sound}"
    )
    failures = bad + crashes + changed + (not alive) + (not sound)
    note = (
        f"{sum(by_hand.values())} by hand (wrong token, paths, shapes, replays, oversize), all refused and "
        f"the journal unchanged; {fuzzed} by schemathesis, no 5xx, journal sound"
    )
    note = note if not failures else f"{bad} by hand, {crashes} by schemathesis, changed: {changed}"
    record("page-hostile", {"hostile_requests_5xx": Figure(failures, (failures, failures), total, note)}, [0])
    sys.exit(bool(failures))


def _begin(client: Client) -> int:
    """Have a query with one honest stroke."""
    assert client.post("/api/next", {"annotator": "ada"}) == 200
    assert client.post("/api/queries/1/ops", {"annotator": "ada", "op": _op(1)}) == 200
    return 1


def _op(seq: int, **changes: object) -> dict[str, object]:
    plain = {
        "seq": seq,
        "key": str(uuid4()),
        "kind": "edit",
        "tool": "brush",
        "runs": [0, 4, 1],
        "model": None,
    }
    return {**plain, **changes}


def _by_hand(client: Client, query: int) -> Counter[int]:
    """Requests none of which may be taken: how often each status was the answer."""
    client.statuses.clear()
    rng = random.Random(0)
    for _ in range(ROUNDS):
        for request in (*_strangers(client), *_paths(client), *_shapes(query, rng), *_sizes(query)):
            client.send(*request)
    return client.statuses.copy()


def _strangers(client: Client) -> list[tuple]:
    train = b"{}"
    return [
        ("GET", "/", None, {"cookie": "microtome-1=x"}),
        ("GET", "/api/dashboard", None, {"cookie": client.cookie[:-1]}),
        ("GET", "/api/dashboard", None, {"cookie": client.cookie + "x"}),
        ("GET", "/?token=%00", None, {"cookie": ""}),
        ("GET", "/?token=" + "x" * 4000, None, {"cookie": ""}),
        ("POST", "/api/train", train, {"origin": "http://evil.example"}),
        ("POST", "/api/train", train, {"origin": "null"}),
        ("POST", "/api/train", train, {"host": "evil.example"}),
        ("GET", "/api/project", None, {"host": f"evil.example:{client.port}"}),
        ("OPTIONS", "/api/train", None, {"origin": "http://evil.example"}),
        ("TRACE", "/api/train", None, {}),
        ("DELETE", "/api/queries/1", None, {}),
    ]


def _paths(client: Client) -> list[tuple]:
    names = (
        "/static/../app.py",
        "/static/%2e%2e/app.py",
        "/static/..%2f..%2fproject%2fjournal.py",
        "/static/..%5capp.py",
        "/static/main.js%00.html",
        "//etc/passwd",
        "/journal.sqlite",
        "/project.toml",
        "/label.json",
        "/api/previews/../../journal.sqlite/classes",
        "/api/queries/1%2f..%2f2/labels",
        "/api/queries/0?annotator=a",
        "/api/queries/-1?annotator=a",
        f"/api/queries/{10**40}?annotator=a",
        "/api/queries/1?annotator=" + "%00",
        "/api/queries/1?annotator=" + "a" * 41,
        "/api/image?z0=0&z1=1&y0=0&y1=1&x0=0&x1=99999",
        f"/api/image?z0=0&z1={2**52}&y0=0&y1={2**52}&x0=0&x1={2**52}",
        "/api/image?z0=1&z1=0&y0=0&y1=1&x0=0&x1=1",
        "/api/image?z0=nan&z1=1&y0=0&y1=1&x0=0&x1=1",
    )
    return [("GET", name) for name in names]


def _shapes(query: int, rng: random.Random) -> list[tuple]:
    """Steps that are replayed with another key, out of order, of wrong shape, or mean nothing."""
    ops = f"/api/queries/{query}/ops"
    wrong = [
        _op(1),
        _op(3),
        _op(rng.randrange(4, 2**53)),
        _op(0),
        _op(-1),
        _op(2, runs=[0, 4]),
        _op(2, runs=[0, 0, 1]),
        _op(2, runs=[0, 4, rng.randrange(2, 254)]),
        _op(2, runs=[rng.randrange(4096, 2**31), 1, 1]),
        _op(2, runs=[4095, 2, 1]),
        _op(2, runs=[5, 1, 1, 0, 1, 1]),
        _op(2, runs=[0, 1, 1 + 256]),
        _op(2, runs=[0, 1, 2**31]),
        _op(2, runs=[0, 1, 1.5]),
        _op(2, runs={"0": 1}),
        _op(2, kind="redo", tool=None, runs=[]),
        _op(2, kind="undo"),
        _op(2, kind="drop"),
        _op(2, tool="accept", model=1),
        _op(2, tool="accept", model=None),
        _op(2, key="x"),
        _op(2, key="k" * 65),
        _op(2, extra=1),
        "op",
        None,
        [],
    ]
    said = [("POST", ops, json.dumps({"annotator": "ada", "op": op}).encode()) for op in wrong]
    answer = f"/api/queries/{query}/answer"
    bodies = (
        (answer, {"annotator": "ada", "seq": 1, "crc": 0}),
        (answer, {"annotator": "ada", "seq": 2, "crc": 0}),
        (answer, {"annotator": "ben", "seq": 1, "crc": 0}),
        (answer, {"annotator": "ada", "seq": 1, "crc": -1}),
        (answer, {"annotator": "", "seq": 1, "crc": 1}),
        ("/api/queries/9999/answer", {"annotator": "ada", "seq": 1, "crc": 1}),
        ("/api/queries/1/skip", {"annotator": "ada", "reason": ""}),
        ("/api/queries/1/skip", {"annotator": "ada", "reason": "\x00"}),
        ("/api/queries/9999/skip", {"annotator": "ada", "reason": "x"}),
        ("/api/next", {"annotator": "\ud800"}),
        ("/api/next", {"annotator": "ada", "holding": list(range(1, 99))}),
        (
            "/api/activity",
            {"annotator": "ada", "reports": [{"key": "k" * 8, "query": 1, "looking": -1, "editing": 0}]},
        ),
        (
            "/api/activity",
            {"annotator": "ada", "reports": [{"key": "k" * 8, "query": 99, "looking": 1, "editing": 0}]},
        ),
        ("/api/watch", {"sections": [-1]}),
        ("/api/watch", {"sections": [10**12]}),
    )
    raw = (
        b"",
        b"{",
        b"[" * 100_000,
        b"\xff",
        b'{"annotator":' * 5000,
        b"null",
        b"NaN",
        b'{"annotator": 1e999}',
    )
    return [
        *said,
        *(("POST", path, json.dumps(body).encode()) for path, body in bodies),
        *(("POST", "/api/next", body) for body in raw),
    ]


def _sizes(query: int) -> list[tuple]:
    big = b" " * (2**18 + 1)
    return [
        ("POST", "/api/next", big),
        ("POST", f"/api/queries/{query}/answer", big),
        ("POST", "/api/next", b"{}", {"content-length": str(2**40)}),
        ("POST", "/api/next", b"{}", {"content-length": "-1"}),
        ("POST", "/api/next", b"{}", {"content-length": "many"}),
    ]


def _fuzz(client: Client, folder: Path, examples: int) -> tuple[int, int]:
    """Requests that schemathesis sent, and how many were answered with a 5xx or not at all."""
    report = folder / "har.json"
    command = [
        str(SCHEMATHESIS), "run", f"{client.origin}/api/openapi.json",
        "--header", f"cookie: {client.cookie}", "--header", f"origin: {client.origin}",
        "--checks", "not_a_server_error", "--mode", "all", "--max-examples", str(examples),
        "--exclude-path", "/api/events", "--seed", "0", "--workers", "1", "--request-timeout", "20",
        "--continue-on-failure", "--report", "har", "--report-har-path", str(report), "--no-color",
    ]  # fmt: skip
    run = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    print(run.stdout[-1500:] if run.returncode else "schemathesis passed")
    entries = json.loads(report.read_text())["log"]["entries"] if report.exists() else []
    statuses = Counter(entry["response"]["status"] for entry in entries)
    print(f"statuses: {dict(sorted(statuses.items()))}")
    bad = sum(count for status, count in statuses.items() if status >= 500 or status == 0)
    return len(entries), max(bad, int(run.returncode != 0))


def _digest(project: Path) -> str:
    """Of everything that annotators have said."""
    digest = hashlib.sha256()
    with closing(sqlite3.connect(project / "journal.sqlite")) as journal:
        for table in SAID:
            for row in journal.execute(f"SELECT * FROM {table} ORDER BY id"):
                digest.update(repr(row).encode())
    return digest.hexdigest()


def _sound(project: Path) -> bool:
    from microtome.project import open_journal

    with open_journal(project / "journal.sqlite") as journal:
        return journal.check() == []


def _project(root: Path) -> Path:
    tissue = PhantomConfig(shape=(4, 256, 256), seed=0)
    new = NewProject(
        classes=("mitochondria",), phantom=tissue, query_shape=(1, 64, 64), start=24, start_strategy="random"
    )
    create(root, new, lambda text: None)
    return root


if __name__ == "__main__":
    main()
