"""A folder behind http, for tests of remote volumes."""

import functools
import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


class _Silent(http.server.SimpleHTTPRequestHandler):
    """Files; what lies under /forbidden is, and under /broken the server fails."""

    def __init__(self, *words: Any, asked: list[str], **more: Any) -> None:  # noqa: ANN401
        self._asked = asked
        super().__init__(*words, **more)

    def do_GET(self) -> None:
        self._asked.append(self.path)
        for part, code in (("/forbidden", 403), ("/broken", 503)):
            if self.path.startswith(part):
                self.send_error(code)
                return
        super().do_GET()

    def end_headers(self) -> None:
        self.send_header("ETag", '"1"')  # S3 has one always
        super().end_headers()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def served(folder: Path, port: int = 0, asked: list[str] | None = None) -> Iterator[str]:
    """The URL under which the files of `folder` are found, at any free port; `asked` gets the paths."""
    asked = [] if asked is None else asked
    handler = functools.partial(_Silent, asked=asked, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", port), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
