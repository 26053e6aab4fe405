import numpy as np
import pytest

from microtome.learn.pictures import as_tensor, require_pictures
from microtome.net.vae import VAEConfig

CONFIG = VAEConfig(latent=4, widths=(16,), side=4)
COLOUR = VAEConfig(latent=4, widths=(16,), side=4, channels=3)


def test_grey_values_become_minus_one_to_one_and_other_numbers_stay() -> None:
    grey = np.full((1, 4, 4), 255, np.uint8)
    grey[0, 0] = 0
    assert as_tensor(grey, CONFIG, "cpu").unique().tolist() == [-1, 1]
    codes = np.array([-1, 0, 1, 0], np.int8) * np.ones((1, 4, 1), np.int8)
    assert as_tensor(codes, CONFIG, "cpu")[0, 0, 0].tolist() == [-1, 0, 1, 0]
    numbers = np.full((1, 4, 4), 0.25, np.float32)
    assert as_tensor(numbers, CONFIG, "cpu").unique().tolist() == [0.25]


def test_larger_pictures_are_averaged_down() -> None:
    large = np.zeros((1, 8, 8), np.int8)
    large[0, :2, :2] = [[1, 1], [1, -1]]
    expected = np.zeros((1, 1, 4, 4), np.float32)
    expected[0, 0, 0, 0] = 0.5
    np.testing.assert_array_equal(as_tensor(large, CONFIG, "cpu").numpy(), expected)


def test_one_channel_may_be_left_out_and_gives_the_same() -> None:
    grey = np.random.default_rng(0).integers(0, 256, (3, 4, 4), dtype=np.uint8)
    np.testing.assert_array_equal(as_tensor(grey, CONFIG, "cpu"), as_tensor(grey[:, None], CONFIG, "cpu"))


def test_channels_keep_their_places() -> None:
    colour = np.arange(3, dtype=np.uint8).reshape(1, 3, 1, 1) * np.ones((1, 1, 4, 4), np.uint8)
    seen = as_tensor(colour, COLOUR, "cpu")
    np.testing.assert_allclose(seen[0, :, 0, 0], np.arange(3) / 127.5 - 1)


@pytest.mark.parametrize("shape", [(2, 4, 8), (2, 6, 6), (2, 3, 4, 4), (2, 2, 2)])
def test_pictures_of_another_shape_are_refused(shape: tuple) -> None:
    with pytest.raises(ValueError, match=r"1 channel\(s\) and a square .* multiple of 4; got shape \(2, "):
        require_pictures(np.zeros(shape, np.uint8), CONFIG)


def test_grey_pictures_are_no_colour_pictures() -> None:
    with pytest.raises(ValueError, match=r"3 channel\(s\)"):
        require_pictures(np.zeros((2, 4, 4), np.uint8), COLOUR)


def test_no_pictures_are_refused() -> None:
    with pytest.raises(ValueError, match=r"at least one picture; got shape \(0, 4, 4\)"):
        require_pictures(np.zeros((0, 4, 4), np.uint8), CONFIG)


@pytest.mark.parametrize("value", [1.5, -2.0, np.nan, np.inf])
def test_numbers_out_of_range_are_refused(value: float) -> None:
    pictures = np.zeros((2, 4, 4), np.float32)
    pictures[1, 2, 3] = value
    with pytest.raises(ValueError, match=r"float32 pictures must be in \[-1, 1\]"):
        require_pictures(pictures, CONFIG)


def test_mask_codes_out_of_range_are_refused() -> None:
    masks = np.zeros((2, 4, 4), np.int8)
    masks[1, 0, 0] = 2
    with pytest.raises(ValueError, match=r"int8 pictures must be in \[-1, 1\]; got 0 … 2"):
        require_pictures(masks, CONFIG)
