import numpy as np
import pytest

from microtome.box import Box
from microtome.volume.restore import Restoration, restored
from microtome.volume.restore.deflicker import Bend, Line
from restoration import filtered, flickered, grey, volume
from restoring import mean_change, tissue

BOTH = pytest.mark.parametrize("matching", ["mean", "histogram"])


def test_a_gain_and_an_offset_in_one_section_are_taken_back() -> None:
    clean = np.repeat(np.random.default_rng(0).integers(90, 150, (1, 40, 40)), 7, axis=0).astype(np.float32)
    bad = clean.copy()
    bad[3] = 1.4 * clean[3] - 30
    np.testing.assert_allclose(filtered(bad, Restoration(matching="mean")), clean, atol=1e-3)


def test_a_gamma_in_one_section_is_taken_back_by_matching_histograms_alone() -> None:
    clean = np.repeat(tissue()[:1], 7, axis=0)
    bad = clean.copy()
    bad[3] = grey(255 * (clean[3] / 255.0) ** 1.5)
    by_mean, by_histogram = (
        filtered(bad, Restoration(matching=matching))[3] for matching in ("mean", "histogram")
    )
    assert mean_change(clean[3], by_histogram) < 1.0
    assert mean_change(clean[3], by_histogram) < 0.25 * mean_change(clean[3], by_mean)


@BOTH
def test_planted_flicker_is_removed_and_a_clean_image_hardly_changes(matching: str) -> None:
    clean = tissue()
    bad = flickered(clean)
    wanted = Restoration(matching=matching)  # type: ignore[arg-type]
    means = filtered(bad, wanted).mean(axis=(1, 2))
    steps = [np.abs(np.diff(m, 2)).mean() for m in (bad.mean(axis=(1, 2)), means)]
    assert steps[1] < 0.2 * steps[0]
    assert mean_change(clean, filtered(clean, wanted)) < 2


@BOTH
def test_a_block_is_what_it_is_in_the_whole(matching: str) -> None:
    wanted = Restoration(matching=matching, padding=255)  # type: ignore[arg-type]
    image = restored(volume(flickered(tissue())), wanted).image
    whole = image.read(Box.of(image.shape))
    box = Box((2, 30, 100), (5, 77, 190))
    assert np.array_equal(image.read(box), whole[box.slices])


def test_missing_blank_and_ruined_sections_neither_count_nor_change() -> None:
    image = flickered(tissue())
    image[2] = 0  # blank
    image[5] = grey(128 + 0.2 * (image[5] - 128.0))  # a fifth of the contrast
    wanted = Restoration(matching="mean", missing=(7,), method="nearest")
    made = restored(volume(image), wanted)
    assert made.matched == [0, 1, 3, 4, 6, 8]
    result = made.image.read(Box.of(image.shape))
    assert np.array_equal(result[[2, 5]], image[[2, 5]])
    ruined = image.copy()
    ruined[[2, 5, 7]] = 77
    assert np.array_equal(filtered(ruined, wanted)[[0, 1, 3]], result[[0, 1, 3]])


def test_padding_stays() -> None:
    image = np.array(flickered(tissue()))
    image[:, :40] = 0
    result = filtered(image, Restoration(matching="mean", padding=0))
    assert np.array_equal(result[:, :40], image[:, :40])
    inside = image[:, 40:][image[:, 40:] != 0]
    without = filtered(image[:, 40:], Restoration(matching="mean", padding=0))
    assert len(inside) > 0
    assert np.array_equal(result[:, 40:], without)


def test_curves_go_on_beyond_what_they_know() -> None:
    bend = Bend(np.array([10.0, 20.0]), np.array([12.0, 32.0]))
    assert bend(np.array([[0, 10, 15, 20, 30]], np.float32)).tolist() == [[2, 12, 22, 32, 42]]
    assert Line(2.0, 10.0, 12.0)(np.array([[0, 10, 15]], np.float32)).tolist() == [[-8, 12, 22]]


def test_the_image_is_kept_in_its_range_and_type() -> None:
    image = np.random.default_rng(0).integers(0, 2**16, (5, 20, 20)).astype(np.uint16)
    image[2] = np.clip(image[2] * 0.6, 0, 2**16 - 1).astype(np.uint16)
    result = filtered(image, Restoration(matching="mean"))
    assert result.dtype == np.uint16
    assert result[2].max() == 2**16 - 1


def test_an_even_number_of_sections_and_labels_are_refused() -> None:
    with pytest.raises(ValueError, match="odd number of sections, at least 3; got 4"):
        Restoration(matching="mean", sections=4)
    ids = volume(np.zeros((3, 4, 4), np.uint64))
    with pytest.raises(ValueError, match=r"integers of at most 16 bits or of float32; got uint64"):
        restored(ids, Restoration(matching="mean"))


def test_infinite_intensities_are_refused() -> None:
    image = np.zeros((3, 4, 4), np.float32)
    image[1, 2, 3] = np.inf
    with pytest.raises(ValueError, match="expected finite intensities; got 1"):
        restored(volume(image), Restoration(matching="mean"))
