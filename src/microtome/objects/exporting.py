"""What came of judging, for other programs: a label volume of the objects that stay."""

from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Bool

from microtome.box import Box
from microtome.objects.decisions import decisions
from microtome.objects.feedback import decided_rows
from microtome.objects.proposals import Proposals
from microtome.objects.spreading import spread
from microtome.progress import Progress, silent
from microtome.project.verdicts import Verdicts
from microtome.segment.components import Blocks
from microtome.volume import create_volume
from microtome.volume.appearing import appearing

Which = Literal["correct", "not-incorrect", "propagated"]


def kept(
    verdicts: Verdicts, found: Proposals, which: Which, people: int = 1, *, insist: bool = False
) -> Bool[np.ndarray, "n"]:
    """Which objects stay, by row.

    Those that people said are correct, all but those that they said are not, or those that `spread` takes to
    be correct.

    Raises:
        ValueError: If nobody decided on an object of the set, or `spread` refuses.
        OSError: If the groups cannot be read.
    """
    if which == "propagated":
        return spread(verdicts, found, people, insist=insist).correct
    table = found.table()
    decided = decided_rows(table, decisions(verdicts.queries(), verdicts.verdicts(), people))
    if not decided:
        raise ValueError(f"nobody decided on an object of proposals {found.folder.name} yet")
    stays = np.full(len(table), which == "not-incorrect")
    for row, correct in decided.items():
        stays[row] = correct
    return stays


def export_labels(
    found: Proposals, stays: Bool[np.ndarray, "n"], path: Path, progress: Progress = silent
) -> None:
    """Write the ids of the objects that stay into a new volume, uint32, block by block; whole or not at all.

    The format goes by the name, as `create_volume` says.

    Raises:
        FileExistsError: If there is something of that name.
        ValueError: If there is not one word for each object, or the format cannot hold the ids.
        OSError: If it cannot be written.
    """
    if len(stays) != found.result.objects:
        raise ValueError(f"expected a word for each of {found.result.objects} objects; got {len(stays)}")
    with appearing(path) as partial:
        _write(found, stays, partial, progress)


def _write(found: Proposals, stays: Bool[np.ndarray, "n"], path: Path, progress: Progress) -> None:
    ids = found.ids()
    new_id = np.append(0, np.where(stays, np.arange(1, len(stays) + 1), 0)).astype(np.uint32)
    volume = create_volume(path, ids.shape, np.dtype(np.uint32), ids.voxel_size_nm)
    boxes: list[Box] = list(Blocks(ids.shape, found.plan.settings.block).boxes)
    for number, box in enumerate(boxes):
        volume.write(box, new_id[ids.read(box)])
        progress("writing labels", number + 1, len(boxes), str(box))
