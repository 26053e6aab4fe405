"""What a project's journal says: rounds, models, costs, and what comes next."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from microtome.learn.settings import TABLES
from microtome.project import Project, costs_by_round, open_project, total_cost


@contextmanager
def open_for_reading(folder: Path) -> Iterator[Project]:
    """The project in `folder`, without what only training needs.

    Raises:
        ValueError: If it is no project.
    """
    with open_project(folder, TABLES) as project:
        yield project


def status_of(project: Project) -> dict[str, Any]:
    """Rounds, totals and a sentence on what to do next."""
    journal = project.journal
    costs = {cost.round: cost for cost in costs_by_round(journal)}
    models = {model.round: model for model in journal.models()}
    queries = journal.queries()
    still_open = {query.id for query in journal.open_queries()}
    rounds = []
    for number in sorted({query.round for query in queries}):
        asked = [query for query in queries if query.round == number]
        cost, model = costs.get(number), models.get(number)
        rounds.append(
            {
                "round": number,
                "strategy": asked[0].strategy,
                "asked": len(asked),
                "open": sum(query.id in still_open for query in asked),
                "answers": cost.answers if cost else 0,
                "minutes": cost.minutes if cost else 0.0,
                "min_per_mvox": cost.minutes_per_megavoxel if cost else None,
                "model": model.id if model else None,
            }
        )
    total = total_cost(journal)
    return {
        "project": str(project.root),
        "rounds": rounds,
        "answers": total.answers,
        "minutes": total.minutes,
        "megavoxels": total.megavoxels,
        "minutes_per_megavoxel": total.minutes_per_megavoxel,
        "models": len(journal.models()),
        "open_queries": len(still_open),
        "summary": _summary(project, total.answers, total.minutes, len(still_open)),
    }


def _summary(project: Project, answers: int, minutes: float, still_open: int) -> str:
    classes = ", ".join(project.config.classes)
    if not answers and not still_open:
        return f"{classes}: nothing was asked yet; `microtome query {project.root}` begins"
    return f"{classes}: {answers} answers in {minutes:.1f} minutes; {still_open} queries open"
