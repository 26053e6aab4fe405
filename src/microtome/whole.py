"""Files that are there whole, or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A file to write that gets the name `path` once it is on disk; nothing is left of one that failed.

    Raises:
        OSError: If it cannot be written.
    """
    if not path.parent.is_dir():
        raise FileNotFoundError(f"folder {path.parent} does not exist")
    partial = partial_of(path)
    try:
        with naming(path):
            yield partial
            with partial.open("rb") as file:
                os.fsync(file.fileno())
            partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """What is written to a file: an error that names none, as that of a full disk, names this one.

    Raises:
        OSError: If it cannot be written.
    """
    try:
        yield
    except OSError as error:
        if error.errno is None or error.filename is not None or str(path) in str(error):
            raise  # not of the system, or it says which file
        raise OSError(f"{path} cannot be written: {error.strerror or error}") from error


def partial_of(path: Path) -> Path:
    """Where a file lies until it is whole."""
    return path.with_name(f".{path.name}.partial")
