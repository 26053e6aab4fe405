import numpy as np
from scipy import ndimage

from microtome.volume.restore.motion import between, blend, motion, warped
from restoration import rms
from restoring import tissue

SECTION = ndimage.gaussian_filter(tissue((1, 192, 192))[0].astype(np.float32), 1)
CONTRAST = float(SECTION.std())


def _moved(y: float, x: float) -> np.ndarray:
    return ndimage.shift(SECTION, (y, x), order=1, mode="nearest").astype(np.float32)


def test_a_shift_of_the_whole_section_is_found() -> None:
    before, after = _moved(-1.5, 2.5), _moved(1.5, -2.5)
    y, x = motion(before, after, CONTRAST)
    inside = (slice(24, -24), slice(24, -24))
    np.testing.assert_allclose(np.median(y[inside]), 1.5, rtol=0.15)  # stiffness holds it back
    np.testing.assert_allclose(np.median(x[inside]), -2.5, rtol=0.15)


def test_motion_that_differs_from_place_to_place_is_found() -> None:
    y = np.mgrid[:192, :192][0].astype(np.float32)
    bend = (2 * np.sin(y / 30)).astype(np.float32)
    before = warped(SECTION, (bend, np.zeros_like(bend)), 1.0)
    after = warped(SECTION, (bend, np.zeros_like(bend)), -1.0)
    made = between(before, after, 0.5, CONTRAST)
    inside = (slice(16, -16), slice(16, -16))
    assert rms(SECTION[inside], made[inside]) < 0.4 * rms(SECTION[inside], blend(before, after, 0.5)[inside])


def test_the_way_may_be_cut_anywhere() -> None:
    before, after = _moved(0, 0), _moved(0, 4)
    for share in (0.25, 0.75):
        made = between(before, after, share, CONTRAST)
        truth = _moved(0, 4 * share)
        inside = (slice(24, -24), slice(24, -24))
        assert rms(truth[inside], made[inside]) < 0.4 * rms(
            truth[inside], blend(before, after, share)[inside]
        )


def test_sections_that_agree_do_not_move() -> None:
    y, x = motion(SECTION, SECTION, CONTRAST)
    assert not y.any()
    assert not x.any()
    np.testing.assert_allclose(between(SECTION, SECTION, 0.5, CONTRAST), SECTION, rtol=1e-6)


def test_nothing_moves_where_there_is_nothing_to_see_and_any_shape_will_do() -> None:
    plain = np.full((5, 3), 7, np.float32)
    assert np.array_equal(between(plain, plain, 0.5, 1.0), plain)
    assert np.allclose(between(plain, plain + 2, 0.5, 1.0), plain + 1)
