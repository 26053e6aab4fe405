import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microtome.box import Box, Int3
from microtome.labels import IGNORE
from microtome.predict.posterior import Posterior
from microtome.query.candidates import Candidates, Census, disjoint, open_boxes, pieces
from models import Predicting

SHAPE = (4, 12, 12)


@st.composite
def boxes(draw: st.DrawFn) -> Box:
    start = tuple(draw(st.integers(0, n - 1)) for n in SHAPE)
    return Box(
        start, tuple(draw(st.integers(a + 1, min(a + 5, n))) for a, n in zip(start, SHAPE, strict=True))
    )


box_lists = st.lists(boxes(), max_size=12)
cells = st.tuples(*[st.integers(1, 9)] * 3)


def labels_of(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 3, SHAPE).astype(np.uint8)


def slow_census(labels: np.ndarray, every: list[Box]) -> Census:
    classes, edges = np.zeros((len(every), 3), np.int64), np.zeros(len(every), np.int64)
    for k, box in enumerate(every):
        block = labels[box.slices]
        for z, y, x in np.ndindex(block.shape):
            classes[k, block[z, y, x]] += 1
            around = [(y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)]
            inside = [(v, u) for v, u in around if 0 <= v < block.shape[1] and 0 <= u < block.shape[2]]
            edges[k] += any(block[z, v, u] != block[z, y, x] for v, u in inside)
    return Census(classes, edges)


def predictor(labels: np.ndarray, asked: list[Box]) -> Predicting:
    def predict(box: Box) -> Posterior:
        asked.append(box)
        mean = np.stack([labels[box.slices] == c for c in range(3)]).astype(np.float32)
        return Posterior(mean, np.zeros(box.shape, np.float32), np.zeros_like(mean))

    return Predicting(predict)


@given(box_lists, st.integers(0, 9))
def test_both_censuses_equal_a_slow_count(every: list[Box], seed: int) -> None:
    labels = labels_of(seed)
    candidates = Candidates(tuple(every), 3, predictor(labels, []), lambda box: labels[box.slices])
    expected = slow_census(labels, every)
    for found in (candidates.census_of_truth(), candidates.census_of_prediction()):
        np.testing.assert_array_equal(found.classes, expected.classes)
        np.testing.assert_array_equal(found.borders, expected.borders)


def test_equally_likely_classes_count_as_they_are_predicted() -> None:
    def undecided(box: Box) -> Posterior:
        mean = np.full((2, *box.shape), 0.5, np.float32)
        return Posterior(mean, np.zeros(box.shape, np.float32), np.zeros_like(mean))

    census = Candidates((Box.of((1, 2, 2)),), 2, Predicting(undecided)).census_of_prediction()
    assert census.classes.tolist() == [[0, 4]]  # as class_map: the later of two


def test_unlabelled_voxels_are_of_no_class() -> None:
    labels = np.array([[[0, 1, IGNORE, IGNORE], [0, 0, IGNORE, 0]]], np.uint8)
    boxes = (Box((0, 0, 0), (1, 1, 4)), Box((0, 1, 0), (1, 2, 4)))
    census = Candidates(boxes, 2, None, lambda box: labels[box.slices]).census_of_truth()
    assert census.classes.tolist() == [[1, 1], [3, 0]]
    assert census.borders[1] == 0


def test_neighbours_are_predicted_together_and_each_gets_its_own_voxels() -> None:
    labels, asked = labels_of(0), []
    every = (Box((0, 0, 0), (1, 4, 4)), Box((1, 3, 3), (2, 9, 10)))
    found = dict(Candidates(every, 3, predictor(labels, asked)).posteriors())
    assert asked == [Box((0, 0, 0), (2, 9, 10))]
    for index, box in enumerate(every):
        np.testing.assert_array_equal(found[index].mean.argmax(axis=0), labels[box.slices])


def test_nothing_is_predicted_before_it_is_asked_for() -> None:
    asked: list[Box] = []
    Candidates((Box.of((1, 2, 2)),), 3, predictor(labels_of(0), asked), lambda box: labels_of(0)[box.slices])
    assert asked == []


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda c: list(c.posteriors()), "expects a trained model"),
        (lambda c: c.census_of_prediction(), "expects a trained model"),
        (lambda c: c.census_of_truth(), r"the project has no \[truth\]"),
    ],
)
def test_what_is_not_known_cannot_be_asked_for(ask, message: str) -> None:  # noqa: ANN001
    with pytest.raises(ValueError, match=message):
        ask(Candidates((Box.of((1, 2, 2)),), 2))


@given(box_lists, box_lists)
def test_open_boxes_share_no_voxel_with_one_asked_for(every: list[Box], asked: list[Box]) -> None:
    expected = tuple(box for box in every if not any(box.overlaps(other) for other in asked))
    assert open_boxes(every, asked) == expected


@given(box_lists, st.integers(0, 12), st.randoms(use_true_random=False))
def test_disjoint_boxes_are_the_first_that_fit(every: list[Box], n: int, random) -> None:  # noqa: ANN001
    order = list(range(len(every)))
    random.shuffle(order)
    expected: list[int] = []
    for index in order:
        if len(expected) < n and not any(every[index].overlaps(every[k]) for k in expected):
            expected.append(index)
    assert disjoint(order, every, n) == expected


@given(box_lists, cells)
def test_pieces_hold_every_box_once_with_those_that_start_in_the_same_cell(
    every: list[Box], cell: Int3
) -> None:
    found = pieces(every, cell)
    assert sorted(index for _, members in found for index in members) == list(range(len(every)))
    for hull, members in found:
        low = np.min([every[i].start for i in members], axis=0)
        high = np.max([every[i].stop for i in members], axis=0)
        assert (hull.start, hull.stop) == (tuple(low), tuple(high))
        assert len({tuple(a // n for a, n in zip(every[i].start, cell, strict=True)) for i in members}) == 1


def test_boxes_that_lie_far_apart_are_predicted_one_by_one() -> None:
    near = [Box((0, 0, 0), (1, 4, 4)), Box((0, 0, 8), (1, 4, 12))]
    far = [Box((0, 0, 0), (1, 4, 4)), Box((0, 90, 90), (1, 94, 94))]
    assert pieces(near, (8, 100, 100)) == [(Box((0, 0, 0), (1, 4, 12)), [0, 1])]
    assert pieces(far, (8, 100, 100)) == [(far[0], [0]), (far[1], [1])]
