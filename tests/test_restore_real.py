"""What was planted in real sections is taken out again."""

import numpy as np
import pytest
from scipy import ndimage

from microtome.volume.restore import Restoration, Stripes, damaged_sections, restored
from microtome.volume.restore.quality import held_out
from restoration import brightness_flicker, filtered, flickered, grey, lines, rms, volume
from restoring import real

every_image = pytest.mark.parametrize("name", ["vnc", "isbi2012", "flyem"])


@pytest.mark.parametrize(
    ("name", "matching"),
    [
        ("vnc", "mean"),
        pytest.param("vnc", "histogram", marks=pytest.mark.slow),
        pytest.param("isbi2012", "mean", marks=pytest.mark.slow),
        ("isbi2012", "histogram"),
        ("flyem", "mean"),
        ("flyem", "histogram"),
    ],
)
def test_planted_flicker_goes_and_so_does_what_was_recorded(name: str, matching: str) -> None:
    wanted = Restoration(matching=matching)  # type: ignore[arg-type]
    bad = flickered(real(name))
    assert brightness_flicker(filtered(bad, wanted)) < 0.2 * brightness_flicker(bad)
    recorded = brightness_flicker(real(name))
    assert brightness_flicker(filtered(real(name), wanted)) < max(0.6 * recorded, 0.3)  # flyem has 0.1


@every_image
def test_planted_stripes_go_and_real_sections_hardly_change(name: str) -> None:
    wanted = Restoration(stripes=Stripes())
    image = real(name)[:3]
    striped = grey(image + lines(image.shape))
    assert rms(image, filtered(striped, wanted)) < 0.5 * rms(image, striped)
    assert rms(image, filtered(image, wanted)) < 0.1 * image.std()


@pytest.mark.slow
@every_image
def test_a_real_section_is_made_up_best_by_motion_and_worst_by_a_copy(name: str) -> None:
    found = held_out(restored(volume(real(name)), Restoration(missing=(6,))).interpolated, 255.0)
    motion, linear, nearest = (one.psnr for one in found)
    assert motion > linear > nearest
    motion, linear, nearest = (one.ssim for one in found)
    assert motion > linear > nearest


@every_image
def test_a_damaged_real_section_is_listed_and_no_other(name: str) -> None:
    assert damaged_sections(volume(real(name))) == []
    section = real(name)[5]
    for damaged in (0 * section, ndimage.gaussian_filter(section, 2), np.roll(section, 60, 1)):
        bad = real(name).copy()
        bad[5] = damaged
        assert [found.section for found in damaged_sections(volume(bad))] == [5]
