"""New files and folders that are there whole, or not at all."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def appearing(path: Path) -> Iterator[Path]:
    """A name under which to write a new file or folder; it is moved to `path` unless an error comes.

    Raises:
        FileExistsError: If there is something at `path`.
        OSError: If the folder around it is missing or cannot be written to.
    """
    if os.path.lexists(path):
        raise FileExistsError(f"{path} exists already")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"folder {path.parent} does not exist")
    partial = path.with_name(f".{path.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)  # of a run that was killed
    partial.mkdir()
    try:
        yield partial / path.name
        (partial / path.name).rename(path)
    finally:
        shutil.rmtree(partial)


def make_once(path: Path, make: Callable[[Path], object]) -> None:
    """Have `make` write a file or folder at `path`, unless it is there; it is there whole or not at all.

    Raises:
        OSError: If it cannot be written.
    """
    if not path.exists():
        with appearing(path) as partial:
            make(partial)
