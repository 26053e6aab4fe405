"""The desk at which proposed objects are handed out and judged. It knows the journal, and nothing of HTTP.

Everything here is to be called from one thread. What a method has returned is on the disk.
"""

from collections.abc import Sequence
from typing import Any

from microtome.project import Project
from microtome.project.judging import Change
from microtome.project.records import Activity, JudgeQuery, Sheet
from microtome.project.sheets import Order, Points
from microtome.serve.desk import ConflictError, NotFoundError
from microtome.serve.messages import Confirm, NewMarks, NewVerdicts, Reopen, Report
from microtome.serve.proofread_left import nothing_json
from microtome.serve.proofread_sheet import sheet_json
from microtome.serve.proofread_source import SIDE, ObjectSource
from microtome.serve.told import project_json

AUDIT_EVERY = 5  # sheets of objects to one audit


class ProofreadDesk:
    """One set of proposals, for any number of annotators.

    Raises:
        ValueError: If an object is asked for that the set has not.
    """

    def __init__(self, project: Project, source: ObjectSource, order: Order) -> None:
        self.project, self.source, self.order = project, source, order
        self.journal = project.journal
        self._shape = project.config.image.shape
        strangers = {query.object_key for query in self.journal.verdicts.queries(order.proposals)}
        strangers.difference_update(source.objects())
        if strangers:
            raise ValueError(
                f"proposals {order.proposals} hold no object {min(strangers)}, for which a verdict was asked"
            )

    def about(self) -> dict[str, Any]:
        """What the page has to know of the project and the set."""
        about = project_json(self.project)
        return {
            **about,
            "id": f"{about['id']} objects",
            "proposals": self.order.proposals,
            "sorting": self.order.sorting,
            "repeat": self.order.repeat,
            "side": SIDE,
        }

    def next(self, annotator: str, holding: Sequence[int]) -> dict[str, Any]:
        """A sheet that the annotator does not hold yet, or why there is none; now and then it is an audit."""
        sheets, order = self.journal.sheets, self.order
        objects, audits = sheets.handed(annotator, order.proposals)
        hand_out = [sheets.hand_out, sheets.hand_out_audit]
        if objects >= AUDIT_EVERY * (audits + 1):
            hand_out.reverse()
        sheet = hand_out[0](annotator, order, holding) or hand_out[1](annotator, order, holding)
        if sheet is None:
            return nothing_json(self.project, order, sheets.left(annotator, order))
        return {"sheet": self._shown(sheet), "done": False, "reason": None}

    def open(self, sheet_id: int, annotator: str) -> dict[str, Any]:
        """A sheet with what its annotator said on it so far.

        Raises:
            NotFoundError: If there is none.
            ConflictError: If it is somebody else's.
        """
        return self._shown(self._theirs(sheet_id, annotator))

    def closed(self, annotator: str) -> list[int]:
        """The sheets that an annotator confirmed, the oldest first."""
        return self.journal.sheets.closed(annotator, self.order.proposals)

    def judge(self, sheet_id: int, message: NewVerdicts) -> None:
        """Take verdicts.

        Raises:
            NotFoundError: If there is no such sheet.
            ConflictError: If it is somebody else's.
            StaleError: If the page does not know what was said last.
            ValueError: If an object is not on the sheet.
            OSError: If they cannot be written.
        """
        self._theirs(sheet_id, message.annotator)
        changes = [Change(one.query, one.verdict, one.was) for one in message.verdicts]
        activities = self._activities(message.annotator, message.reports)
        self.journal.judging.judge(sheet_id, message.key, changes, activities)

    def mark(self, sheet_id: int, message: NewMarks) -> None:
        """Take the marks of missed objects; it raises as `judge` does."""
        self._theirs(sheet_id, message.annotator)
        points, was = _points(message.points), _points(message.was)
        activities = self._activities(message.annotator, message.reports)
        self.journal.judging.mark(sheet_id, message.key, points, was, activities)

    def confirm(self, sheet_id: int, message: Confirm) -> None:
        """Close a sheet; it raises as `judge` does."""
        self._theirs(sheet_id, message.annotator)
        said = {one.query: one.verdict for one in message.said}
        activities = self._activities(message.annotator, message.reports)
        self.journal.judging.close(sheet_id, message.key, {**said}, _points(message.points), activities)

    def reopen(self, sheet_id: int, message: Reopen) -> None:
        """Take back that a sheet was confirmed; it raises as `judge` does."""
        self._theirs(sheet_id, message.annotator)
        self.journal.judging.add_activities(self._activities(message.annotator, message.reports))
        self.journal.judging.reopen(sheet_id, message.key)

    def report(self, annotator: str, reports: Sequence[Report]) -> None:
        """Take reports of active time, each once.

        Raises:
            NotFoundError: If one is of a sheet that does not exist; none is taken then.
            ConflictError: If one is of somebody else's.
        """
        self.journal.judging.add_activities(self._activities(annotator, reports))

    def keys_of(self, sheet_id: int) -> list[int]:
        """The objects of a sheet.

        Raises:
            NotFoundError: If there is no such sheet.
        """
        return [query.object_key for query in self._queries(self._sheet(sheet_id))]

    def _activities(self, annotator: str, reports: Sequence[Report]) -> list[Activity]:
        for report in reports:
            self._theirs(report.query, annotator)
        return [
            Activity(
                query_id=report.query,
                annotator=annotator,
                key=report.key,
                looking_seconds=report.looking,
                editing_seconds=report.editing,
            )
            for report in reports
        ]

    def _sheet(self, sheet_id: int) -> Sheet:
        try:
            return self.journal.sheets.sheet(sheet_id)
        except ValueError as error:
            raise NotFoundError(f"there is no sheet {sheet_id}") from error

    def _theirs(self, sheet_id: int, annotator: str) -> Sheet:
        sheet = self._sheet(sheet_id)
        if sheet.annotator != annotator:
            raise ConflictError(f"sheet {sheet_id} was not handed to {annotator}", 0)
        return sheet

    def _queries(self, sheet: Sheet) -> list[JudgeQuery]:
        return [self.journal.verdicts.query(query_id) for query_id in sheet.query_ids]

    def _shown(self, sheet: Sheet) -> dict[str, Any]:
        return sheet_json(sheet, self._queries(sheet), self.journal, self.source, self._shape)


def _points(points: Sequence[tuple[int, int, int]]) -> Points:
    return tuple((z, y, x) for z, y, x in points)
