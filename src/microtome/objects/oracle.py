"""A simulated annotator of objects, who knows the truth and says of each whether it is correct."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, UInt8

from microtome.box import Box, Int3
from microtome.evaluate.objects import covers_half, overlaps
from microtome.labels import IGNORE
from microtome.objects.proposals import Proposals
from microtome.objects.scores import true_objects
from microtome.objects.table import ObjectTable
from microtome.project.records import Audit, AuditAnswer, JudgeQuery, Verdict, VerdictWord
from microtome.query.candidates import pieces
from microtome.volume import Volume

Rule = Literal["covers-half", "iou"]
ANNOTATOR = "simulated"
SECONDS = 2.3  # a verdict: 1.9 in cluster order, 2.7 in random order (Lin et al. 2020)
CELL: Int3 = (32, 512, 512)  # voxels; objects that begin in one are read together
MARGIN: Int3 = (8, 64, 64)  # voxels around an audit's box in which objects are seen
LEAST = 0.5  # intersection over union from which on a proposal is a true object


@dataclass(frozen=True, eq=False)
class ObjectOracle:
    """Judges proposals by the true classes.

    By the rule "covers-half" a proposal is correct if it covers more than half of the truth in its box (Lin
    et al. 2020); one that is much larger than what it covers is so, too. By "iou" it is correct if its
    intersection over union with one true object is at least ½; true objects are connected as the proposals
    are, and then the truth is held in memory. Only voxels whose class is known count; where none is, the
    verdict is "unsure".

    Raises:
        ValueError: If the truth has another shape than the proposals.
    """

    truth: Volume  # uint8 classes
    classes: tuple[int, ...] = (1,)  # that the objects are
    rule: Rule = "covers-half"

    def correct(self, found: Proposals, rows: Sequence[int]) -> dict[int, VerdictWord]:
        """The verdict on each of these rows of the proposals' table.

        Raises:
            ValueError: If the truth has another shape than the proposals.
            OSError: If a volume cannot be read.
        """
        ids = found.ids()
        if ids.shape != self.truth.shape:
            raise ValueError(f"expected truth of the proposals' shape {ids.shape}; got {self.truth.shape}")
        table = found.table()
        if self.rule == "iou":
            return dict(self._by_overlap(found, table, rows))
        return dict(self._by_cover(ids, table, rows))

    def verdicts(self, found: Proposals, queries: Sequence[JudgeQuery]) -> list[Verdict]:
        """A verdict on each query of a journal, complete and without error, in order.

        Raises:
            ValueError: If a query is not of these proposals, or was not stored yet.
            OSError: If a volume cannot be read.
        """
        keys = np.array([query.object_key for query in queries], dtype=np.int64)
        rows = found.table().rows_of_keys(keys).tolist()
        said = self.correct(found, rows)
        return [
            Verdict(
                query_id=_id(query.id, str(query.box)),
                annotator=ANNOTATOR,
                verdict=said[row],
                active_seconds=SECONDS,
                key=f"{ANNOTATOR}-{query.id}",
            )
            for query, row in zip(queries, rows, strict=True)
        ]

    def audited(self, found: Proposals, audits: Sequence[Audit]) -> list[AuditAnswer]:
        """A mark on each true object that shows in an audit's box and that no correct proposal touches.

        Whether one touches it is looked for in the box and near it.

        Raises:
            ValueError: If an audit was not stored yet.
            OSError: If a volume cannot be read.
        """
        return [
            AuditAnswer(
                audit_id=_id(audit.id, str(audit.box)),
                annotator=ANNOTATOR,
                points=tuple(self._missed(found, audit.box)),
                done=True,
                active_seconds=SECONDS,
                key=f"{ANNOTATOR}-audit-{audit.id}",
            )
            for audit in audits
        ]

    def _missed(self, found: Proposals, box: Box) -> Iterator[Int3]:
        around = box.grown(MARGIN).intersection(Box.of(self.truth.shape))
        labels = true_objects(self._true(self.truth.read(around)), found)
        ids = found.ids().read(around)
        said = self.correct(found, (np.unique(ids[ids > 0]).astype(np.int64) - 1).tolist())
        right = np.isin(ids, [1 + row for row, word in said.items() if word == "correct"])
        seen = labels[box.relative_to(around).slices]
        for number in np.unique(seen[seen > 0]).tolist():
            if not right[labels == number].any():
                own = np.argwhere(seen == number)
                offset = own - own.mean(axis=0)
                z, y, x = (own[(offset**2).sum(axis=1).argmin()] + box.start).tolist()
                yield z, y, x

    def _by_cover(
        self, ids: Volume, table: ObjectTable, rows: Sequence[int]
    ) -> Iterator[tuple[int, VerdictWord]]:
        boxes = [table.box(row) for row in rows]
        for hull, members in pieces(boxes, CELL):
            numbers, classes = ids.read(hull), self.truth.read(hull)
            for k in members:
                place = boxes[k].relative_to(hull).slices
                own, truth = numbers[place] == table.ids[rows[k]], classes[place]
                known = truth != IGNORE
                if not (own & known).any():
                    yield rows[k], "unsure"
                else:
                    yield rows[k], _word(covers_half(own & known, self._true(truth)))

    def _by_overlap(
        self, found: Proposals, table: ObjectTable, rows: Sequence[int]
    ) -> Iterator[tuple[int, VerdictWord]]:
        whole = Box.of(self.truth.shape)
        numbers, classes = found.ids().read(whole), self.truth.read(whole)
        seen = overlaps(true_objects(self._true(classes), found), numbers, classes != IGNORE)
        best: dict[int, float] = {}
        for (true, predicted), both in seen.both.items():
            union = seen.true[true] + seen.predicted[predicted] - both
            best[predicted] = max(best.get(predicted, 0.0), both / union)
        for row in rows:
            key = int(table.ids[row])
            yield row, _word(best.get(key, 0.0) >= LEAST) if key in seen.predicted else "unsure"

    def _true(self, classes: UInt8[np.ndarray, "z y x"]) -> Bool[np.ndarray, "z y x"]:
        return np.isin(classes, self.classes)


def _word(correct: bool) -> VerdictWord:
    return "correct" if correct else "incorrect"


def _id(number: int | None, box: str) -> int:
    if number is None:
        raise ValueError(f"an oracle answers queries of a journal; {box} has no id")
    return number
