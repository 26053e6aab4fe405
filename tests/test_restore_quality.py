import numpy as np
import pytest

from microtome.volume.restore import Restoration, restored
from microtome.volume.restore.quality import flicker, held_out, psnr, spread, ssim, stripe_energy
from restoration import grey, lines, volume
from restoring import tissue

EVERY = np.ones(400, bool)


def test_flicker_is_the_deviation_of_independent_sections_and_0_on_a_trend() -> None:
    values = np.random.default_rng(0).normal(0, 3, 400)
    assert flicker(values, EVERY) == pytest.approx(3, rel=0.1)
    assert flicker(np.linspace(50, 90, 400), EVERY) == pytest.approx(0, abs=1e-9)
    assert flicker(values + np.linspace(50, 90, 400), EVERY) == pytest.approx(3, rel=0.1)


def test_flicker_leaves_out_what_does_not_count_and_needs_three_sections() -> None:
    counted = np.array([True, True, False, True, True])
    assert flicker(np.array([1.0, 2, 99, 3, 4]), counted) == pytest.approx(0)
    assert flicker(np.array([1.0, 5]), np.ones(2, bool)) is None


def test_stripes_show_in_their_own_direction() -> None:
    clean = stripe_energy(volume(tissue()))
    striped = stripe_energy(volume(grey(tissue() + lines(tissue().shape))))
    turned = stripe_energy(volume(grey(tissue() + lines(tissue().shape)).swapaxes(1, 2).copy()))
    assert 0.5 < clean.along_y / clean.along_x < 2
    assert striped.along_y > 1.5 * clean.along_y
    assert striped.along_x == pytest.approx(clean.along_x, rel=0.1)
    assert turned.along_x == pytest.approx(striped.along_y)


def test_an_image_without_detail_has_no_stripes() -> None:
    energy = stripe_energy(volume(np.full((3, 64, 64), 9, np.uint8)))
    assert (energy.along_y, energy.along_x) == (0, 0)


def test_psnr_is_worked_out_by_hand() -> None:
    truth = np.zeros((2, 2))
    assert psnr(truth, truth + 255, 255) == 0
    assert psnr(truth, truth + 25.5, 255) == pytest.approx(20)
    assert psnr(truth, truth, 255) == float("inf")


def test_ssim_is_1_for_equal_and_that_of_its_formula_for_constant_pictures() -> None:
    picture = tissue()[0].astype(np.float32)
    assert ssim(picture, picture, 255) == pytest.approx(1)
    noise = np.random.default_rng(0).normal(0, 1, picture.shape)
    assert ssim(picture, picture + 5 * noise, 255) > ssim(picture, picture + 40 * noise, 255)
    c = (0.01 * 255) ** 2
    expected = (2 * 50 * 80 + c) / (50**2 + 80**2 + c)
    assert ssim(np.full((9, 9), 50.0), np.full((9, 9), 80.0), 255) == pytest.approx(expected)


def test_real_sections_are_made_up_across_gaps_like_the_widest() -> None:
    found = held_out(restored(volume(tissue()), Restoration(missing=(4,))).interpolated, 255)
    assert [one.method for one in found] == ["motion", "linear", "nearest"]
    assert {one.sections for one in found} == {4}  # 1, 2, 6 and 7 of 9
    assert found[0].psnr > found[1].psnr > found[2].psnr
    assert found[0].ssim > found[1].ssim > found[2].ssim


def test_nothing_is_held_out_without_gaps_or_without_real_sections_as_far_apart() -> None:
    for missing in ((), (1, 3, 5, 7)):
        assert held_out(restored(volume(tissue()), Restoration(missing=missing)).interpolated, 255) == []


def test_indices_are_spread_evenly() -> None:
    assert spread(5, 8) == [0, 1, 2, 3, 4]
    assert spread(9, 3) == [0, 4, 8]
    assert spread(0, 3) == []
