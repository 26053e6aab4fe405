"""Growing from one section: which queries belong to it, how much is labelled, and what holds from then on.

Guay (2021) trains on one hand-labelled section, corrects what the network says of the next ones, and goes on
so outwards; how it is trained changes as more is labelled. An audit is a box far away that is labelled once
and never learned from: it tells how well the networks do where nobody has been.
"""

from collections.abc import Collection, Iterator

from microtome.box import Int3
from microtome.project.config import ProjectConfig, StageConfig
from microtome.project.journal import Journal
from microtome.project.records import Answer, Query

AUDIT = "audit"  # the strategy of queries that nothing is learned from
SEED = "seed"  # the kind of event by which a person says where to begin


def grows(config: ProjectConfig) -> bool:
    """Whether a project follows the tissue outwards."""
    return bool(config.grow)


def require_train(config: ProjectConfig, at: Int3) -> None:
    """Check that queries may be asked at a voxel.

    Raises:
        ValueError: If it lies outside of `splits.train`.
    """
    domain = config.train_box
    if not all(a <= p < b for a, p, b in zip(domain.start, at, domain.stop, strict=True)):
        raise ValueError(
            f"expected a voxel z,y,x in {domain}, which may be labelled (splits.train); got {at}"
        )


def stage_at(config: ProjectConfig, sections: int) -> StageConfig | None:
    """What holds once so many sections are labelled; None where the project does not grow."""
    reached = [stage for stage in config.grow if stage.after <= max(sections, 1)]
    return reached[-1] if reached else None


def lessons(journal: Journal, since_id: int = 0) -> Iterator[Answer]:
    """The current answers that a model may learn from, in the order of their ids."""
    audits = {query.id for query in audits_of(journal)}
    return (answer for answer in journal.answers(since_id) if answer.query_id not in audits)


def audits_of(journal: Journal) -> list[Query]:
    """The queries that are audits."""
    return journal.queries(AUDIT)


def far_answers(journal: Journal) -> set[int]:
    """The ids of answers to audits."""
    audits = {query.id for query in audits_of(journal)}
    return (
        {effort.answer_id for effort in journal.efforts() if effort.query_id in audits} if audits else set()
    )


def sections_in(journal: Journal, answers: Collection[int]) -> int:
    """How many sections these answers label; side by side in one section, boxes count one each."""
    answered = set(answers)
    queries = {effort.query_id for effort in journal.efforts() if effort.answer_id in answered}
    return sum(query.box.shape[0] for query in journal.queries() if query.id in queries)


def seeds(journal: Journal) -> list[Int3]:
    """The first voxels of boxes in which people said that growing begins, z y x, the latest last."""
    return [tuple(event.data["at"]) for event in journal.events(SEED)]


def was_planted(journal: Journal, at: Int3) -> bool:
    """Whether somebody named just this voxel, wherever it was planted then."""
    return any(event.data.get("wanted") == list(at) for event in journal.events(SEED))
