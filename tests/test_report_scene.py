"""The picture of labelled objects in three dimensions."""

import numpy as np

from microtome.benchmark.report.scene import coarse, drawn
from microtome.box import Box
from microtome.volume import ArrayVolume


def two_balls() -> np.ndarray:
    z, y, x = np.ogrid[:20, :40, :40]
    labels = np.zeros((20, 40, 40), np.uint32)
    labels[(z - 10) ** 2 + (y - 10) ** 2 + (x - 10) ** 2 < 49] = 7
    labels[(z - 10) ** 2 + (y - 30) ** 2 + (x - 30) ** 2 < 49] = 9
    return labels


def test_every_object_has_a_colour_and_what_is_empty_is_transparent() -> None:
    picture = drawn(two_balls(), (10.0, 10.0, 10.0))
    seen = picture[..., 3] > 0
    assert 0.1 < seen.mean() < 0.5
    hues = picture[..., :3][seen].argmax(axis=1)
    assert len(set(hues.tolist())) >= 2


def test_nothing_is_an_empty_picture() -> None:
    assert not drawn(np.zeros((4, 8, 8), np.uint8), (40.0, 4.0, 4.0))[..., 3].any()


def test_an_object_that_fills_the_volume_is_drawn() -> None:
    one, two = np.full((4, 8, 8), 3, np.uint8), np.full((4, 8, 8), 3, np.uint8)
    two[:, :, 4:] = 5
    pictures = [drawn(labels, (10.0, 10.0, 10.0)) for labels in (one, two)]
    assert pictures[0][..., 3].any()
    np.testing.assert_array_equal(pictures[0][..., 3], pictures[1][..., 3])


def test_labels_are_taken_every_few_voxels_so_that_voxels_are_nearly_cubes() -> None:
    labels = np.arange(8 * 60 * 40, dtype=np.uint32).reshape(8, 60, 40)
    found, steps = coarse(ArrayVolume(labels, (40.0, 8.0, 8.0)), Box.of(labels.shape), most=20)
    assert steps == (1, 5, 5)
    np.testing.assert_array_equal(found, labels[:, ::5, ::5])


def test_only_the_domain_is_looked_at() -> None:
    labels = np.arange(8 * 60 * 40, dtype=np.uint32).reshape(8, 60, 40)
    domain = Box((2, 10, 4), (7, 50, 36))
    found, steps = coarse(ArrayVolume(labels, (10.0, 10.0, 10.0)), domain, most=20)
    assert steps == (2, 2, 2)
    np.testing.assert_array_equal(found, labels[domain.slices][::2, ::2, ::2])


def test_a_large_volume_is_drawn_with_few_voxels() -> None:
    shape = (50, 300, 200)
    found, _ = coarse(ArrayVolume(np.zeros(shape, np.uint8), (10.0, 10.0, 10.0)), Box.of(shape), most=30)
    assert max(found.shape) <= 30
