"""Asking about objects: the next queries of a set of proposals, chosen by a strategy, shown by group."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Int64

from microtome.box import Box
from microtome.objects.clustering import Clusters
from microtome.objects.decisions import decisions
from microtome.objects.proposals import Proposals
from microtome.objects.strategies import ObjectBox, TwoStream, object_candidates
from microtome.objects.table import ObjectTable
from microtome.project.records import JudgeQuery
from microtome.project.verdicts import Verdicts
from microtome.query.candidates import Candidates, ModelView
from microtome.query.strategy import Selection, Strategy
from microtome.whole import whole_file

FOLDER = "groups"  # beside the table: the group of each object, an array for each round
UNGROUPED = -1  # the group of objects that a round could not choose from


@dataclass(frozen=True, eq=False)
class ObjectAsking:
    """Asks about the objects of a set of proposals that lie in `domain` and nobody decided on yet.

    `grouping` puts objects that look alike side by side, whatever the strategy, and may be the strategy too;
    without it they come in the order in which they were chosen. `seed` and the round make the random numbers.
    """

    verdicts: Verdicts
    proposals: Proposals
    strategy: Strategy
    name: str  # of the strategy, for people
    seed: int
    domain: Box
    model: ModelView | None = None
    grouping: TwoStream | None = None

    def ask(self, n: int) -> list[JudgeQuery]:
        """Add a round of at most `n` queries to the journal and return them; none when all was asked.

        Raises:
            ValueError: If queries of this set wait for a first verdict, or the strategy lacks what it needs.
            OSError: If the groups cannot be written.
        """
        self._require_answered()
        queries, table = self.verdicts.queries(), self.proposals.table()
        number = 1 + max((query.round for query in queries), default=-1)
        candidates = self._candidates(table)
        if not len(candidates):
            return []
        picks, clusters = self._chosen(candidates, min(n, len(candidates)), number)
        if clusters is not None:
            write_groups(self.proposals.folder, number, _by_row(clusters, candidates, len(table)))
        return self.verdicts.add_queries(self._queries(candidates, picks, clusters, number))

    def _require_answered(self) -> None:
        name = self.proposals.folder.name
        judged = self.verdicts.judged()
        waiting = sum(query.object_key not in judged for query in self.verdicts.queries(name))
        if waiting:
            raise ValueError(
                f"{waiting} objects of proposals {name} wait for a verdict: give them on the page of "
                "`microtome proofread` before asking for more"
            )

    def _candidates(self, table: ObjectTable) -> Candidates:
        """The open objects in the domain; those asked here or decided anywhere count as answered."""
        name, queries = self.proposals.folder.name, self.verdicts.queries()
        found = decisions(queries, self.verdicts.verdicts())
        done = {key for key, decision in found.items() if decision.correct is not None}
        done |= {query.object_key for query in queries if query.proposals == name}
        answered = np.flatnonzero(np.isin(table.keys, list(done)))
        every = object_candidates(table, answered, self.model)
        return replace(every, boxes=tuple(box for box in every.boxes if self.domain.contains(box)))

    def _chosen(self, candidates: Candidates, n: int, number: int) -> tuple[Selection, Clusters | None]:
        """The choice, and the groups; where the grouping itself chooses they are made once."""
        rng = self._rng(number)
        if self.grouping is None:
            return self.strategy.select(candidates, n, rng), None
        clusters = self.grouping.grouped(candidates, n, rng)
        if self.strategy is self.grouping:
            return self.grouping.chosen(clusters, candidates, n, rng), clusters
        return self.strategy.select(candidates, n, self._rng(number)), clusters

    def _queries(
        self, candidates: Candidates, picks: Selection, clusters: Clusters | None, number: int
    ) -> list[JudgeQuery]:
        keys = self.proposals.table().keys
        chosen = {pick.index: pick for pick in picks}
        order = np.array(list(chosen), dtype=np.int64)
        if clusters is not None:
            order = clusters.in_order(order)
        return [
            JudgeQuery(
                round=number,
                proposals=self.proposals.folder.name,
                object_key=int(keys[row_of(candidates.boxes[index])]),
                box=Box(candidates.boxes[index].start, candidates.boxes[index].stop),
                cluster=0 if clusters is None else int(clusters.groups[index]),
                strategy=self.name,
                score=chosen[index].score,
                rank=rank,
                reason=chosen[index].reason,
            )
            for rank, index in enumerate(order.tolist())
        ]

    def _rng(self, number: int) -> np.random.Generator:
        return np.random.default_rng((self.seed, number, 3))  # not a stream of patches or training


def row_of(box: Box) -> int:
    """The row of the object that a candidate is.

    Raises:
        ValueError: If it is a place.
    """
    if not isinstance(box, ObjectBox):
        raise ValueError(f"expected an object; got the place {box}")  # noqa: TRY004
    return box.row


def write_groups(folder: Path, number: int, groups: Int64[np.ndarray, "n"]) -> None:
    """Keep the group of each object in a round, in one piece.

    Raises:
        OSError: If it cannot be written.
    """
    (folder / FOLDER).mkdir(exist_ok=True)
    with whole_file(_groups_path(folder, number)) as partial, partial.open("wb") as file:
        np.save(file, groups)


def read_groups(found: Proposals, number: int) -> Int64[np.ndarray, "n"]:
    """The group of each object of a set in a round, by row of the table; `UNGROUPED` without one.

    Raises:
        ValueError: If the round has no groups, or they are of other objects.
        OSError: If they cannot be read.
    """
    path = _groups_path(found.folder, number)
    if not path.exists():
        raise ValueError(
            f"round {number} of proposals {found.folder.name} has no groups of alike objects: "
            "make features before asking"
        )
    try:
        groups = np.load(path)
    except (ValueError, EOFError) as error:
        raise ValueError(f"{path} holds no groups: {error}") from error
    if groups.shape != (found.result.objects,) or groups.dtype != np.int64:
        raise ValueError(f"{path}: expected a group for each of {found.result.objects} objects")
    return groups


def _by_row(clusters: Clusters, candidates: Candidates, count: int) -> Int64[np.ndarray, "n"]:
    groups = np.full(count, UNGROUPED, dtype=np.int64)
    boxes = [*candidates.boxes, *candidates.labelled]
    groups[[row_of(box) for box in boxes]] = clusters.groups
    return groups


def _groups_path(folder: Path, number: int) -> Path:
    return folder / FOLDER / f"{number:03}.npy"
