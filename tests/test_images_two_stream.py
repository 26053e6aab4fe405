"""Two-stream queries of images: clusters by class scores, then by how images look."""

import numpy as np
import pytest

from microtome.benchmark.images.two_stream import TwoStreams, two_stream

NONE = TwoStreams(np.empty((0, 2), np.float32), np.empty((0, 1), np.float32))


def streams(scores: list[float], means: list[float]) -> TwoStreams:
    """Of two classes, by the score of the first; the means are points on a line."""
    first = np.array(scores, np.float32)
    return TwoStreams(np.stack([first, 1 - first], axis=1), np.array(means, np.float32)[:, None])


def drawn(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_scores_split_first_and_means_split_each_cluster_of_them() -> None:
    means = [0, 1, 2, 100, 101, 102] * 2
    rows = two_stream(streams([0.9] * 6 + [0.1] * 6, means), NONE, 4, 2, drawn())
    assert sorted(rows) == [1, 4, 7, 10]  # the middle ones


def test_small_clusters_give_all_and_the_surplus_goes_to_the_largest() -> None:
    scores = [0.0] * 2 + [0.5] * 10 + [1.0] * 30
    rows = two_stream(streams(scores, list(range(42))), NONE, 18, 3, drawn())
    assert np.bincount(np.digitize(rows, [2, 12]), minlength=3).tolist() == [2, 8, 8]
    rows = two_stream(streams(scores, list(range(42))), NONE, 19, 3, drawn())
    assert np.bincount(np.digitize(rows, [2, 12]), minlength=3).tolist() == [2, 8, 9]


def test_of_a_crowded_cluster_only_the_fifth_farthest_from_its_labelled_ones_takes_part() -> None:
    candidates = streams([1.0] * 50 + [0.0] * 50, [*range(50), *range(50)])
    labelled = streams([1.0] * 3 + [0.0], [0, 1, 2, 0])
    rows = two_stream(candidates, labelled, 4, 2, drawn())
    crowded, other = rows[rows < 50], rows[rows >= 50] - 50
    assert len(crowded) == len(other) == 2
    assert crowded.min() >= 40
    assert other.min() < 25  # all of the other cluster takes part


def test_representatives_after_the_rule_are_the_members_nearest_the_centres() -> None:
    far = [1000.0, 1001, 1002, 2000, 2001, 2002, 2003, 2004]
    candidates = streams([1.0] * 40 + [0.0] * 2, [*np.linspace(0, 1, 32), *far, 0, 9])
    labelled = streams([1.0] * 3, [0, 0.5, 1])
    rows = two_stream(candidates, labelled, 4, 2, drawn())
    assert sorted(rows) == [33, 37, 40, 41]  # 1001 and 2002 in the middle of theirs


def test_a_share_exactly_is_no_crowd() -> None:
    candidates = streams([1.0] * 50 + [0.0] * 50, [*range(50), *range(50)])
    rows = two_stream(candidates, streams([1.0, 0.0], [0, 0]), 4, 2, drawn())
    assert rows[rows < 50].min() < 25


def test_distance_counts_to_the_labelled_ones_of_the_same_cluster_alone() -> None:
    candidates = streams([1.0] * 50 + [0.0] * 50, [*range(50), *range(50)])
    labelled = streams([1.0] * 3 + [0.0], [0, 1, 2, 49])  # the last is near the far end, in the other cluster
    rows = two_stream(candidates, labelled, 2, 2, drawn())
    assert rows[rows < 50].min() >= 40


@pytest.mark.parametrize("n", [1, 30, 59, 60, 61, 200])
def test_the_budget_is_met_whatever_takes_part_and_it_ends_when_all_are_asked(n: int) -> None:
    rng = drawn(1)
    scores = rng.dirichlet([0.2, 0.2, 0.2], 100).astype(np.float32)
    means = rng.normal(size=(100, 3)).astype(np.float32)
    candidates, labelled = TwoStreams(scores[:60], means[:60]), TwoStreams(scores[60:], means[60:])
    rows = two_stream(candidates, labelled, n, 6, drawn())
    assert len(rows) == len(set(rows.tolist())) == min(n, 60)
    np.testing.assert_array_equal(rows, two_stream(candidates, labelled, n, 6, drawn()))


def test_nothing_left_gives_nothing() -> None:
    assert len(two_stream(NONE, streams([1.0], [0]), 5, 2, drawn())) == 0


def test_equal_scores_are_one_cluster() -> None:
    rows = two_stream(streams([0.5] * 9, list(range(9))), NONE, 3, 4, drawn())
    assert len(rows) == 3
    assert np.ptp(rows) >= 4


def test_streams_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="two streams of the same images; got 2 and 1"):
        TwoStreams(np.ones((2, 2), np.float32), np.ones((1, 2), np.float32))
    with pytest.raises(ValueError, match="expected finite vectors; 1 of 2 are not"):
        streams([0.5, 0.5], [0, float("nan")])
    with pytest.raises(ValueError, match="expected at least one cluster; got 0"):
        two_stream(streams([0.5], [0]), NONE, 1, 0, drawn())
