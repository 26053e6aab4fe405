"""A file or folder that is being written: beside its place, with a log of what is done, until it is whole."""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from filelock import FileLock, Timeout
from jaxtyping import Shaped

from microtome.box import Box
from microtome.progress import Progress, silent
from microtome.schedule import Schedule, in_turn
from microtome.volume.protocol import Volume

OURS = ("lock", "done.jsonl", "settings.json", "settings.new")
Settings = Mapping[str, object]
"""What makes the result what it is, as JSON holds it."""


@dataclass(frozen=True, slots=True)
class Unfinished:
    """What will be at `target`; `also` are names of other files that its maker keeps beside it meanwhile."""

    target: Path
    also: tuple[str, ...] = ()

    @property
    def folder(self) -> Path:
        return self.target.with_name(f".{self.target.name}.partial")

    @property
    def path(self) -> Path:
        """Where it lies until it is whole."""
        return self.folder / self.target.name

    @property
    def log(self) -> Path:
        return self.folder / "done.jsonl"

    @property
    def settings(self) -> Path:
        return self.folder / "settings.json"

    def done(self) -> dict[str, str]:
        """The digest of each logged block; a line that was cut off or damaged is none."""
        done = {}
        for line in self.log.read_text(encoding="utf-8").splitlines() if self.log.exists() else ():
            try:
                entry = json.loads(line)
                done[entry["box"]] = entry["sha256"]
            except (ValueError, LookupError, TypeError):
                continue
        return done

    def note(self, block: str, sha256: str) -> None:
        """Log a block as done."""
        with self.log.open("a", encoding="utf-8") as file:
            file.write(
                "\n" + json.dumps({"box": block, "sha256": sha256}) + "\n"
            )  # a cut-off line stays alone
            file.flush()
            os.fsync(file.fileno())

    def clear(self) -> None:
        """Nothing written, and no log."""
        self.log.unlink(missing_ok=True)
        if self.path.is_dir():
            shutil.rmtree(self.path)
        self.path.unlink(missing_ok=True)

    def finish(self) -> None:
        """Put it in its place.

        Raises:
            OSError: If it cannot be moved, or something has come to be there.
        """
        require_new(self)
        if self.path.is_file():
            with self.path.open("rb") as file:
                os.fsync(file.fileno())
        self.path.rename(self.target)
        shutil.rmtree(self.folder)


def require_new(unfinished: Unfinished) -> None:
    """Check that there is a folder to write to and nothing would be lost; what is unfinished is no obstacle.

    Raises:
        FileExistsError: If there is something, or a folder of somebody else's has the name of the unfinished.
        FileNotFoundError: If the folder is missing.
    """
    target, folder = unfinished.target, unfinished.folder
    if not target.parent.is_dir():
        raise FileNotFoundError(f"folder {target.parent} does not exist")
    if os.path.lexists(target):
        raise FileExistsError(f"{target} exists already")
    for entry in folder.iterdir() if folder.exists() else ():
        if entry.name not in (*OURS, *unfinished.also, target.name):
            raise FileExistsError(
                f"{folder} is in the way: {entry.name} is not of an unfinished {target.name}"
            )


@contextmanager
def begun(unfinished: Unfinished, settings: Settings) -> Iterator[bool]:
    """Whether it was begun before, with the same settings; nobody else writes it meanwhile.

    After an error what is done is kept; where nothing is, nothing is left.

    Raises:
        FileExistsError: If the target is there.
        ValueError: If it was begun with other settings.
        OSError: If its folder is missing, or another process is writing it.
    """
    require_new(unfinished)
    unfinished.folder.mkdir(exist_ok=True)
    lock = FileLock(unfinished.folder / "lock", timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        raise OSError(f"another process is writing {unfinished.target}") from error
    try:
        yield _resumed(unfinished, settings)
    except (ValueError, OSError):
        if not unfinished.log.exists():
            shutil.rmtree(unfinished.folder)
        raise
    finally:
        lock.release()


@dataclass(frozen=True, slots=True)
class Copy:
    """Writes a box of `view` to `target`, and gives the digest of what it wrote."""

    view: Volume
    target: Volume

    def __call__(self, box: Box) -> str:
        data = self.view.read(box)
        self.target.write(box, data)
        return _digest(data)


def fill(
    unfinished: Unfinished,
    copy: Copy,
    blocks: Sequence[Box],
    part: str = "",
    *,
    schedule: Schedule = in_turn,
    progress: Progress = silent,
    task: str = "writing",
) -> int:
    """Write the blocks that are not written yet; how many that were.

    A block that is logged is on disk, and is read back before it is believed. `part` tells the blocks of one
    volume from those of another in the log.

    Raises:
        ValueError: If the view is damaged.
        OSError: If it cannot be read, or the target not written.
    """
    done, left = unfinished.done(), []
    for box in blocks:
        known = done.get(f"{part}{box}")
        if known is None or known != _digest_of(copy.target, box):
            left.append(box)
    kept = len(blocks) - len(left)
    for k, (number, sha256) in enumerate(schedule(copy, left), start=kept + 1):
        unfinished.note(f"{part}{left[number]}", sha256)
        progress(task, k, len(blocks), str(left[number]))
    return len(left)


def _resumed(unfinished: Unfinished, settings: Settings) -> bool:
    if unfinished.settings.exists():
        _require_same(_begun_with(unfinished), settings, unfinished)
        return True
    unfinished.clear()
    created = unfinished.settings.with_suffix(".new")
    created.write_text(json.dumps(settings, indent=1), encoding="utf-8")
    created.replace(unfinished.settings)
    return False


def _begun_with(unfinished: Unfinished) -> Settings:
    try:
        return {**json.loads(unfinished.settings.read_text(encoding="utf-8"))}
    except (ValueError, TypeError) as error:
        raise ValueError(
            f"{unfinished.settings} is damaged: remove {unfinished.folder} to begin anew"
        ) from error


def _require_same(found: Settings, wanted: Settings, unfinished: Unfinished) -> None:
    plain = json.loads(json.dumps(wanted))  # tuples become lists
    for name in {**plain, **found}:
        if found.get(name) != plain.get(name):
            raise ValueError(
                f"{unfinished.folder} was begun with {name} {found.get(name)}, not {plain.get(name)}: "
                "remove it to begin anew"
            )


def _digest(data: Shaped[np.ndarray, "z y x"]) -> str:
    return hashlib.sha256(np.ascontiguousarray(data).tobytes()).hexdigest()


def _digest_of(volume: Volume, box: Box) -> str:
    """Of what is stored; empty where it cannot be read."""
    try:
        return _digest(volume.read(box))
    except (OSError, ValueError):
        return ""
