"""The worker: watches the journal, trains when enough answers are new, and keeps queries waiting.

It is a process of its own that shares nothing with the page's server but the journal. What it does next is
read from there, so that it may be killed at any moment and started again.
"""

import itertools
import time
from collections.abc import Callable, Iterable
from dataclasses import replace

from microtome.box import Box
from microtome.evaluate.overlap import contingency
from microtome.loop.asking import ask_planted, batch_size, is_stale, renew, top_up
from microtome.loop.drift import look_far
from microtome.loop.models import preview, view
from microtome.loop.session import Session
from microtome.loop.training import train
from microtome.oracle import CostModel
from microtome.predict.posterior import class_map
from microtome.project import Answer, Model, Query
from microtome.project.growth import grows
from microtome.query.candidates import Predictor
from microtome.serve.events import (
    ESTIMATE,
    TRAIN,
    WORKER,
    State,
    WorkerState,
    answers_needed,
    looked_at,
    untrained_answers,
    watched_sections,
)
from microtome.serve.view import preview_of

PAUSE = 0.25  # seconds between two looks at the journal
REPORT_EVERY = 1.0  # seconds between two reports of progress
AFTER_FAILURE = 5.0  # seconds before the same is tried again
AHEAD = 3  # queries kept waiting for each annotator at work
ESTIMATED = 64  # answers that models are tried on between two trainings, the newest
LONGEST_SIDE = 1024  # voxels in y and x of the part of a watched section that is predicted, its middle


