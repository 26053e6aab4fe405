import json
from pathlib import Path

import numpy as np
import pytest

from microtome.box import Box
from microtome.volume import open_volume
from microtome.volume.restore import Restoration, Stripes, damage_report, restore, restored
from restoration import flickered, grey, lines, volume
from restoring import tissue

EVERYTHING = Restoration(stripes=Stripes(), matching="mean", missing=(4,))


def ruined() -> np.ndarray:
    image = flickered(grey(tissue() + lines(tissue().shape)))
    image[4] = 0
    return image


def test_the_written_image_is_the_view_and_the_report_lies_beside_it(tmp_path: Path) -> None:
    out = tmp_path / "clean.ome.zarr"
    report = restore(volume(ruined()), str(out), EVERYTHING)
    whole = Box.of(tissue().shape)
    expected = restored(volume(ruined()), EVERYTHING).image.read(whole)
    assert np.array_equal(open_volume(out).read(whole), expected)
    assert json.loads((tmp_path / "clean.ome.zarr.restore.json").read_text()) == report


def test_the_report_says_what_was_done_and_by_how_much_it_helped(tmp_path: Path) -> None:
    report = restore(volume(ruined()), str(tmp_path / "clean.npy"), EVERYTHING, detect=True)
    flicker, stripes = report["flicker"], report["stripes"]
    assert flicker["after"]["brightness"] < 0.2 * flicker["before"]["brightness"]  # type: ignore[index]
    assert stripes["after"]["along_y"] < 0.7 * stripes["before"]["along_y"]  # type: ignore[index]
    assert report["made_up"] == [{"section": 4, "below": 3, "above": 5}]
    assert [row["method"] for row in report["held_out"]] == ["motion", "linear", "nearest"]  # type: ignore[attr-defined]
    assert [row["section"] for row in report["damaged"]] == [4]  # type: ignore[attr-defined]
    assert report["left_alone"] == []
    assert report["settings"]["stripes"] == {"along": "y", "width": 16, "length": 1500}  # type: ignore[index]


def test_one_section_can_be_restored_and_what_is_not_defined_is_none(tmp_path: Path) -> None:
    report = restore(volume(tissue()[:1]), str(tmp_path / "one.npy"), Restoration(matching="mean"))
    assert report["flicker"]["after"] == {"brightness": None, "contrast": None}  # type: ignore[index]
    assert report["change"] == {"mean": 0.0, "largest": 0.0}
    assert report["held_out"] == []


def test_an_image_with_nothing_in_it_comes_out_as_it_is(tmp_path: Path) -> None:
    blank = np.full((4, 20, 20), 9, np.uint8)
    wanted = Restoration(stripes=Stripes(), matching="histogram", missing=(1,))
    report = restore(volume(blank), str(tmp_path / "blank.npy"), wanted, detect=True)
    assert np.array_equal(np.load(tmp_path / "blank.npy"), blank)
    assert report["left_alone"] == [0, 2, 3]
    assert report["damaged"] == []


def test_damage_is_reported_and_nothing_done_about_it(tmp_path: Path) -> None:
    image = tissue().copy()
    image[4] = 0
    restore(volume(image), str(tmp_path / "out.npy"), Restoration(matching="mean"), detect=True)
    assert not np.load(tmp_path / "out.npy")[4].any()
    assert [(row["section"], row["reason"]) for row in damage_report(volume(image))] == [
        (4, "contrast, sharpness, unlike its neighbours")
    ]


def test_wanting_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="expected a filter to apply"):
        restore(volume(tissue()), str(tmp_path / "out.npy"), Restoration())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("dtype", "held", "not_held"),
    [
        (np.uint8, 255, 256),
        (np.int16, -32768, 0.5),
        (np.float32, 0.1, 1e39),
        (np.float32, -1, np.nan),
        (bool, 1, 2),
    ],
)
def test_padding_is_a_value_that_the_image_can_have(dtype: type, held: float, not_held: float) -> None:
    image = volume(np.zeros((3, 16, 16), dtype))
    damage_report(image, held)
    with pytest.raises(ValueError, match=f"expected a padding that {np.dtype(dtype)} holds"):
        damage_report(image, not_held)
