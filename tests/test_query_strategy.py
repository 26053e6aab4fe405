"""What holds for every strategy that has a name."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from microtome.box import Box, Int3, grid
from microtome.cli.names import STRATEGIES
from microtome.predict.posterior import Posterior, PosteriorSum
from microtome.predict.sampling import Sampling
from microtome.query.candidates import Candidates, Predictor
from microtome.query.outward import Outward
from microtome.query.strategy import Strategy
from selections import chosen, require_contract, require_selection

SHAPE = (2, 24, 24)
APART: Int3 = (1, 8, 8)
OVERLAPPING: Int3 = (1, 4, 4)


@dataclass(frozen=True)
class World:
    """Class probabilities and true labels of a small volume."""

    samples: tuple[np.ndarray, ...]
    labels: np.ndarray

    @property
    def classes(self) -> int:
        return self.samples[0].shape[0]

    def posterior(self, box: Box, sampling: Sampling | None = None) -> Posterior:
        total = PosteriorSum(self.classes, box.shape)
        for sample in self.samples[:2] if sampling == "dropout" else self.samples:
            total.add(np.ascontiguousarray(sample[:, *box.slices]))
        return total.posterior()

    def features(self, boxes: Sequence[Box]) -> np.ndarray:
        means = [sample[:, *box.slices].mean(axis=(1, 2, 3)) for box in boxes for sample in self.samples]
        return np.array(means, np.float32).reshape(len(boxes), -1)

    def gradients(self, boxes: Sequence[Box]) -> np.ndarray:
        mean = self.features(boxes)
        return (mean[:, :, None] * (mean - mean.round())[:, None]).reshape(len(boxes), -1)

    def losses(self, boxes: Sequence[Box]) -> np.ndarray:
        return self.features(boxes).astype(np.float64).std(axis=1)

    def taught(self, box: Box, labels: np.ndarray, seed: int) -> Predictor:
        share = float((labels > 0).mean())
        return lambda other: self._tempered(other, 0.5 + share)

    def _tempered(self, box: Box, power: float) -> Posterior:
        mean = self.posterior(box).mean ** power
        mean /= mean.sum(axis=0)
        return Posterior(mean, np.zeros(box.shape, np.float32), np.zeros_like(mean))

    def truth(self, box: Box) -> np.ndarray:
        return self.labels[box.slices]

    def image(self, box: Box) -> np.ndarray:
        return (self.samples[0][0][box.slices] * 255).astype(np.uint8)

    def candidates(self, step: Int3) -> Candidates:
        boxes = tuple(grid(Box.of(SHAPE), (1, 8, 8), step))
        return Candidates(boxes, self.classes, self, self.truth, self.image)


def varied(classes: int) -> World:
    rng = np.random.default_rng(classes)
    samples = rng.dirichlet(np.full(classes, 0.4), (3, *SHAPE)).transpose(0, 4, 1, 2, 3).astype(np.float32)
    return World(tuple(samples), rng.integers(0, classes, SHAPE).astype(np.uint8))


def alike(classes: int) -> World:
    """Every image, and so every prediction and every label, is the same."""
    sample = np.full((classes, *SHAPE), 1 / classes, np.float32)
    labels = np.zeros(SHAPE, np.uint8)
    labels[:, ::4, ::4] = 1
    return World((sample, sample), labels)


def certain(classes: int, c: int) -> World:
    """A model that predicts class `c` everywhere, and a truth that is so."""
    sample = np.zeros((classes, *SHAPE), np.float32)
    sample[c] = 1
    return World((sample,), np.full(SHAPE, c, np.uint8))


WORLDS: dict[str, World] = {
    "one class": varied(2),
    "seven classes": varied(8),
    "identical images": alike(2),
    "all background": certain(2, 0),
    "all of one class": certain(8, 3),
}
every_strategy = pytest.mark.parametrize("strategy", STRATEGIES.values(), ids=STRATEGIES)
# what these choose first depends on how many follow
OF_A_PIECE = {"strided", "clasp-pe", "kmeans", "typiclust", "suggestive", "task-dependent"}
NESTED = {name: strategy for name, strategy in STRATEGIES.items() if name not in OF_A_PIECE}
POOLS = [(name, APART) for name in WORLDS] + [
    (name, OVERLAPPING) for name in ("seven classes", "identical images")
]


@pytest.mark.parametrize(("world", "step"), POOLS)
@every_strategy
def test_a_selection_is_as_the_protocol_says(strategy: Strategy, world: str, step: Int3) -> None:
    candidates = WORLDS[world].candidates(step)
    require_contract(strategy, candidates, 5)
    require_selection(strategy, candidates, 1000)


@every_strategy
def test_of_no_box_nothing_is_chosen(strategy: Strategy) -> None:
    assert require_selection(strategy, WORLDS["seven classes"].candidates(APART), 0) == ()


@every_strategy
def test_a_selection_goes_on_from_what_is_labelled(strategy: Strategy) -> None:
    pool = WORLDS["seven classes"].candidates(APART)
    later = replace(pool, boxes=pool.boxes[5:], labelled=pool.boxes[:5], elapsed=0.5)
    require_contract(strategy, later, 4)
    require_selection(strategy, later, 1000)


@dataclass(frozen=True)
class Noting(World):
    """Notes how posteriors are sampled."""

    asked: set[Sampling | None] = field(default_factory=set)

    def posterior(self, box: Box, sampling: Sampling | None = None) -> Posterior:
        self.asked.add(sampling)
        return super().posterior(box, sampling)


@pytest.mark.parametrize(
    ("name", "sampling"),
    [(name, "dropout") for name in ("mc-entropy", "bald", "lubrano", "power-bald")]
    + [(name, None) for name in ("entropy", "margin", "deviation", "clasp-pe")],
)
def test_strategies_by_dropout_ask_for_it(name: str, sampling: Sampling | None) -> None:
    plain = varied(2)
    world = Noting(plain.samples, plain.labels)
    chosen(STRATEGIES[name], world.candidates(APART), 3)
    assert world.asked == {sampling}


@every_strategy
def test_picks_may_share_voxels_where_candidates_are_objects(strategy: Strategy) -> None:
    candidates = replace(WORLDS["seven classes"].candidates(OVERLAPPING), sharing=True)
    require_contract(strategy, candidates, 7)
    require_selection(strategy, candidates, 1000)


@every_strategy
def test_a_pool_smaller_than_asked_for_comes_back_whole(strategy: Strategy) -> None:
    candidates = WORLDS["one class"].candidates(APART)
    indices = [pick.index for pick in chosen(strategy, candidates, 100)]
    assert sorted(indices) == list(range(18))


@every_strategy
def test_an_empty_pool_gives_nothing(strategy: Strategy) -> None:
    world = WORLDS["one class"]
    assert chosen(strategy, Candidates((), 2, world, world.truth), 3) == ()


@every_strategy
def test_identical_images_are_chosen_at_random(strategy: Strategy) -> None:
    if isinstance(strategy, Outward):
        pytest.skip("the place alone decides")
    candidates = WORLDS["identical images"].candidates(APART)
    firsts = {chosen(strategy, candidates, 1, seed)[0].index for seed in range(8)}
    assert len(firsts) > 3


@pytest.mark.parametrize("strategy", NESTED.values(), ids=NESTED)
def test_the_first_picks_do_not_depend_on_how_many_follow(strategy: Strategy) -> None:
    candidates = WORLDS["seven classes"].candidates(APART)
    few, many = chosen(strategy, candidates, 3), chosen(strategy, candidates, 9)
    assert few == many[:3]
