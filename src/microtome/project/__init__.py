"""One project: its folder, its configuration, its journal, and what its answers cost."""

from microtome.project.config import (
    ImageConfig,
    ProjectConfig,
    QueryConfig,
    SplitsConfig,
    TruthConfig,
)
from microtome.project.cost import Cost, cost_of_model, costs_by_round, total_cost
from microtome.project.folder import Project, create_project, open_project
from microtome.project.journal import Journal, create_journal, open_journal
from microtome.project.parse import parse_split
from microtome.project.records import Answer, Effort, Event, Model, Query, Skip

__all__ = [
    "Answer",
    "Cost",
    "Effort",
    "Event",
    "ImageConfig",
    "Journal",
    "Model",
    "Project",
    "ProjectConfig",
    "Query",
    "QueryConfig",
    "Skip",
    "SplitsConfig",
    "TruthConfig",
    "cost_of_model",
    "costs_by_round",
    "create_journal",
    "create_project",
    "open_journal",
    "open_project",
    "parse_split",
    "total_cost",
]
