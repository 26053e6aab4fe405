"""How far several annotators of the same boxes or objects agree, and what most of them say."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64, UInt8

from microtome.labels import IGNORE


@dataclass(frozen=True)
class Agreement:
    """Agreement over the voxels that at least two annotators labelled.

    `agreement` is the share of pairs of annotators who say the same, mean over voxels; `kappa` is what chance
    does not explain of it (Fleiss 1971, for any number of annotators a voxel), None where all said one class.
    """

    queries: int
    voxels: int
    agreement: float
    kappa: float | None


def majority(labels: Sequence[UInt8[np.ndarray, "z y x"]]) -> UInt8[np.ndarray, "z y x"]:
    """The class that most annotators give each voxel; `IGNORE` at a tie and where nobody said anything.

    Raises:
        ValueError: If there are no labels.
    """
    if len(labels) == 1:
        return labels[0]
    best = np.full(labels[0].shape, IGNORE, dtype=np.uint8) if labels else _refuse()
    most = np.zeros(best.shape, dtype=np.int64)
    for c in _classes(labels):
        votes = _votes(labels, c)
        best[votes == most] = IGNORE
        best[votes > most] = c
        most = np.maximum(most, votes)
    return best


def agreement(answers: Sequence[Sequence[UInt8[np.ndarray, "z y x"]]]) -> Agreement | None:
    """Agreement over several boxes, each with the labels of its annotators; None where no voxel has two."""
    boxes = [labels for labels in answers if len(labels) > 1]
    pairs, voxels, queries = 0.0, 0, 0
    said: dict[int, int] = {}
    for labels in boxes:
        counts = {c: _votes(labels, c) for c in _classes(labels)}
        people = np.asarray(sum(counts.values(), np.zeros(labels[0].shape, dtype=np.int64)))
        shared = people > 1
        voxels += int(shared.sum())
        queries += bool(shared.any())
        for c, votes in counts.items():
            said[c] = said.get(c, 0) + int(votes[shared].sum())
            same = votes[shared] * (votes[shared] - 1)
            pairs += float((same / (people[shared] * (people[shared] - 1))).sum())
    if not voxels:
        return None
    observed = pairs / voxels
    expected = sum((n / sum(said.values())) ** 2 for n in said.values())
    return Agreement(
        queries, voxels, observed, (observed - expected) / (1 - expected) if expected < 1 else None
    )


def fleiss_kappa(votes: Int64[np.ndarray, "n c"]) -> float | None:
    """What chance does not explain of the agreement of verdicts (Fleiss 1971): 1 is full, 0 that of chance.

    `votes` says how many people put each object into each category; that number may differ between objects,
    and those with fewer than two votes do not count. None where no object has two, or all votes are of one
    category.

    Raises:
        ValueError: If a number is negative.
    """
    votes = _shared(votes)
    people = votes.sum(axis=1)
    if np.count_nonzero(votes.sum(axis=0)) < 2:
        return None
    observed = float(((votes * (votes - 1)).sum(axis=1) / (people * (people - 1))).mean())
    expected = float(((votes.sum(axis=0) / votes.sum()) ** 2).sum())
    return (observed - expected) / (1 - expected)


def krippendorff_alpha(votes: Int64[np.ndarray, "n c"]) -> float | None:
    """Krippendorff's α for categories without an order (2011): 1 is full agreement, 0 that of chance.

    Unlike Fleiss' κ it is corrected for small samples, and every vote weighs the same where objects have
    different numbers of them. `votes` and None are as for `fleiss_kappa`; who said nothing is simply missing.

    Raises:
        ValueError: If a number is negative.
    """
    votes = _shared(votes)
    categories = votes.sum(axis=0).astype(np.float64)
    if np.count_nonzero(categories) < 2:
        return None
    total = categories.sum()
    alike = ((votes * (votes - 1)).sum(axis=1) / (votes.sum(axis=1) - 1)).sum()
    return float(1 - (total - 1) * (total - alike) / (total**2 - (categories**2).sum()))


def _shared(votes: Int64[np.ndarray, "n c"]) -> Int64[np.ndarray, "m c"]:
    """The objects with at least two votes."""
    if votes.min(initial=0) < 0:
        raise ValueError(f"expected numbers of votes; got {votes.min()}")
    return votes[votes.sum(axis=1) > 1]


def _votes(labels: Sequence[UInt8[np.ndarray, "z y x"]], c: int) -> Int64[np.ndarray, "z y x"]:
    return np.stack([block == c for block in labels]).sum(axis=0, dtype=np.int64)


def _classes(labels: Sequence[UInt8[np.ndarray, "z y x"]]) -> list[int]:
    present = np.unique(np.concatenate([np.unique(block) for block in labels]))
    return [int(c) for c in present if c != IGNORE]


def _refuse() -> UInt8[np.ndarray, "z y x"]:
    raise ValueError("a majority expects the labels of at least one annotator; got none")
