"""Sharpening, calming and windowing, by hand and block by block."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from microtome.box import Box, tile
from microtome.volume import ArrayVolume
from microtome.volume.restore import Restoration, Unsharp, restored

NM = (50.0, 5.0, 5.0)
RNG = np.random.default_rng(0)
NOISE = ndimage.gaussian_filter(RNG.normal(120, 300, (3, 60, 70)), (0, 1, 1)).clip(0, 255).astype(np.uint8)
ALL = Restoration(unsharp=Unsharp(2.0, 1.0), median=3, window=(0.05, 99.95))


def made(image: np.ndarray, wanted: Restoration) -> np.ndarray:
    view = restored(ArrayVolume(image, NM), wanted).image
    assert view.dtype == image.dtype
    return view.read(Box.of(image.shape))


def test_an_unsharp_mask_adds_what_a_gaussian_takes_away() -> None:
    values = NOISE.astype(np.float32)
    expected = values + 1.5 * (values - ndimage.gaussian_filter(values, (0, 2, 2), mode="nearest"))
    found = made(values, Restoration(unsharp=Unsharp(2.0, 1.5)))
    np.testing.assert_allclose(found, expected, atol=1e-3)


def test_a_median_takes_out_a_speck_and_keeps_an_edge() -> None:
    image = np.zeros((1, 20, 20), np.uint8)
    image[:, :, 10:] = 200
    speckled = image.copy()
    speckled[0, 5, 5] = 255
    np.testing.assert_array_equal(made(speckled, Restoration(median=3)), image)


def test_a_window_brings_each_section_to_the_full_range() -> None:
    image = np.stack([NOISE[0] // 4 + 40, NOISE[1] // 2, np.full(NOISE[2].shape, 77, np.uint8)])
    found = made(image, Restoration(window=(1.0, 99.0)))
    for before, after in zip(image[:2], found[:2], strict=True):
        low, high = np.percentile(before, (1, 99))
        expected = np.rint(np.clip((before - low) * 255 / (high - low), 0, 255))
        assert np.abs(after - expected).max() <= 1
    assert (found[2] == 77).all()  # of one grey value: there is nothing to bring out


def test_real_numbers_are_brought_to_zero_and_one() -> None:
    found = made(NOISE.astype(np.float32) * 7 - 100, Restoration(window=(0.0, 100.0)))
    assert found.min() == 0
    assert found.max() == pytest.approx(1)


def test_blocks_change_nothing() -> None:
    volume = ArrayVolume(NOISE, NM)
    view = restored(volume, ALL).image
    whole = view.read(Box.of(NOISE.shape))
    for block in tile(Box.of(NOISE.shape), (2, 17, 23), (0, 0, 0)):
        np.testing.assert_array_equal(view.read(block.write), whole[block.write.slices])


def test_padding_stays() -> None:
    image = NOISE.copy()
    image[:, :, :20] = 0
    found = made(image, replace(ALL, padding=0.0))
    assert not found[:, :, :20].any()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"median": 4}, "an odd side of the median, at least 3; got 4"),
        ({"median": 1}, "at least 3; got 1"),
        ({"window": (60.0, 40.0)}, r"percentiles that rise in \[0, 100\]"),
        ({"window": (-1.0, 40.0)}, r"percentiles that rise in \[0, 100\]"),
    ],
)
def test_impossible_settings_are_refused(settings: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Restoration(**settings)


@pytest.mark.parametrize("numbers", [(0.0, 1.0), (2.0, -1.0), (np.inf, 1.0), (2.0, np.nan)])
def test_impossible_masks_are_refused(numbers: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="a positive radius and amount"):
        Unsharp(*numbers)
