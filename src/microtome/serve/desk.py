"""The desk at which queries are handed out and answered. It knows the journal, and nothing of HTTP or torch.

Everything here is to be called from one thread. What a method has returned is on the disk.
"""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import numpy as np
from jaxtyping import UInt8

from microtome.evaluate.agreement import majority
from microtome.labels import IGNORE
from microtome.project import Answer, Project, Query, Skip
from microtome.project.growth import grows
from microtome.project.records import INSTANCE, OUTWARD, TAKEN, Activity, Op, Preview
from microtome.serve.draft import Draft, require_runs, require_values, runs_of
from microtome.serve.events import LOOK, TRAIN, WATCH, looked_at
from microtome.serve.messages import NewAnswer, OpMessage, Plane, Report
from microtome.serve.told import box_json, op_json, preview_json, project_json
from microtome.serve.view import view_of
from microtome.serve.weighing import Weighing

NONE_WAITS = "no query is waiting; the next ones are being chosen"
GROWN = "nothing is waiting: a network learns from what was labelled, and then fills in the next box"

DRAFTS_KEPT = 64  # in memory; any other is replayed from the journal


class NotFoundError(LookupError):
    """There is no such thing in the project."""


class ConflictError(ValueError):
    """What the page says does not fit what is on the disk, whose last step of the draft is `last`."""

    def __init__(self, message: str, last: int) -> None:
        super().__init__(message)
        self.last = last


