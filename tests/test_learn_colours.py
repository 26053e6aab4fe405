import numpy as np
import pytest

from microtome.learn.colours import colour_statistics, require_images, shifted_and_flipped, standardised


def images(count: int = 6, side: int = 8) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, 3, side, side), dtype=np.uint8)


def shifts(image: np.ndarray, most: int) -> list[np.ndarray]:
    """The image shifted by up to `most` pixels, and its mirror images, written out."""
    side = image.shape[-1]
    padded = np.pad(image, ((0, 0), (most, most), (most, most)))
    found = [padded[:, y : y + side, x : x + side] for y in range(2 * most + 1) for x in range(2 * most + 1)]
    return found + [one[:, :, ::-1] for one in found]


def test_an_image_is_shifted_and_mirrored_as_a_whole() -> None:
    for image, changed in zip(
        images(40), shifted_and_flipped(images(40), 2, True, np.random.default_rng(1)), strict=True
    ):
        assert sum(np.array_equal(changed, one) for one in shifts(image, 2)) == 1


def test_half_are_mirrored_and_all_shifts_are_as_likely() -> None:
    image = images(1, side=4)
    changed = shifted_and_flipped(image.repeat(5000, axis=0), 1, True, np.random.default_rng(0))
    counts = [(changed == one).all(axis=(1, 2, 3)).sum() for one in shifts(image[0], 1)]
    assert sum(counts) == 5000
    assert sum(counts[9:]) == pytest.approx(2500, abs=150)
    assert max(abs(count - 5000 / 18) for count in counts) < 80  # 5 s.d.


def test_without_crop_and_flip_images_stay() -> None:
    np.testing.assert_array_equal(shifted_and_flipped(images(), 0, False, np.random.default_rng(0)), images())


def test_images_that_are_given_do_not_change() -> None:
    given = images()
    shifted_and_flipped(given, 0, True, np.random.default_rng(0))
    np.testing.assert_array_equal(given, images())


def test_statistics_are_those_of_every_channel() -> None:
    mean, deviation = colour_statistics(images())
    np.testing.assert_allclose(mean, images().mean(axis=(0, 2, 3)))
    np.testing.assert_allclose(deviation, images().std(axis=(0, 2, 3)))


def test_a_channel_of_one_value_has_a_deviation_of_one() -> None:
    assert colour_statistics(np.full((2, 1, 3, 3), 7, np.uint8)) == ((7.0,), (1.0,))


def test_standardised_images_have_mean_0_and_deviation_1_in_every_channel() -> None:
    x = standardised(images(), *colour_statistics(images())).numpy()
    np.testing.assert_allclose(x.mean(axis=(0, 2, 3)), 0, atol=1e-6)
    np.testing.assert_allclose(x.std(axis=(0, 2, 3)), 1, rtol=1e-5)


def test_images_of_other_channels_are_refused() -> None:
    with pytest.raises(
        ValueError, match=r"expected images of 1 channel\(s\), n c y x; got shape \(6, 3, 8, 8\)"
    ):
        require_images(images(), 1)
