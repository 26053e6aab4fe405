import json
from pathlib import Path

import numpy as np
import pytest
import yaozarrs
import zarr

from microtome.box import Box
from microtome.volume import VolumeSpec, create_volume, open_volume
from microtome.volume.ome_zarr import create_ome_zarr

NM = (40.0, 4.6, 4.5)
IMAGE = np.random.default_rng(0).integers(0, 255, (3, 9, 7), np.uint8)
WHOLE = Box.of(IMAGE.shape)


def saved(path: Path, version: str = "0.5", dtype: type = np.uint8) -> Path:
    spec = VolumeSpec(IMAGE.shape, np.dtype(dtype), NM, (1, 4, 4))
    create_ome_zarr(path, spec, version=version).write(WHOLE, IMAGE.astype(dtype))
    return path


def axis(name: str, kind: str, unit: str | None = None) -> dict[str, str]:
    return {"name": name, "type": kind} | ({} if unit is None else {"unit": unit})


def foreign(path: Path, data: np.ndarray, axes: list[dict[str, str]], scale: float = 2.0) -> Path:
    """An image of two levels, the second twice as coarse, as zarr-python writes it."""
    group = zarr.open_group(path, mode="w", zarr_format=3)
    datasets = []
    for i in range(2):
        group.create_array(str(i), data=data)
        transform = {"type": "scale", "scale": [scale * 2**i] * data.ndim}
        datasets.append({"path": str(i), "coordinateTransformations": [transform]})
    group.attrs["ome"] = {"version": "0.5", "multiscales": [{"axes": axes, "datasets": datasets}]}
    return path


SPACE = [axis(name, "space", "micrometer") for name in "zyx"]


@pytest.mark.parametrize("version", ["0.4", "0.5"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint64, np.float32])
def test_zarr_python_reads_what_we_write(version: str, dtype: type, tmp_path: Path) -> None:
    group = zarr.open_group(saved(tmp_path / "a.ome.zarr", version, dtype), mode="r")
    assert group.metadata.zarr_format == {"0.4": 2, "0.5": 3}[version]
    assert np.array_equal(group["0"][:], IMAGE)


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_our_metadata_are_valid(version: str, tmp_path: Path) -> None:
    path = saved(tmp_path / "a.ome.zarr", version)
    name = {"0.4": ".zattrs", "0.5": "zarr.json"}[version]
    yaozarrs.validate_ome_json((path / name).read_bytes())
    yaozarrs.validate_zarr_store(str(path))


def test_another_version_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"0\.4 or 0\.5; got 0\.1"):
        saved(tmp_path / "a.ome.zarr", "0.1")
    assert not (tmp_path / "a.ome.zarr").exists()


@pytest.mark.parametrize(("inner", "nm"), [("", 2000.0), ("::0", 2000.0), ("::1", 4000.0)])
def test_a_level_has_its_own_voxel_size(inner: str, nm: float, tmp_path: Path) -> None:
    path = foreign(tmp_path / "a.zarr", IMAGE, SPACE)
    assert open_volume(f"{path}{inner}").voxel_size_nm == (nm, nm, nm)


def test_an_image_inside_a_group_has_a_name(tmp_path: Path) -> None:
    foreign(tmp_path / "a.zarr" / "labels" / "mito", IMAGE, SPACE)
    volume = open_volume(f"{tmp_path}/a.zarr::labels/mito")
    assert (volume.shape, volume.voxel_size_nm) == (IMAGE.shape, (2000.0, 2000.0, 2000.0))


@pytest.mark.parametrize(
    ("unit", "nm"), [("nanometer", 1.0), ("micrometer", 1e3), ("angstrom", 0.1), ("millimeter", 1e6)]
)
def test_units_are_understood(unit: str, nm: float, tmp_path: Path) -> None:
    path = foreign(tmp_path / "a.zarr", IMAGE, [axis(name, "space", unit) for name in "zyx"])
    assert open_volume(path).voxel_size_nm == pytest.approx((2 * nm,) * 3)


def test_axes_of_length_one_are_dropped(tmp_path: Path) -> None:
    path = foreign(tmp_path / "a.zarr", IMAGE[None, None], [axis("t", "time"), axis("c", "channel"), *SPACE])
    volume = open_volume(path)
    assert volume.voxel_size_nm == (2000.0, 2000.0, 2000.0)
    assert np.array_equal(volume.read(WHOLE), IMAGE)


def test_longer_axes_are_refused_by_name(tmp_path: Path) -> None:
    path = foreign(tmp_path / "a.zarr", np.stack([IMAGE] * 2), [axis("c", "channel"), *SPACE])
    with pytest.raises(ValueError, match="expected axis 'c' to have length 1; got 2"):
        open_volume(path)


