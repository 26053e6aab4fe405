import numpy as np
import pytest
from scipy import ndimage

from microtome.box import Box
from microtome.volume.restore import Restoration, interpolate, restored
from microtome.volume.restore.interpolate import Gap, gaps
from restoration import filtered, rms, volume
from restoring import mean_change, tissue


def test_a_made_up_section_is_nearer_to_the_real_one_than_a_copy_is_and_motion_nearer_than_a_blend() -> None:
    truth = tissue()[4]
    errors = {}
    for method in ("motion", "linear", "nearest"):
        wanted = Restoration(missing=(4,), method=method)
        blank = tissue().copy()
        blank[4] = 0
        result = filtered(blank, wanted)
        kept = [0, 1, 2, 3, 5, 6, 7, 8]
        assert np.array_equal(result[kept], tissue()[kept])
        errors[method] = rms(truth, result[4])
    assert errors["motion"] < 0.97 * errors["linear"]
    assert errors["linear"] < 0.9 * errors["nearest"]


def test_what_a_missing_section_holds_does_not_matter() -> None:
    noisy = tissue().copy()
    noisy[[3, 4]] = np.random.default_rng(0).integers(0, 255, (2, 256, 256), np.uint8)
    blank = tissue().copy()
    blank[[3, 4]] = 0
    wanted = Restoration(missing=(4, 3), matching="mean")
    assert np.array_equal(filtered(noisy, wanted), filtered(blank, wanted))


def test_in_a_wider_gap_sections_are_weighed_by_their_distance() -> None:
    image = np.zeros((5, 3, 3), np.uint8)
    image[4] = 100
    result = filtered(image, Restoration(missing=(1, 2, 3), method="linear"))
    assert result[:, 0, 0].tolist() == [0, 25, 50, 75, 100]
    result = filtered(image, Restoration(missing=(1, 2, 3), method="nearest"))
    assert result[:, 0, 0].tolist() == [0, 0, 0, 100, 100]


def test_a_piece_is_within_a_grey_value_of_what_it_is_in_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    large = ndimage.zoom(tissue((3, 200, 200)), (1, 3, 3), order=1)  # 600 voxels: more than a piece reaches
    image = restored(volume(large), Restoration(missing=(1,))).interpolated
    whole = image.read(Box.of(image.shape))
    monkeypatch.setattr(interpolate, "PIECE", 100)
    box = Box((1, 230, 310), (2, 430, 470))
    apart = np.abs(image.read(box) - whole[box.slices])
    assert apart.mean() < 0.01
    assert np.quantile(apart, 0.999) < 1


def test_padding_of_one_neighbour_is_filled_from_the_other_and_of_both_stays() -> None:
    image = np.full((3, 20, 20), 100, np.uint8)
    image[0, :, :5] = 0
    image[:, 15:] = 0
    for method in ("motion", "linear", "nearest"):
        result = filtered(image, Restoration(missing=(1,), method=method, padding=0))
        assert (result[1, :15] == 100).all()
        assert not result[1, 15:].any()


def test_gaps_have_the_nearest_neighbours_that_are_there() -> None:
    assert gaps((5, 2, 3), 8) == [Gap(2, 1, 4), Gap(3, 1, 4), Gap(5, 4, 6)]
    assert Gap(3, 1, 4).share == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        ((0,), "one on both sides to interpolate between; got 0 of 9"),
        ((7, 8), "one on both sides to interpolate between; got 7 of 9"),
        ((9,), "expected sections from 0 to 8; got 9"),
        ((-1,), "expected sections from 0 to 8; got -1"),
    ],
)
def test_sections_that_cannot_be_made_up_are_refused(missing: tuple[int, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        restored(volume(tissue()), Restoration(missing=missing))


def test_a_made_up_section_of_flickering_neighbours_does_not_flicker() -> None:
    image = tissue().astype(np.float32)
    image[3] += 20
    result = filtered(image, Restoration(matching="mean", missing=(4,)))
    clean = filtered(tissue().astype(np.float32), Restoration(matching="mean", missing=(4,)))
    assert mean_change(clean[4], result[4]) < 0.5
