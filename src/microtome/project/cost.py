"""What the answers cost: minutes of an expert, and minutes for a megavoxel, by round and in total.

Every answer's time counts, also one that was superseded later; only current answers give voxels.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

from microtome.project.journal import Journal
from microtome.project.records import Effort, Model

MEGAVOXEL = 1_000_000


@dataclass(frozen=True)
class Cost:
    """The cost of a round's answers, or of all where `round` is None.

    `least` and `most` are minutes a megavoxel of the cheapest and the dearest query. They, and
    `minutes_per_megavoxel`, are None where no voxel was annotated.
    """

    round: int | None
    answers: int
    voxels: int
    minutes: float
    least: float | None
    most: float | None

    @property
    def megavoxels(self) -> float:
        """Annotated voxels in millions."""
        return self.voxels / MEGAVOXEL

    @property
    def minutes_per_megavoxel(self) -> float | None:
        """The mean over all voxels: total minutes by total megavoxels."""
        return self.minutes / self.megavoxels if self.voxels else None


def costs_by_round(journal: Journal) -> list[Cost]:
    """The cost of every round that has an answer, in order."""
    efforts = sorted(journal.efforts(), key=lambda effort: effort.round)
    groups = itertools.groupby(efforts, key=lambda effort: effort.round)
    return [costs_of(number, list(group)) for number, group in groups]


def total_cost(journal: Journal) -> Cost:
    """The cost of all answers."""
    return costs_of(None, journal.efforts())


def cost_of_model(journal: Journal, model: Model) -> Cost:
    """The cost of what a model learned from, with what was superseded by it."""
    learned, efforts = set(model.trained_on), journal.efforts()
    queries, newest = {one.query_id for one in efforts if one.answer_id in learned}, max(learned, default=0)
    behind = [one for one in efforts if one.query_id in queries and one.answer_id <= newest]
    return replace(costs_of(None, behind), answers=len(learned))


def costs_of(number: int | None, efforts: Sequence[Effort]) -> Cost:
    """The cost of these efforts, as that of round `number`."""
    by_query: dict[int, list[Effort]] = {}
    for effort in efforts:
        by_query.setdefault(effort.query_id, []).append(effort)
    sums = [(_minutes(group), sum(effort.voxels for effort in group)) for group in by_query.values()]
    rates = [minutes / (voxels / MEGAVOXEL) for minutes, voxels in sums if voxels]
    return Cost(
        round=number,
        answers=sum(effort.current for effort in efforts),
        voxels=sum(voxels for _, voxels in sums),
        minutes=_minutes(efforts),
        least=min(rates, default=None),
        most=max(rates, default=None),
    )


def _minutes(efforts: Sequence[Effort]) -> float:
    return sum(effort.active_seconds for effort in efforts) / 60
