"""Asking about every object of a set: group by group of alike ones, the most doubtful group first."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Float, Float64, Int64

from microtome.objects.asking import UNGROUPED, write_groups
from microtome.objects.clustering import Clusters
from microtome.objects.proposals import Proposals
from microtome.objects.strategies import TwoStream, object_candidates
from microtome.project.records import JudgeQuery
from microtome.project.verdicts import Verdicts

EVERY = "every-object"  # the strategy of these queries, for people
DOUBTFUL = "every object is asked for; the least probable come first"
ALIKE = "every object is asked for; alike ones stand together, the least probable groups come first"


def ask_every(
    verdicts: Verdicts, found: Proposals, grouping: TwoStream | None, rng: np.random.Generator
) -> list[JudgeQuery]:
    """Ask for each object of a set of which nobody was asked yet, and return the new queries.

    With a `grouping` they are a new round of groups, which are kept; without one they come after all that was
    asked before, the least probable first.

    Raises:
        ValueError: If the grouping lacks what it needs.
        OSError: If the groups cannot be written.
    """
    table, asked = found.table(), verdicts.queries()
    known = {query.object_key for query in asked if query.proposals == found.folder.name} | verdicts.judged()
    taken = np.isin(table.keys, list(known))
    rows = np.flatnonzero(~taken)
    if grouping is None or not len(rows):
        rows = rows[np.argsort(table.probability[rows], kind="stable")]
        return verdicts.add_queries(_queries(found, rows, np.zeros(len(table), dtype=np.int64), 0, DOUBTFUL))
    candidates = object_candidates(table, np.flatnonzero(taken))
    clusters = grouping.grouped(replace(candidates, labelled=()), len(rows), rng)
    clusters = clusters.ranked(doubt(clusters, table.probability[rows]))
    groups = np.full(len(table), UNGROUPED, dtype=np.int64)
    groups[rows] = clusters.groups
    number = 1 + max((query.round for query in asked), default=-1)
    write_groups(found.folder, number, groups)
    shown = rows[clusters.in_order(np.arange(len(rows)))]
    return verdicts.add_queries(_queries(found, shown, groups, number, ALIKE))


def doubt(clusters: Clusters, probability: Float[np.ndarray, "n"]) -> Float64[np.ndarray, "g"]:
    """One less the mean probability of each group's objects."""
    return 1 - np.bincount(clusters.groups, probability) / np.bincount(clusters.groups)


def _queries(
    found: Proposals, rows: Int64[np.ndarray, "k"], groups: Int64[np.ndarray, "n"], number: int, reason: str
) -> Sequence[JudgeQuery]:
    """A query for each of these rows, in their order."""
    table = found.table()
    return [
        JudgeQuery(
            round=number,
            proposals=found.folder.name,
            object_key=int(table.keys[row]),
            box=table.box(row),
            cluster=int(groups[row]),
            strategy=EVERY,
            score=1 - float(table.probability[row]),
            rank=rank,
            reason=reason,
        )
        for rank, row in enumerate(rows.tolist())
    ]
