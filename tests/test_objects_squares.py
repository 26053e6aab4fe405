"""Patches from anywhere in an image: where they lie, and what is in them."""

import numpy as np
import pytest

from microtome.box import Box
from microtome.objects import squares
from microtome.objects.align import OUTSIDE
from microtome.objects.squares import anywhere, cut
from microtome.volume import ArrayVolume
from proposing import NM

SHAPE = (3, 20, 30)


def image() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, SHAPE, dtype=np.uint8)


def test_squares_lie_in_the_volume_each_place_as_likely_as_any_other() -> None:
    boxes = anywhere(SHAPE, 19, 9000, np.random.default_rng(0))
    assert {box.shape for box in boxes} == {(1, 19, 19)}
    assert all(Box.of(SHAPE).contains(box) for box in boxes)
    starts, counts = np.unique([box.start for box in boxes], axis=0, return_counts=True)
    assert len(starts) == 3 * 2 * 12
    assert counts.min() > 80  # 125 are expected of each
    assert counts.max() < 180


@pytest.mark.parametrize("cell", [(32, 1024, 1024), (1, 4, 4)])
def test_what_is_cut_is_the_image_however_it_is_read(
    cell: tuple[int, int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(squares, "CELL", cell)
    whole = image()
    boxes = anywhere(SHAPE, 8, 50, np.random.default_rng(0))
    found = sorted(patch.tobytes() for patch in cut(ArrayVolume(whole, NM), boxes, 1))
    assert found == sorted(whole[box.slices][0].tobytes() for box in boxes)


def test_a_pixel_of_several_voxels_is_their_mean() -> None:
    whole = image()
    box = Box((1, 4, 6), (2, 12, 14))
    (patch,) = cut(ArrayVolume(whole, NM), [box], 4)
    expected = [[whole[1, y : y + 4, x : x + 4].mean() for x in (6, 10)] for y in (4, 8)]
    assert np.array_equal(patch, np.floor(np.array(expected) + 0.5))


def test_a_volume_smaller_than_a_patch_is_in_its_middle() -> None:
    whole = image()
    boxes = anywhere(SHAPE, 24, 5, np.random.default_rng(0))
    for patch in cut(ArrayVolume(whole, NM), boxes, 1):
        assert np.all(patch[:2] == OUTSIDE)
        assert np.all(patch[22:] == OUTSIDE)
        assert not np.all(patch[2:22] == OUTSIDE)
