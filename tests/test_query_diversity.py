import tracemalloc
from collections.abc import Callable

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from microtome.query.diversity import Crowd, clustered, herding, k_means, k_means_plus_plus, typical

BLOBS = np.array([[0, 0], [0, 20], [20, 0], [20, 20]])


def blobs(sizes: tuple[int, ...], seed: int = 0) -> np.ndarray:
    """Clusters far apart, of these sizes."""
    rng = np.random.default_rng(seed)
    return np.concatenate([c + rng.normal(size=(size, 2)) for c, size in zip(BLOBS, sizes, strict=True)])


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def crowd(points: np.ndarray, radius: float, weights: np.ndarray | None = None, start: int = 0) -> Crowd:
    """These points, the first of which are covered from the start."""
    return Crowd(points, np.ones(len(points)) if weights is None else weights, radius, points[:start])


def every_kernel(points: np.ndarray, crowd: Crowd, n: int) -> tuple[list[int], list[float]]:
    """The plain program: the whole kernel, every gain at every pick."""
    kernel = np.exp(-((cdist(points, crowd.points) / crowd.radius) ** 2))
    covered = np.exp(-((cdist(crowd.start, crowd.points) / crowd.radius) ** 2)).max(axis=0, initial=0)
    picks: list[int] = []
    steps: list[float] = []
    for _ in range(n):
        gains = np.maximum(kernel - covered, 0) @ crowd.weights
        gains[picks] = -1
        picks.append(int(gains.argmax()))
        steps.append(gains.max())
        covered = np.maximum(covered, kernel[picks[-1]])
    return picks, steps


def test_herding_takes_the_point_that_covers_most_and_then_what_is_left() -> None:
    points = np.array([[0.0], [0.0], [10.0]])
    found = herding(points, crowd(points, 1.0), 3, rng())
    assert sorted(found.picks[[0, 2]].tolist()) == [0, 1]
    assert found.picks[1] == 2
    assert found.gains == pytest.approx([2, 1, 0])


def test_herding_counts_points_as_much_as_they_weigh() -> None:
    points = np.array([[0.0], [0.0], [10.0]])
    found = herding(points, crowd(points, 1.0, np.array([1.0, 1.0, 5.0])), 2, rng())
    assert found.picks[0] == 2
    assert found.gains == pytest.approx([5, 2])


@pytest.mark.parametrize("start", [0, 4])
@pytest.mark.parametrize("radius", [0.05, 0.5, 3.0])
def test_herding_picks_as_the_program_with_every_kernel(radius: float, start: int) -> None:
    points = rng(1).normal(size=(400, 5))
    weights = rng(2).random(400)
    target = crowd(points, radius, weights, start)
    picks, gains = every_kernel(points, target, 25)
    found = herding(points, target, 25, rng())
    assert found.picks.tolist() == picks
    assert found.gains == pytest.approx(gains, rel=1e-9)


def test_herding_in_single_precision_picks_as_in_double() -> None:
    points = rng(1).normal(size=(1000, 8))
    single = points.astype(np.float32)
    found = herding(single, crowd(single, 2.0), 10, rng())
    assert found.picks.tolist() == every_kernel(points, crowd(points, 2.0), 10)[0]


def test_herding_picks_as_scikit_activeml() -> None:
    pool = pytest.importorskip("skactiveml.pool")
    points = rng(3).normal(size=(150, 4))
    answers = np.full(150, np.nan)
    answers[:3] = 0
    strategy = pool.MaxHerding(normalize_samples=False, metric_dict={"gamma": 1 / 0.8**2}, random_state=0)
    theirs = strategy.query(points, answers, batch_size=12)
    ours = herding(points[3:], Crowd(points[3:], np.ones(147), 0.8, points[:3]), 12, rng())
    assert (ours.picks + 3).tolist() == list(theirs)


