"""False positives that lie inside of cells."""

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from microtome.box import Box
from microtome.labels import without_small
from microtome.predict import cleaning
from microtome.predict.cleaning import Cleaning, clean, create_cleaned, enclosed
from microtome.volume import ArrayVolume, open_volume

NM = (45.0, 4.6, 4.6)


def section(*rows: str) -> np.ndarray:
    return np.array([[list(row) for row in rows]]) == "#"


CELL = section(
    ".........",
    ".#######.",
    ".#######.",
    ".#######.",
    ".#######.",
    ".#######.",
    ".........",
)


def test_a_component_inside_a_cell_is_a_false_positive_and_one_that_touches_its_border_is_none() -> None:
    mask = section(
        "#........",
        ".........",
        ".##......",
        ".....##..",
        ".....#...",
        ".........",
        "....#....",
    )
    expected = section(
        ".........",
        ".........",
        ".........",
        ".....##..",
        ".....#...",
        ".........",
        ".........",
    )
    np.testing.assert_array_equal(enclosed(mask, CELL, Cleaning(1, 0.0)), expected)


def test_the_margin_at_the_border_of_a_cell_does_not_count_as_inside() -> None:
    mask = np.zeros(CELL.shape, dtype=bool)
    mask[0, 2, 4] = True  # at distance 2 from what is no cell
    assert enclosed(mask, CELL, Cleaning(1.9)).any()
    assert not enclosed(mask, CELL, Cleaning(2.0)).any()


def test_a_small_share_in_the_margin_is_tolerated() -> None:
    cells = np.zeros((1, 40, 40), dtype=bool)
    cells[0, :, 3:] = True
    mask = np.zeros(cells.shape, dtype=bool)
    mask[0, 20, 8:28] = True  # 1 of 20 voxels lies within 5 of the border, at x 7
    mask[0, 20, 7] = True
    assert not enclosed(mask, cells, Cleaning(5, 0.04)).any()
    assert enclosed(mask, cells, Cleaning(5, 0.05)).any()


def test_whatever_is_tolerated_a_component_that_touches_the_outside_stays() -> None:
    mask = np.zeros((1, 40, 40), dtype=bool)
    mask[0, 20, 1:] = True
    cells = np.ones(mask.shape, dtype=bool)
    cells[0, :, 0] = False
    assert not enclosed(mask, cells, Cleaning(0, 0.9)).any()


def test_cells_that_touch_have_a_border_only_if_they_are_numbered() -> None:
    cells = np.ones((1, 30, 30), dtype=np.uint16)
    cells[0, :, 15:] = 2
    mask = np.zeros(cells.shape, dtype=bool)
    mask[0, 10, 12:18] = True
    mask[0, 20, 2:5] = True
    assert not enclosed(mask, cells, Cleaning(3))[0, 10].any()
    assert enclosed(mask, cells, Cleaning(3))[0, 20].any()
    assert enclosed(mask, cells > 0, Cleaning(3))[0, 10].any()


def test_the_edge_of_the_image_is_no_border_of_a_cell() -> None:
    cells = np.ones((2, 12, 12), dtype=bool)
    mask = np.zeros(cells.shape, dtype=bool)
    mask[1, 0, :3] = True
    np.testing.assert_array_equal(enclosed(mask, cells, Cleaning()), mask)


def test_components_end_with_their_section() -> None:
    cells = np.ones((2, 12, 12), dtype=bool)
    cells[1] = False
    mask = np.zeros(cells.shape, dtype=bool)
    mask[:, 5, 5] = True
    found = enclosed(mask, cells, Cleaning())
    assert found[0, 5, 5]
    assert not found[1].any()


