"""Measurements of whole label volumes: known shapes, and the same whatever the blocks."""

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from scipy.spatial.transform import Rotation

from microtome.box import Box, Int3
from microtome.progress import silent
from microtome.schedule import in_turn, on_dask
from microtome.segment.columns import read_columns, write_columns
from microtome.segment.measure import MeasurementTable, measure
from microtome.volume import VoxelSize
from shapes import Solid, box, cylinder, digitised, ellipsoid, real_mitochondria, sphere, stored

NM: VoxelSize = (45.0, 4.6, 4.6)
LARGEST = 2**63 + 1


def measured(
    folder: Path, labels: np.ndarray, size: VoxelSize = NM, block: Int3 = (32, 512, 512)
) -> MeasurementTable:
    path = folder / f"labels-{len(list(folder.iterdir()))}.tif"
    return measure(stored(path, labels, size), in_turn, silent, block=block)


def of_solid(folder: Path, solid: Solid, size: VoxelSize, turn: Rotation | None = None) -> MeasurementTable:
    return measured(folder, digitised(solid, size, turn).astype(np.uint8), size)


def same(one: MeasurementTable, other: MeasurementTable) -> bool:
    """Exact in whole numbers, to the last digits in others."""
    for name in ("ids", "voxels", "start", "stop"):
        assert np.array_equal(getattr(one, name), getattr(other, name)), name
    for name in ("surface_um2", "cut_um2", "centroid_nm", "axes_nm"):
        assert np.allclose(getattr(one, name), getattr(other, name), rtol=1e-9, atol=1e-12), name
    return len(one) == len(other)


def scene(rng: np.random.Generator, shape: Int3, dtype: type = np.uint16) -> np.ndarray:
    """Objects that touch, in ids of all sizes."""
    noise = ndimage.gaussian_filter(rng.random(shape), 1.2)
    labels = ndimage.label(noise > np.quantile(noise, 0.6))[0] + 3 * (noise > np.quantile(noise, 0.85))
    ids = np.append(0, rng.permutation(np.iinfo(dtype).max - np.arange(labels.max(), dtype=dtype)))
    return ids[labels].astype(dtype)


def test_a_box_is_measured_exactly(tmp_path: Path) -> None:
    labels = np.zeros((12, 40, 60), np.uint16)
    labels[3:7, 10:20, 20:50] = 9
    table = measured(tmp_path, labels)
    assert table.ids.tolist() == [9]
    assert table.voxels.tolist() == [4 * 10 * 30]
    assert table.box(0) == Box((3, 10, 20), (7, 20, 50))
    assert table.volume_um3[0] == pytest.approx(1200 * 45 * 4.6 * 4.6 / 1e9)
    assert table.centroid_nm[0] == pytest.approx((5 * 45, 15 * 4.6, 35 * 4.6))
    sides = np.array([4 * 45, 30 * 4.6, 10 * 4.6])
    assert table.axes_nm[0] == pytest.approx(
        2 * np.sqrt(5 / 12) * sides
    )  # variance of a side: its square / 12
    assert table.axis[0] == pytest.approx([1, 0, 0])
    assert table.elongation[0] == pytest.approx(180 / 138)
    assert table.flatness[0] == pytest.approx(3)
    assert table.cut_um2.tolist() == [0]
    assert not table.touches_border[0]


@pytest.mark.parametrize("size", [(10.0, 10.0, 10.0), NM, (30.0, 8.0, 4.0)])
def test_an_ellipsoid_has_its_own_axes_whichever_way_it_lies(size: VoxelSize, tmp_path: Path) -> None:
    half = np.array([375.0, 225.0, 150.0])
    if size[0] == 10:
        half /= 3
    for seed in range(2):
        turn = Rotation.random(rng=np.random.default_rng(seed))
        table = of_solid(tmp_path, ellipsoid(*half), size, turn)
        assert table.axes_nm[0] == pytest.approx(2 * half, rel=0.02)
        assert abs(table.axis[0] @ turn.apply([1, 0, 0])) > 0.998
        assert table.elongation[0] == pytest.approx(5 / 3, rel=0.02)
        assert table.flatness[0] == pytest.approx(3 / 2, rel=0.02)


def turns(seed: int, n: int = 3) -> list[Rotation]:
    return list(Rotation.random(n, rng=np.random.default_rng(seed)))


SIZES: list[VoxelSize] = [(10.0, 10.0, 10.0), (40.0, 8.0, 8.0), NM, (30.0, 8.0, 4.0)]


@pytest.mark.parametrize("size", SIZES)
def test_surfaces_of_smooth_solids_are_right_to_3_percent(size: VoxelSize, tmp_path: Path) -> None:
    radius = (8 if size[0] == 10 else 4) * max(size)  # of the coarsest voxels
    for solid in (sphere(radius), ellipsoid(1.8 * radius, radius, radius)):
        for turn in turns(1, 1):
            found = of_solid(tmp_path, solid, size, turn)
            assert found.surface_um2[0] * 1e6 == pytest.approx(solid.surface, rel=0.03), solid.name
            assert found.volume_um3[0] * 1e9 == pytest.approx(solid.volume, rel=0.01), solid.name
    assert of_solid(tmp_path, sphere(radius), size).sphericity[0] == pytest.approx(1, abs=0.03)


