"""What is read of a probability box by box, against the whole."""

import pickle
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from instances import stored
from microtome.box import Box
from microtome.segment.foreground import Foreground, Probability

SHAPE = (6, 20, 22)
NM = (40.0, 10.0, 10.0)
BOXES = (Box((0, 0, 0), (3, 9, 22)), Box((2, 5, 7), (5, 20, 15)), Box((5, 19, 21), (6, 20, 22)))


@pytest.fixture(scope="module")
def probability(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, np.ndarray]:
    smooth = ndimage.gaussian_filter(np.random.default_rng(1).random(SHAPE), 1.5)
    values = (255 * (smooth - smooth.min()) / np.ptp(smooth)).astype(np.uint8)
    return stored(tmp_path_factory.mktemp("p") / "p.zarr", values, NM), values


def test_what_is_smoothed_is_that_of_the_whole(probability: tuple[Path, np.ndarray]) -> None:
    whole = ndimage.gaussian_filter(probability[1].astype(np.float32) / np.float32(255), (0.5, 2, 2))
    for box in BOXES:
        found = Probability(str(probability[0]), smoothing_nm=20.0).read(box)
        assert np.array_equal(found, whole[box.slices])


@pytest.mark.parametrize("smoothing_nm", [0.0, 20.0])
def test_real_numbers_beyond_1_are_refused_smoothed_or_not(smoothing_nm: float, tmp_path: Path) -> None:
    path = stored(tmp_path / "percent.zarr", np.full(SHAPE, 40, np.float32), NM)
    with pytest.raises(ValueError, match=r"expected probabilities in \[0, 1\]; got values from 40"):
        Foreground(Probability(str(path), smoothing_nm))(BOXES[0])


def test_a_probability_that_is_not_smoothed_is_read_as_stored(probability: tuple[Path, np.ndarray]) -> None:
    read = Probability(str(probability[0]))
    assert np.array_equal(read.read(BOXES[1]), probability[1][BOXES[1].slices])
    assert np.array_equal(read.proportion(BOXES[1]), probability[1][BOXES[1].slices] / np.float32(255))


@pytest.mark.parametrize("below", [False, True])
def test_distances_are_those_of_the_whole_up_to_the_farthest(
    probability: tuple[Path, np.ndarray], below: bool
) -> None:
    foreground = Foreground(Probability(str(probability[0])), 0.4, below=below)
    mask = (probability[1] >= 102) != below
    whole = np.minimum(ndimage.distance_transform_edt(mask, NM), 45)
    for box in BOXES:
        assert np.array_equal(foreground(box), mask[box.slices])
        assert np.allclose(foreground.distance_nm(box, 45.0), whole[box.slices])


def test_where_there_is_no_background_all_is_as_far_as_can_be(tmp_path: Path) -> None:
    full = Foreground(Probability(str(stored(tmp_path / "p.zarr", np.ones((2, 3, 4), bool)))))
    assert np.array_equal(full.distance_nm(Box.of((2, 3, 4)), 30.0), np.full((2, 3, 4), 30, np.float32))


def test_a_probability_can_be_sent_to_another_process(probability: tuple[Path, np.ndarray]) -> None:
    read = Probability(str(probability[0]), 5.0)
    before = read.read(BOXES[0])
    assert np.array_equal(pickle.loads(pickle.dumps(read)).read(BOXES[0]), before)
