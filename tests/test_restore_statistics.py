import numpy as np
import pytest

from microtome.box import Box
from microtome.volume.restore.statistics import (
    LEVELS,
    running_median,
    sampled_places,
    section_statistics,
)
from restoration import volume


def test_statistics_are_those_of_clipped_voxels() -> None:
    image = np.random.default_rng(0).normal(100, 20, (3, 50, 60)).astype(np.float32)
    image[1, 0, 0] = 1e6  # a speck
    found = section_statistics(volume(image))
    for z in range(3):
        clipped = np.clip(image[z], *np.quantile(image[z], (0.02, 0.98)))
        assert found.means[z] == pytest.approx(clipped.mean())
        assert found.deviations[z] == pytest.approx(clipped.std())
        np.testing.assert_allclose(found.quantiles[z], np.quantile(image[z], LEVELS))
    assert found.means[1] == pytest.approx(100, abs=2)
    assert found.voxels.tolist() == [3000] * 3


def test_padding_does_not_count() -> None:
    image = np.full((2, 8, 8), 50, np.uint8)
    image[0, :4] = 0
    image[1] = 0
    found = section_statistics(volume(image), padding=0)
    assert found.voxels.tolist() == [32, 0]
    assert found.means.tolist() == [50, 0]


def test_large_sections_are_sampled_at_the_same_places_and_small_ones_read_whole() -> None:
    assert sampled_places((9, 1024, 1024)) == [Box((0, 0, 0), (1, 1024, 1024))]
    places = sampled_places((9, 4000, 5000))
    assert len(places) == 16
    assert {place.shape for place in places} == {(1, 256, 256)}
    assert all(Box.of((1, 4000, 5000)).contains(place) for place in places)


def test_a_running_median_leaves_out_what_does_not_count() -> None:
    values = np.array([1.0, 100.0, 3.0, 5.0, 9.0])
    counted = np.array([True, False, True, True, True])
    assert running_median(values, counted, 3).tolist() == [1, 2, 4, 5, 7]
    nothing = running_median(values, np.zeros(5, bool), 3)
    assert np.isnan(nothing).all()
