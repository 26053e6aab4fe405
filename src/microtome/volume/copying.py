"""A volume written in another format, with coarser levels where it has them: whole, or not at all."""

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from microtome.box import Box, Int3, tile
from microtome.progress import Progress, silent
from microtome.schedule import Schedule, in_turn
from microtome.volume.fingerprint import fingerprint
from microtome.volume.ome_zarr import describe_image, level_volume
from microtome.volume.open import open_volume
from microtome.volume.protocol import Volume
from microtome.volume.pyramid import Coarser, Level, pyramid
from microtome.volume.spec import VolumeSpec
from microtome.volume.targets import IN_FILES, Format, new_target, target_format
from microtome.volume.unfinished import Copy, Unfinished, begun, fill
from microtome.volume.uri import place_of

BLOCK_BYTES = (
    2**26
)  # read at a time, if that makes a chunk; sums for a coarser level take three times as much


@dataclass(frozen=True, slots=True)
class Conversion:
    """How a volume is to be written; without `format` the target's suffix tells.

    `labels` makes coarser levels of the most frequent label; labels of 32 bits and more, and booleans, are
    taken for labels always. `offset` is where the first voxel lies, in voxels.
    """

    format: Format | None = None
    labels: bool = False
    levels: int | None = None
    chunks: Int3 | None = None
    offset: Int3 = (0, 0, 0)


def convert(
    source: Volume,
    uri: str,
    wanted: Conversion,
    *,
    schedule: Schedule = in_turn,
    progress: Progress = silent,
    say: Callable[[str], None] = lambda text: None,
) -> list[Level]:
    """Write `source` to a new volume called `uri`; the levels it has then.

    What is killed leaves no target, and goes on where it stopped when it is asked for again. Blocks are whole
    chunks, so a schedule may work through those of a level at the same time.

    Raises:
        ValueError: If the source is damaged, the format cannot hold it, or another conversion was begun.
        FileExistsError: If there is something of that name.
        OSError: If the source cannot be read, or the target not be written: a full disk, say.
    """
    place, labels = place_of(uri), wanted.labels or holds_labels(source)
    if place.remote:
        raise ValueError(f"expected a path of this machine to write to; got {place}")
    if place.path.exists() and "::" not in uri:
        raise FileExistsError(f"{place} exists already")
    form, levels = target_format(uri, wanted.format), _levels(source, uri, wanted)
    if schedule is not in_turn and form not in IN_FILES:
        raise ValueError(f"only one process can write {form}; expected OME-Zarr or precomputed for a cluster")
    unfinished, inner = Unfinished(Path(place.name)), uri.partition("::")[2] or None
    target = new_target(unfinished, inner, form, levels[0], wanted.offset, labels=labels)
    settings = {**asdict(wanted), "format": form, "labels": labels, "source": fingerprint(source)}
    with begun(unfinished, {**settings, "voxel_size_nm": source.voxel_size_nm}) as resumed:
        if resumed and unfinished.log.exists():
            say(f"goes on with {unfinished.folder}, which was begun before")
        finer = source
        for number, level in enumerate(levels):
            view = Coarser(finer, level.factors, labels) if number else source
            finer = target.level(number, level)
            blocks = _blocks(level, form)
            task = f"level {number}" if len(levels) > 1 else "writing"
            copy = Copy(view, finer)
            fill(unfinished, copy, blocks, f"{number}/", schedule=schedule, progress=progress, task=task)
        target.finish(levels)
        unfinished.finish()
    return levels


def add_levels(
    unfinished: Unfinished, *, schedule: Schedule = in_turn, progress: Progress = silent
) -> list[Level]:
    """Give an unfinished OME-Zarr 0.5 of labels its coarser levels, once the finest is whole; all it has.

    It is a labels image from then on. What was killed goes on where it stopped when it is asked for again.

    Raises:
        ValueError: If the finest level is damaged.
        OSError: If it cannot be read, or the others not be written: a full disk, say.
    """
    finer = open_volume(unfinished.path)
    levels = pyramid(VolumeSpec(finer.shape, finer.dtype, finer.voxel_size_nm))
    for number, level in enumerate(levels[1:], start=1):
        view = Coarser(finer, level.factors, labels=True)
        finer = level_volume(unfinished.path, number, level.spec, "0.5")
        copy, blocks, task = Copy(view, finer), _blocks(level, "ngff"), f"level {number}"
        fill(unfinished, copy, blocks, f"{number}/", schedule=schedule, progress=progress, task=task)
    sizes = [level.spec.voxel_size_nm for level in levels]
    describe_image(unfinished.path, unfinished.path.name, sizes, "0.5", labels=True)
    return levels


def _levels(source: Volume, uri: str, wanted: Conversion) -> list[Level]:
    base = VolumeSpec(source.shape, source.dtype, source.voxel_size_nm, wanted.chunks)
    if target_format(uri, wanted.format) in IN_FILES:
        return pyramid(base, wanted.levels)
    if wanted.levels not in (None, 1):
        raise ValueError(f"TIFF and HDF5 have one level; got {wanted.levels}")
    return pyramid(base, 1)


def holds_labels(source: Volume) -> bool:
    """A mean of instance ids or of truth values says nothing; integers that wide are ids."""
    return source.dtype.kind == "b" or (source.dtype.kind in "ui" and source.dtype.itemsize >= 4)


def _blocks(level: Level, form: Format) -> list[Box]:
    """Whole chunks, as many along x, then y, then z as a block may hold; a TIFF has none."""
    spec = level.spec
    shape = list(spec.stored_chunks if form != "tiff" else (1, 1, spec.shape[2]))
    room = max(1, BLOCK_BYTES // (spec.dtype.itemsize * math.prod(level.factors)))
    for axis in (2, 1, 0):
        chunk, size = shape[axis], shape[0] * shape[1] * shape[2]
        shape[axis] = chunk * max(1, min(-(-spec.shape[axis] // chunk), room // size))
    z, y, x = shape
    return [block.write for block in tile(Box.of(spec.shape), (z, y, x), (0, 0, 0))]
