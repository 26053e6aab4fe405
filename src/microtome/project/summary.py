"""A journal summed up: by round, by annotator, by class, and how far annotators agree."""

from collections import Counter, defaultdict
from dataclasses import dataclass

import numpy as np

from microtome.evaluate.agreement import Agreement, agreement
from microtome.labels import IGNORE
from microtome.project.cost import Cost, costs_by_round
from microtome.project.journal import Journal
from microtome.project.records import INSTANCE, Answer


@dataclass(frozen=True, slots=True)
class Round:
    """One round of queries; `model` is the last that was trained on answers of no later round."""

    number: int
    strategy: str
    asked: int  # without those that were withdrawn
    still_open: int
    skipped: int
    cost: Cost | None  # None before its first answer
    model: int | None


@dataclass(frozen=True, slots=True)
class Annotator:
    """What one person did; looking and editing count skipped and unfinished queries, too.

    `minutes` are those of looking and editing, but of a query at least what its answers took: those that were
    imported, or simulated, took more than was looked at here.
    """

    name: str
    answers: int
    skipped: int
    minutes: float
    looking_minutes: float
    editing_minutes: float

    @property
    def answers_per_hour(self) -> float | None:
        """Answers in an hour of activity; None where no time was measured."""
        return 60 * self.answers / self.minutes if self.minutes else None


@dataclass(frozen=True, slots=True)
class ClassCost:
    """What the labels of a class cost; an answer's minutes are shared by the steps made with each class."""

    label: int
    minutes: float
    voxels: int


def rounds(journal: Journal) -> list[Round]:
    """Every round, in order."""
    costs = {cost.round: cost for cost in costs_by_round(journal)}
    models = {model.round: model.id for model in journal.models()}
    withdrawn, still_open = journal.withdrawn(), {query.id for query in journal.open_queries()}
    answered = {effort.query_id for effort in journal.efforts()}
    skipped = {skip.query_id for skip in journal.skips()} - answered
    by_round: dict[int, list[int | None]] = {}
    strategies: dict[int, str] = {}
    for query in journal.queries():
        if query.id not in withdrawn:
            by_round.setdefault(query.round, []).append(query.id)
            strategies.setdefault(query.round, query.strategy)
    return [
        Round(
            number=number,
            strategy=strategies[number],
            asked=len(ids),
            still_open=sum(query_id in still_open for query_id in ids),
            skipped=sum(query_id in skipped for query_id in ids),
            cost=costs.get(number),
            model=models.get(number),
        )
        for number, ids in sorted(by_round.items())
    ]


def annotators(journal: Journal) -> list[Annotator]:
    """Everybody who answered, skipped or looked, by name."""
    answers, skips = Counter[str](), Counter[str]()
    looking, editing = defaultdict[str, float](float), defaultdict[str, float](float)
    seen, said = defaultdict[tuple[str, int], float](float), defaultdict[tuple[str, int], float](float)
    for effort in journal.efforts():
        answers[effort.annotator] += effort.current
        said[effort.annotator, effort.query_id] += effort.active_seconds / 60
    for skip in journal.skips():
        skips[skip.annotator] += 1
    for activity in journal.drafts.activities():
        looking[activity.annotator] += activity.looking_seconds / 60
        editing[activity.annotator] += activity.editing_seconds / 60
        seen[activity.annotator, activity.query_id] += (
            activity.looking_seconds + activity.editing_seconds
        ) / 60
    minutes = defaultdict[str, float](float)
    for name, query_id in {*seen, *said}:
        minutes[name] += max(seen[name, query_id], said[name, query_id])
    return [
        Annotator(
            name=name,
            answers=answers[name],
            skipped=skips[name],
            minutes=minutes[name],
            looking_minutes=looking[name],
            editing_minutes=editing[name],
        )
        for name in sorted({*answers, *skips, *looking})
    ]


def agreement_of(journal: Journal) -> Agreement | None:
    """How far those who answered the same queries agree; None where no query has two answers."""
    people = Counter(effort.query_id for effort in journal.efforts() if effort.current)
    shared = [query_id for query_id, count in people.items() if count > 1]
    return agreement([[one.labels for one in journal.answers_to(query_id)] for query_id in shared])


def costs_by_class(journal: Journal, classes: int) -> list[ClassCost]:
    """The cost of each class, background (0) included."""
    minutes, voxels = np.zeros(classes + 1), np.zeros(classes + 1, dtype=np.int64)
    for answer in journal.answers():
        present = np.bincount(answer.labels[answer.labels != IGNORE], minlength=classes + 1)
        voxels += present
        steps = _steps(journal, answer, classes)
        shares = steps if steps.any() else (present > 0).astype(np.int64)
        if shares.any():
            minutes += answer.active_seconds / 60 * shares / shares.sum()
    return [ClassCost(c, float(minutes[c]), int(voxels[c])) for c in range(classes + 1)]


def _steps(journal: Journal, answer: Answer, classes: int) -> np.ndarray:
    """How many steps of the answer's draft painted each class."""
    steps = np.zeros(classes + 1, dtype=np.int64)
    for op in journal.drafts.ops(answer.query_id, answer.annotator):
        values = np.unique(op.runs[op.runs[:, 2] != IGNORE, 2] % INSTANCE)
        steps[values] += 1
    return steps
