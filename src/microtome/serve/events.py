"""What the page and the worker tell each other through the journal's events, and the kinds of them."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

from microtome.project import Journal, Project
from microtome.project.growth import far_answers, grows, sections_in, stage_at

TRAIN = "train"  # somebody wants training to begin now
WATCH = "watch"  # sections whose prediction somebody wants to see
LOOK = "look"  # somebody looks at an answered query again
WORKER = "worker"  # what the worker does
ESTIMATE = "estimate"  # how well a model did on an answer that it had not seen

LOOKED_AT = 16  # answered queries that are predicted again: those that were looked at last

State = Literal["starting", "idle", "asking", "training", "estimating", "predicting", "failed", "stopped"]


@dataclass(frozen=True, slots=True)
class WorkerState:
    """What the worker does, how far it is, and how many answers it waits for."""

    state: State
    done: int = 0
    total: int = 0
    seconds_left: float | None = None
    message: str = ""

    def as_json(self) -> dict[str, Any]:
        """For an event, and for the page."""
        return asdict(self)


def worker_state(journal: Journal) -> WorkerState:
    """What the worker said last."""
    event = journal.latest_event(WORKER)
    return WorkerState("starting") if event is None else WorkerState(**event.data)


def watched_sections(journal: Journal) -> list[int]:
    """The sections that were asked for last."""
    event = journal.latest_event(WATCH)
    return [] if event is None else list(event.data["sections"])


def looked_at(journal: Journal) -> list[int]:
    """The answered queries that somebody looked at again, the last first."""
    return list(dict.fromkeys(event.data["query"] for event in reversed(journal.events(LOOK))))[:LOOKED_AT]


def answers_needed(project: Project) -> int:
    """How many new answers the worker trains after; at first no more than the first round asks.

    Where a project grows it is as many as its stage asks for.
    """
    query, latest = project.config.query, project.journal.latest_model()
    if not grows(project.config):
        return query.retrain_after if latest else min(query.start, query.retrain_after)
    stage = stage_at(project.config, sections_in(project.journal, latest.trained_on)) if latest else None
    return 1 if stage is None else -(-stage.ask // query.shape[0])


def untrained_answers(journal: Journal) -> int:
    """How many current answers the latest model has not seen."""
    latest = journal.latest_model()
    seen = set(latest.trained_on) if latest else set()
    return len(journal.answer_ids() - seen - far_answers(journal))
