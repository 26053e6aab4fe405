"""Meshes: closed, of the right size and place, and read back by the formats' own words."""

import json
import struct
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import DracoPy
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from microtome.box import Box
from microtome.progress import silent
from microtome.schedule import in_turn
from microtome.segment.measure import measure
from microtome.segment.mesh import Mesh, decimated, mesh, smoothed
from microtome.segment.mesh_files import write_mesh
from microtome.segment.precomputed import MeshSettings, levels_of_detail, write_precomputed
from microtome.volume import VoxelSize
from shapes import Solid, box, digitised, ellipsoid, real_mitochondria, sphere, stored

NM: VoxelSize = (45.0, 4.6, 4.6)
CUBES: VoxelSize = (10.0, 10.0, 10.0)
SIZES: list[VoxelSize] = [CUBES, NM, (40.0, 8.0, 8.0)]


def of_labels(folder: Path, labels: np.ndarray, size: VoxelSize, label: int = 1, smoothing: int = 10) -> Mesh:
    uri = stored(folder / f"{len(list(folder.iterdir()))}.tif", labels, size)
    return mesh(uri, label, Box.of(labels.shape), smoothing=smoothing)


def of_solid(folder: Path, solid: Solid, size: VoxelSize, smoothing: int = 10) -> Mesh:
    turn = Rotation.random(rng=np.random.default_rng(1))
    return of_labels(
        folder, digitised(solid, size, turn, margin=2).astype(np.uint8), size, smoothing=smoothing
    )


def closed(found: Mesh) -> bool:
    """Every edge is of two triangles, which run through it in opposite directions."""
    ends = np.concatenate([found.triangles[:, order] for order in ([0, 1], [1, 2], [2, 0])])
    forth, times = np.unique(ends, axis=0, return_counts=True)
    back = np.unique(ends[:, ::-1], axis=0)
    return bool((times == 1).all()) and np.array_equal(forth, back)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("solid", [sphere(200), ellipsoid(400, 180, 160)])
def test_a_mesh_is_closed_and_as_large_as_the_solid(solid: Solid, size: VoxelSize, tmp_path: Path) -> None:
    found = of_solid(tmp_path, solid, size)
    assert closed(found)
    assert found.volume_nm3 == pytest.approx(solid.volume, rel=0.03)
    assert found.surface_nm2 == pytest.approx(solid.surface, rel=0.03)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("solid", [sphere(150), box(200, 150, 100)])
def test_smoothing_keeps_the_volume_to_1_percent(solid: Solid, size: VoxelSize, tmp_path: Path) -> None:
    rough = of_solid(tmp_path, solid, size, smoothing=0)
    for steps in (10, 40):
        assert smoothed(rough, steps).volume_nm3 == pytest.approx(rough.volume_nm3, rel=0.01)


def test_fewer_triangles_hold_nearly_the_same(tmp_path: Path) -> None:
    fine = of_solid(tmp_path, sphere(200), CUBES)
    coarse = decimated(fine, 1000)
    assert 800 <= len(coarse.triangles) <= 1000
    assert closed(coarse)
    assert coarse.volume_nm3 == pytest.approx(fine.volume_nm3, rel=0.01)
    assert coarse.edge_nm > 2 * fine.edge_nm
    assert decimated(fine, 10**6) is fine


def test_a_mesh_lies_where_the_object_lies(tmp_path: Path) -> None:
    labels = np.zeros((20, 60, 80), np.uint8)
    labels[4:14, 20:50, 30:70] = 3
    found = of_labels(tmp_path, labels, NM, 3, smoothing=0)
    assert found.vertices_nm.min(axis=0) == pytest.approx([4 * 45, 20 * 4.6, 30 * 4.6], abs=3)
    assert found.vertices_nm.max(axis=0) == pytest.approx([14 * 45, 50 * 4.6, 70 * 4.6], abs=3)


def test_what_the_border_cuts_is_closed_there(tmp_path: Path) -> None:
    found = of_labels(tmp_path, np.full((6, 50, 50), 1, np.uint8), NM, smoothing=0)
    assert closed(found)
    assert found.volume_nm3 == pytest.approx(6 * 45 * 230 * 230, rel=0.05)


def test_one_voxel_and_what_is_thinner_than_a_coarse_one_have_a_mesh(tmp_path: Path) -> None:
    labels = np.zeros((3, 80, 80), np.uint8)
    labels[1, 40, 40] = 1
    labels[1, 2, 2:70] = 2
    assert closed(of_labels(tmp_path, labels, NM, 1))
    uri = stored(tmp_path / "thin.tif", labels, NM)
    thin = mesh(uri, 2, Box((0, 0, 0), (3, 80, 80)), most=100)
    assert closed(thin)
    assert thin.volume_nm3 > 0


def test_an_object_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"expected an object 1 in 0:2,0:3,0:4; there is none"):
        of_labels(tmp_path, np.zeros((2, 3, 4), np.uint8), NM)


