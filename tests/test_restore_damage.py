from collections.abc import Callable

import numpy as np
import pytest
from scipy import ndimage

from microtome.volume.restore import damaged_sections
from restoration import flickered, grey, volume
from restoring import Image, tissue


def blank(section: np.ndarray) -> np.ndarray:
    return np.zeros_like(section)


def blurred(section: np.ndarray) -> np.ndarray:
    return ndimage.gaussian_filter(section, 2)


def noisy(section: np.ndarray) -> np.ndarray:
    return np.clip(section + np.random.default_rng(0).normal(0, 60, section.shape), 0, 255)


def misplaced(section: np.ndarray) -> np.ndarray:
    return np.roll(section, 60, axis=1)


def pale(section: np.ndarray) -> np.ndarray:
    return 128 + (section - 128.0) / 4


def planted(damage: Callable[[np.ndarray], np.ndarray], z: int) -> Image:
    image = tissue().copy()
    image[z] = grey(damage(image[z]))
    return image


@pytest.mark.parametrize("damage", [blank, blurred, noisy, misplaced, pale])
@pytest.mark.parametrize("z", [1, 4])
def test_a_damaged_section_is_listed_and_no_other(damage: Callable[[np.ndarray], np.ndarray], z: int) -> None:
    assert [found.section for found in damaged_sections(volume(planted(damage, z)))] == [z]


def test_the_reason_is_said() -> None:
    reasons = {
        damage.__name__: damaged_sections(volume(planted(damage, 4)))[0].reason
        for damage in (blurred, misplaced, pale)
    }
    assert reasons == {
        "blurred": "sharpness",
        "misplaced": "unlike its neighbours",
        "pale": "contrast, sharpness",
    }


def test_a_clean_and_a_flickering_image_have_no_damaged_section() -> None:
    assert damaged_sections(volume(tissue())) == []
    assert damaged_sections(volume(flickered(tissue()))) == []


def test_images_with_few_sections_or_nothing_to_see_are_looked_at_without_complaint() -> None:
    for shape in ((1, 1, 1), (2, 40, 40), (5, 3, 3)):
        assert damaged_sections(volume(np.full(shape, 7, np.uint8))) == []


def test_padding_does_not_count() -> None:
    image = np.array(tissue())
    image[4, :, :100] = 0
    image[:, :, :60] = 0
    assert [found.section for found in damaged_sections(volume(image), padding=0)] == []
