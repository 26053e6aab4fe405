"""A view written to a new volume, block by block; what was killed goes on, and ends as it would have."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from microtome.box import Box, Int3, tile
from microtome.progress import Progress, silent
from microtome.volume import unfinished
from microtome.volume.open import create_volume, open_volume
from microtome.volume.protocol import Volume
from microtome.volume.spec import VolumeSpec
from microtome.volume.unfinished import Copy, Settings, Unfinished
from microtome.volume.uri import known_format

BLOCK = 2**23  # voxels computed at a time: about 0.3 GB with all that is in between
REPORT = ".restore.json"


@dataclass(frozen=True, slots=True)
class Output:
    """The volume to be written at `uri`: a file, a folder, or file.h5::name, and what is beside it."""

    uri: str

    @property
    def path(self) -> Path:
        return Path(self.uri.partition("::")[0])

    @property
    def report(self) -> Path:
        """The file with what was done and measured."""
        return self.path.with_name(self.path.name + REPORT)

    @property
    def partial(self) -> Unfinished:
        return Unfinished(self.path, also=("report.json",))

    @property
    def unfinished(self) -> str:
        """The name of the volume until it is whole."""
        _, marker, inner = self.uri.partition("::")
        return f"{self.partial.path}{marker}{inner}"


def require_new(output: Output) -> None:
    """Check that there is a folder to write to and nothing would be lost; what is unfinished is no obstacle.

    Raises:
        FileExistsError: If there is something, or a folder of somebody else's has the name of the unfinished.
        FileNotFoundError: If the folder is missing.
        ValueError: If no format has such a name.
    """
    unfinished.require_new(output.partial)
    known_format(output.uri)
    if os.path.lexists(output.report) and not output.partial.folder.exists():
        raise FileExistsError(f"{output.report} exists already")


@contextmanager
def begun(output: Output, settings: Settings, like: Volume) -> Iterator[Volume]:
    """The unfinished volume, of the shape, type and voxel size of `like`; new, or as it was left.

    Raises:
        FileExistsError: If the output is there.
        ValueError: If it was begun with other settings, or its format cannot hold it.
        OSError: If its folder is missing, or another process is writing it.
    """
    require_new(output)
    with unfinished.begun(output.partial, settings) as resumed:
        yield _opened(output, like, resumed=resumed)


def fill(output: Output, target: Volume, view: Volume, progress: Progress = silent) -> None:
    """Write what is not written yet, in blocks of whole chunks.

    A block that is logged is on disk, and is read back before it is believed.

    Raises:
        ValueError: If the image is damaged.
        OSError: If it cannot be read, or the output not written.
    """
    blocks = [block.write for block in tile(Box.of(view.shape), block_shape(output, target), (0, 0, 0))]
    unfinished.fill(output.partial, Copy(view, target), blocks, progress=progress, task="restoring")


def finish(output: Output, report: Mapping[str, object]) -> None:
    """Put the volume and its report in their places.

    Raises:
        OSError: If they cannot be moved, or a volume has come to be there.
    """
    require_new(output)
    written = output.partial.folder / "report.json"
    written.write_text(json.dumps(report, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    written.replace(output.report)
    output.partial.finish()


def block_shape(output: Output, target: Volume) -> Int3:
    """Whole chunks, or whole sections where each is a file, of about 2^23 voxels."""
    if not output.path.suffix:
        return (1, *target.shape[1:])
    z, y, x = VolumeSpec(target.shape, target.dtype, target.voxel_size_nm).stored_chunks
    side = max(1, int(np.sqrt(BLOCK / (z * y * x))))
    return z, y * side, x * side


def _opened(output: Output, like: Volume, *, resumed: bool) -> Volume:
    if resumed:
        try:
            return open_volume(output.unfinished, like.voxel_size_nm, writable=True)
        except (ValueError, FileNotFoundError):  # killed while it was made, or HDF5 while it was written
            output.partial.clear()
    return create_volume(output.unfinished, like.shape, like.dtype, like.voxel_size_nm)