def test_one_section_is_a_volume_to_read_and_write(tmp_path: Path) -> None:
    path = foreign(tmp_path / "a.zarr", IMAGE[0], SPACE[1:])
    volume = open_volume(path, NM, writable=True)
    volume.write(Box((0, 0, 0), (1, 2, 2)), np.zeros((1, 2, 2), np.uint8))
    expected = IMAGE[:1].copy()
    expected[:, :2, :2] = 0
    assert np.array_equal(volume.read(Box.of((1, 9, 7))), expected)


def test_axes_in_another_order_become_z_y_x(tmp_path: Path) -> None:
    path = foreign(tmp_path / "a.zarr", IMAGE.transpose(2, 1, 0), SPACE[::-1])
    assert np.array_equal(open_volume(path).read(WHOLE), IMAGE)


@pytest.mark.parametrize("axes", [[axis(name, "space") for name in "zyx"], [*SPACE[:2], axis("x", "space")]])
def test_a_voxel_size_without_units_is_asked_for(axes: list[dict[str, str]], tmp_path: Path) -> None:
    path = foreign(tmp_path / "a.zarr", IMAGE, axes)
    with pytest.raises(ValueError, match="voxel size is not in"):
        open_volume(path)
    assert open_volume(path, NM).voxel_size_nm == NM


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_a_bare_array_opens_with_a_voxel_size(zarr_format: int, tmp_path: Path) -> None:
    zarr.create_array(tmp_path / "a.zarr", data=IMAGE, zarr_format=zarr_format)
    assert np.array_equal(open_volume(tmp_path / "a.zarr", NM).read(WHOLE), IMAGE)
    with pytest.raises(ValueError, match="voxel size is not in"):
        open_volume(tmp_path / "a.zarr")


def test_a_bare_array_with_four_axes_is_refused(tmp_path: Path) -> None:
    zarr.create_array(tmp_path / "a.zarr", data=np.stack([IMAGE] * 2))
    with pytest.raises(ValueError, match="length 1; got 2"):
        open_volume(tmp_path / "a.zarr", NM)


def test_an_array_that_does_not_fit_its_axes_is_refused(tmp_path: Path) -> None:
    path = foreign(tmp_path / "a.zarr", IMAGE, SPACE)
    zarr.create_array(path / "0", data=IMAGE[0], overwrite=True)
    with pytest.raises(ValueError, match=r"expected the axes z, y, x; got an array of shape \(9, 7\)"):
        open_volume(path)


def test_invalid_metadata_are_named_with_file_and_key(tmp_path: Path) -> None:
    path = foreign(tmp_path / "a.zarr", IMAGE, SPACE)
    document = json.loads((path / "zarr.json").read_text())
    del document["attributes"]["ome"]["multiscales"][0]["axes"]
    (path / "zarr.json").write_text(json.dumps(document))
    with pytest.raises(ValueError, match=r"a\.zarr: invalid OME-NGFF metadata at 'multiscales\.0\.axes'"):
        open_volume(path)


@pytest.mark.parametrize("name", ["zarr.json", "0/zarr.json"])
def test_broken_json_is_named(name: str, tmp_path: Path) -> None:
    path = saved(tmp_path / "a.zarr")
    (path / name).write_text('{"zarr_format":')
    with pytest.raises(ValueError, match=r"zarr\.json"):
        open_volume(path)


def test_a_missing_level_is_named(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.zarr")
    (path / "0" / "zarr.json").unlink()
    with pytest.raises(ValueError, match="an array '0' that does not exist"):
        open_volume(path)


def test_a_group_without_image_is_refused(tmp_path: Path) -> None:
    zarr.open_group(tmp_path / "a.zarr", mode="w")
    with pytest.raises(ValueError, match=r"neither a Zarr array nor OME-NGFF.*; name one as .*::NAME$"):
        open_volume(tmp_path / "a.zarr", NM)
    saved(tmp_path / "a.zarr" / "raw")
    with pytest.raises(ValueError, match=r"name one as .*a\.zarr::NAME: raw, raw/0"):
        open_volume(tmp_path / "a.zarr", NM)


def test_nothing_at_the_inner_path_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="7 does not exist"):
        open_volume(f"{saved(tmp_path / 'a.zarr')}::7")


def test_a_damaged_chunk_is_named(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.zarr")
    (path / "0/c/1/0/1").write_bytes(b"damage")
    volume = open_volume(path)
    assert np.array_equal(volume.read(Box.of((1, 9, 7))), IMAGE[:1])
    with pytest.raises(ValueError, match="0/c/1/0/1"):
        volume.read(WHOLE)


@pytest.mark.parametrize(("nm", "chunks"), [((8, 8, 8), (32, 256, 256)), ((40, 4, 4), (1, 256, 256))])
def test_chunks_are_flat_where_sections_are_thick(
    nm: tuple[int, ...], chunks: tuple[int, ...], tmp_path: Path
) -> None:
    create_volume(tmp_path / "a.zarr", (100, 500, 600), np.dtype(np.uint8), nm)
    assert zarr.open_array(tmp_path / "a.zarr/0", mode="r").chunks == chunks
