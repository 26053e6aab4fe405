"""Rounds of asking, answering by the known truth, and training, until a budget is spent.

What to do next is read from the journal alone, so a simulation that was killed goes on where it was, and asks
what it would have asked.
"""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import UInt8

from microtome.box import Box
from microtome.learn.config import Recipe
from microtome.loop.asking import ask, ask_planted, batch_size
from microtome.loop.drift import look_far
from microtome.loop.models import preview, view
from microtome.loop.session import Session
from microtome.loop.training import train, untrained
from microtome.oracle import CostModel, GroundTruthOracle, Hand
from microtome.predict.on_volume import ModelOnVolume
from microtome.predict.posterior import Posterior, class_map, class_map_at
from microtome.project import total_cost
from microtome.project.growth import grows

PERFECT = Hand()


@dataclass(frozen=True)
class Budget:
    """Where a simulation ends: patches answered, or minutes spent, whichever is reached first."""

    patches: int
    minutes: float = float("inf")

    def __post_init__(self) -> None:
        if self.patches < 1 or not self.minutes > 0:
            raise ValueError(f"a budget expects at least 1 patch and some minutes; got {self}")


def simulate(
    session: Session,
    budget: Budget,
    cost: CostModel,
    *,
    final: Recipe | None = None,
    hand: Hand = PERFECT,
    finish: bool = True,
) -> None:
    """Rounds of asking, answering by the known truth, and training, until `budget` is spent.

    Ends with a model that saw every answer, made by the recipe `final` if one is given; without `finish` it
    ends once the last answer is there. Killed at any moment and started again, it goes on where it was.

    Raises:
        ValueError: If the project has no truth.
        OSError: If the project cannot be written.
    """
    journal = session.project.journal
    while True:
        if journal.open_queries() and not _spent(session, budget):
            ask_planted(session)
            _answer(session, budget, cost, hand)
        elif look_far(session, cost):
            continue
        elif _spent(session, budget) and not finish:
            return
        elif untrained(session):
            train(replace(session, recipe=final) if final and _spent(session, budget) else session)
        elif _spent(session, budget) or not ask(session, _affordable(session, budget)):
            return


def _answer(session: Session, budget: Budget, cost: CostModel, hand: Hand) -> None:
    """Answer the open queries one by one, each on disk before the next, while the budget lasts."""
    journal = session.project.journal
    queries = journal.open_queries()
    latest = journal.latest_model()
    look = None if latest is None else _Look(view(session, latest))
    oracle = GroundTruthOracle(
        session.truth.read,
        cost,
        look,
        None if latest is None else latest.id,
        hand,
        session.project.config.seed,
        None if look is None else look.at,
    )
    for k, answer in enumerate(oracle.answer(queries)):
        if latest is not None and look is not None and answer.shown_model is not None:
            journal.previews.add(preview(latest, answer.query_id, look.box, look.posterior))
        journal.add_answer(answer)
        session.progress("answering", k + 1, len(queries), "")
        if _spent(session, budget):
            return


class _Look:
    """What a model shows in a box, and remembers until it is asked again."""

    box: Box
    posterior: Posterior

    def __init__(self, model: ModelOnVolume) -> None:
        self._model = model

    def __call__(self, box: Box) -> UInt8[np.ndarray, "z y x"]:
        self.box, self.posterior = box, self._model.posterior(box)
        return class_map(self.posterior)

    def at(self, box: Box, threshold: float) -> UInt8[np.ndarray, "z y x"]:
        """The same box at a threshold of the foreground."""
        return class_map_at(self._model.posterior(box), threshold)


def _spent(session: Session, budget: Budget) -> bool:
    cost = total_cost(session.project.journal)
    return cost.answers >= budget.patches or cost.minutes >= budget.minutes


def _affordable(session: Session, budget: Budget) -> int:
    if grows(session.project.config):
        return batch_size(session)  # a step is not cut short: what is not answered now stays open
    return min(batch_size(session), budget.patches - total_cost(session.project.journal).answers)
