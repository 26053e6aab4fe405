"""What people decided of a set of proposals, spread to all its objects by the groups in which they asked."""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Int64

from microtome.objects.asking import UNGROUPED, read_groups
from microtome.objects.decisions import decisions
from microtome.objects.feedback import decided_rows
from microtome.objects.propagation import Propagated, propagated
from microtome.objects.proposals import Proposals
from microtome.project.verdicts import Verdicts
from microtome.whole import whole_file

COLUMNS = ("id", "key", "group", "correct", "answered")


@dataclass(frozen=True, eq=False)
class Spread:
    """What is taken to be correct, by row of a set's table.

    Known is what somebody decided on, and what is in a group of the last round. `result` is of the groups'
    objects alone, in the order of their rows.
    """

    result: Propagated
    correct: Bool[np.ndarray, "n"]  # False where nothing is known
    known: Bool[np.ndarray, "n"]
    answered: Bool[np.ndarray, "n"]
    groups: Int64[np.ndarray, "n"]  # `UNGROUPED` for those that the last round could not choose from


def spread(verdicts: Verdicts, found: Proposals, people: int = 1, *, insist: bool = False) -> Spread:
    """All decisions on objects of a set, carried ones among them, spread by the groups of its last round.

    Of an object without a group nothing is known unless it was decided on itself.

    Raises:
        ValueError: If nobody asked about the set or decided anything, the round made no groups, or spreading
            is expected to hurt and nobody insists.
        OSError: If the groups cannot be read.
    """
    name, queries = found.folder.name, verdicts.queries()
    rounds = [query.round for query in queries if query.proposals == name]
    decided = decided_rows(found.table(), decisions(queries, verdicts.verdicts(), people))
    if not rounds or not decided:
        raise ValueError(f"nobody decided on an object of proposals {name} yet: ask, and give verdicts")
    groups = read_groups(found, max(rounds))
    rows, said = np.array(list(decided), dtype=np.int64), np.array(list(decided.values()), dtype=bool)
    grouped = groups != UNGROUPED
    place = np.cumsum(grouped) - 1  # of a row among the grouped ones
    among = grouped[rows]
    result = propagated(groups[grouped], place[rows[among]], said[among], insist=insist)
    correct, answered = np.zeros(len(groups), dtype=bool), np.zeros(len(groups), dtype=bool)
    correct[grouped] = result.labels
    correct[rows], answered[rows] = said, True
    return Spread(result, correct, grouped | answered, answered, groups)


def write_labels(spread_labels: Spread, found: Proposals, path: Path) -> None:
    """Write the labels as CSV, one object a line; the file is there whole, or not at all.

    `correct` is 1, 0, or empty where nothing is known.

    Raises:
        OSError: If it cannot be written.
    """
    table = found.table()
    correct = np.where(spread_labels.known, spread_labels.correct.astype(int).astype(str), "")
    columns = (table.ids, table.keys, spread_labels.groups, correct, spread_labels.answered.astype(np.int64))
    with whole_file(path) as partial, partial.open("w", encoding="utf-8", newline="") as file:
        lines = csv.writer(file, lineterminator="\n")
        lines.writerow(COLUMNS)
        lines.writerows(zip(*(column.tolist() for column in columns), strict=True))
