import numpy as np
import pytest

from microtome.evaluate.contours import boundary_f, false_negative_area, false_positive_area


def square(top: int, left: int, side: int, sections: int = 1) -> np.ndarray:
    mask = np.zeros((sections, 40, 40), bool)
    mask[:, top : top + side, left : left + side] = True
    return mask


def test_contours_within_the_tolerance_fit() -> None:
    truth = square(10, 10, 10)
    assert boundary_f(truth, truth) == 1
    assert boundary_f(truth, square(10, 12, 10)) == 1
    assert boundary_f(truth, square(10, 10, 10), tolerance=0) == 1
    assert boundary_f(truth, square(25, 25, 10)) == 0


def test_half_of_a_contour_that_fits_is_two_thirds() -> None:
    both = square(2, 2, 10) | square(25, 25, 10)  # all that was predicted is right, half of it is missing
    assert boundary_f(both, square(2, 2, 10)) == pytest.approx(2 / 3)
    assert boundary_f(square(2, 2, 10), both) == pytest.approx(2 / 3)


def test_contours_are_compared_section_by_section() -> None:
    truth = np.concatenate([square(10, 10, 10), np.zeros((1, 40, 40), bool)])
    assert boundary_f(truth, truth[::-1].copy()) == 0


def test_nothing_there_and_nothing_predicted_is_perfect() -> None:
    nothing = np.zeros((1, 40, 40), bool)
    assert boundary_f(nothing, nothing) == 1
    assert boundary_f(square(1, 1, 5), nothing) == 0
    assert boundary_f(nothing, square(1, 1, 5)) == 0


def test_small_misses_do_not_count() -> None:
    truth = square(2, 2, 10) | square(30, 30, 3)  # 100 and 9 voxels
    nothing = np.zeros_like(truth)
    assert false_negative_area(truth, nothing, 0) == pytest.approx(100 * 109 / 1600)
    assert false_negative_area(truth, nothing, 9) == pytest.approx(100 * 109 / 1600)
    assert false_negative_area(truth, nothing, 10) == pytest.approx(100 * 100 / 1600)
    assert false_negative_area(truth, truth, 0) == 0


def test_fragments_stacked_in_z_are_small_in_each_section() -> None:
    truth = np.zeros((3, 100, 100), bool)
    truth[:, :10, :15] = True  # three times 150 voxels
    assert false_negative_area(truth, np.zeros_like(truth), 401) == 0
    assert false_negative_area(truth, np.zeros_like(truth), 401, dims=3) == pytest.approx(1.5)


def test_what_was_made_up_is_counted_as_what_was_missed() -> None:
    truth, predicted = square(2, 2, 10), square(2, 4, 10)
    assert false_positive_area(truth, predicted, 5) == pytest.approx(100 * 20 / 1600)
    assert false_positive_area(truth, predicted, 5) == false_negative_area(truth, predicted, 5)
    assert false_positive_area(truth, predicted, 21) == 0


def test_errors_may_be_told_in_percent_of_the_class() -> None:
    truth = square(2, 2, 10)
    nothing = np.zeros_like(truth)
    assert false_negative_area(truth, square(2, 2, 5), 0, of_class=True) == 75
    assert false_positive_area(truth, square(20, 20, 10), 0, of_class=True) == 100
    assert false_positive_area(nothing, truth, 0, of_class=True) == np.inf
    assert false_positive_area(nothing, nothing, 0, of_class=True) == 0
