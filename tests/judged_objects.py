"""A small set of proposals in memory's reach, with decisions and a journal."""

from pathlib import Path

import numpy as np

from microtome.objects.proposals import Proposals, propose
from microtome.objects.settings import ProposalSettings
from microtome.project import Journal
from microtome.project.records import JudgeQuery, Verdict, VerdictWord
from proposing import blobs, one_class

SHAPE = (8, 40, 80)
PLACES = [(2, 10, 10), (2, 10, 40), (2, 30, 70), (5, 25, 60), (5, 30, 20)]  # in the order of their rows


def five(folder: Path, name: str = "001", places: list[tuple[int, int, int]] = PLACES) -> Proposals:
    """A ball of 3 × 7 × 7 voxels at each place."""
    folder.mkdir(exist_ok=True)
    return propose(one_class(blobs(*places, shape=SHAPE)), ProposalSettings(smallest=8), folder / name)


def judge(
    journal: Journal, found: Proposals, said: dict[int, VerdictWord], annotator: str = "ada", number: int = 0
) -> None:
    """Ask about these rows, if nobody did, and let an annotator say so."""
    table, name = found.table(), found.folder.name
    there = {query.object_key: query for query in journal.verdicts.queries(name)}
    fresh = [
        JudgeQuery(
            round=number,
            proposals=name,
            object_key=int(table.keys[row]),
            box=table.box(row),
            cluster=0,
            strategy="random",
            score=0.0,
            rank=row,
            reason="drawn at random",
        )
        for row in said
        if int(table.keys[row]) not in there
    ]
    there |= {query.object_key: query for query in journal.verdicts.add_queries(fresh)}
    for row, word in said.items():
        query = there[int(table.keys[row])]
        assert query.id is not None
        journal.verdicts.add_verdict(
            Verdict(query_id=query.id, annotator=annotator, verdict=word, key=f"{annotator}-{query.id}")
        )


def balls(*places: tuple[int, int, int], value: int = 1) -> np.ndarray:
    """Classes: `value` in the balls at these places."""
    return np.where(blobs(*places, shape=SHAPE) == 200, value, 0).astype(np.uint8)