def slow(mask: np.ndarray, cells: np.ndarray, settings: Cleaning) -> np.ndarray:
    """The rule, component by component and voxel by voxel."""
    result = np.zeros_like(mask)
    for z in range(len(mask)):
        numbers, count = ndimage.label(mask[z])
        free = np.argwhere(cells[z] == 0)
        for k in range(1, count + 1):
            voxels = np.argwhere(numbers == k)
            gaps = np.linalg.norm(voxels[:, None] - free[None], axis=2).min(axis=1, initial=np.inf)
            outside = (gaps <= settings.erosion).mean() if settings.erosion else (gaps == 0).mean()
            if outside <= settings.tolerance and gaps.min() > 1:
                result[z][numbers == k] = True
    return result


BLOCKS = st.tuples(st.integers(1, 3), st.integers(1, 12), st.integers(1, 12))


@given(
    pair=BLOCKS.flatmap(
        lambda shape: st.tuples(arrays(bool, shape), arrays(bool, shape, fill=st.just(True)))
    ),
    erosion=st.sampled_from([0.0, 1.0, 1.5, 3.0]),
    tolerance=st.sampled_from([0.0, 0.01, 0.3]),
)
def test_the_rule_is_the_slow_one(
    pair: tuple[np.ndarray, np.ndarray], erosion: float, tolerance: float
) -> None:
    settings = Cleaning(erosion, tolerance)
    np.testing.assert_array_equal(enclosed(*pair, settings), slow(*pair, settings))


def test_slabs_give_the_same_as_the_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cleaning, "_SLAB", 2 * 30 * 40)
    rng = np.random.default_rng(0)
    cells = ndimage.gaussian_filter(rng.normal(size=(5, 30, 40)), (0, 4, 4)) > -0.02
    proba = (255 * (ndimage.gaussian_filter(rng.random((5, 30, 40)), (0, 1, 1)) > 0.55)).astype(np.uint8)
    volume, mask = ArrayVolume(proba, NM), ArrayVolume(cells, NM)
    target = create_cleaned(tmp_path / "out.ome.zarr", volume)
    rows = list(clean(volume, mask, target, lambda stored: stored >= 128, Cleaning(2)))
    wrong = enclosed(proba >= 128, cells, Cleaning(2))
    assert wrong.any()
    np.testing.assert_array_equal(target.read(Box.of(proba.shape)), np.where(wrong, 0, proba))
    assert [row.section for row in rows] == list(range(5))
    assert [row.voxels for row in rows] == wrong.sum(axis=(1, 2)).tolist()
    assert [row.components for row in rows] == [ndimage.label(one)[1] for one in wrong]
    assert [row.before for row in rows] == (proba >= 128).sum(axis=(1, 2)).tolist()


def test_shapes_and_settings_are_checked() -> None:
    with pytest.raises(ValueError, match="expected cells of the prediction's shape"):
        enclosed(CELL, CELL[:, 1:], Cleaning())
    for wrong in (-1, np.nan, np.inf):
        with pytest.raises(ValueError, match="expected an erosion"):
            Cleaning(wrong)
    for wrong in (-0.1, 1, np.nan):
        with pytest.raises(ValueError, match="expected a tolerance"):
            Cleaning(5, wrong)


def test_real_false_positives_go_and_no_true_membrane_does() -> None:
    folder = Path(os.environ.get("MICROTOME_DATA", ".")) / "vnc_sstem"
    if not folder.is_dir():
        pytest.skip("the real data are not here")
    place = Box((9, 256, 256), (11, 768, 768))
    image, classes, membranes = (
        open_volume(folder / f"{name}.tif", NM).read(place) for name in ("image", "classes", "membranes")
    )
    dark = ndimage.gaussian_filter(image.astype(np.float32), (0, 1.5, 1.5)) < 95
    cells = without_small(np.isin(classes, (191, 223, 255)), 2000)
    gone = enclosed(dark, cells, Cleaning())
    wrong = dark & (membranes == 0)
    assert (gone & wrong).sum() > 0.25 * wrong.sum()
    assert not (gone & (membranes > 0)).any()
