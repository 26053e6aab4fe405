import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from microtome.box import Box, Int3
from microtome.labels import IGNORE
from microtome.learn.examples import MOST_ANCHORS, Example, Windows, composed, image_statistics

sides = st.tuples(st.integers(1, 4), st.integers(1, 12), st.integers(1, 12))


def random_example(shape: Int3, seed: int, share: float = 0.1) -> Example:
    """Sparse labels of three classes; the image says where a voxel comes from, modulo 256."""
    rng = np.random.default_rng(seed)
    labels = np.where(rng.random(shape) < share, rng.integers(0, 3, shape), IGNORE).astype(np.uint8)
    labels.flat[int(rng.integers(labels.size))] = 1
    return Example((np.arange(labels.size) % 256).astype(np.uint8).reshape(shape), labels)


def drawn(windows: Windows, n: int, foreground: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    return windows.draw(n, foreground, np.random.default_rng(seed))


@settings(max_examples=40, deadline=None)
@given(sides, sides, st.integers(0, 99), st.sampled_from([0.0, 0.5, 1.0]))
def test_every_window_holds_a_labelled_voxel(shape: Int3, window: Int3, seed: int, share: float) -> None:
    windows = Windows([random_example(shape, seed)], window, 3, seed=seed)
    images, labels = drawn(windows, 8, share, seed)
    assert images.shape == labels.shape == (8, *window)
    assert (labels != IGNORE).any(axis=(1, 2, 3)).tolist() == [True] * 8


def test_image_and_labels_of_a_window_come_from_the_same_place() -> None:
    labels = np.where(np.arange(144) % 7 == 0, 1, np.arange(144) % 2 * IGNORE).astype(np.uint8)
    example = Example(np.arange(144).astype(np.uint8).reshape(1, 12, 12), labels.reshape(1, 12, 12))
    images, found = drawn(Windows([example], (1, 4, 4), 2, seed=0), 20, 0.5)
    np.testing.assert_array_equal(found, labels[images])
    inside = np.arange(4)[:, None] * 12 + np.arange(4)
    np.testing.assert_array_equal(images, images[..., :1, :1] + np.broadcast_to(inside, images.shape))


def test_all_windows_hold_foreground_where_that_is_asked_for() -> None:
    labels = np.zeros((1, 32, 32), np.uint8)
    labels[0, 5, 29] = 2
    windows = Windows([Example(labels, labels)], (1, 8, 8), 3, seed=0)
    assert (drawn(windows, 30, 1.0)[1] == 2).any(axis=(1, 2, 3)).tolist() == [True] * 30


def test_the_share_of_windows_around_foreground_is_respected() -> None:
    labels = np.zeros((1, 256, 256), np.uint8)
    labels[0, 128, 128] = 1  # a window drawn at random holds it once in a thousand
    windows = Windows([Example(labels, labels)], (1, 8, 8), 2, seed=0)
    share = (drawn(windows, 1000, 0.25)[1] == 1).any(axis=(1, 2, 3)).mean()
    assert abs(share - 0.25) < 4 * (0.25 * 0.75 / 1000) ** 0.5


def rare() -> Windows:
    """Windows of which few, at random, hold foreground: a block of 4 voxels."""
    labels = np.zeros((1, 64, 64), np.uint8)
    labels[0, 30:32, 30:32] = 1
    labels[0, :, 50:] = IGNORE
    return Windows([Example(labels, labels)], (1, 16, 16), 2, seed=0)


def test_without_rejection_nothing_of_the_drawing_changes() -> None:
    plain = drawn(rare(), 50, 0.5)
    other = rare().draw(50, 0.5, np.random.default_rng(0), reject=0.0, reject_below=99)
    np.testing.assert_array_equal(plain, other)


@pytest.mark.parametrize("reject", [0.5, 0.95])
def test_windows_without_foreground_are_drawn_anew_with_the_probability_asked_for(reject: float) -> None:
    whole, empty = np.ones((1, 4, 4), np.uint8), np.zeros((1, 4, 60), np.uint8)
    windows = Windows([Example(whole, whole), Example(empty, empty)], (1, 4, 4), 2, seed=0)
    kept = windows.draw(1000, 0.0, np.random.default_rng(0), reject=reject)[1]
    share = (kept == 1).any(axis=(1, 2, 3)).mean()
    expected = 1 / (1 + 15 * (1 - reject))  # before, one in sixteen is of the whole one
    assert abs(share - expected) < 4 * (expected * (1 - expected) / 1000) ** 0.5


def test_unlabelled_voxels_are_no_foreground_and_too_few_are_not_enough() -> None:
    rng = np.random.default_rng(0)
    most = rare().draw(200, 0.0, rng, reject=1 - 1e-9, reject_below=4)[1]
    assert ((most == 1).sum(axis=(1, 2, 3)) == 4).tolist() == [True] * 200


def test_rejection_ends_where_there_is_no_foreground_at_all() -> None:
    labels = np.zeros((1, 8, 8), np.uint8)
    windows = Windows([Example(labels, labels)], (1, 4, 4), 2, seed=0)
    images, _ = windows.draw(20, 0.5, np.random.default_rng(0), reject=0.95)
    assert images.shape == (20, 1, 4, 4)


def test_classes_of_foreground_are_drawn_equally_often() -> None:
    labels = np.zeros((1, 64, 64), np.uint8)
    labels[0, :30] = 1
    labels[0, 60, 60] = 2
    windows = Windows([Example(labels, labels)], (1, 4, 4), 3, seed=0)
    share = (drawn(windows, 600, 1.0)[1] == 2).any(axis=(1, 2, 3)).mean()
    assert abs(share - 0.5) < 4 * 0.5 / 600**0.5


def test_examples_are_drawn_in_proportion_to_their_labelled_voxels() -> None:
    full, sparse = np.zeros((1, 8, 8), np.uint8), np.full((1, 8, 8), IGNORE, np.uint8)
    sparse[0, 0, :4] = 0
    examples = [Example(np.full((1, 8, 8), k, np.uint8), x) for k, x in enumerate([full, sparse])]
    images, _ = drawn(Windows(examples, (1, 4, 4), 2, seed=0), 2000, 0.5)
    share = images.reshape(2000, -1)[:, 0].mean()
    assert abs(share - 4 / 68) < 4 * (4 / 68 / 2000) ** 0.5


def test_without_foreground_windows_are_drawn_at_random() -> None:
    labels = np.zeros((1, 8, 8), np.uint8)
    assert not drawn(Windows([Example(labels, labels)], (1, 4, 4), 2, seed=0), 5, 1.0)[1].any()


def test_an_example_smaller_than_the_window_is_mirrored_and_unknown_beyond() -> None:
    example = Example(np.array([[[1, 2, 3]]], np.uint8), np.array([[[0, 1, 0]]], np.uint8))
    images, labels = drawn(Windows([example], (1, 2, 5), 2, seed=0), 1, 0.5)
    assert images.tolist() == [[[[1, 2, 3, 3, 2], [1, 2, 3, 3, 2]]]]
    assert labels.tolist() == [[[[0, 1, 0, 255, 255], [255] * 5]]]


def test_counts_are_those_of_the_labelled_voxels_before_padding() -> None:
    examples = [Example(x, x) for x in (np.array([[[0, 1, 1, 255]]], np.uint8), np.array([[[2]]], np.uint8))]
    assert Windows(examples, (1, 4, 4), 4, seed=0).counts.tolist() == [1, 2, 1, 0]


def test_more_foreground_than_is_remembered_is_still_drawn_from() -> None:
    labels = np.ones((1, 150, 150), np.uint8)
    assert labels.size > MOST_ANCHORS
    windows = Windows([Example(labels, labels)], (1, 4, 4), 2, seed=0)
    assert windows.counts.tolist() == [0, labels.size]
    assert drawn(windows, 3, 1.0)[1].tolist() == np.ones((3, 1, 4, 4)).tolist()


def test_the_same_generator_draws_the_same_windows() -> None:
    example = random_example((3, 12, 12), 0)
    first = drawn(Windows([example], (1, 4, 4), 3, seed=1), 20, 0.5, seed=2)
    again = drawn(Windows([example], (1, 4, 4), 3, seed=1), 20, 0.5, seed=2)
    other = drawn(Windows([example], (1, 4, 4), 3, seed=1), 20, 0.5, seed=3)
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_label_that_is_no_class_is_refused() -> None:
    labels = np.array([[[0, 3, 255]]], np.uint8)
    with pytest.raises(ValueError, match=r"labels must be 0 … 2 or unlabelled; got 3"):
        Windows([Example(labels, labels)], (1, 1, 1), 3, seed=0)


@pytest.mark.parametrize("examples", [[], [Example(*[np.full((1, 2, 2), IGNORE, np.uint8)] * 2)]])
def test_nothing_labelled_is_refused(examples: list[Example]) -> None:
    with pytest.raises(ValueError, match="at least one labelled voxel; got none"):
        Windows(examples, (1, 1, 1), 2, seed=0)


def test_an_example_without_labels_beside_one_with_labels_is_never_drawn() -> None:
    blank = Example(np.full((1, 4, 4), 9, np.uint8), np.full((1, 4, 4), IGNORE, np.uint8))
    known = Example(np.full((1, 4, 4), 5, np.uint8), np.zeros((1, 4, 4), np.uint8))
    images, _ = drawn(Windows([blank, known], (1, 2, 2), 2, seed=0), 20, 0.5)
    np.testing.assert_array_equal(images, np.full((20, 1, 2, 2), 5))


def test_labels_have_the_shape_of_their_image() -> None:
    # jaxtyping refuses it by itself where shapes are checked at run time
    with pytest.raises((ValueError, TypeError)):
        Example(np.zeros((1, 2, 2), np.uint8), np.zeros((1, 2, 3), np.uint8))


def test_image_statistics_are_those_of_all_voxels_together() -> None:
    rng = np.random.default_rng(0)
    pieces = [rng.integers(0, 256, shape).astype(np.uint8) for shape in ((1, 3, 4), (2, 5, 1))]
    every = np.concatenate([piece.ravel() for piece in pieces]).astype(float)
    found = image_statistics([Example(piece, np.zeros_like(piece)) for piece in pieces])
    assert found == pytest.approx((every.mean(), every.std()))


def test_an_image_of_one_grey_value_has_deviation_one() -> None:
    grey = np.full((1, 3, 3), 77, np.uint8)
    assert image_statistics([Example(grey, grey * 0)]) == (77.0, 1.0)


def test_composed_examples_carry_the_voxel_size_they_are_given() -> None:
    box, labels = Box((0, 1, 1), (1, 3, 3)), np.ones((1, 2, 2), np.uint8)
    args = (lambda outer: np.zeros(outer.shape, np.uint8), Box.of((1, 4, 4)), [(box, labels)], (0, 1, 1))
    assert composed(*args, (40.0, 4.0, 4.0))[0].voxel_size_nm == (40.0, 4.0, 4.0)
    assert composed(*args)[0].voxel_size_nm is None
