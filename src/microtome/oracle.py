"""Who answers queries: here a simulated annotator who knows the truth and takes as long as a person would."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, UInt8
from scipy import ndimage

from microtome.box import Box
from microtome.labels import BACKGROUND, IGNORE, borders, components, without_small
from microtome.project.records import Answer, Query

SMOOTH = 6.0  # voxels (s.d.) over which an outline is off in the same direction

LabelReader = Callable[[Box], UInt8[np.ndarray, "z y x"]]
ThresholdReader = Callable[[Box, float], UInt8[np.ndarray, "z y x"]]
"""What a model predicts in a box at a threshold of the foreground."""


@runtime_checkable
class Oracle(Protocol):
    """Answers queries one by one, so that each answer is on disk before the next is given."""

    def answer(self, queries: Sequence[Query]) -> Iterator[Answer]: ...


@dataclass(frozen=True, slots=True)
class CostModel:
    """Seconds that an annotator spends on a box, from scratch or correcting a prediction.

    Drawing is anchored at Guay: 328 min a megavoxel for membranes from nothing; with the defaults the
    membranes of the vnc sections 0-8 at 9.2 nm, in boxes of 64², cost 330. Looking at a box and saying
    yes or no takes 1.9 to 2.7 s (Lin et al. 2020). Figures in minutes are simulated and should be read
    at a third and at three times these defaults as well.
    """

    open_seconds: float = 2.0  # to take a query up, find one's place and submit
    scan_seconds: float = 400.0  # to look at one megavoxel
    draw_seconds: float = 0.2  # to draw one voxel of an object's outline
    start_seconds: float = 1.0  # to begin an object that is missing
    remove_seconds: float = 1.0  # to click away an object that is not there
    slide_seconds: float = 5.0  # to find the threshold at which a prediction is best
    smallest: int = 20  # voxels; smaller errors are not seen

    def scratch(self, truth: UInt8[np.ndarray, "z y x"]) -> float:
        """Seconds to draw `truth` on an empty box."""
        return self.correction(truth, np.full_like(truth, BACKGROUND))

    def correction(self, truth: UInt8[np.ndarray, "z y x"], shown: UInt8[np.ndarray, "z y x"]) -> float:
        """Seconds to make `shown` into `truth`.

        What is drawn is the outline that the prediction does not have: of what is missing, and where
        something superfluous clings to what is right. Nothing is drawn of voxels that `truth` ignores.
        """
        seconds = self.open_seconds + self.scan_seconds * truth.size * 1e-6
        for c in np.setdiff1d(np.union1d(truth, shown), (BACKGROUND, IGNORE)):
            true, has = truth == c, shown == c
            missing = without_small(true & ~has, self.smallest)
            superfluous = without_small(has & ~true & (truth != IGNORE), self.smallest)
            drawn = (_outline(true) & missing) | (borders(superfluous) & true & has)
            seconds += self.draw_seconds * np.count_nonzero(drawn)
            seconds += self.start_seconds * components(missing).max()
            seconds += self.remove_seconds * components(superfluous).max()
        return float(seconds)


@dataclass(frozen=True, slots=True)
class Hand:
    """How exact an annotator is; as it stands, perfect.

    Who corrects a prediction leaves alone what is hardly wrong: errors are opened by `tolerance` voxels, as a
    brush of that radius would paint it, and of what is left pieces below `smallest` stay as they were shown.

    Raises:
        ValueError: If a size is negative or not finite, or the share not in [0, 1].
    """

    jitter: float = 0.0  # voxels (s.d.) by which outlines are off, smoothly along them, section by section
    overlooked: float = 0.0  # share of errors, or of objects that are to be drawn, that is not seen
    tolerance: int = 0  # voxels; of a prediction, errors up to twice as wide are not worth a correction
    smallest: int = 1  # voxels of an error within a section, likewise
    thresholds: tuple[float, ...] = ()  # of the foreground, that are tried before a prediction is corrected

    def __post_init__(self) -> None:
        sizes = (self.jitter, self.tolerance, self.smallest)
        shares = (self.overlooked, *self.thresholds)
        if not all(0 <= size < math.inf for size in sizes) or not all(0 <= share <= 1 for share in shares):
            raise ValueError(f"expected sizes >= 0 and a share and thresholds in [0, 1]; got {self}")

    def corrected(
        self, truth: UInt8[np.ndarray, "z y x"], shown: UInt8[np.ndarray, "z y x"]
    ) -> UInt8[np.ndarray, "z y x"]:
        """What is shown, with all errors corrected that are worth it."""
        if not self.tolerance and self.smallest <= 1:
            return truth
        kept, differs = truth.copy(), (truth != shown) & (truth != IGNORE)
        worth = without_small(_opened(differs, self.tolerance), self.smallest)
        kept[differs & ~worth] = shown[differs & ~worth]
        return kept

    def seen(
        self,
        truth: UInt8[np.ndarray, "z y x"],
        shown: UInt8[np.ndarray, "z y x"],
        rng: np.random.Generator,
    ) -> UInt8[np.ndarray, "z y x"]:
        """The truth but where a difference from what is shown is overlooked: there it stays as shown."""
        if not self.overlooked:
            return truth
        kept, differs = truth.copy(), (truth != shown) & (truth != IGNORE)
        for wrong in (differs & (truth != BACKGROUND), differs & (truth == BACKGROUND)):
            numbers = components(wrong)
            passed = np.append(False, rng.random(int(numbers.max(initial=0))) < self.overlooked)
            kept[passed[numbers]] = shown[passed[numbers]]
        return kept

    def drawn(
        self, labels: UInt8[np.ndarray, "z y x"], rng: np.random.Generator
    ) -> UInt8[np.ndarray, "z y x"]:
        """The labels with outlines that are off by `jitter`."""
        if not self.jitter:
            return labels
        off = np.empty_like(labels)
        rows, columns = np.indices(labels.shape[1:], dtype=np.float64)
        for z, section in enumerate(labels):
            shifts = [ndimage.gaussian_filter(rng.standard_normal(section.shape), SMOOTH) for _ in range(2)]
            down, along = (shift * self.jitter / max(shift.std(), 1e-9) for shift in shifts)
            ndimage.map_coordinates(
                section, [rows + down, columns + along], output=off[z], order=0, mode="nearest"
            )
        return off


@dataclass(frozen=True)
class GroundTruthOracle:
    """Answers with the true labels, the cheaper way: from scratch or by correcting a prediction."""

    truth: LabelReader
    cost: CostModel
    prediction: LabelReader | None = None  # what a model would pre-fill; None before there is one
    model_id: int | None = None
    hand: Hand = Hand()
    seed: int = 0  # with the query's id, of the hand's errors
    at_threshold: ThresholdReader | None = None  # what the slider of the page shows

    def answer(self, queries: Sequence[Query]) -> Iterator[Answer]:
        """One answer a query, as complete and right as the hand is, in order.

        Raises:
            ValueError: If a query was not stored yet.
        """
        for query in queries:
            if query.id is None:
                raise ValueError(f"an oracle answers queries of a journal; {query.box} has no id")
            yield self._answer(query, query.id)

    def _corrections(self, box: Box, truth: UInt8[np.ndarray, "z y x"]) -> Iterator["_Correction"]:
        """What the prediction would cost to correct: as it is, and at each threshold that the hand tries."""
        assert self.prediction is not None, "there is something to correct"
        yield self._correction(truth, self.prediction(box), 0.0)
        if self.at_threshold is not None:
            for threshold in self.hand.thresholds:
                yield self._correction(truth, self.at_threshold(box, threshold), self.cost.slide_seconds)

    def _correction(
        self, truth: UInt8[np.ndarray, "z y x"], shown: UInt8[np.ndarray, "z y x"], sliding: float
    ) -> "_Correction":
        labels = self.hand.corrected(truth, shown)
        return _Correction(shown, labels, sliding, self.cost.correction(labels, shown) + sliding)

    def _answer(self, query: Query, query_id: int) -> Answer:
        truth, rng = self.truth(query.box), np.random.default_rng((self.seed, query_id))
        shown, method = np.full_like(truth, BACKGROUND), "scratch"
        sliding = 0.0
        if self.prediction is not None:
            best = min(self._corrections(query.box, truth), key=lambda one: one.seconds)
            if best.seconds < self.cost.scratch(truth):
                truth, shown, sliding, method = best.labels, best.shown, best.sliding, "corrected"
        labels = self.hand.seen(truth, shown, rng)
        seconds = self.cost.correction(labels, shown) + sliding
        return Answer(
            query_id=query_id,
            annotator="simulated",
            labels=self.hand.drawn(labels, rng),
            active_seconds=seconds,
            method=method,
            shown_model=self.model_id if method == "corrected" else None,
        )


@dataclass(frozen=True, eq=False)
class _Correction:
    shown: UInt8[np.ndarray, "z y x"]
    labels: UInt8[np.ndarray, "z y x"]
    sliding: float  # seconds at the slider
    seconds: float  # in all, those at the slider included


def _opened(mask: Bool[np.ndarray, "z y x"], radius: int) -> Bool[np.ndarray, "z y x"]:
    """What a brush of this radius can paint within the mask, section by section."""
    if not radius:
        return mask
    rows, columns = np.ogrid[-radius : radius + 1, -radius : radius + 1]
    brush = (rows**2 + columns**2 <= radius**2)[None]
    return np.asarray(
        ndimage.binary_opening(np.pad(mask, ((0, 0), (radius,) * 2, (radius,) * 2), "edge"), brush)
    )[:, radius:-radius, radius:-radius]


def _outline(mask: Bool[np.ndarray, "z y x"]) -> Bool[np.ndarray, "z y x"]:
    """Voxels of the mask that border on others within a section; the edge of the box counts as another."""
    framed = np.pad(mask, ((0, 0), (1, 1), (1, 1)))
    return (borders(framed) & framed)[:, 1:-1, 1:-1]