@pytest.mark.parametrize("size", SIZES)
def test_surfaces_with_edges_come_out_too_small_by_up_to_13_percent(size: VoxelSize, tmp_path: Path) -> None:
    radius = 4 * max(size)
    for solid in (cylinder(radius, 2 * radius), box(radius, 1.5 * radius, 2 * radius)):
        along = of_solid(tmp_path, solid, size).surface_um2[0] * 1e6 / solid.surface - 1
        tilted = of_solid(tmp_path, solid, size, turns(2, 1)[0]).surface_um2[0] * 1e6 / solid.surface - 1
        assert -0.13 < along < 0, solid.name
        assert -0.06 < tilted < 0.01, solid.name


def test_faces_of_voxels_are_half_too_many_and_marching_cubes_err_more_too(tmp_path: Path) -> None:
    from skimage.measure import marching_cubes, mesh_surface_area

    solid = sphere(200)
    for size, least in (((20.0, 20.0, 20.0), 0.06), (NM, 0.2)):
        mask = digitised(solid, size)
        steps = [np.prod(np.delete(size, axis)) * (np.diff(mask, axis=axis) != 0).sum() for axis in range(3)]
        assert sum(steps) / solid.surface - 1 > 0.4
        vertices, triangles, *_ = marching_cubes(mask.astype(np.float32), 0.5, spacing=size)
        assert mesh_surface_area(vertices, triangles) / solid.surface - 1 > least
        table = measured(tmp_path, mask.astype(np.uint8), size)
        assert abs(table.surface_um2[0] * 1e6 / solid.surface - 1) < 0.03


@pytest.mark.parametrize("sections", [1, 3])
def test_where_the_border_cuts_an_object_only_what_lies_inside_is_surface(
    sections: int, tmp_path: Path
) -> None:
    y, x = np.ogrid[-70:71, -70:71]
    labels = np.repeat((np.hypot(y, x) < 60)[None], sections, axis=0).astype(np.uint8)
    table = measured(tmp_path, labels)
    radius = np.sqrt(table.voxels[0] / sections / np.pi) * 4.6
    assert table.surface_um2[0] * 1e6 == pytest.approx(2 * np.pi * radius * sections * 45, rel=0.04)
    assert table.cut_um2[0] * 1e6 == pytest.approx(2 * np.pi * radius**2)
    assert table.touches_border[0]


def test_what_fills_the_volume_has_no_surface_but_a_cut(tmp_path: Path) -> None:
    table = measured(tmp_path, np.full((3, 4, 5), 7, np.uint8))
    assert table.surface_um2.tolist() == [0]
    assert table.cut_um2[0] * 1e6 == pytest.approx(2 * (20 * 4.6**2 + 12 * 45 * 4.6 + 15 * 45 * 4.6))


@pytest.mark.parametrize("side", [0, 1])
def test_a_border_close_by_changes_nothing(side: int, tmp_path: Path) -> None:
    labels = digitised(sphere(100), NM, margin=12).astype(np.uint8)
    close = labels[np.ix_(*(np.arange(found.start, found.stop) for found in ndimage.find_objects(labels)[0]))]
    pads = [(1, 20), (20, 1)][side]
    near = measured(tmp_path, np.pad(close, [pads] * 3))
    assert near.surface_um2 == pytest.approx(measured(tmp_path, labels).surface_um2, rel=0.01)


