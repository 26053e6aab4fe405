"""The picture of labelled objects in three dimensions."""

import numpy as np
import pytest

from microtome.benchmark.report.scene import coarse, drawn, occupied
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
    found, spacing = coarse([ArrayVolume(labels, (40.0, 8.0, 8.0))], Box.of(labels.shape), most=20)
    assert spacing == (40.0, 40.0, 40.0)
    np.testing.assert_array_equal(found, labels[:, ::5, ::5])


def test_only_the_domain_is_looked_at() -> None:
    labels = np.arange(8 * 60 * 40, dtype=np.uint32).reshape(8, 60, 40)
    domain = Box((2, 10, 4), (7, 50, 36))
    found, spacing = coarse([ArrayVolume(labels, (10.0, 10.0, 10.0))], domain, most=20)
    assert spacing == (20.0, 20.0, 20.0)
    np.testing.assert_array_equal(found, labels[domain.slices][::2, ::2, ::2])


def test_a_large_volume_is_drawn_with_few_voxels() -> None:
    shape = (50, 300, 200)
    found, _ = coarse([ArrayVolume(np.zeros(shape, np.uint8), (10.0, 10.0, 10.0))], Box.of(shape), most=30)
    assert max(found.shape) <= 30


def test_labels_are_the_same_however_they_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    labels = np.arange(23 * 60 * 40, dtype=np.uint32).reshape(23, 60, 40)
    domain = Box((1, 3, 0), (22, 60, 39))
    for read in ((64, 512, 512), (2, 7, 5), (5, 1, 16)):
        monkeypatch.setattr("microtome.benchmark.report.scene.READ", read)
        found, _ = coarse([ArrayVolume(labels, (10.0, 10.0, 10.0))], domain, most=20)
        np.testing.assert_array_equal(found, labels[domain.slices][::3, ::3, ::3])


class Unread(ArrayVolume):
    """One that is too large to be read for a picture."""

    def read(self, box: Box) -> np.ndarray:
        raise AssertionError(f"{box} was read")


def test_of_a_pyramid_the_coarsest_level_that_will_do_is_read() -> None:
    labels = np.arange(8 * 60 * 40, dtype=np.uint32).reshape(8, 60, 40)
    levels = [
        Unread(labels, (40.0, 8.0, 8.0)),
        ArrayVolume(labels[:, ::2, ::2], (40.0, 16.0, 16.0)),
        Unread(labels[::2, ::8, ::8], (80.0, 64.0, 64.0)),
    ]
    found, spacing = coarse(levels, Box((2, 8, 4), (7, 60, 40)), most=5)
    assert spacing == (80.0, 80.0, 80.0)
    np.testing.assert_array_equal(found, labels[2:7:2, 8:60:10, 4:40:10])


def test_the_part_of_a_domain_in_which_there_are_objects_is_found() -> None:
    labels = np.zeros((8, 120, 90), np.uint32)
    labels[5:7, 80:100, 60:70] = 7
    domain, size = Box((2, 10, 6), (8, 120, 90)), (40.0, 8.0, 8.0)
    found = occupied([coarse([ArrayVolume(labels, size)], domain, most=30)], domain, size)
    assert domain.contains(found)
    certain = Box((5, 85, 65), (7, 95, 68))  # but for what lies between the voxels that are taken
    assert found.contains(certain)
    assert Box((4, 75, 55), (8, 105, 75)).contains(found)


def test_where_there_is_no_object_it_is_all_of_the_domain() -> None:
    domain = Box((1, 2, 3), (4, 5, 6))
    assert occupied([(np.zeros((3, 3, 3), np.uint8), (1.0, 1.0, 1.0))], domain, (1.0, 1.0, 1.0)) == domain
