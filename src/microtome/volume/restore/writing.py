"""A view written to a new volume, block by block; what was killed goes on, and ends as it would have."""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from filelock import FileLock, Timeout
from jaxtyping import Shaped

from microtome.box import Box, Int3, tile
from microtome.progress import Progress, silent
from microtome.volume.open import create_volume, open_volume
from microtome.volume.protocol import Volume
from microtome.volume.spec import VolumeSpec
from microtome.volume.uri import known_format

BLOCK = 2**23  # voxels computed at a time: about 0.3 GB with all that is in between
PARTIAL, REPORT = ".partial", ".restore.json"
OURS = ("lock", "done.jsonl", "settings.json", "settings.new", "report.json")  # beside the unfinished volume
Settings = Mapping[str, object]
"""What makes the result what it is, as JSON holds it."""


@dataclass(frozen=True, slots=True)
class Output:
    """The volume to be written at `uri`: a file, a folder, or file.h5::name, and what is beside it.

    Until it is whole it lies in a folder `.partial` beside it, with a log of its blocks.
    """

    uri: str

    @property
    def path(self) -> Path:
        return Path(self.uri.partition("::")[0])

    @property
    def report(self) -> Path:
        """The file with what was done and measured."""
        return self.path.with_name(self.path.name + REPORT)

    @property
    def partial(self) -> Path:
        return self.path.with_name(self.path.name + PARTIAL)

    @property
    def unfinished(self) -> str:
        """The name of the volume until it is whole."""
        _, marker, inner = self.uri.partition("::")
        return f"{self.partial / self.path.name}{marker}{inner}"

    @property
    def log(self) -> Path:
        return self.partial / "done.jsonl"

    @property
    def settings(self) -> Path:
        return self.partial / "settings.json"


def require_new(output: Output) -> None:
    """Check that there is a folder to write to and nothing would be lost; what is unfinished is no obstacle.

    Raises:
        FileExistsError: If there is something, or a folder of somebody else's has the name of the unfinished.
        FileNotFoundError: If the folder is missing.
        ValueError: If no format has such a name.
    """
    if not output.path.parent.is_dir():
        raise FileNotFoundError(f"folder {output.path.parent} does not exist")
    if os.path.lexists(output.path):
        raise FileExistsError(f"{output.path} exists already")
    known_format(output.uri)
    if os.path.lexists(output.report) and not output.partial.exists():
        raise FileExistsError(f"{output.report} exists already")
    for entry in output.partial.iterdir() if output.partial.exists() else ():
        if entry.name not in (*OURS, output.path.name):
            raise FileExistsError(f"{output.partial} is in the way: {entry.name} is not of a restoration")


@contextmanager
def begun(output: Output, settings: Settings, like: Volume) -> Iterator[Volume]:
    """The unfinished volume, of the shape, type and voxel size of `like`; new, or as it was left.

    Raises:
        FileExistsError: If the output is there.
        ValueError: If it was begun with other settings, or its format cannot hold it.
        OSError: If its folder is missing, or another process is writing it.
    """
    require_new(output)
    output.partial.mkdir(exist_ok=True)
    try:
        with FileLock(output.partial / "lock", timeout=0):
            yield _opened(output, settings, like)
    except Timeout as error:
        raise OSError(f"another process is writing {output.path}") from error
    except (ValueError, OSError):
        if not output.settings.exists():  # nothing was begun
            shutil.rmtree(output.partial)
        raise


def fill(output: Output, target: Volume, view: Volume, progress: Progress = silent) -> None:
    """Write what is not written yet, in blocks of whole chunks.

    A block that is logged is on disk, and is read back before it is believed.

    Raises:
        ValueError: If the image is damaged.
        OSError: If it cannot be read, or the output not written.
    """
    done = _done(output.log)
    blocks = [block.write for block in tile(Box.of(view.shape), block_shape(output, target), (0, 0, 0))]
    for k, box in enumerate(blocks, start=1):
        if str(box) not in done or done[str(box)] != _digest_of(target, box):
            data = view.read(box)
            target.write(box, data)
            _append(output.log, {"box": str(box), "sha256": _digest(data)})
        progress("restoring", k, len(blocks), str(box))


def finish(output: Output, report: Mapping[str, object]) -> None:
    """Put the volume and its report in their places.

    Raises:
        OSError: If they cannot be moved, or a volume has come to be there.
    """
    require_new(output)
    written = output.partial / "report.json"
    written.write_text(json.dumps(report, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    written.replace(output.report)
    (output.partial / output.path.name).rename(output.path)
    shutil.rmtree(output.partial)


def block_shape(output: Output, target: Volume) -> Int3:
    """Whole chunks, or whole sections where each is a file, of about 2^23 voxels."""
    if not output.path.suffix:
        return (1, *target.shape[1:])
    z, y, x = VolumeSpec(target.shape, target.dtype, target.voxel_size_nm).stored_chunks
    side = max(1, int(np.sqrt(BLOCK / (z * y * x))))
    return z, y * side, x * side


def _opened(output: Output, settings: Settings, like: Volume) -> Volume:
    if output.settings.exists():
        _require_same(_begun_with(output), settings, output)
        try:
            return open_volume(output.unfinished, like.voxel_size_nm, writable=True)
        except (ValueError, FileNotFoundError):  # killed while it was made, or HDF5 while it was written
            _cleared(output)
    created = output.settings.with_suffix(".new")
    created.write_text(json.dumps(settings, indent=1), encoding="utf-8")
    _cleared(output)
    volume = create_volume(output.unfinished, like.shape, like.dtype, like.voxel_size_nm)
    created.replace(output.settings)
    return volume


def _cleared(output: Output) -> None:
    """No volume and no log."""
    output.log.unlink(missing_ok=True)
    volume = output.partial / output.path.name
    if volume.is_dir():
        shutil.rmtree(volume)
    volume.unlink(missing_ok=True)


def _begun_with(output: Output) -> Settings:
    try:
        return {**json.loads(output.settings.read_text(encoding="utf-8"))}
    except (ValueError, TypeError) as error:
        raise ValueError(f"{output.settings} is damaged: remove {output.partial} to begin anew") from error


def _require_same(found: Settings, wanted: Settings, output: Output) -> None:
    plain = json.loads(json.dumps(wanted))  # tuples become lists
    for name in {**plain, **found}:
        if found.get(name) != plain.get(name):
            raise ValueError(
                f"{output.partial} was begun with {name} {found.get(name)}, not {plain.get(name)}: "
                "remove it to begin anew"
            )


def _done(log: Path) -> dict[str, str]:
    """The digest of each logged block; a line that was cut off or damaged is none."""
    done = {}
    for line in log.read_text(encoding="utf-8").splitlines() if log.exists() else ():
        try:
            entry = json.loads(line)
            done[entry["box"]] = entry["sha256"]
        except (ValueError, LookupError, TypeError):
            continue
    return done


def _append(log: Path, entry: Mapping[str, str]) -> None:
    with log.open("a", encoding="utf-8") as file:
        file.write("\n" + json.dumps(entry) + "\n")  # a cut-off line before stays alone
        file.flush()
        os.fsync(file.fileno())


def _digest(data: Shaped[np.ndarray, "z y x"]) -> str:
    return hashlib.sha256(np.ascontiguousarray(data).tobytes()).hexdigest()


def _digest_of(volume: Volume, box: Box) -> str:
    """Of what is stored; empty where it cannot be read."""
    try:
        return _digest(volume.read(box))
    except (OSError, ValueError):
        return ""
