"""Scripted annotators: they paint, submit and go on over HTTP, as the page does, and take the time."""

import http.client
import json
import random
import socket
import threading
import time
import zlib
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import numpy as np

UNLABELLED = 255
STROKES = (4, 10)  # a query, at least and at most
THINKING = (0.2, 0.8)  # seconds between two strokes


@dataclass
class Timings:
    """What one annotator, or all of them, experienced."""

    strokes: list[float] = field(default_factory=list)  # seconds from sent to acknowledged
    submits: list[float] = field(default_factory=list)  # seconds from submit to the next query's data
    waits: int = 0  # times that no query was there
    errors: list[str] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)

    def add(self, other: "Timings") -> None:
        self.strokes += other.strokes
        self.submits += other.submits
        self.waits += other.waits
        self.errors += other.errors
        self.answers += other.answers


class Annotator(threading.Thread):
    """One person with a connection of their own, until `ending` is set."""

    def __init__(self, url: str, name: str, ending: threading.Event) -> None:
        super().__init__(daemon=True)
        parts = urlsplit(url)
        self._name = name
        self._ending = ending
        self._rng = random.Random(name)
        self._origin = f"http://{parts.netloc}"
        self._cookie = f"microtome-{parts.port}={parse_qs(parts.query)['token'][0]}"
        self._connection = http.client.HTTPConnection(parts.hostname or "", parts.port or 0, timeout=30)
        self._connection.connect()
        # http.client sends head and body apart; a browser does not wait for the head to be acknowledged
        self._connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.timings = Timings()
        self.crashed = ""

    def run(self) -> None:
        try:
            self._label()
        except Exception as error:  # an annotator that is lost must not look like one without errors
            self.crashed = repr(error)

    def _label(self) -> None:
        time.sleep(self._rng.uniform(0, 3))
        query = self._next()
        while not self._ending.is_set():
            if query is None:
                self.timings.waits += 1
                time.sleep(0.5)
                query = self._next()
                continue
            values, seq = self._paint(query)
            if values is None:
                return
            began = time.perf_counter()
            answer = self._submit(query, values, seq)
            query = self._next()
            self.timings.submits.append(time.perf_counter() - began)
            if answer is not None:
                self.timings.answers.append(answer)

    def _paint(self, query: dict[str, Any]) -> tuple[np.ndarray | None, int]:
        """Strokes at random places of the query; the values that they leave, and the number of the last."""
        z, y, x = (b - a for a, b in zip(query["box"]["start"], query["box"]["stop"], strict=True))
        values = np.full((z, y, x), UNLABELLED, dtype=np.uint32)
        seq = len(query["ops"])
        for _ in range(self._rng.randint(*STROKES)):
            if self._ending.wait(self._rng.uniform(*THINKING)):
                return None, seq
            runs = self._stroke(values)
            seq += 1
            op = {
                "seq": seq,
                "key": str(uuid4()),
                "kind": "edit",
                "tool": "brush",
                "runs": runs,
                "model": None,
            }
            began = time.perf_counter()
            self._post(f"/api/queries/{query['id']}/ops", {"annotator": self._name, "op": op})
            self.timings.strokes.append(time.perf_counter() - began)
        return values, seq

    def _stroke(self, values: np.ndarray) -> list[int]:
        """A filled disc of a random class, painted into `values`; its runs."""
        z, height, width = values.shape
        section, label = self._rng.randrange(z), self._rng.randrange(2)
        cy, cx, radius = self._rng.uniform(0, height), self._rng.uniform(0, width), self._rng.uniform(4, 14)
        runs = []
        for y in range(max(0, int(cy - radius)), min(height, int(cy + radius) + 1)):
            half = max(0.0, radius**2 - (y - cy) ** 2) ** 0.5
            low, high = max(0, int(cx - half)), min(width, int(cx + half) + 1)
            if low < high:
                values[section, y, low:high] = label
                runs += [(section * height + y) * width + low, high - low, label]
        return runs

    def _submit(self, query: dict[str, Any], values: np.ndarray, seq: int) -> int | None:
        crc = zlib.crc32(values.astype("<u4").tobytes())
        report = {"key": str(uuid4()), "query": query["id"], "looking": 1.0, "editing": 4.0}
        body = {"annotator": self._name, "seq": seq, "crc": crc, "reports": [report]}
        found = self._post(f"/api/queries/{query['id']}/answer", body)
        return found["answer"] if found else None

    def _next(self) -> dict[str, Any] | None:
        """The next query with all that is drawn of it."""
        found = self._post("/api/next", {"annotator": self._name, "holding": []})
        query = found["query"] if found else None
        if query is not None:
            (z0, y0, x0), (z1, y1, x1) = query["view"]["start"], query["view"]["stop"]
            self._get(f"/api/image?z0={z0}&z1={z1}&y0={y0}&y1={y1}&x0={x0}&x1={x1}")
            if query["preview"]:
                for plane in ("classes", "uncertainty"):
                    self._get(f"/api/previews/{query['preview']['id']}/{plane}")
        return query

    def _get(self, path: str) -> bytes:
        return self._request("GET", path, None)

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        data = self._request("POST", path, json.dumps(body))
        return json.loads(data) if data else {}

    def _request(self, method: str, path: str, body: str | None) -> bytes:
        headers = {"cookie": self._cookie, "origin": self._origin, "content-type": "application/json"}
        try:
            self._connection.request(method, path, body, headers)
            response = self._connection.getresponse()
            data = response.read()
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()  # the next request connects anew
            self.timings.errors.append(f"{method} {path}: {error!r}")
            return b""
        if response.status != 200:
            self.timings.errors.append(f"{method} {path}: {response.status} {data[:200]!r}")
            return b""
        return data
