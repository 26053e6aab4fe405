"""Centrelines of tubes, straight and bent, and of what has none."""

from pathlib import Path

import numpy as np
import pytest
from scipy.spatial import KDTree
from scipy.spatial.transform import Rotation

from microtome.box import Box
from microtome.progress import silent
from microtome.schedule import in_turn
from microtome.segment.centreline import CentrelineTable, centrelines
from microtome.segment.columns import write_columns
from microtome.segment.crop import crop
from microtome.segment.measure import measure
from microtome.volume import ArrayVolume, VoxelSize
from shapes import Solid, cylinder, digitised, ellipsoid, sphere, stored

NM: VoxelSize = (45.0, 4.6, 4.6)
SIZES: list[VoxelSize] = [(15.0, 15.0, 15.0), NM, (40.0, 8.0, 8.0)]


def found(folder: Path, labels: np.ndarray, size: VoxelSize, most: int = 2_000_000) -> CentrelineTable:
    uri = stored(folder / f"{len(list(folder.iterdir()))}.tif", labels, size)
    return centrelines(uri, measure(uri, in_turn, silent), in_turn, silent, most=most)


def of_solid(folder: Path, solid: Solid, size: VoxelSize, turn: Rotation | None = None) -> CentrelineTable:
    return found(folder, digitised(solid, size, turn, margin=2).astype(np.uint8), size)


def tube(points: np.ndarray, radius: float) -> Solid:
    """All that is at most so far from a line."""
    tree = KDTree(points)

    def inside(at: np.ndarray) -> np.ndarray:
        near = tree.query(at.reshape(-1, 3), distance_upper_bound=radius)[0] <= radius
        return near.reshape(at.shape[:-1])

    return Solid("tube", inside, np.abs(points).max() + radius, 0.0, 0.0)


def line() -> np.ndarray:
    along = np.linspace(-0.5, 0.5, 200)
    return np.stack([0 * along, along * 800, 0 * along], axis=1)


def arc() -> np.ndarray:
    angle = np.linspace(0, 1.2 * np.pi, 200)
    return np.stack([0 * angle, 300 * np.cos(angle), 300 * np.sin(angle)], axis=1)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("points", "length"), [(line(), 800), (arc(), 360 * np.pi)])
def test_a_tube_is_as_long_from_tip_to_tip_and_as_thick_as_it_is(
    size: VoxelSize, points: np.ndarray, length: float, tmp_path: Path
) -> None:
    turn = Rotation.from_euler("zyx", [0.4, 0.3, 0.6])
    table = of_solid(tmp_path, tube(points, 90), size, turn)
    assert table.length_nm[0] == pytest.approx(length + 180, rel=0.02)
    assert table.radius_nm[0] == pytest.approx(90, rel=0.09)


def test_flat_ends_come_out_longer_because_the_furthest_points_are_on_their_rims(tmp_path: Path) -> None:
    table = of_solid(tmp_path, cylinder(100, 500), (40.0, 8.0, 8.0))
    assert 1000 < table.length_nm[0] < 1000 + 100


@pytest.mark.parametrize("size", SIZES)
def test_spheres_and_discs_have_no_length(size: VoxelSize, tmp_path: Path) -> None:
    for solid in (sphere(150), ellipsoid(60, 240, 240)):
        table = of_solid(tmp_path, solid, size)
        assert np.isnan(table.length_nm[0])
        assert np.isnan(table.radius_nm[0])
        assert table.voxel_nm[0] > 0


def test_what_is_too_large_is_done_in_coarser_voxels_which_the_table_says(tmp_path: Path) -> None:
    labels = digitised(tube(line(), 90), (10.0, 10.0, 10.0), margin=2).astype(np.uint8)
    fine, coarse = (found(tmp_path, labels, (10.0, 10.0, 10.0), most) for most in (10**6, 5000))
    assert fine.voxel_nm[0] == 10
    assert coarse.voxel_nm[0] > 15
    assert coarse.length_nm[0] == pytest.approx(fine.length_nm[0], rel=0.05)


def test_one_voxel_has_no_length_and_no_objects_no_rows(tmp_path: Path) -> None:
    labels = np.zeros((3, 4, 5), np.uint8)
    assert len(found(tmp_path, labels, NM)) == 0
    labels[1, 2, 2] = 4
    table = found(tmp_path, labels, NM)
    assert table.ids.tolist() == [4]
    assert np.isnan(table.length_nm[0])


@pytest.mark.parametrize(("sections", "known"), [(3, False), (1, True)])
def test_what_is_in_one_section_of_several_has_no_length(sections: int, known: bool, tmp_path: Path) -> None:
    labels = np.zeros((sections, 20, 120), np.uint8)
    labels[-1, 8:14, 10:110] = 1
    assert np.isfinite(found(tmp_path, labels, NM).length_nm).tolist() == [known]


def test_each_object_is_looked_at_alone_and_empty_in_a_file_where_it_is_not_long(tmp_path: Path) -> None:
    labels = np.zeros((20, 60, 120), np.uint32)
    labels[4:10, 10:16, 10:110], labels[4:10, 16:22, 10:110] = 2**32 - 1, 5  # side by side
    labels[12:18, 40:46, 40:46] = 9
    table = found(tmp_path, labels, (10.0, 10.0, 10.0))
    assert table.ids.tolist() == [5, 9, 2**32 - 1]
    assert np.isnan(table.length_nm[1])
    assert table.length_nm[0] == pytest.approx(table.length_nm[2], rel=0.02)
    assert table.radius_nm[0] == pytest.approx(30, rel=0.2)
    write_columns(table.columns(), tmp_path / "table.csv")
    assert (tmp_path / "table.csv").read_text().splitlines()[2].startswith("9,,,10")


def test_a_crop_holds_the_share_of_every_coarser_voxel() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, (9, 70, 40)).astype(np.uint8)
    box = Box((1, 2, 3), (8, 69, 38))
    one = crop(ArrayVolume(labels, NM), 2, box, 10**6)
    assert np.array_equal(one.share[1:-1, 1:-1, 1:-1] == 1, labels[box.slices] == 2)
    coarse = crop(ArrayVolume(labels, NM), 2, box, 7 * 17 * 9)
    assert coarse.voxel_size_nm == pytest.approx((45, 18.4, 18.4))
    assert coarse.corner_nm == pytest.approx((0, 2 * 4.6 - 18.4, 3 * 4.6 - 18.4))
    assert coarse.share[1:-1, 1:-1, 1:-1].shape == (7, 17, 9)
    assert coarse.share.sum() * 16 == pytest.approx((labels[box.slices] == 2).sum())
    assert coarse.share[1, 1, 1] == pytest.approx((labels[1, 2:6, 3:7] == 2).mean())
