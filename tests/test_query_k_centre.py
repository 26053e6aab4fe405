import tracemalloc

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from microtome.query import k_centre
from microtome.query.k_centre import Centres, k_centres


def every_distance(points: np.ndarray, start: np.ndarray, n: int, seed: int) -> Centres:
    """The plain program: all distances in double precision, equals in the order that the generator draws."""
    priority = np.random.default_rng(seed).permutation(len(points))
    exact = points.astype(np.float64)
    apart = cdist(exact, exact, "sqeuclidean")
    nearest = np.full(len(points), np.inf)
    if len(start):
        nearest = cdist(exact, start.astype(np.float64), "sqeuclidean").min(axis=1)
    picks: list[int] = []
    radii = [nearest.max()]
    for _ in range(min(n, len(points))):
        equals = np.flatnonzero(nearest == nearest.max())
        picks.append(int(equals[priority[equals].argmin()]))
        nearest = np.minimum(nearest, apart[picks[-1]])
        nearest[picks] = -np.inf
        radii.append(max(nearest.max(), 0))
    return Centres(np.array(picks, dtype=np.int64), np.sqrt(radii))


def clustered(rng: np.random.Generator) -> np.ndarray:
    """Clusters far apart, of spreads so different that float32 cannot rank the narrow ones."""
    spread = rng.choice([1e-4, 1e-2, 1], 200)[:, None]
    return 100 * rng.normal(size=(5, 24))[rng.integers(5, size=200)] + spread * rng.normal(size=(200, 24))


RNG = np.random.default_rng(0)
CLOUDS = {
    "random": RNG.normal(size=(200, 24)),
    "far from zero": 1000 + RNG.normal(size=(200, 24)),
    "clustered": clustered(RNG),
    "many duplicates": RNG.integers(0, 3, (200, 4)),
    "many equal distances": RNG.integers(0, 2, (250, 7)),
    "all the same": np.ones((150, 5)),
    "tiny": 1e-20 * RNG.normal(size=(150, 8)),
    "huge": 1e14 * RNG.normal(size=(150, 8)),
}
every_cloud = pytest.mark.parametrize(
    "points", [cloud.astype(np.float32) for cloud in CLOUDS.values()], ids=CLOUDS
)


@pytest.mark.parametrize("held", [8, 8192], ids=["few held", "all held"])
@every_cloud
def test_picks_and_radii_are_those_of_the_program_with_every_distance(
    points: np.ndarray, held: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(k_centre, "HELD", held)
    for start in (points[:0], points[5:6], points[:3] + np.float32(0.5)):
        for n in (0, 1, 60, 1000):
            ours = k_centres(points, start, n, np.random.default_rng(1))
            plain = every_distance(points, start, n, seed=1)
            assert np.array_equal(ours.picks, plain.picks)
            assert np.array_equal(ours.radii, plain.radii)


def test_points_on_a_line_are_picked_from_the_far_end() -> None:
    points = np.array([[0], [1], [2], [10]], np.float32)
    found = k_centres(points, points[:1], 3, np.random.default_rng(0))
    assert found.picks.tolist() == [3, 2, 1]
    assert found.radii.tolist() == [10, 2, 1, 0]


@every_cloud
def test_the_radius_never_grows(points: np.ndarray) -> None:
    found = k_centres(points, points[:0], 20, np.random.default_rng(0))
    assert found.radii[0] == np.inf
    assert (np.diff(found.radii) <= 0).all()


def test_with_nothing_to_start_from_the_first_is_random() -> None:
    points = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
    firsts = {int(k_centres(points, points[:0], 1, np.random.default_rng(s)).picks[0]) for s in range(30)}
    assert len(firsts) > 15


def test_what_a_pick_rules_out_is_not_picked_later() -> None:
    points = np.arange(10, dtype=np.float32)[:, None]

    def neighbours(index: int) -> np.ndarray:
        return np.arange(max(index - 1, 0), min(index + 2, 10))

    found = k_centres(points, points[:1], 10, np.random.default_rng(0), neighbours)
    assert found.picks.tolist()[:2] == [9, 4] or found.picks.tolist()[:2] == [9, 5]
    assert np.diff(np.sort(found.picks)).min() == 2
    assert found.radii[-1] == 0


def test_vectors_that_are_not_finite_are_refused() -> None:
    points = np.ones((4, 2), np.float32)
    points[1, 0], points[2, 1] = np.nan, np.inf
    with pytest.raises(ValueError, match="2 of 4"):
        k_centres(points, points[:0], 1, np.random.default_rng(0))
    with pytest.raises(ValueError, match="expected finite"):
        k_centres(points[:1], points[1:2], 1, np.random.default_rng(0))
    with pytest.raises(ValueError, match="at most 1e"):
        k_centres(points[:1], np.float32(-1e16) * points[:1], 1, np.random.default_rng(0))


def test_no_point_gives_no_pick() -> None:
    found = k_centres(np.empty((0, 4), np.float32), np.empty((0, 4), np.float32), 3, np.random.default_rng(0))
    assert (found.picks.tolist(), found.radii.tolist()) == ([], [0])


def test_memory_grows_with_the_points_and_not_with_their_square() -> None:
    points = np.random.default_rng(0).normal(size=(40_000, 16)).astype(np.float32)
    tracemalloc.start()
    k_centres(points, points[:3], 30, np.random.default_rng(0))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20 * points.nbytes  # a matrix of distances has 2500 times the bytes


def test_picks_are_those_of_scikit_activeml() -> None:
    pool = pytest.importorskip("skactiveml.pool")
    points = np.random.default_rng(3).normal(size=(200, 8)).astype(np.float32)
    answers = np.full(200, np.nan)
    answers[[4, 9]] = 0
    theirs = pool.CoreSet(random_state=0).query(points, answers, batch_size=20)
    open_rows = np.flatnonzero(np.isnan(answers))
    ours = k_centres(points[open_rows], points[[4, 9]], 20, np.random.default_rng(0))
    assert open_rows[ours.picks].tolist() == list(theirs)
