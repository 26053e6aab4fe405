"""Asking: the next queries, chosen by the latest model, or by the start strategy before there is one."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from microtome.box import Box, Int3, count, grid
from microtome.loop.growing import SEED_REASON, audits, planted, round_that_runs, step_size
from microtome.loop.session import Session
from microtome.progress import Progress
from microtome.project import Model, Query
from microtome.project.growth import AUDIT, SEED, grows, require_train, seeds
from microtome.query.candidates import Candidates, ModelView, open_boxes
from microtome.query.strategy import Pick, Selection
from microtome.schedule import Schedule

T = TypeVar("T")
R = TypeVar("R")

MOST_CANDIDATES = 100_000  # boxes that a round chooses from; a volume with more of them is sampled


def ask(session: Session, n: int) -> list[Query]:
    """Add the next round's queries to the journal, at most `n`, and return them; none when all was asked.

    Raises:
        ValueError: If queries of the round before are still open, the image changed since the project was
            made, or the strategy lacks what it needs.
    """
    still_open = len(session.project.journal.open_queries())
    if still_open:
        raise ValueError(f"{still_open} queries are open; answer them before asking for more")
    number = 1 + max((query.round for query in session.project.journal.queries()), default=-1)
    return _ask(session, n, number, first_rank=0)


def top_up(session: Session, n: int, *, hastily: bool = False) -> list[Query]:
    """Add up to `n` queries while others are open, to the round that runs.

    `hastily` means by the start strategy, which needs no prediction.

    Raises:
        ValueError: If the image changed since the project was made, or the strategy lacks what it needs.
    """
    asked = session.project.journal.queries()
    number = max((query.round for query in asked), default=0)
    if grows(session.project.config):
        number = round_that_runs(session)
        n = n if session.project.journal.latest_model() else min(n, step_size(session))
    ranks = [query.rank for query in asked if query.round == number]
    return _ask(session, n, number, first_rank=1 + max(ranks, default=-1), hastily=hastily)


def renew(session: Session, n: int) -> list[Query]:
    """Begin a new round of up to `n` queries in place of those that nobody has seen yet.

    The old ones are there until the new ones are, so that nobody has to wait.

    Raises:
        ValueError: As `top_up` does.
    """
    number = 1 + max((query.round for query in session.project.journal.queries()), default=-1)
    return _ask(session, n, number, first_rank=0, replaced=session.project.journal.drafts.untouched())


def ask_planted(session: Session) -> list[Query]:
    """Ask for what somebody planted since there is a model, before what is open and nobody holds yet.

    Raises:
        ValueError: If the image changed since the project was made.
    """
    journal, config = session.project.journal, session.project.config
    found = _unasked(session) if journal.latest_model() else []
    if not found:
        return []
    _ = session.image  # opening it refuses one that changed
    number = round_that_runs(session)
    ranks = [query.rank for query in journal.queries() if query.round == number]
    first = min([0, *ranks]) - len(found)
    return journal.add_queries(
        [
            Query(
                round=number,
                box=box,
                strategy=config.query.strategy,
                score=0.0,
                rank=first + k,
                reason=SEED_REASON,
            )
            for k, box in enumerate(found)
        ]
    )


def is_stale(session: Session) -> bool:
    """Whether there is a newer model than the round that runs, and it would ask something else."""
    if grows(session.project.config):
        return False
    latest, asked = session.project.journal.latest_model(), session.project.journal.queries()
    if latest is None or not asked:
        return latest is not None
    begun = min(query.created_at or "" for query in asked if query.round == asked[-1].round)
    return (latest.created_at or "") >= begun


def _ask(
    session: Session,
    n: int,
    number: int,
    *,
    first_rank: int,
    hastily: bool = False,
    replaced: Sequence[Query] = (),
) -> list[Query]:
    journal, config = session.project.journal, session.project.config
    _ = session.image  # opening it refuses one that changed
    latest = None if hastily else journal.latest_model()
    free = journal.withdrawn() | {query.id for query in replaced}
    asked = [query for query in journal.queries() if query.id not in free]
    strategy = session.start if latest is None else session.strategy
    candidates = _candidates(session, asked, latest)
    stream = (config.seed, number, first_rank) if first_rank else (config.seed, number)
    chosen = strategy.select(candidates, min(n, len(candidates)), np.random.default_rng(stream))
    name = config.query.start_strategy if latest is None else config.query.strategy
    picks = [(pick, name) for pick in _planted_first(session, candidates, chosen, n)]
    far = audits(session, candidates, [pick.index for pick, _ in picks])
    picks += [(pick, AUDIT) for pick in far]
    journal.drafts.withdraw([query.id for query in replaced if query.id is not None])
    withdrawn = journal.withdrawn()
    # read again: while the strategy chose, queries may have been handed out, or added in haste
    taken = [query.box for query in journal.queries() if query.id not in withdrawn]
    boxes = open_boxes([candidates.boxes[pick.index] for pick, _ in picks], taken)
    still = [(pick, name) for pick, name in picks if candidates.boxes[pick.index] in boxes]
    return journal.add_queries(
        [
            Query(
                round=number,
                box=candidates.boxes[pick.index],
                strategy=name,
                score=pick.score,
                rank=first_rank + rank,
                reason=pick.reason,
            )
            for rank, (pick, name) in enumerate(still)
        ]
    )


def plant(session: Session, at: Int3) -> Box:
    """Say where growing begins, or begins again: the open box nearest to this voxel, which is asked for next.

    Raises:
        ValueError: If the project does not grow, the voxel is not where queries may be asked, or nothing is
            left to ask for.
    """
    journal, config = session.project.journal, session.project.config
    if not grows(config):
        raise ValueError(f"{session.project.root} does not grow: it has no [[grow]] in project.toml")
    require_train(config, at)
    boxes = _left(session)
    if not boxes:
        raise ValueError("nothing is left to ask for: no open box to begin at")
    nearest = min(boxes, key=lambda box: _distance(box, at))
    journal.add_event(SEED, {"at": list(nearest.start), "wanted": list(at)})
    return nearest


def is_done(session: Session) -> bool:
    """Whether every box was asked for, and nothing waits for an answer."""
    return not session.project.journal.open_queries() and not _left(session)


def _left(session: Session) -> tuple[Box, ...]:
    """The boxes that may still be asked for."""
    config = session.project.config
    return open_boxes(_sampled(config.train_box, config.query.shape, config.seed), _asked(session))


def _asked(session: Session) -> list[Box]:
    """The boxes that were asked for, but those that were withdrawn."""
    journal = session.project.journal
    withdrawn = journal.withdrawn()
    return [query.box for query in journal.queries() if query.id not in withdrawn]


def _unasked(session: Session) -> list[Box]:
    """The boxes of what was planted, as far as they may still be asked for."""
    found = seeds(session.project.journal)
    asked = _asked(session) if found else []
    found = [at for at in found if not any(_distance(box, at) == 0 for box in asked)]
    left = _left(session) if found else ()
    return [box for box in left if any(_distance(box, at) == 0 for at in found)]


def _distance(box: Box, at: Int3) -> int:
    """Voxels from one to the other, axis by axis."""
    return sum(max(a - p, p - b + 1, 0) for a, p, b in zip(box.start, at, box.stop, strict=True))


def _planted_first(session: Session, candidates: Candidates, chosen: Selection, n: int) -> Sequence[Pick]:
    """Where a project grows, what somebody planted comes before what the strategy chose."""
    first = planted(session, candidates)
    picks = {pick.index: pick for pick in (*chosen, *first)}
    order = [pick.index for pick in (*first, *chosen)]
    return [picks[index] for index in candidates.first_together(order, n)]


def batch_size(session: Session) -> int:
    """How many queries the next round has: `query.start` in the first, `query.batch` later.

    Where a project grows, one box in the first, later what its stage says.
    """
    if grows(session.project.config):
        return step_size(session)
    query = session.project.config.query
    return query.batch if session.project.journal.latest_model() else query.start


def _candidates(session: Session, asked: list[Query], latest: Model | None) -> Candidates:
    journal, config = session.project.journal, session.project.config
    answered = {effort.query_id for effort in journal.efforts()}
    skipped = {skip.query_id for skip in journal.skips()} - answered
    taken = [query.box for query in asked]
    boxes = open_boxes(_sampled(config.train_box, config.query.shape, config.seed), taken)
    return Candidates(
        boxes,
        session.classes,
        model=None if latest is None else _view(session, latest),
        truth=None if config.truth is None else session.truth.read,
        image=session.image.read,
        labelled=tuple(query.box for query in asked if query.strategy != AUDIT and query.id not in skipped),
        elapsed=_elapsed(session, latest),
        schedule=_Shown(session.schedule, session.progress),
    )


@dataclass(frozen=True)
class _Shown:
    """A schedule that reports how many items are done."""

    schedule: Schedule
    progress: Progress

    def __call__(self, function: Callable[[T], R], items: Sequence[T]) -> Iterator[tuple[int, R]]:
        for done, found in enumerate(self.schedule(function, items), start=1):
            self.progress("scoring", done, len(items))
            yield found


def _elapsed(session: Session, latest: Model | None) -> float:
    """The share that has passed of the planned rounds that a model asks in."""
    last = session.project.config.query.rounds - 2  # the first round has no model
    return min(1.0, latest.round / last) if latest and last > 0 else 0.0


def _sampled(domain: Box, shape: Int3, seed: int) -> list[Box]:
    """The boxes of the grid; of a volume with very many, a random sample, the same for the same seed."""
    if count(domain, shape) <= MOST_CANDIDATES:
        return list(grid(domain, shape))
    sides = [side // n for side, n in zip(domain.shape, shape, strict=True)]
    rng = np.random.default_rng((seed, 0, 2))  # not a stream of any round or training
    cells = np.unique(np.stack([rng.integers(0, side, MOST_CANDIDATES) for side in sides], axis=1), axis=0)
    starts = cells * shape + domain.start
    return [Box((z, y, x), (z + shape[0], y + shape[1], x + shape[2])) for z, y, x in starts.tolist()]


def _view(session: Session, latest: Model) -> ModelView:
    from microtome.loop.models import view  # torch waits until there is a model

    return view(session, latest)