@pytest.mark.parametrize(("weights", "radius"), [([1.0, np.nan], 1.0), ([1.0, -1.0], 1.0), ([1.0, 1.0], 0.0)])
def test_herding_refuses_weights_and_radii_that_mean_nothing(weights: list[float], radius: float) -> None:
    points = np.zeros((2, 1))
    with pytest.raises(ValueError, match="weights ≥ 0 and a radius > 0"):
        herding(points, crowd(points, radius, np.array(weights)), 1, rng())


def test_k_means_takes_one_point_of_each_cluster_the_largest_first() -> None:
    points = blobs((10, 40, 20, 30))
    picks = k_means(points, 4, rng())
    assert [int(cdist(points[[i]], BLOBS).argmin()) for i in picks] == [1, 3, 2, 0]
    members = points[10:50]
    assert picks[0] == 10 + cdist(members.mean(axis=0)[None], members).argmin()


def test_k_means_gives_as_many_as_asked_where_clusters_are_empty() -> None:
    points = np.repeat(BLOBS[:2].astype(float), 5, axis=0)
    assert sorted(k_means(points, 7, rng()).tolist()) == sorted(set(k_means(points, 7, rng()).tolist()))
    assert len(k_means(points, 7, rng())) == 7
    assert sorted(k_means(points, 50, rng()).tolist()) == list(range(10))


def test_large_pools_are_clustered_in_mini_batches() -> None:
    points = blobs((6000, 5000, 7000, 4000)).astype(np.float32)
    labels, centroids = clustered(points, 4, seed=0)
    assert sorted(np.bincount(labels).tolist()) == [4000, 5000, 6000, 7000]
    assert cdist(BLOBS, centroids).min(axis=1).max() < 0.5


def test_typical_is_the_least_isolated_point_of_the_largest_cluster_without_labels() -> None:
    a = np.array([0, 1, 2, 3, 4, 5, 6, 7.0])
    b = 1000 + np.array([0, 1, 2, 3, 4, 5, 12.0])
    c = 2000 + np.array([0, 1, 2, 3, 4.5, 6.0, 7, 8, 9])
    points = np.concatenate([a, b, c])[:, None]
    picks = typical(points, np.array([[3.5]]), 2, rng())
    assert picks.tolist() == [len(a) + len(b) + 4, len(a) + 3]  # the medians of c and of b


def test_small_clusters_have_their_turn_when_nothing_else_is_left() -> None:
    points = np.concatenate([np.arange(7.0), [1000.0, 1001.0]])[:, None]
    picks = typical(points, np.empty((0, 1)), 2, rng())
    assert picks[0] == 3
    assert picks[1] in (7, 8)
    assert sorted(typical(points, np.empty((0, 1)), 99, rng()).tolist()) == list(range(9))


def test_typical_points_are_those_of_scikit_activeml() -> None:
    # equal where clusters hold more than 20 points and none is visited twice: theirs skips no small cluster
    pool = pytest.importorskip("skactiveml.pool")
    points = blobs((30, 36, 24, 28))
    answers = np.full(len(points), np.nan)
    answers[0] = 0
    theirs = pool.TypiClust(k=20, cluster_algo_dict={"n_init": 5}, random_state=0).query(
        points, answers, batch_size=3
    )
    assert (typical(points[1:], points[:1], 3, rng()) + 1).tolist() == list(theirs)


class Following(np.random.Generator):
    """Draws what a test lays down, and keeps the chances that it was asked to draw by."""

    def __init__(self, draws: list[int]) -> None:
        super().__init__(np.random.PCG64(0))
        self.draws, self.chances = iter(draws), []

    def choice(self, n: int, *, p: np.ndarray) -> int:
        assert len(p) == n
        self.chances.append(p)
        return next(self.draws)


