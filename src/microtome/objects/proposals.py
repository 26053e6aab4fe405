"""Proposed objects: found in a prediction of any size, kept in a folder as a label volume and a table."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from microtome.objects.identity import carried, with_new_keys
from microtome.objects.manifest import (
    Plan,
    Result,
    begun,
    finished,
    plan_of,
    read_manifest,
    withdraw,
)
from microtome.objects.numbering import Numbering
from microtome.objects.pieces import Piece, digest, whole_digest
from microtome.objects.proposing import IDS, SIDES, Passes, stored_digest
from microtome.objects.settings import ProposalSettings
from microtome.objects.sources import Source
from microtome.objects.table import ObjectTable, read_table, write_table
from microtome.progress import Progress, silent
from microtome.segment.components import Blocks
from microtome.segment.probability import unit
from microtome.volume import Volume, open_volume

TABLE = "objects.csv"


@dataclass(frozen=True, eq=False)
class Proposals:
    """A finished set of proposed objects: what it was made from and how, and what came of it."""

    folder: Path
    plan: Plan
    result: Result

    def table(self) -> ObjectTable:
        """The table of the objects.

        Raises:
            ValueError: If it is damaged.
            OSError: If it cannot be read.
        """
        found = read_table(self.folder / TABLE)
        if len(found) != self.result.objects:
            raise ValueError(
                f"{self.folder / TABLE}: expected the {self.result.objects} objects that were proposed; "
                f"got {len(found)}"
            )
        return found

    def ids(self) -> Volume:
        """The label volume, uint32: 0, or the id of the object.

        Raises:
            ValueError: If it is damaged.
            OSError: If it cannot be read.
        """
        return open_volume(self.folder / IDS)

    def sides(self) -> Volume | None:
        """Where objects have polarity, uint8: 0, 1 in the pre-, 2 in the post-synaptic half of an object.

        Raises:
            ValueError: If it is damaged.
            OSError: If it cannot be read.
        """
        path = self.folder / SIDES
        return open_volume(path) if path.exists() else None

    def made_from(self, source: Source, settings: ProposalSettings, progress: Progress = silent) -> bool:
        """Whether these are the objects of this prediction, which is read for it, with these settings.

        Raises:
            OSError: If the prediction cannot be read.
        """
        if plan_of(source, settings) != replace(self.plan, previous=None):
            return False
        boxes, digests = Blocks(self.plan.shape, settings.block).boxes, []
        for number, box in enumerate(boxes):
            digests.append(digest(source.read(box, settings)))
            progress("checking prediction", number + 1, len(boxes), str(box))
        return whole_digest(digests) == self.result.sha256

    def require_intact(self, progress: Progress = silent) -> None:
        """Read the table and the label volumes, to see whether these are as they were written.

        Raises:
            ValueError: If a volume changed since, or the table is damaged.
            OSError: If one cannot be read.
        """
        _ = self.table()
        volumes = [volume for volume in (self.ids(), self.sides()) if volume is not None]
        boxes, digests = Blocks(self.plan.shape, self.plan.settings.block).boxes, []
        for number, box in enumerate(boxes):
            digests.append(stored_digest(volumes, box))
            progress("checking objects", number + 1, len(boxes), str(box))
        if whole_digest(digests) != self.result.labels_sha256:
            raise ValueError(f"{self.folder}: the label volume was changed since the objects were proposed")


def open_proposals(folder: Path) -> Proposals:
    """The finished set of objects in a folder.

    Raises:
        FileNotFoundError: If there is none.
        ValueError: If it is damaged, not finished, or made by another version.
    """
    manifest = read_manifest(folder)
    if manifest.result is None:
        raise ValueError(f"the proposals in {folder} are not finished: propose again to go on")
    return Proposals(folder, manifest.plan, manifest.result)


def propose(
    source: Source,
    settings: ProposalSettings,
    folder: Path,
    *,
    previous: Sequence[Proposals] = (),
    next_key: int = 1,
    progress: Progress = silent,
) -> Proposals:
    """Find the objects of a prediction and write them into `folder`, in the memory of a few blocks.

    Objects that overlap one of a `previous` set, of several that of the last, keep its key; others get new
    ones, from `next_key` if that is more than the previous sets gave. A run that was killed is gone on with,
    and gives what one run would; a finished one is checked and returned.

    Raises:
        ValueError: If the folder holds something else, the prediction holds no probabilities or no objects,
            of which nothing is left, or changed since, or the previous set is of another volume.
        OSError: If the prediction cannot be read or the folder not written.
    """
    plan = plan_of(source, settings, previous[-1].folder.name if previous else None)
    for before in previous:
        if before.plan.shape != plan.shape:
            raise ValueError(
                f"expected a prediction of shape {before.plan.shape}, "
                f"as that of {before.folder}; got {plan.shape}"
            )
    manifest = begun(folder, plan)
    passes = Passes(source, settings, Blocks(plan.shape, settings.block), folder, progress)
    if manifest.result is None:
        manifest = finished(folder, manifest, _carried_out(passes, previous, next_key))
        passes.clear()
        return open_proposals(folder)
    passes.clear()  # a kill may have come before
    found = open_proposals(folder)
    found.require_intact(progress)
    if not found.made_from(source, settings, progress):
        raise ValueError(f"the prediction changed since the objects in {folder} were proposed")
    return found


def _carried_out(passes: Passes, previous: Sequence[Proposals], next_key: int) -> Result:
    pieces, numbering = _searched(passes)
    labels_sha256 = passes.write(pieces, numbering)
    volume = next(iter(passes.source.volumes.values()))
    table = numbering.table(volume.voxel_size_nm, unit(volume.dtype))
    next_key = max(next_key, *(before.result.next_key for before in previous), 1)
    keys, ids = np.zeros(len(table), dtype=np.int64), open_volume(passes.folder / IDS)
    for before in reversed(previous):
        if not keys.all():
            keys = carried(before.ids(), before.table(), ids, table, keys)
    table = table.with_keys(with_new_keys(keys, next_key))
    write_table(table, passes.folder / TABLE)
    return Result(
        whole_digest(piece.sha256 for piece in pieces),
        labels_sha256,
        objects=len(table),
        carried=int(np.count_nonzero(table.keys < next_key)),
        next_key=max(next_key, 1 + int(table.keys.max())),
    )


def _searched(passes: Passes) -> tuple[list[Piece], Numbering]:
    """What is in each block, and the objects that it makes; nothing stays of a search without any."""
    try:
        pieces = passes.search()
        numbering = passes.numbered(pieces)
        _require_objects(passes, pieces, numbering)
    except ValueError:
        passes.discard()
        withdraw(passes.folder)
        raise
    return pieces, numbering


def _require_objects(passes: Passes, pieces: Sequence[Piece], numbering: Numbering) -> None:
    if len(numbering.objects):
        return
    dtype = next(iter(passes.source.volumes.values())).dtype
    brightest = max(piece.brightest for piece in pieces)
    if dtype == np.uint8 and brightest == 1:
        raise ValueError("expected probabilities up to 255; got bytes up to 1: give a mask as booleans")
    threshold, smallest = passes.settings.threshold, passes.settings.smallest
    if brightest < threshold * unit(dtype):
        reason = f"the highest probability is {brightest / unit(dtype):.3g}, below the threshold {threshold}"
    else:
        reason = f"nothing above the threshold {threshold} has {smallest} voxels"
    raise ValueError(f"no objects: {reason}")
