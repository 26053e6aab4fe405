"""All labels of a project as a volume that is read straight from its journal."""

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Shaped, UInt8

from microtome.box import Box, Int3
from microtome.evaluate.agreement import majority
from microtome.project.exchange.sheets import stitched
from microtome.project.folder import Project
from microtome.project.journal import open_journal
from microtome.volume import Volume, VoxelSize, require_inside


@dataclass(frozen=True, eq=False)
class AnsweredLabels:
    """What most annotators answered, uint8, `IGNORE` where nothing was said; read-only, from any thread.

    Reading raises ValueError where stored labels are damaged.
    """

    journal_path: Path
    boxes: dict[int, Box]  # of the queries that were answered
    shape: Int3
    voxel_size_nm: VoxelSize

    @property
    def dtype(self) -> np.dtype:
        return np.dtype(np.uint8)

    def read(self, box: Box) -> UInt8[np.ndarray, "z y x"]:
        require_inside(self, box)
        there = [query for query, asked in self.boxes.items() if asked.overlaps(box)]
        with open_journal(self.journal_path) as journal:
            said = (
                (self.boxes[query], majority([answer.labels for answer in journal.answers_to(query)]))
                for query in there
            )
            return stitched(box, said)

    def write(self, box: Box, data: Shaped[np.ndarray, "z y x"]) -> None:
        raise io.UnsupportedOperation("labels are answers to queries: they cannot be written as a volume")


def answered_labels(project: Project, image: Volume) -> AnsweredLabels | None:
    """The labels that a project has by now, over its image; None where nothing was answered.

    Raises:
        ValueError: If the journal is damaged.
        OSError: If it cannot be read.
    """
    answered = {effort.query_id for effort in project.journal.efforts()}
    boxes = {
        query.id: query.box
        for query in project.journal.queries()
        if query.id is not None and query.id in answered
    }
    if not boxes:
        return None
    return AnsweredLabels(project.journal_path, boxes, image.shape, image.voxel_size_nm)
