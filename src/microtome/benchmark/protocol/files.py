"""The files of a study: refused in one line that says what was expected, and written in one piece."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def expected(what: str, path: Path | str) -> Iterator[None]:
    """Say what was expected where the system only gives the number of an error.

    Raises:
        OSError: In one line: what was expected, where, and what the system says of it.
    """
    try:
        yield
    except OSError as error:
        if error.strerror is None:  # it says so itself
            raise
        raise OSError(f"expected {what} at {path}: {error.strerror.lower()}") from error


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A file beside `path` that takes its place in the end: a reader sees the old one or the new one.

    Raises:
        OSError: If it cannot be written; the old one is still there then.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    with expected("a file that can be written", path):
        try:
            yield partial
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
