"""Audits of a set of proposals: boxes drawn at random, and what the marks in them say of recall."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod

import numpy as np

from microtome.box import Box, Int3
from microtome.objects.audit import audit_boxes, missed, recall
from microtome.objects.decisions import decisions
from microtome.objects.proposals import Proposals
from microtome.objects.shares import Share
from microtome.objects.table import ObjectTable
from microtome.project.records import Audit, AuditAnswer
from microtome.project.verdicts import Verdicts

LARGEST = 2**21  # voxels of a box: the page shows one, and what lies around it, at once
TOLERANCE_NM = 20.0  # from an object at which a mark is still on it


@dataclass(frozen=True, slots=True)
class Audited:
    """What was looked at, and the share of all true objects that were proposed."""

    boxes: int  # drawn
    done: int  # looked at
    found: int  # proposals in those, but those judged incorrect
    missing: int  # marks on none of them
    recall: Share


def draw_audits(
    verdicts: Verdicts, found: Proposals, n: int, *, shape: Int3, domain: Box, seed: int
) -> list[Audit]:
    """As many boxes more as it takes for `n`, entered in the journal; the same for the same seed.

    Raises:
        ValueError: If the shape is not positive, or a box too large to be looked at.
    """
    if prod(shape) > LARGEST:
        raise ValueError(f"expected an audit of at most {LARGEST} voxels; got {shape}")
    name = found.folder.name
    asked = [audit.box for audit in verdicts.audits(name)]
    if n <= len(asked):
        return []
    rng = np.random.default_rng([seed, int.from_bytes(name.encode()), len(asked)])
    boxes = audit_boxes(domain, shape, n - len(asked), rng, asked)
    return verdicts.add_audits([Audit(proposals=name, box=box) for box in boxes])


def audited(verdicts: Verdicts, found: Proposals, tolerance_nm: float = TOLERANCE_NM) -> Audited:
    """Recall as the audits of a set estimate it, of the objects that people come across.

    In every box a proposal counts that shows there, unless most said that it is incorrect, and a mark that is
    on no such proposal. So what crosses ten sections counts ten times as much as what crosses one, found or
    missed. Of a box that several people looked at, the last one's marks count, each place once.

    Raises:
        ValueError: If the tolerance is negative.
        OSError: If the label volume cannot be read.
    """
    name = found.folder.name
    boxes = {audit.id: audit.box for audit in verdicts.audits(name)}
    answers = {answer.audit_id: answer for answer in verdicts.audit_answers(name)}
    if not answers:
        nothing = np.zeros(0, dtype=np.int64)
        return Audited(len(boxes), 0, 0, 0, recall(nothing, nothing))
    table = found.table()
    wrong = _incorrect(verdicts, table)
    looks = _Looks(found, wrong, tolerance_nm)
    counts = np.array([looks.counted(boxes[k], one) for k, one in answers.items()], dtype=np.int64)
    there, missing = counts.T
    return Audited(len(boxes), len(answers), int(there.sum()), int(missing.sum()), recall(there, missing))


@dataclass(frozen=True, eq=False)
class _Looks:
    proposals: Proposals
    wrong: np.ndarray  # by row
    tolerance_nm: float

    def counted(self, box: Box, answer: AuditAnswer) -> tuple[int, int]:
        """How many proposals show in a box, and how many marks are on none of them."""
        nm = self.proposals.plan.voxel_size_nm
        z, y, x = (int(np.ceil(self.tolerance_nm / side)) for side in nm)
        around = box.grown((z, y, x)).intersection(Box.of(self.proposals.plan.shape))
        ids = self.proposals.ids().read(around)
        dropped = np.concatenate([[False], self.wrong])
        ids = np.where(dropped[ids], 0, ids)
        there = np.unique(ids[box.relative_to(around).slices])
        points = np.array(sorted(set(answer.points)), dtype=np.float64).reshape(-1, 3)
        return int(np.count_nonzero(there)), missed(points, ids, around, nm, self.tolerance_nm)


def _incorrect(verdicts: Verdicts, table: ObjectTable) -> np.ndarray:
    found: Mapping = decisions(verdicts.queries(), verdicts.verdicts())
    keys = [key for key, decision in found.items() if decision.correct is False]
    return np.isin(table.keys, keys)
