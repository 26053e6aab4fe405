"""Groups of alike objects, and which stand for them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from microtome.objects.clustering import Clusters, hierarchical, late_fusion

MASKS = np.repeat([[0.0, 0.0], [100.0, 0.0]], 8, axis=0)  # two shapes
IMAGES = np.tile(np.repeat([[0.0], [30.0]], 4, axis=0), (2, 1)) + np.tile(
    [[0.0], [0.1], [0.2], [5.0]], (4, 1)
)


def drawn(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def alike(groups: np.ndarray) -> np.ndarray:
    """Which two are in one group, whatever the groups are called."""
    return groups[:, None] == groups


def blobs(sizes: list[int], seed: int = 0) -> np.ndarray:
    """So many points each around places far apart on a line."""
    at = np.repeat(1000.0 * np.arange(len(sizes)), sizes)
    return np.stack([at + drawn(seed).normal(size=len(at)), drawn(seed + 1).normal(size=len(at))], axis=1)


def split(sizes: list[int]) -> Clusters:
    points = blobs(sizes)
    groups = np.repeat(np.arange(len(sizes)), sizes)
    middle = np.array([points[groups == g].mean(axis=0) for g in groups])
    return Clusters(groups, np.linalg.norm(points - middle, axis=1), points)


def test_masks_split_first_and_images_split_each_cluster_of_them() -> None:
    found = hierarchical(MASKS, IMAGES, (2, 2), drawn())
    np.testing.assert_array_equal(alike(found.groups), alike(np.repeat(np.arange(4), 4)))
    assert set(found.groups // 2) == {0, 1}
    np.testing.assert_array_equal(alike(found.groups // 2), alike(np.repeat([0, 1], 8)))


def test_one_cluster_a_mask_cluster_goes_by_the_masks_alone() -> None:
    found = hierarchical(MASKS, IMAGES, (2, 1), drawn())
    np.testing.assert_array_equal(alike(found.groups), alike(np.repeat([0, 1], 8)))
    np.testing.assert_array_equal(found.points, MASKS)


def test_one_mask_cluster_goes_by_the_images_alone() -> None:
    found = hierarchical(MASKS, IMAGES, (1, 2), drawn())
    np.testing.assert_array_equal(alike(found.groups), alike(np.tile(np.repeat([0, 1], 4), 2)))


def test_distances_are_to_the_mean_of_the_group_in_the_space_of_the_images() -> None:
    found = hierarchical(MASKS, IMAGES, (2, 2), drawn())
    middle = (0 + 0.1 + 0.2 + 5) / 4
    np.testing.assert_allclose(found.distance[:4], np.abs(np.array([0, 0.1, 0.2, 5]) - middle))


def test_late_fusion_of_streams_of_different_scale_follows_the_larger() -> None:
    masks, images = MASKS / 1000, IMAGES
    by_images = alike(np.tile(np.repeat([0, 1], 4), 2))
    np.testing.assert_array_equal(alike(late_fusion(masks, images, 2, drawn()).groups), by_images)
    large = late_fusion(masks * 1e6, images, 2, drawn())
    np.testing.assert_array_equal(alike(large.groups), alike(np.repeat([0, 1], 8)))


def test_standardised_features_do_not_depend_on_their_scale() -> None:
    rng = drawn(3)
    masks, images = rng.normal(size=(60, 3)), rng.normal(size=(60, 4))
    plain = late_fusion(masks, images, 4, drawn(), standardise=True)
    scaled = late_fusion(masks * [1, 8, 64], images * 2 + 5, 4, drawn(), standardise=True)
    np.testing.assert_array_equal(alike(plain.groups), alike(scaled.groups))
    np.testing.assert_allclose(plain.points.std(axis=0), 1)


def test_a_constant_feature_says_nothing_when_standardised() -> None:
    masks = np.column_stack([MASKS, np.full(16, 0.1)])
    found = late_fusion(masks, IMAGES, 2, drawn(), standardise=True)
    assert np.isfinite(found.points).all()
    np.testing.assert_allclose(found.points[:, 2], 0, atol=1e-12)


def test_each_group_gives_q_and_each_is_nearest_the_middle_of_its_part() -> None:
    points = np.concatenate([blobs([6, 6, 6]) * [1, 0.01] + [0, off] for off in (0, 9e4)])
    found = hierarchical(np.repeat([[0.0], [1.0]], 18, axis=0), points, (2, 1), drawn())
    found = Clusters(found.groups, found.distance, points)
    chosen = found.representatives(6, drawn())
    parts = np.repeat(np.arange(6), 6)
    assert sorted(parts[chosen]) == [0, 1, 2, 3, 4, 5]
    for row in chosen:
        members = np.flatnonzero(parts == parts[row])
        distance = np.linalg.norm(points[members] - points[members].mean(axis=0), axis=1)
        assert row == members[distance.argmin()]


def test_groups_take_turns_the_largest_first() -> None:
    found = split([4, 9, 6])
    chosen = found.representatives(6, drawn())
    assert found.groups[chosen].tolist() == [1, 2, 0, 1, 2, 0]


def test_small_groups_give_all_and_the_surplus_goes_to_the_largest() -> None:
    found = split([1, 2, 30, 20, 10])
    chosen = found.representatives(25, drawn())  # five each, were all large enough
    assert np.bincount(found.groups[chosen]).tolist() == [1, 2, 8, 7, 7]
    assert len(set(chosen.tolist())) == 25


def test_answered_objects_are_not_asked_again_and_count_for_their_group() -> None:
    found = split([20, 20, 20])
    answered = np.array([0, 1, 2, 3, 20, 21])  # four of the first group, two of the second
    chosen = found.representatives(6, drawn(), answered)
    assert not set(chosen.tolist()) & set(answered.tolist())
    assert np.bincount(found.groups[chosen], minlength=3).tolist() == [0, 2, 4]


def test_a_second_round_asks_in_parts_of_a_group_that_hold_no_answer() -> None:
    points = blobs([5, 5, 5])
    found = Clusters(np.zeros(15, dtype=np.int64), np.zeros(15), points)
    chosen = found.representatives(2, drawn(), np.array([7]))
    assert sorted((chosen // 5).tolist()) == [0, 2]


def test_rounds_until_the_pool_is_empty_ask_everything_once() -> None:
    found, asked = split([3, 17, 8]), np.empty(0, dtype=np.int64)
    for number in range(4):
        asked = np.concatenate([asked, found.representatives(10, drawn(number), asked)])
    assert sorted(asked.tolist()) == list(range(28))


def test_equal_objects_are_drawn_at_random() -> None:
    same = np.ones((12, 3), dtype=np.float32)
    firsts = set()
    for seed in range(12):
        found = hierarchical(same, same, (3, 2), drawn(seed))
        chosen = found.representatives(5, drawn(seed))
        assert len(set(chosen.tolist())) == 5
        firsts.add(int(chosen[0]))
    assert len(firsts) > 3


@settings(max_examples=40)
@given(
    st.integers(0, 40),
    st.integers(1, 5),
    st.integers(1, 4),
    st.integers(0, 50),
    st.integers(0, 99),
    st.booleans(),
)
def test_as_many_as_can_be_had_come_back_distinct_and_the_same_for_the_same_generator(
    n: int, first: int, second: int, wanted: int, seed: int, copies: bool
) -> None:
    rng = drawn(seed)
    masks, images = rng.normal(size=(n, 2)), rng.normal(size=(n, 3))
    if copies:
        masks, images = masks.round(), images.round()
    answered = np.flatnonzero(rng.random(n) < 0.3)
    found = hierarchical(masks, images, (first, second), drawn(seed))
    assert len(found) <= first * second
    assert set(found.groups) == set(range(len(found)))
    chosen = found.representatives(wanted, drawn(seed), answered)
    assert len(set(chosen.tolist()) - set(answered.tolist())) == min(wanted, n - len(answered)) == len(chosen)
    again = hierarchical(masks, images, (first, second), drawn(seed))
    np.testing.assert_array_equal(again.representatives(wanted, drawn(seed), answered), chosen)


def test_groups_are_as_even_in_representatives_as_they_can_be() -> None:
    rng = drawn(5)
    found = split(rng.integers(1, 30, 12).tolist())
    answered = np.flatnonzero(rng.random(len(found.groups)) < 0.2)
    chosen = found.representatives(40, drawn(), answered)
    had = np.bincount(found.groups[answered], minlength=12)
    given_now = np.bincount(found.groups[chosen], minlength=12)
    left = np.bincount(found.groups, minlength=12) - had - given_now
    total = had + given_now
    assert total[given_now > 0].max() <= total[left > 0].min() + 1


def test_the_order_for_people_is_by_group_and_then_by_distance() -> None:
    found = Clusters(np.array([1, 0, 1, 0]), np.array([2.0, 3.0, 1.0, 0.5]), np.zeros((4, 1)))
    assert found.in_order(np.array([0, 1, 2, 3])).tolist() == [3, 1, 2, 0]
    assert found.in_order(np.array([0, 1])).tolist() == [1, 0]


def test_many_points_are_clustered_in_mini_batches_into_the_same_blobs() -> None:
    masks = blobs([15_000, 15_000]).astype(np.float32)
    found = hierarchical(masks, masks[:, :1], (2, 1), drawn())
    assert np.unique(found.groups[:15_000]).size == 1
    assert np.unique(found.groups[15_000:]).size == 1
    assert len(found) == 2


@pytest.mark.parametrize(
    ("masks", "images", "clusters", "message"),
    [
        (np.zeros((3, 2)), np.zeros((4, 2)), (2, 2), "got 3 and 4 rows"),
        (np.full((3, 2), np.nan), np.zeros((3, 2)), (2, 2), "expected finite vectors; 3 of 3"),
        (np.zeros((3, 2)), np.full((3, 2), np.inf), (2, 2), "expected finite vectors"),
        (np.zeros((3, 2)), np.zeros((3, 2)), (0, 2), "at least one cluster a level"),
    ],
)
def test_bad_streams_are_refused(masks, images, clusters, message) -> None:  # noqa: ANN001
    with pytest.raises(ValueError, match=message):
        hierarchical(masks, images, clusters, drawn())


def test_answers_on_unknown_objects_are_refused() -> None:
    with pytest.raises(ValueError, match=r"answered rows in 0\.\.6; got 7\.\.7"):
        split([3, 4]).representatives(2, drawn(), np.array([7]))