def test_a_ply_holds_the_vertices_x_y_z_and_the_triangles(tmp_path: Path) -> None:
    found = of_solid(tmp_path, sphere(100), NM)
    write_mesh(found, tmp_path / "object.ply")
    header, body = (tmp_path / "object.ply").read_bytes().split(b"end_header\n")
    n, t = len(found.vertices_nm), len(found.triangles)
    assert header.decode().split("\n")[3] == f"element vertex {n}"
    vertices = np.frombuffer(body[: 12 * n], "<f4").reshape(n, 3)
    faces = np.frombuffer(body[12 * n :], [("n", "u1"), ("corners", "<i4", 3)])
    assert np.allclose(vertices[:, ::-1], found.vertices_nm, atol=1e-3)
    assert np.array_equal(faces["corners"], found.triangles)
    assert len(faces) == t
    assert (faces["n"] == 3).all()


def test_an_stl_has_normals_that_point_out(tmp_path: Path) -> None:
    found = of_solid(tmp_path, sphere(100), NM)
    write_mesh(found, tmp_path / "object.stl")
    data = (tmp_path / "object.stl").read_bytes()
    assert struct.unpack("<I", data[80:84])[0] == len(found.triangles)
    records = np.frombuffer(data[84:], [("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("more", "<u2")])
    assert len(records) == len(found.triangles)
    out = records["corners"].mean(axis=1) - found.vertices_nm.mean(axis=0)[::-1]
    assert (np.einsum("ij,ij->i", records["normal"], out) > 0).mean() > 0.99
    assert np.allclose(np.linalg.norm(records["normal"], axis=1), 1, atol=1e-5)


def test_a_mesh_file_is_ply_or_stl(tmp_path: Path) -> None:
    found = of_solid(tmp_path, sphere(60), CUBES)
    with pytest.raises(ValueError, match=r"\.ply or \.stl; got object\.obj"):
        write_mesh(found, tmp_path / "object.obj")
    with pytest.raises(FileNotFoundError, match=r"folder .*nowhere does not exist"):
        write_mesh(found, tmp_path / "nowhere" / "object.ply")


def test_no_file_is_written_over_by_a_mesh(tmp_path: Path) -> None:
    found = of_solid(tmp_path, sphere(60), CUBES)
    (tmp_path / "mine.ply").write_text("mine")
    with pytest.raises(FileExistsError, match=r"mine\.ply exists already"):
        write_mesh(found, tmp_path / "mine.ply")
    assert (tmp_path / "mine.ply").read_text() == "mine"


def read_levels(folder: Path, label: int) -> list[Mesh]:
    """The levels of an object in neuroglancer's format, read as its documentation tells."""
    manifest, data = (folder / f"{label}.index").read_bytes(), (folder / str(label)).read_bytes()
    info = json.loads((folder / "info").read_text())
    assert info["@type"] == "neuroglancer_multilod_draco"
    chunk, origin = np.frombuffer(manifest, "<f4", 6).astype(float).reshape(2, 3)
    (count,) = struct.unpack_from("<I", manifest, 24)
    scales = np.frombuffer(manifest, "<f4", count, 28)
    assert np.all(np.diff(scales) > 0)
    offsets = np.frombuffer(manifest, "<f4", 3 * count, 28 + 4 * count).reshape(count, 3)
    fragments = np.frombuffer(manifest, "<u4", count, 28 + 16 * count)
    at, begin, levels = 28 + 20 * count, 0, []
    for lod in range(count):
        n = int(fragments[lod])
        positions = np.frombuffer(manifest, "<u4", 3 * n, at).reshape(3, n)
        sizes = np.frombuffer(manifest, "<u4", n, at + 12 * n)
        at += 16 * n
        assert n == 1
        decoded = DracoPy.decode(data[begin : begin + int(sizes[0])])
        begin += int(sizes[0])
        assert decoded.points.dtype.kind == "u"  # whole numbers, not Draco's own quantisation
        limit = 2 ** info["vertex_quantization_bits"] - 1
        assert decoded.points.max() <= (limit if lod == 0 else (limit + 1) // 2)  # in one half of the cell
        vertices = origin + offsets[lod] + chunk * 2**lod * (positions[:, 0] + decoded.points / limit)
        levels.append(Mesh(vertices[:, ::-1], decoded.faces.astype(np.int64)))
    assert (at, begin) == (len(manifest), len(data))
    return levels


def test_neuroglancers_meshes_decode_to_what_went_in(tmp_path: Path) -> None:
    ball = digitised(sphere(170), NM, margin=0)
    labels = np.pad(5 * ball.astype(np.uint32), ((2, 2), (2, 2), (2, 120)))
    labels[5:9, 40:50, 120:190] = 2**32 - 1
    uri = stored(tmp_path / "labels.tif", labels, NM)
    table = measure(uri, in_turn, silent)
    write_precomputed(uri, table, tmp_path / "meshes", in_turn, silent)
    names = sorted(path.name for path in (tmp_path / "meshes").iterdir())
    assert names == ["4294967295", "4294967295.index", "5", "5.index", "info"]
    for row, label in enumerate(table.ids.tolist()):
        expected = levels_of_detail(mesh(uri, label, table.box(row)), 4)
        found = read_levels(tmp_path / "meshes", label)
        assert len(found) == len(expected) > 1
        for one, other in zip(found, expected, strict=True):
            assert len(one.triangles) == pytest.approx(len(other.triangles), rel=0.02)
            assert one.volume_nm3 == pytest.approx(other.volume_nm3, rel=0.001)
            assert one.vertices_nm.min(axis=0) == pytest.approx(other.vertices_nm.min(axis=0), abs=0.1)
            assert one.vertices_nm.max(axis=0) == pytest.approx(other.vertices_nm.max(axis=0), abs=0.1)


def test_meshes_of_nothing_are_a_folder_with_its_description(tmp_path: Path) -> None:
    uri = stored(tmp_path / "labels.tif", np.zeros((2, 3, 4), np.uint8), NM)
    table = measure(uri, in_turn, silent)
    write_precomputed(uri, table, tmp_path / "meshes", in_turn, silent)
    assert [path.name for path in (tmp_path / "meshes").iterdir()] == ["info"]


def two_objects(folder: Path) -> str:
    labels = np.zeros((4, 9, 20), np.uint8)
    labels[1:3, 2:7, 2:7], labels[1:3, 2:7, 12:18] = 3, 8
    return stored(folder / "labels.tif", labels, NM)


def test_meshes_that_were_killed_go_on_with_those_that_are_missing(tmp_path: Path) -> None:
    uri, folder = two_objects(tmp_path), tmp_path / "meshes"
    table = measure(uri, in_turn, silent)

    def dying(function: Callable[[Any], Any], items: Any) -> Iterator[Any]:  # noqa: ANN401
        yield from in_turn(function, items[:1])
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_precomputed(uri, table, folder, dying, silent)
    assert not folder.exists()
    made = []

    def counting(function: Callable[[Any], Any], items: Any) -> Iterator[Any]:  # noqa: ANN401
        made.extend(label for label, _ in items)
        return in_turn(function, items)

    write_precomputed(uri, table, folder, counting, silent)
    assert made == [8]
    assert sorted(path.name for path in folder.iterdir()) == ["3", "3.index", "8", "8.index", "info"]
    assert all(closed(read_levels(folder, label)[0]) for label in (3, 8))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["labels.tif", "meshes"]


def test_a_mesh_that_was_cut_off_is_made_again_and_other_settings_do_not_go_on(tmp_path: Path) -> None:
    uri, folder = two_objects(tmp_path), tmp_path / "meshes"
    table = measure(uri, in_turn, silent)

    def late(function: Callable[[Any], Any], items: Any) -> Iterator[Any]:  # noqa: ANN401
        yield from in_turn(function, items)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_precomputed(uri, table, folder, late, silent)
    whole = tmp_path / ".meshes.partial" / "meshes" / "3"
    content = whole.read_bytes()
    whole.write_bytes(content[:-5])
    with pytest.raises(ValueError, match="was begun with smoothing 10, not 3"):
        write_precomputed(uri, table, folder, in_turn, silent, MeshSettings(smoothing=3))
    write_precomputed(uri, table, folder, in_turn, silent)
    assert (folder / "3").read_bytes() == content


def test_meshes_that_failed_leave_nothing_and_none_are_written_over(tmp_path: Path) -> None:
    uri = stored(tmp_path / "labels.tif", np.ones((2, 9, 9), np.uint8), NM)
    table = measure(uri, in_turn, silent)

    def full(task: str, done: int, total: int, note: str = "") -> None:
        raise OSError("no space left")

    with pytest.raises(OSError, match="no space left"):
        write_precomputed(uri, table, tmp_path / "meshes", in_turn, full)
    assert [path.name for path in tmp_path.iterdir()] == ["labels.tif"]
    (tmp_path / "meshes").mkdir()
    with pytest.raises(FileExistsError, match="meshes exists already"):
        write_precomputed(uri, table, tmp_path / "meshes", in_turn, silent)


def test_without_its_libraries_meshes_are_refused_with_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = stored(tmp_path / "labels.tif", np.ones((2, 9, 9), np.uint8), NM)
    monkeypatch.setitem(sys.modules, "fast_simplification", None)
    with pytest.raises(ValueError, match=r"need fast_simplification: pip install 'microtome\[meshes\]'"):
        write_precomputed(uri, measure(uri, in_turn, silent), tmp_path / "meshes", in_turn, silent)
    assert not (tmp_path / "meshes").exists()


def test_settings_that_mean_nothing_are_refused() -> None:
    with pytest.raises(ValueError, match="expected 1 level"):
        MeshSettings(levels=0)


def test_mitochondria_of_a_real_volume_have_meshes_of_their_size(tmp_path: Path) -> None:
    uri = stored(tmp_path / "labels.tif", real_mitochondria(), NM)
    table = measure(uri, in_turn, silent)
    row = int(table.voxels.argmax())
    found = mesh(uri, int(table.ids[row]), table.box(row))
    assert closed(found)
    assert found.volume_nm3 / 1e9 == pytest.approx(table.volume_um3[row], rel=0.05)
    assert found.surface_nm2 / 1e6 == pytest.approx(table.surface_um2[row] + table.cut_um2[row], rel=0.05)
