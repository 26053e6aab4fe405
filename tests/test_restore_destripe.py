import numpy as np
import pytest

from microtome.box import Box
from microtome.volume.restore import Restoration, Stripes, destripe
from microtome.volume.restore.destripe import PIECE, Along, Destriped, stripe_waves
from microtome.volume.restore.real import Real
from restoration import filtered, grey, lines, rms, volume
from restoring import mean_change, tissue

ALONG_Y = Restoration(stripes=Stripes())


def test_planted_stripes_are_removed_and_a_clean_image_hardly_changes() -> None:
    clean = tissue((3, 384, 384))
    striped = grey(clean + lines(clean.shape))
    assert rms(clean, filtered(striped, ALONG_Y)) < 0.55 * rms(clean, striped)
    assert mean_change(clean, filtered(clean, ALONG_Y)) < 0.6


def test_stripes_along_x_are_those_along_y_turned() -> None:
    striped = grey(tissue() + lines(tissue().shape))
    turned = striped.swapaxes(1, 2).copy()
    result = filtered(turned, Restoration(stripes=Stripes("x")))
    assert np.array_equal(result.swapaxes(1, 2), filtered(striped, ALONG_Y))


def test_a_stripe_goes_but_for_its_widest_sixth_and_one_that_is_too_wide_stays() -> None:
    image = np.full((1, 200, 300), 100, np.float32)
    image[:, :, 50:54] = 130
    assert np.abs(filtered(image, ALONG_Y) - 100).max() < 30 / 6 + 0.1
    wide = np.full((1, 200, 300), 100, np.float32) + 30 * np.cos(np.arange(300) / 300 * 2 * np.pi)
    wide = wide.astype(np.float32)
    assert rms(filtered(wide, ALONG_Y), wide) < 0.5


def test_a_block_is_what_it_is_in_the_whole_whatever_is_read() -> None:
    striped = grey(tissue() + lines(tissue().shape))
    image = Destriped(Real(volume(striped)), Stripes())
    whole = image.read(Box.of(image.shape))
    for box in (Box((2, 30, 100), (5, 77, 190)), Box((0, 0, 0), (1, 256, 1)), Box((3, 5, 5), (3, 9, 9))):
        np.testing.assert_allclose(image.read(box), whole[box.slices], atol=1e-3)


@pytest.mark.parametrize("along", ["y", "x"])
@pytest.mark.parametrize("padding", [None, 0.0])
def test_a_section_is_what_it_is_whatever_was_read_before(along: Along, padding: float | None) -> None:
    striped = grey(tissue() + lines(tissue().shape))
    striped[:, :60] = 0
    striped[4] = striped[4] // 3  # whose median is not that of the slab
    sections = [Box((z, 0, 0), (z + 1, *striped.shape[1:])) for z in (4, 3)]
    alone, after = (Destriped(Real(volume(striped)), Stripes(along), padding) for _ in range(2))
    after.read(Box.of(striped.shape))
    for box in sections:
        assert np.array_equal(alone.read(box), after.read(box))
    whole = Destriped(Real(volume(striped)), Stripes(along), padding).read(Box.of(striped.shape))
    for box in sections:
        assert np.array_equal(whole[box.slices], after.read(box))


def test_sections_are_looked_through_once_for_as_long_as_they_are_remembered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls = []
    monkeypatch.setattr(destripe, "stripe_waves", lambda *a: calls.append(a) or stripe_waves(*a))
    image = Destriped(Real(volume(tissue())), Stripes())
    for z in (0, 5, 3, 8):
        image.read(Box((z, 0, 0), (z + 1, 9, 9)))
    image.read(Box((3, 0, 0), (6, 9, 9)))  # 4 is new
    assert len(calls) == 5
    monkeypatch.setattr(destripe, "REMEMBERED", 2)
    assert image.read(Box((0, 0, 0), (9, 9, 9))).shape == (9, 9, 9)
    assert len(image._known) == 2


def test_sections_larger_than_a_piece_are_added_up() -> None:
    rng = np.random.default_rng(0)
    section = rng.normal(100, 20, (1, PIECE + 300, 40)).astype(np.float32)
    section += 40 * (np.arange(40) % 7 == 0)
    image = Destriped(Real(volume(section)), Stripes())
    rows = section.shape[1]
    k = np.arange(int(20 * rows / 1500) + 1)[:, None]
    waves = np.cos(np.pi / rows * k * (np.arange(rows) + 0.5)) * np.sqrt(np.where(k, 2, 1) / rows)
    waves = waves.astype(np.float32)
    stripes = stripe_waves(waves @ section[0], rows, Stripes())
    expected = section[0] - waves[: len(stripes)].T @ stripes
    np.testing.assert_allclose(image.read(Box.of(section.shape))[0], expected, atol=2e-2)


def test_padding_stays_and_makes_no_stripes() -> None:
    striped = grey(tissue() + lines(tissue().shape))
    striped = np.maximum(striped, 1)
    striped[:, :60] = 0
    result = filtered(striped, Restoration(stripes=Stripes(), padding=0))
    assert not result[:, :60].any()
    clean = np.maximum(tissue(), 1)
    assert rms(clean[:, 60:], result[:, 60:]) < 0.8 * rms(clean[:, 60:], striped[:, 60:])


def test_tiny_sections_are_filtered() -> None:
    for shape in ((2, 1, 5), (1, 3, 1), (1, 2, 2)):
        image = np.random.default_rng(0).integers(0, 255, shape, np.uint8)
        assert filtered(image, ALONG_Y).shape == shape


@pytest.mark.parametrize(("width", "length"), [(1, 100), (16, 16), (16, 3)])
def test_impossible_stripes_are_refused(width: int, length: int) -> None:
    with pytest.raises(ValueError, match="expected stripes at least 2 voxels wide, and longer"):
        Stripes("y", width, length)
