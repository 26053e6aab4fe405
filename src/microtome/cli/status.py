"""What a project's journal says: rounds, models, costs, agreement, and what comes next."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from microtome.cli.show import counted
from microtome.learn.settings import TABLES
from microtome.project import Project, open_project, total_cost
from microtome.project.growth import grows
from microtome.project.summary import agreement_of, annotators, costs_by_class, rounds


@contextmanager
def open_for_reading(folder: Path) -> Iterator[Project]:
    """The project in `folder`, without what only training needs.

    Raises:
        ValueError: If it is no project.
    """
    with open_project(folder, TABLES) as project:
        yield project


def status_of(project: Project) -> dict[str, Any]:
    """Rounds, totals, agreement where several people answered the same, and a sentence on what to do next."""
    journal = project.journal
    total, agreed = total_cost(journal), agreement_of(journal)
    still_open = len(journal.open_queries())
    return {
        "project": str(project.root),
        "rounds": [
            {
                "round": row.number,
                "strategy": row.strategy,
                "asked": row.asked,
                "open": row.still_open,
                "answers": row.cost.answers if row.cost else 0,
                "skipped": row.skipped,
                "minutes": row.cost.minutes if row.cost else 0.0,
                "min_per_mvox": row.cost.minutes_per_megavoxel if row.cost else None,
                "model": row.model,
            }
            for row in rounds(journal)
        ],
        "answers": total.answers,
        "minutes": total.minutes,
        "megavoxels": total.megavoxels,
        "minutes_per_megavoxel": total.minutes_per_megavoxel,
        "models": len(journal.models()),
        "open_queries": still_open,
        "agreement": None if agreed is None else asdict(agreed),
        "summary": _summary(project, total.answers, total.minutes, still_open),
    }


def cost_of(project: Project) -> dict[str, list[Mapping[str, object]]]:
    """What the answers cost, by class, by round, and by annotator."""
    names = ("background", *project.config.classes)
    by_class = costs_by_class(project.journal, len(project.config.classes))
    return {
        "classes": [
            {
                "class": names[cost.label],
                "minutes": cost.minutes,
                "megavoxels": cost.voxels / 1e6,
                "min_per_mvox": cost.minutes / (cost.voxels / 1e6) if cost.voxels else None,
            }
            for cost in by_class
        ],
        "rounds": [
            {
                "round": row.number,
                "answers": row.cost.answers,
                "minutes": row.cost.minutes,
                "megavoxels": row.cost.megavoxels,
                "min_per_mvox": row.cost.minutes_per_megavoxel,
            }
            for row in rounds(project.journal)
            if row.cost
        ],
        "annotators": [
            {
                "annotator": person.name,
                "answers": person.answers,
                "skipped": person.skipped,
                "minutes": person.minutes,
                "looking": person.looking_minutes,
                "editing": person.editing_minutes,
                "answers_per_hour": person.answers_per_hour,
            }
            for person in annotators(project.journal)
        ],
    }


def agreement_line(found: Mapping[str, Any]) -> str:
    """Agreement in words."""
    kappa = "" if found["kappa"] is None else f", kappa {found['kappa']:.2f}"
    return (
        f"agreement of annotators: {100 * found['agreement']:.1f} %{kappa}, "
        f"over {found['voxels']} voxels of {counted(found['queries'], 'query', 'queries')}; "
        "what most say is trained on, and nothing where as many say otherwise"
    )


def _summary(project: Project, answers: int, minutes: float, still_open: int) -> str:
    classes = ", ".join(project.config.classes)
    if not answers and not still_open:
        command = "grow" if grows(project.config) else "label"
        return f"{classes}: nothing was asked yet; `microtome {command} {project.root}` begins"
    said, left = counted(answers, "answer", "answers"), counted(still_open, "query", "queries")
    return f"{classes}: {said} in {minutes:.1f} minutes; {left} open"