def test_badge_draws_by_the_chances_of_scikit_activeml() -> None:
    pool = pytest.importorskip("skactiveml.pool")
    parzen = pytest.importorskip("skactiveml.classifier").ParzenWindowClassifier
    classifier = parzen(classes=[0, 1], metric_dict={"gamma": 1e-4})
    points = rng().normal(100, 10, size=(40, 3))  # far from the origin, which theirs takes for a drawn point
    answers = np.full(len(points), np.nan)
    answers[:6] = [0, 0, 0, 0, 1, 1]
    fitted = classifier.fit(points, answers)
    theirs, chances = pool.Badge(random_state=0).query(
        points, answers, fitted, fit_clf=False, batch_size=8, return_utilities=True
    )
    proba = fitted.predict_proba(points[6:])
    gradients = (proba - np.eye(2)[proba.argmax(axis=1)])[:, :, None] * points[6:, None, :]
    follow = Following([k - 6 for k in theirs])
    picks = k_means_plus_plus(gradients.reshape(34, -1), 8, follow)
    assert (picks + 6).tolist() == list(theirs)
    assert np.flatnonzero(follow.chances[0]).tolist() == [theirs[0] - 6]  # the longest, without a draw
    expected = np.nan_to_num(chances[1:, 6:])  # those that were drawn have none
    np.testing.assert_allclose(follow.chances[1:], expected, atol=1e-12)


def test_k_means_plus_plus_begins_with_the_longest_and_draws_by_squared_distance() -> None:
    points = np.array([[3.0], [0.0], [1.0], [3.0]])
    draws = np.array([k_means_plus_plus(points, 2, rng(seed)) for seed in range(3000)])
    assert set(draws[:, 0].tolist()) == {0, 3}
    assert (draws[:, 1] == 1).mean() == pytest.approx(9 / 13, abs=0.03)
    assert (draws[:, 1] == 2).mean() == pytest.approx(4 / 13, abs=0.03)


def test_k_means_plus_plus_draws_copies_when_nothing_else_is_left() -> None:
    points = np.array([[1.0], [1.0], [0.0], [0.0]])
    assert sorted(k_means_plus_plus(points, 9, rng()).tolist()) == [0, 1, 2, 3]
    assert {int(k_means_plus_plus(np.zeros((9, 2)), 1, rng(seed))[0]) for seed in range(60)} == set(range(9))


Choice = Callable[[np.ndarray, int, Callable[[int], np.ndarray]], np.ndarray]
CHOICES: dict[str, Choice] = {
    "herding": lambda points, n, after: herding(points, crowd(points[:2000], 1.0), n, rng(), after).picks,
    "k_means": lambda points, n, after: k_means(points, n, rng(), after),
    "typical": lambda points, n, after: typical(points, points[:2] + 0.5, n, rng(), after),
    "k_means_plus_plus": lambda points, n, after: k_means_plus_plus(points, n, rng(), after),
}
every_choice = pytest.mark.parametrize("choose", CHOICES.values(), ids=CHOICES)


def none(index: int) -> np.ndarray:
    return np.empty(0, np.int64)


@every_choice
def test_what_a_pick_rules_out_is_not_chosen(choose: Choice) -> None:
    points = rng().normal(size=(60, 3))
    picks = choose(points, 60, lambda index: np.arange(index // 10 * 10, index // 10 * 10 + 10))
    assert sorted((picks // 10).tolist()) == list(range(6))


@every_choice
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_vectors_that_are_not_finite_are_refused(choose: Choice, bad: float) -> None:
    points = rng().normal(size=(20, 3))
    points[7, 1] = bad
    with pytest.raises(ValueError, match="expected finite vectors; 1 of 20 are not"):
        choose(points, 3, none)


@every_choice
def test_memory_grows_with_the_points_and_not_with_their_square(choose: Choice) -> None:
    points = rng().normal(size=(8000, 4)).astype(np.float32)
    tracemalloc.start()
    choose(points, 5, none)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8000**2  # a matrix of distances has at least four times as many bytes


@every_choice
def test_nothing_comes_of_nothing(choose: Choice) -> None:
    assert choose(np.ones((5, 2)), 0, none).tolist() == []
