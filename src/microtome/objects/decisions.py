"""What the verdicts of several people on an object come to."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64

from microtome.project.records import JudgeQuery, Verdict, VerdictWord

SURE: tuple[VerdictWord, VerdictWord] = ("correct", "incorrect")


@dataclass(frozen=True, slots=True)
class Decision:
    """What people said of one object, and what that comes to."""

    key: int  # the object's lasting number
    people: int  # who must have said correct or incorrect
    votes: tuple[tuple[str, VerdictWord], ...]  # of each annotator the verdict that holds

    @property
    def correct(self) -> bool | None:
        """What most say; None while the object is open: too few are sure, or as many say one as the other."""
        yes, no = (self._count(verdict) for verdict in SURE)
        return None if yes == no or yes + no < self.people else yes > no

    def may_ask(self, annotator: str) -> bool:
        """Whether this annotator is to be asked: the object is open, and they said nothing of it yet.

        So one of which somebody is unsure, or on which people are split, goes to the next person.
        """
        return self.correct is None and annotator not in dict(self.votes)

    def _count(self, verdict: VerdictWord) -> int:
        return sum(said == verdict for _, said in self.votes)


def decisions(
    queries: Sequence[JudgeQuery], verdicts: Sequence[Verdict], people: int = 1
) -> dict[int, Decision]:
    """The decision on every object asked about, by key, in the order in which they were asked.

    Of what an annotator said of an object the last holds, in the order of ids, also where it was asked in
    several sets of proposals; what was superseded or withdrawn counts for nothing. "Unsure" is no vote.

    Raises:
        ValueError: If a verdict is on no query of these, has no id, or `people` is below 1.
    """
    if people < 1:
        raise ValueError(f"a decision expects at least one person; got {people}")
    held = _held(queries, verdicts)
    keys = dict.fromkeys(query.object_key for query in queries)
    return {key: Decision(key, people, tuple(held.get(key, {}).items())) for key in keys}


def counts(found: Sequence[Decision]) -> Int64[np.ndarray, "n 2"]:
    """How many said correct, and how many incorrect, of each object: what measures of agreement expect."""
    rows = [Counter(verdict for _, verdict in one.votes) for one in found]
    return np.array([[row[verdict] for verdict in SURE] for row in rows], dtype=np.int64).reshape(-1, 2)


def _held(queries: Sequence[JudgeQuery], verdicts: Sequence[Verdict]) -> dict[int, dict[str, VerdictWord]]:
    """Of each object and annotator what holds, annotators in the order in which they first spoke."""
    keys = {query.id: query.object_key for query in queries}
    superseded = {verdict.supersedes for verdict in verdicts if verdict.supersedes is not None}
    held: dict[int, dict[str, VerdictWord]] = {}
    for verdict in sorted(verdicts, key=_id):
        if verdict.query_id not in keys:
            raise ValueError(
                f"expected verdicts on objects that were asked; got one on query {verdict.query_id}"
            )
        if verdict.id not in superseded:
            held.setdefault(keys[verdict.query_id], {})[verdict.annotator] = verdict.verdict
    return {
        key: {annotator: said for annotator, said in votes.items() if said != "withdrawn"}
        for key, votes in held.items()
    }


def _id(verdict: Verdict) -> int:
    if verdict.id is None:
        raise ValueError(f"expected verdicts from a journal; got one without an id by {verdict.annotator}")
    return verdict.id
