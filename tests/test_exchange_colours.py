"""Colours of classes, and classes of colours, whatever a paint program saved."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from microtome.labels import IGNORE
from microtome.project.exchange.colours import TOLERANCE, class_colours, classes_of, painted

TWO = class_colours(2)


@pytest.mark.parametrize("n", [1, 7, 30, 254])
def test_colours_are_apart_and_neither_grey_nor_each_others_edge(n: int) -> None:
    colours = class_colours(n).astype(int)
    assert len(colours) == n
    np.testing.assert_array_equal(colours[:7], class_colours(7)[:n])
    for a, b in itertools.combinations(colours, 2):
        assert np.linalg.norm(a - b) > 2 * TOLERANCE
    assert np.ptp(colours, axis=1).min() > 80


@given(
    st.sampled_from([1, 2, 7, 40]).flatmap(
        lambda n: st.tuples(st.just(n), arrays(np.uint8, (3, 4), elements=st.integers(0, n)))
    )
)
def test_what_is_painted_reads_as_it_was(drawn: tuple[int, np.ndarray]) -> None:
    n, labels = drawn
    colours = class_colours(n)
    found, soft = classes_of(painted(labels, colours), colours)
    np.testing.assert_array_equal(found, labels)
    assert soft == 0


def test_unlabelled_pixels_are_transparent() -> None:
    assert not painted(np.full((2, 2), IGNORE, dtype=np.uint8), TWO).any()


LABELS = np.array([[0, 1, 2, 2], [1, 1, 0, 0]], dtype=np.uint8)


@pytest.mark.parametrize("ground", [0, 255])
def test_without_transparency_black_or_white_stands_for_nothing(ground: int) -> None:
    rgba = painted(LABELS, TWO)
    rgb = np.where(rgba[..., 3:] > 0, rgba[..., :3], np.uint8(ground))
    found, soft = classes_of(rgb, TWO)
    np.testing.assert_array_equal(found, LABELS)
    assert soft == 0
    rgb[1, 3] = (rgb[1, 1].astype(int) * 3 + ground) // 4  # a soft edge, mostly class 1
    found, soft = classes_of(rgb, TWO)
    assert (found[1, 3], soft) == (1, 1)


def test_black_beside_white_without_transparency_is_refused() -> None:
    with pytest.raises(ValueError, match="got black and white"):
        classes_of(np.array([[[0, 0, 0], [255, 255, 255]]], dtype=np.uint8), TWO)


def test_numbers_of_classes_in_grey_of_16_bits_are_numbers() -> None:
    found, _ = classes_of(LABELS.astype(np.uint16), TWO)
    np.testing.assert_array_equal(found, LABELS)


def test_sixteen_bits_are_read_as_eight() -> None:
    found, _ = classes_of(painted(LABELS, TWO).astype(np.uint16) * 257, TWO)
    np.testing.assert_array_equal(found, LABELS)


def test_grey_pictures_hold_numbers_or_one_class_in_white() -> None:
    np.testing.assert_array_equal(classes_of(LABELS, TWO)[0], LABELS)
    one = class_colours(1)
    white = np.array([[0, 255]], dtype=np.uint8)
    np.testing.assert_array_equal(classes_of(white, one)[0], [[0, 1]])
    for picture, colours, meant in ((LABELS * 100, TWO, "0 to 2"), (LABELS, one, "0 and 1, or 0 and 255")):
        with pytest.raises(ValueError, match=f"or grey values {meant}; got grey"):
            classes_of(picture, colours)


def test_grey_with_transparency_is_one_class_and_cannot_be_two() -> None:
    picture = np.array([[[9, 255], [9, 0], [9, 130]]], dtype=np.uint8)
    found, soft = classes_of(picture, class_colours(1))
    np.testing.assert_array_equal(found, [[1, 0, 1]])
    assert soft == 1
    with pytest.raises(ValueError, match="expected the colours of 2 classes; got grey with transparency"):
        classes_of(picture, TWO)


def test_a_colour_beside_the_line_between_two_classes_is_unknown() -> None:
    middle = (TWO.astype(int).sum(axis=0) // 2)[None, None]
    opaque = np.full((1, 1, 1), 255)
    edge = np.concatenate([middle, opaque], axis=2).astype(np.uint8)
    assert classes_of(edge, TWO)[1] == 1
    far = edge.copy()
    far[..., 1] -= 60
    with pytest.raises(ValueError, match="1 pixels are of no class's colour"):
        classes_of(far, TWO)
    far[..., 3] = 100  # hardly there
    assert classes_of(far, TWO)[0].sum() == 0


def test_a_photograph_is_refused_however_colourful() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (80, 80, 4), dtype=np.uint8)
    picture[..., 3] = 255
    with pytest.raises(ValueError, match="6400 pixels are of no class's colour"):
        classes_of(picture, TWO)