@given(seed=st.integers(0, 2**32 - 1), cut=st.tuples(*[st.integers(1, 3)] * 3))
@settings(max_examples=10)
def test_whatever_the_blocks_the_numbers_are_those_of_the_whole(
    seed: int, cut: Int3, tmp_path_factory: pytest.TempPathFactory
) -> None:
    rng = np.random.default_rng(seed)
    shape = tuple(rng.integers(1, 13, 3).tolist())
    labels = scene(rng, shape)
    block = tuple(-(-side // n) for side, n in zip(shape, cut, strict=True))
    folder = tmp_path_factory.mktemp("measured")
    size = SIZES[seed % len(SIZES)]
    table = measured(folder, labels, size)
    assert same(measured(folder, labels, size, block), table)
    assert np.array_equal(table.ids, np.unique(labels[labels > 0]))
    assert np.array_equal(table.voxels, np.bincount(labels.ravel())[table.ids.astype(int)])
    for row, label in enumerate(table.ids.astype(int)):
        at = np.argwhere(labels == label)
        assert table.centroid_nm[row] == pytest.approx((at.mean(axis=0) + 0.5) * size)
        assert table.box(row) == Box(tuple(at.min(axis=0).tolist()), tuple((at.max(axis=0) + 1).tolist()))
        covariance = np.cov((at * size).T, bias=True).reshape(3, 3) + np.diag(np.square(size) / 12)
        variances = np.linalg.eigvalsh(covariance)[::-1]
        assert table.axes_nm[row] == pytest.approx(2 * np.sqrt(5 * variances), rel=1e-9)


@pytest.mark.parametrize("block", [(32, 512, 512), (3, 5, 4)])
def test_of_a_part_its_faces_are_the_border(block: Int3, tmp_path: Path) -> None:
    labels = scene(np.random.default_rng(1), (8, 16, 15))
    part = Box((2, 0, 3), (7, 13, 15))
    kept = np.zeros_like(labels)
    kept[part.slices] = labels[part.slices]
    uri = stored(tmp_path / "all.tif", kept, NM)
    found = measure(uri, in_turn, silent, block=block, domain=part)
    alone = measured(tmp_path, labels[part.slices])
    here = replace(
        alone,
        start=alone.start + part.start,
        stop=alone.stop + part.start,
        centroid_nm=alone.centroid_nm + np.multiply(part.start, NM),
    )
    assert same(found, here)
    assert found.touches_border.any()


def test_parts_are_added_up_as_they_come(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    labels = scene(np.random.default_rng(0), (6, 16, 15))
    table = measured(tmp_path, labels)
    monkeypatch.setattr("microtome.segment.measure.PENDING", 0)
    assert same(measured(tmp_path, labels, block=(3, 8, 8)), table)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint32, np.uint64, np.int32])
def test_ids_of_any_size_are_kept(dtype: type, tmp_path: Path) -> None:
    labels = np.zeros((3, 6, 6), dtype)
    largest = min(LARGEST, np.iinfo(dtype).max)
    labels[1, 1:3, 1:3], labels[1, 4, 4] = largest, 1
    np.save(tmp_path / "labels.npy", labels)
    table = measure(str(tmp_path / "labels.npy"), in_turn, silent, voxel_size_nm=NM, block=(2, 2, 2))
    assert table.ids.tolist() == [1, largest]
    assert table.voxels.tolist() == [1, 4]
    write_columns(table.columns(), tmp_path / "table.csv")
    assert read_columns(tmp_path / "table.csv")["id"] == ("1", str(largest))


def test_one_voxel_is_an_object_too(tmp_path: Path) -> None:
    labels = np.zeros((5, 30, 30), np.uint8)
    labels[2, 15, 15] = 1
    table = measured(tmp_path, labels)
    assert table.axes_nm[0] == pytest.approx(2 * np.sqrt(5 / 12) * np.array([45, 4.6, 4.6]))
    assert table.surface_um2[0] > 0
    assert all(np.isfinite(column.astype(float)).all() for column in table.columns().values())


def test_a_volume_of_nothing_has_a_table_without_rows(tmp_path: Path) -> None:
    table = measured(tmp_path, np.zeros((4, 5, 6), np.uint8), block=(2, 5, 6))
    assert len(table) == 0
    write_columns(table.columns(), tmp_path / "table.csv")
    assert (tmp_path / "table.csv").read_text() == ",".join(table.columns()) + "\n"


def test_what_is_no_label_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "image.npy", np.zeros((2, 3, 4), np.float32))
    with pytest.raises(ValueError, match=r"image\.npy: expected labels that are whole numbers; got float32"):
        measure(str(tmp_path / "image.npy"), in_turn, silent, voxel_size_nm=NM)
    np.save(tmp_path / "signed.npy", np.full((2, 3, 4), -1, np.int16))
    with pytest.raises(ValueError, match="expected labels of 0 and more; got -1"):
        measure(str(tmp_path / "signed.npy"), in_turn, silent, voxel_size_nm=NM)
    with pytest.raises(FileNotFoundError, match=r"nothing\.tif does not exist"):
        measure(str(tmp_path / "nothing.tif"), in_turn, silent)


def test_a_table_goes_to_csv_and_parquet_with_units_in_the_names(tmp_path: Path) -> None:
    table = measured(tmp_path, scene(np.random.default_rng(1), (6, 12, 12)))
    for name in ("table.csv", "table.parquet"):
        write_columns(table.columns(), tmp_path / name)
        found = read_columns(tmp_path / name)
        assert list(found) == list(table.columns())
        assert np.array_equal(np.array(found["volume_um3"], float), table.volume_um3)
    with (tmp_path / "table.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == len(table)


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # of Dask and its web server
def test_a_cluster_measures_the_same(tmp_path: Path) -> None:
    from distributed import LocalCluster

    uri = stored(tmp_path / "labels.tif", scene(np.random.default_rng(3), (12, 30, 30)), NM)
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None, processes=True) as cluster,
        on_dask(cluster.scheduler_address) as schedule,
    ):
        found = measure(uri, schedule, silent, block=(4, 16, 16))
    assert same(found, measure(uri, in_turn, silent))


def test_mitochondria_of_a_real_volume_have_sizes_that_a_biologist_knows(tmp_path: Path) -> None:
    labels = real_mitochondria()
    table = measured(tmp_path, labels, block=(8, 200, 300))
    assert np.array_equal(table.voxels, np.bincount(labels.ravel())[1:])
    large = table.voxels > 20_000
    assert large.sum() == 5
    assert np.all((table.axes_nm[large, 2] > 100) & (table.axes_nm[large, 2] < 1000))
    assert np.all((table.sphericity[large] > 0.2) & (table.sphericity[large] <= 1.05))