class Desk:
    """One project's queries and drafts, for any number of annotators; a query goes to `repeat` of them.

    Raises:
        ValueError: If the project's settings of training do not fit.
    """

    def __init__(self, project: Project, *, repeat: int = 1) -> None:
        self.project = project
        self.journal = project.journal
        self.repeat = repeat
        config = project.config
        self._weighing = Weighing(project)
        self._with_instances = np.array([False, *(name in config.instances for name in config.classes)])
        self._drafts: OrderedDict[tuple[int, str], Draft] = OrderedDict()

    def about(self) -> dict[str, Any]:
        """What the page has to know of the project."""
        return {**project_json(self.project), "strength": self._weighing.strength}

    def next(self, annotator: str, holding: Sequence[int]) -> dict[str, Any]:
        """A query that the annotator does not hold yet, or why there is none."""
        query = self.journal.drafts.assign(annotator, holding=holding, repeat=self.repeat)
        if query is None:
            return {"query": None, "reason": GROWN if grows(self.project.config) else NONE_WAITS}
        return {"query": self._shown(query, annotator), "reason": None}

    def open(self, query_id: int, annotator: str) -> dict[str, Any]:
        """A query with what the annotator made of it so far.

        Raises:
            NotFoundError: If there is none.
        """
        return self._shown(self._query(query_id), annotator)

    def add_op(self, query_id: int, annotator: str, message: OpMessage) -> int:
        """Add a step to a draft and return its number.

        Raises:
            NotFoundError: If there is no such query.
            ConflictError: If it is not the next step, or the query was not handed to them.
            ValueError: If its runs or values are not as they should be.
            OSError: If it cannot be written.
        """
        query = self._query(query_id)
        self._require_theirs(query_id, annotator)
        op = self._op(query, annotator, message)
        draft = self._draft(query, annotator)
        begins = draft.seq == 0 and op.tool != "restore"
        answer = self.journal.answer_of(query_id, annotator) if begins else None
        if answer is not None:
            self._restore(query, annotator, answer)
            raise ConflictError("it was answered elsewhere", self._last(query_id, annotator))
        del self._drafts[query_id, annotator]  # until it is known that the disk has the step, too
        try:
            if op.seq == draft.seq + 1:
                draft.apply(op)
            self.journal.drafts.add_op(op)
        except ValueError as error:
            raise ConflictError(str(error), self._last(query_id, annotator)) from error
        self._keep(query_id, annotator, draft)
        return op.seq

    def answer(self, query_id: int, message: NewAnswer) -> int:
        """Make the draft the annotator's answer, unless it is that already; return the answer's id.

        Raises:
            NotFoundError: If there is no such query.
            ConflictError: If the page's draft is not the one on the disk, or nothing is labelled.
            ValueError: If a model was shown that there is not.
            OSError: If it cannot be written.
        """
        annotator = message.annotator
        draft = self._draft(self._query(query_id), annotator)
        if (message.seq, message.crc) != (draft.seq, draft.crc()):
            raise ConflictError("the page's draft is not the one on the disk; load it again", draft.seq)
        if (draft.values == IGNORE).all():
            raise ConflictError("nothing is labelled; paint something or skip the query", draft.seq)
        self._require_model(message.shown)
        self.report(annotator, message.reports)
        earlier = self.journal.answer_of(query_id, annotator)
        if earlier is not None and earlier.draft_seq == message.seq:
            return _id(earlier)
        method, accepted = draft.method()
        answer = Answer(
            query_id=query_id,
            annotator=annotator,
            labels=draft.labels(),
            instances=draft.instances(),
            active_seconds=self.journal.drafts.active_seconds(query_id, annotator),
            method=method,
            shown_model=message.shown if accepted is None else accepted,
            draft_seq=message.seq,
            supersedes=None if earlier is None else earlier.id,
        )
        return _id(self.journal.add_answer(answer))

    def skip(self, query_id: int, annotator: str, reason: str, reports: Sequence[Report]) -> None:
        """Close a query without an answer, once.

        Raises:
            NotFoundError: If there is no such query.
            ConflictError: If it is not theirs, or answered.
            OSError: If it cannot be written.
        """
        self._query(query_id)
        self._require_theirs(query_id, annotator)
        if self.journal.answer_of(query_id, annotator) is not None:
            raise ConflictError("this query is answered already", self._last(query_id, annotator))
        self.report(annotator, reports)
        if not any((skip.query_id, skip.annotator) == (query_id, annotator) for skip in self.journal.skips()):
            self.journal.add_skip(Skip(query_id=query_id, annotator=annotator, reason=reason))

    def answered(self, annotator: str) -> list[dict[str, Any]]:
        """The queries that the annotator answered, the oldest answer first."""
        return [
            {"query": query.id, "box": box_json(query.box), "round": query.round, "answered_at": at}
            for query, at in self.journal.answered_by(annotator)
        ]

    def labels(self, query_id: int) -> UInt8[np.ndarray, "z y x"]:
        """What most annotators answered to a query.

        Raises:
            NotFoundError: If there is no answer.
        """
        answers = self.journal.answers_to(query_id)
        if not answers:
            raise NotFoundError(f"query {query_id} has no answer")
        return majority([answer.labels for answer in answers])

    def preview(self, preview_id: int, plane: Plane) -> UInt8[np.ndarray, "z y x"]:
        """One plane of a prediction to look at.

        Raises:
            NotFoundError: If there is none.
        """
        try:
            preview = self.journal.previews.get(preview_id)
        except ValueError as error:
            raise NotFoundError(f"there is no preview {preview_id}") from error
        planes = {
            "classes": preview.classes,
            "uncertainty": preview.uncertainty,
            "foreground": preview.foreground,
        }
        found = planes[plane]
        if found is None:
            raise NotFoundError(f"preview {preview_id} has no {plane}")
        return found

    def weights(self, query_id: int) -> UInt8[np.ndarray, "z y x"]:
        """How much more the voxels of an answered query will weigh in training: 255 · E.

        Raises:
            NotFoundError: If it is not answered, or the project weighs no corrections.
        """
        found = self._weighing.of(query_id)
        if found is None:
            raise NotFoundError(f"query {query_id} has no weights")
        return found

    def errors_weighed(self) -> str:
        """Which errors weigh more in the next training: both, missed, made-up or none."""
        return self._weighing.errors

    def report(self, annotator: str, reports: Sequence[Report]) -> None:
        """Take reports of active time, each once.

        Raises:
            NotFoundError: If one is of a query that does not exist; none is taken then.
        """
        for report in reports:
            self._query(report.query)
        for report in reports:
            self.journal.drafts.add_activity(
                Activity(
                    query_id=report.query,
                    annotator=annotator,
                    key=report.key,
                    looking_seconds=report.looking,
                    editing_seconds=report.editing,
                )
            )

    def train(self) -> None:
        """Ask the worker to train now."""
        self.journal.add_event(TRAIN, {})

    def look(self, query_id: int) -> None:
        """Ask for the latest model's prediction of a query that was answered before.

        Raises:
            NotFoundError: If there is none.
        """
        self._query(query_id)
        if query_id not in looked_at(self.journal):
            self.journal.add_event(LOOK, {"query": query_id})

    def watch(self, sections: Sequence[int]) -> None:
        """Ask for the prediction of these sections.

        Raises:
            ValueError: If the volume has no such section.
        """
        depth = self.project.config.image.shape[0]
        if any(z >= depth for z in sections):
            raise ValueError(f"expected sections 0 to {depth - 1}; got {list(sections)}")
        self.journal.add_event(WATCH, {"sections": sorted(set(sections))})

    def _require_theirs(self, query_id: int, annotator: str) -> None:
        """Refuse to take for a query what somebody says who was not handed it.

        Raises:
            ConflictError: If it was not, and they have not answered it before.
        """
        if not self.journal.drafts.holds(query_id, annotator):
            raise ConflictError(f"query {query_id} was not handed to {annotator}", 0)

    def _last(self, query_id: int, annotator: str) -> int:
        return self.journal.drafts.last_seq(query_id, annotator)

    def _query(self, query_id: int) -> Query:
        try:
            return self.journal.query(query_id)
        except ValueError as error:
            raise NotFoundError(f"there is no query {query_id}") from error

    def _shown(self, query: Query, annotator: str) -> dict[str, Any]:
        query_id = _id(query)
        answer = self.journal.answer_of(query_id, annotator)
        draft = self._draft(query, annotator)
        if answer is not None and draft.seq == 0:  # it was not painted here
            self._restore(query, annotator, answer)
        preview = self._preview_of(query_id, None if answer else draft.method()[1])
        return {
            "id": query_id,
            "round": query.round,
            "rank": query.rank,
            "strategy": query.strategy,
            "correction": query.strategy == OUTWARD and query.round > 0,  # the first is drawn by hand
            "score": query.score,
            "reason": query.reason,
            "box": box_json(query.box),
            "view": box_json(view_of(query.box, self.project.config.image.shape)),
            "ops": [op_json(op) for op in self.journal.drafts.ops(query_id, annotator)],
            "answer": None
            if answer is None
            else {"id": answer.id, "seq": answer.draft_seq or 1, "method": answer.method},
            "preview": None if preview is None else preview_json(preview),
        }

    def _preview_of(self, query_id: int, taken: int | None) -> Preview | None:
        """The latest prediction of a query, but of a draft that began with one, that one."""
        previews = self.journal.previews
        mine = None if taken is None else previews.shown(query_id, taken)
        return mine or previews.of_query(query_id)

    def _restore(self, query: Query, annotator: str, answer: Answer) -> None:
        """Begin a draft with an answer that has none."""
        values = answer.labels.astype(np.uint32).ravel()
        if answer.instances is not None:
            values += INSTANCE * answer.instances.astype(np.uint32).ravel()
        runs = runs_of(values)
        if len(runs):
            message = OpMessage(
                seq=1, key=str(uuid4()), kind="edit", tool="restore", runs=runs.ravel().tolist()
            )
            self.add_op(_id(query), annotator, message)

    def _op(self, query: Query, annotator: str, message: OpMessage) -> Op:
        """The step of a message.

        Raises:
            ValueError: If its runs or values are not as they should be.
        """
        if len(message.runs) % 3:
            raise ValueError(f"expected triples start, length, value; got {len(message.runs)} numbers")
        runs = np.array(message.runs, dtype=np.int32).reshape(-1, 3)
        if message.kind == "edit":
            if message.tool is None:
                raise ValueError("expected the tool of the edit")
            require_runs(runs, query.box.size)
            require_values(runs[:, 2], len(self.project.config.classes), self._with_instances)
        elif len(runs) or message.tool is not None:
            raise ValueError(f"expected neither tool nor runs with {message.kind}")
        if (message.model is not None) != (message.tool in TAKEN):
            raise ValueError("expected the model whose prediction is taken over, and of no other step")
        self._require_model(message.model)
        return Op(
            query_id=_id(query),
            annotator=annotator,
            seq=message.seq,
            key=message.key,
            kind=message.kind,
            tool=message.tool,
            runs=runs,
            model=message.model,
        )

    def _require_model(self, model_id: int | None) -> None:
        if model_id is not None and all(model.id != model_id for model in self.journal.models()):
            raise ValueError(f"there is no model {model_id}")

    def _draft(self, query: Query, annotator: str) -> Draft:
        """The annotator's draft, from memory or replayed from the disk."""
        query_id = _id(query)
        draft = self._drafts.get((query_id, annotator))
        if draft is None:
            draft = Draft(query.box.shape)
            for op in self.journal.drafts.ops(query_id, annotator):
                draft.apply(op)
        self._keep(query_id, annotator, draft)
        return draft

    def _keep(self, query_id: int, annotator: str, draft: Draft) -> None:
        self._drafts[query_id, annotator] = draft
        self._drafts.move_to_end((query_id, annotator))
        while len(self._drafts) > DRAFTS_KEPT:
            self._drafts.popitem(last=False)


def _id(record: Query | Answer) -> int:
    assert record.id is not None, "records of a journal have an id"
    return record.id