class Worker:
    """One project's worker; a query goes to `repeat` annotators."""

    def __init__(self, session: Session, *, repeat: int = 1) -> None:
        self._journal = session.project.journal
        self._repeat = repeat
        self._session = replace(session, progress=self._progress)
        self._state: State = "starting"
        self._state_began = self._said_at = time.monotonic()
        self._exhausted: tuple[int, ...] = ()  # when there was nothing left to ask
        self._loaded: dict[int | None, Predictor] = {}  # of the last two models that were used

    def run(self, goes_on: Callable[[], bool]) -> None:
        """Work until `goes_on` says no; what fails is said in the journal, and tried again."""
        self._begin("starting")
        while goes_on():
            try:
                worked = self.step()
            except (ValueError, OSError, MemoryError) as error:
                self._begin("failed", str(error) or "not enough memory")
                time.sleep(AFTER_FAILURE)
                continue
            if not worked:
                self._begin("idle")
                time.sleep(PAUSE)

    def step(self) -> bool:
        """Do the most urgent thing there is to do, if any, and say whether there was one.

        Raises:
            ValueError: If the project's settings do not fit, or a model is damaged.
            OSError: If a model cannot be written or the image not read.
        """
        return (
            self._shown()
            or bool(ask_planted(self._session))
            or self._refilled()
            or self._estimated()
            or self._previewed()
            or look_far(self._session, CostModel())
            or self._trained()
        )

    def _refilled(self) -> bool:
        """Keep enough queries waiting, chosen by the latest model."""
        wanted, waiting, stale = self._wanted(), self._waiting(), is_stale(self._session)
        if self._now() == self._exhausted or (waiting > wanted // 2 and not stale):
            return False
        self._hasten()
        self._begin("asking")
        missing = wanted - self._waiting()  # some may have been added in haste
        if not stale and missing <= 0:
            return True
        asked = renew(self._session, wanted) if stale else top_up(self._session, missing)
        self._exhausted = () if asked else self._now()
        return bool(asked)

    def _hasten(self) -> None:
        """Ask without the model when somebody would have to wait otherwise: it takes its time."""
        if self._waiting() < self._journal.drafts.people_at_work() and self._now() != self._exhausted:
            top_up(self._session, self._wanted(), hastily=not grows(self._session.project.config))

    def _wanted(self) -> int:
        """How many queries should wait."""
        return max(batch_size(self._session), AHEAD * self._journal.drafts.people_at_work())

    def _waiting(self) -> int:
        return len(self._journal.drafts.unassigned(self._repeat))

    def _now(self) -> tuple[int, ...]:
        """Numbers that change when there may be more to ask."""
        version = self._journal.version()
        return version[0], version[3], version[-1]  # queries, models, withdrawals

    def _estimated(self) -> bool:
        """Try the latest model, and the one before it, on an answer that neither has seen."""
        models = self._journal.models()[-2:]
        if not models:
            return False
        tried = {(event.data["model"], event.data["answer"]) for event in self._journal.events(ESTIMATE)}
        unseen = sorted(self._journal.answer_ids() - {seen for model in models for seen in model.trained_on})
        for model, answer_id in itertools.product(models, unseen[-ESTIMATED:]):
            if (model.id, answer_id) not in tried:
                self._begin("estimating")
                self._estimate(model, self._journal.answer(answer_id))
                return True
        return False

    def _estimate(self, model: Model, answer: Answer) -> None:
        box = self._journal.query(answer.query_id).box
        predicted = class_map(self._predictor(model)(box))
        table = contingency(answer.labels, predicted, self._session.classes - 1)
        data = {"model": model.id, "answer": answer.id, "table": table.counts.tolist()}
        self._journal.add_event(ESTIMATE, data)

    def _trained(self) -> bool:
        """Train, if enough answers are new, nothing is left to answer, or somebody asked for it."""
        latest = self._journal.latest_model()
        request = self._journal.latest_event(TRAIN)
        asked_for = request is not None and (
            latest is None or (request.created_at or "") > (latest.created_at or "")
        )
        fresh = untrained_answers(self._journal)
        if not fresh:
            return False
        at_an_end = self._now() == self._exhausted and not self._journal.open_queries()
        if fresh < answers_needed(self._session.project) and not asked_for and not at_an_end:
            return False
        self._begin("training")
        train(self._session)
        return True

    def _shown(self) -> bool:
        """Predict a query that somebody holds and has not begun, of which there is no prediction at all."""
        handed, drawn = self._journal.drafts.assigned(), self._journal.drafts.drawn()
        held = [
            query for query in self._journal.open_queries() if query.id in handed and query.id not in drawn
        ]
        previews = self._journal.previews
        return self._predicted([query for query in held if previews.of_query(query.id or 0) is None])

    def _predicted(self, queries: Iterable[Query]) -> bool:
        """Predict the first of these queries of which the latest model has not yet."""
        latest = self._journal.latest_model()
        if latest is None or latest.id is None:
            return False
        done = self._journal.previews.queries_of(latest.id)
        for query in queries:
            if query.id not in done:
                self._begin("predicting")
                self._preview(latest, query.id, preview_of(query.box, self._session.image.shape))
                return True
        return False

    def _previewed(self) -> bool:
        """Predict the next query, or the next watched section, of which the latest model has not yet."""
        waiting = [*self._journal.open_queries(), *self._journal.drafts.unassigned(self._repeat)]
        if self._predicted([*waiting, *map(self._journal.query, looked_at(self._journal))]):
            return True
        latest, shape = self._journal.latest_model(), self._session.image.shape
        if latest is None or latest.id is None:
            return False
        for z in watched_sections(self._journal):
            if z not in self._journal.previews.sections_of(latest.id):
                self._begin("predicting")
                self._preview(latest, None, _middle(z, shape))
                return True
        return False

    def _preview(self, model: Model, query_id: int | None, box: Box) -> None:
        self._journal.previews.add(preview(model, query_id, box, self._predictor(model)(box)))

    def _predictor(self, model: Model) -> Predictor:
        found = self._loaded.pop(model.id, None) or view(self._session, model).posterior
        self._loaded[model.id] = found
        while len(self._loaded) > 2:
            del self._loaded[next(iter(self._loaded))]
        return found

    def _progress(self, task: str, done: int, total: int, note: str = "") -> None:
        """Say how far the work is, now and then; while it goes on nobody should have to wait."""
        now = time.monotonic()
        if not done or now - self._said_at < REPORT_EVERY:
            return
        elapsed = now - self._state_began
        self._say(WorkerState(self._state, done, total, elapsed / done * (total - done)))
        ask_planted(self._session)
        self._hasten()

    def _begin(self, state: State, message: str = "") -> None:
        if state != self._state or state in ("starting", "failed"):
            self._state, self._state_began = state, time.monotonic()
            self._say(WorkerState(state, message=message))

    def _say(self, state: WorkerState) -> None:
        self._said_at = time.monotonic()
        self._journal.add_event(WORKER, state.as_json())


def _middle(z: int, shape: tuple[int, int, int]) -> Box:
    """The middle of a section, all of it where it is not too large."""
    sides = [min(side, LONGEST_SIDE) for side in shape[1:]]
    y, x = ((side - part) // 2 for side, part in zip(shape[1:], sides, strict=True))
    return Box((z, y, x), (z + 1, y + sides[0], x + sides[1]))
