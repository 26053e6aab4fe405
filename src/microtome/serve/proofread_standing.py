"""How the proofreading of a set of objects gets on, as the page shows it."""

import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from math import isnan
from pathlib import Path
from typing import Any

from microtome.evaluate.agreement import fleiss_kappa, krippendorff_alpha
from microtome.objects.auditing import audited
from microtome.objects.decisions import Decision, counts, decisions
from microtome.objects.proposals import Proposals
from microtome.project import Journal, open_journal
from microtome.project.records import Verdict
from microtome.project.sheets import Order

PATIENCE = 4  # times what counting took: so much of the processor is left to verdicts


class Standing:
    """What `standing_of` counts, by a connection of its own, so that verdicts do not wait for it.

    Raises:
        ValueError: If the journal is damaged.
        OSError: If it cannot be opened.
    """

    def __init__(self, journal: Path, proposals: Proposals, order: Order) -> None:
        self._journal = open_journal(journal)
        self._proposals, self._order = proposals, order
        self._last: dict[str, Any] = {}
        self._version: tuple[int, ...] = ()
        self._next = 0.0  # monotonic time

    def now(self) -> dict[str, Any]:
        """How far the set has come, who judged, and how far they agree; of a large set, a while ago."""
        version, began = self._journal.sheets.version(), time.monotonic()
        if version != self._version and began >= self._next:
            self._last = standing_of(self._journal, self._proposals, self._order)
            self._version, ended = version, time.monotonic()
            self._next = ended + PATIENCE * (ended - began)
        return self._last

    def close(self) -> None:
        """Close the journal."""
        self._journal.close()


def standing_of(journal: Journal, proposals: Proposals, order: Order) -> dict[str, Any]:
    """Objects, audits, annotators and their agreement, read from the journal."""
    queries = journal.verdicts.queries()
    asked = {query.object_key for query in queries if query.proposals == order.proposals}
    all_found = decisions(queries, journal.verdicts.verdicts(), order.repeat)
    found = {key: decision for key, decision in all_found.items() if key in asked}
    return {
        **_counts(list(found.values())),
        "audit": _audit(journal, proposals),
        "people": _people(journal, order.proposals),
        "agreement": _agreement(list(found.values())),
    }


def _counts(found: Sequence[Decision]) -> dict[str, int]:
    votes = counts(found)
    tied = (votes[:, 0] == votes[:, 1]) & (votes[:, 0] > 0)
    waiting = [one for one in found if one.correct is None]
    return {
        "asked": len(found),
        "correct": sum(one.correct is True for one in found),
        "incorrect": sum(one.correct is False for one in found),
        "tied": int(tied.sum()),
        "unsure": sum(any(said == "unsure" for _, said in one.votes) for one in waiting),
    }


def _audit(journal: Journal, proposals: Proposals) -> dict[str, Any]:
    """How many boxes were looked at, and what that says of the share of objects that were proposed at all."""
    seen = audited(journal.verdicts, proposals)
    recall = seen.recall
    return {
        "boxes": seen.boxes,
        "done": seen.done,
        "missed": seen.missing,
        "recall": None if isnan(recall.value) else [recall.value, recall.low, recall.high],
    }


def _agreement(found: Sequence[Decision]) -> dict[str, Any] | None:
    """How far those agree who judged the same objects; None where no object has two verdicts."""
    votes = counts(found)
    shared = votes[votes.sum(axis=1) > 1]
    if not len(shared):
        return None
    people = shared.sum(axis=1)
    alike = (shared * (shared - 1)).sum(axis=1) / (people * (people - 1))
    return {
        "objects": len(shared),
        "agreement": float(alike.mean()),
        "fleiss_kappa": fleiss_kappa(votes),
        "krippendorff_alpha": krippendorff_alpha(votes),
    }


def _people(journal: Journal, proposals: str) -> list[dict[str, Any]]:
    words: dict[str, list[Verdict]] = defaultdict(list)
    for one in journal.verdicts.verdicts(proposals):
        words[one.annotator].append(one)
    active = journal.sheets.active(proposals)
    return [
        _person(name, Counter(one.verdict for one in words[name]), sum(active.get(name, (0.0, 0.0))) / 60)
        for name in sorted({*words, *active})
    ]


def _person(name: str, words: Counter[str], minutes: float) -> dict[str, Any]:
    return {
        "name": name,
        "objects": words.total(),
        "incorrect": words["incorrect"],
        "unsure": words["unsure"],
        "minutes": minutes,
        "objects_per_minute": words.total() / minutes if minutes else None,
    }
