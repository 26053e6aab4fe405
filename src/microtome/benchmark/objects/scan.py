"""A model of a person who looks for errors on pages of tiles: a simulation, whose seconds are assumptions.

What follows from the order in which tiles come is how many are looked at until the errors are met. That a
tile is judged faster if it looks like the one before is put in (`ScanModel.switch_seconds`), not found out.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float64, Int64

RARITY = ((0.01, 0.30), (0.10, 0.16), (0.50, 0.07))
"""Share of targets, and share of them that is missed (Wolfe, Horowitz & Kenner 2005, luggage)."""
STUDY_SECONDS = 1800.0
STUDY_WRONG = 211 / 2100
"""The user study of Lin et al. (2020): half an hour; 211 of 2 100 synapses are wrong."""
MOST_PASSES = 30

Order = Int64[np.ndarray, "k"]


@dataclass(frozen=True, slots=True)
class ScanModel:
    """What looking costs, and what is missed.

    `fitted` takes the first two from the study of Lin et al. (2020). Pointing takes 1.1 s and clicking 0.2 s;
    confirming a page 1.35 s of thinking and a key of 0.2 s (Card, Moran & Newell 1980), drawing the next one
    0.2 s (measured). A wrong tile is missed with the probability that `rarity` has for the share of wrong
    ones on its page, linear in the share's logarithm and constant beyond; empty: never. Where all tiles of a
    page look alike it is multiplied by `sameness`, by less where fewer do: 1 is no effect, below it an odd
    tile stands out, above it sameness lulls. That people also mark right tiles is left out.

    Raises:
        ValueError: If a time is negative, a page has no tile, or what is missed is no probability.
    """

    alike_seconds: float  # to judge a tile that looks like the one before
    switch_seconds: float  # more, to judge one that does not
    click_seconds: float = 1.3  # to mark a tile
    page_seconds: float = 1.75  # to confirm a page and see the next
    tiles: int = 60  # of a page, the product's default
    rarity: tuple[tuple[float, float], ...] = RARITY
    sameness: float = 1.0  # the study saw no effect: accuracy 0.728 ± 0.087 and 0.713 ± 0.114

    def __post_init__(self) -> None:
        times = (self.alike_seconds, self.switch_seconds, self.click_seconds, self.page_seconds)
        if min(times) < 0 or self.tiles < 1:
            raise ValueError(f"expected times of at least 0 and a tile a page; got {times} and {self.tiles}")
        shares = [share for share, _ in self.rarity]
        if sorted(set(shares)) != shares or not all(0 < p <= 1 and 0 <= q < 1 for p, q in self.rarity):
            raise ValueError(f"expected growing shares in (0, 1] and misses in [0, 1); got {self.rarity}")
        if self.sameness < 0:
            raise ValueError(f"expected an effect of sameness of at least 0; got {self.sameness}")

    def missed(
        self, wrong: Float64[np.ndarray, "k"], alike: Float64[np.ndarray, "k"]
    ) -> Float64[np.ndarray, "k"]:
        """Probabilities of missing a wrong tile, by the shares of wrong and of alike ones on its page."""
        if not self.rarity:
            return np.zeros(len(wrong))
        shares, misses = np.array(self.rarity).T
        by_share = np.interp(np.log(np.maximum(wrong, shares[0])), np.log(shares), misses)
        return np.minimum(by_share * (1 + (self.sameness - 1) * alike), 1.0)


def fitted(model: ScanModel, alike: float = 930, different: float = 670) -> ScanModel:
    """The model with the paces of the study: tiles that are judged in its half hour, in either order.

    Taken to be all alike in cluster order and all different at random, a tenth of them marked with a click.

    Raises:
        ValueError: If fewer are judged when alike, or clicks and pages take longer than there is.
    """
    rest = model.click_seconds * STUDY_WRONG + model.page_seconds / model.tiles
    at_least = STUDY_SECONDS / alike - rest
    if alike < different or at_least < 0:
        raise ValueError(
            f"expected a pace for alike tiles of {different} to {STUDY_SECONDS / rest:.0f}; got {alike}"
        )
    return replace(
        model, alike_seconds=at_least, switch_seconds=STUDY_SECONDS / different - STUDY_SECONDS / alike
    )


@dataclass(frozen=True, eq=False)
class Looks:
    """Looks at tiles, one after another; a tile may be looked at again."""

    rows: Int64[np.ndarray, "k"]
    seconds: Float64[np.ndarray, "k"]  # of each look, with what it takes to mark it and to turn the page
    found: Bool[np.ndarray, "k"]  # wrong ones that were marked

    def then(self, later: "Looks") -> "Looks":
        """These, and later ones."""
        pairs = ((self.rows, later.rows), (self.seconds, later.seconds), (self.found, later.found))
        rows, seconds, found = (np.concatenate(pair) for pair in pairs)
        return Looks(rows, seconds, found)

    def until(self, hits: Bool[np.ndarray, "k"], count: int) -> tuple[int, float] | None:
        """Looks and seconds until so many of them were hits; None if there are not as many."""
        which = np.flatnonzero(hits)
        if count < 1 or count > len(which):
            return None
        last = int(which[count - 1])
        return last + 1, float(self.seconds[: last + 1].sum())


def looked(
    order: Order,
    groups: Int64[np.ndarray, "n"],
    wrong: Bool[np.ndarray, "n"],
    model: ScanModel,
    rng: np.random.Generator,
) -> Looks:
    """One look at each tile of an order, page by page.

    A tile looks like the one before if it is of its group. Marked tiles cost a click each; where most of a
    page are wrong, the page is marked as a whole with one, and the others are taken back.
    """
    if not len(order):
        return Looks(order, np.zeros(0), np.zeros(0, bool))
    page = np.arange(len(order)) // model.tiles
    alike = np.concatenate([[False], groups[order][1:] == groups[order][:-1]])
    size = np.bincount(page)
    missed = model.missed(np.bincount(page, wrong[order]) / size, np.bincount(page, alike) / size)
    found = wrong[order] & (rng.random(len(order)) >= missed[page])
    marked = np.bincount(page, found)
    clicks = np.minimum(marked, 1 + size - marked) / np.maximum(marked, 1)  # for each that is marked
    seconds = model.alike_seconds + model.switch_seconds * ~alike + model.click_seconds * clicks[page] * found
    seconds[:: model.tiles] += model.page_seconds
    return Looks(order, seconds, found)


def searched(
    looks: Looks,
    again: Callable[[Bool[np.ndarray, "n"]], Looks],
    wrong: Bool[np.ndarray, "n"],
) -> Looks:
    """Looks that go on, over what was not marked yet, until every wrong tile was, or for `MOST_PASSES`."""
    for _ in range(MOST_PASSES):
        left = np.ones(len(wrong), bool)
        left[looks.rows[looks.found]] = False
        if not (wrong & left).any():
            break
        looks = looks.then(again(left))
    return looks
