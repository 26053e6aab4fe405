"""What every selection of a strategy must be."""

import numpy as np

from microtome.box import Box
from microtome.query.candidates import Candidates
from microtome.query.strategy import Selection, Strategy


def chosen(strategy: Strategy, candidates: Candidates, n: int, seed: int = 0) -> Selection:
    return strategy.select(candidates, n, np.random.default_rng(seed))


def free(boxes: list[Box], selection: list[Box]) -> list[Box]:
    return [box for box in boxes if not any(box.overlaps(other) for other in selection)]


def require_contract(strategy: Strategy, candidates: Candidates, n: int) -> None:
    """Fails unless `strategy` chooses as the protocol says, and the same again."""
    selection = require_selection(strategy, candidates, n)
    assert chosen(strategy, candidates, n) == selection, "not the same for the same generator"


def require_selection(strategy: Strategy, candidates: Candidates, n: int) -> Selection:
    """What `strategy` chooses, which must be as the protocol says."""
    assert isinstance(strategy, Strategy)
    selection = chosen(strategy, candidates, n)
    indices = [pick.index for pick in selection]
    assert all(0 <= index < len(candidates) for index in indices)
    assert len(set(indices)) == len(indices), "not distinct"
    boxes = [candidates.boxes[index] for index in indices]
    pairs = [(a, b) for k, a in enumerate(boxes) for b in boxes[:k]]
    assert candidates.sharing or not any(a.overlaps(b) for a, b in pairs), "picks share voxels"
    scores = [pick.score for pick in selection]
    assert scores == sorted(scores, reverse=True), "not best first"
    assert all(pick.reason for pick in selection), "no reason"
    left = len(indices) < len(candidates) if candidates.sharing else free(list(candidates.boxes), boxes)
    assert len(boxes) == n or not left, "more can be had"
    return selection
