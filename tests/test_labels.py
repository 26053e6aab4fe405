import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from microtome.labels import IGNORE, annotated, borders


def slow_borders(labels: np.ndarray) -> np.ndarray:
    result = np.zeros(labels.shape, dtype=bool)
    for z, y, x in np.ndindex(labels.shape):
        for dy, dx in ((-1, 0), (1, 0), (0, -1), (0, 1)):
            v, u = y + dy, x + dx
            if 0 <= v < labels.shape[1] and 0 <= u < labels.shape[2]:
                result[z, y, x] |= labels[z, y, x] != labels[z, v, u]
    return result


def test_both_sides_of_a_border_are_marked() -> None:
    labels = np.array([[[1, 1, 2, 2]]], dtype=np.uint8)
    assert borders(labels).tolist() == [[[False, True, True, False]]]


def test_sections_do_not_border_each_other() -> None:
    labels = np.array([[[1, 1]], [[2, 2]]], dtype=np.uint8)
    assert not borders(labels).any()


@given(arrays(np.uint64, st.tuples(*[st.integers(1, 4)] * 3), elements=st.integers(0, 2)))
def test_borders_equal_a_walk_over_all_neighbours(labels: np.ndarray) -> None:
    np.testing.assert_array_equal(borders(labels), slow_borders(labels))


def test_only_ignored_voxels_are_not_annotated() -> None:
    labels = np.array([[[0, 1, 254, IGNORE]]], dtype=np.uint8)
    assert annotated(labels).tolist() == [[[True, True, True, False]]]
