import json
from pathlib import Path

import numpy as np
import pytest

from microtome.box import Box
from microtome.volume import VolumeSpec, create_volume, open_volume
from microtome.volume.precomputed import scale_volume

NM = (40.0, 4.6, 4.5)
IMAGE = np.random.default_rng(0).integers(1, 255, (3, 9, 7), np.uint8)
WHOLE = Box.of(IMAGE.shape)


def saved(path: Path, data: np.ndarray = IMAGE, **options: object) -> Path:
    spec = VolumeSpec(data.shape, data.dtype, NM, (2, 4, 4))
    scale_volume(path, spec, "image", **options).write(Box.of(data.shape), data)
    return path


def info(path: Path) -> dict:
    return json.loads((path / "info").read_text())


def test_it_is_stored_as_x_y_z_in_nanometres(tmp_path: Path) -> None:
    [scale] = info(saved(tmp_path / "a"))["scales"]
    assert (scale["size"], scale["resolution"], scale["chunk_sizes"]) == (
        [7, 9, 3],
        [4.5, 4.6, 40],
        [[4, 4, 2]],
    )
    chunk = (tmp_path / "a" / scale["key"] / "4-7_0-4_0-2").read_bytes()
    assert chunk == IMAGE[:2, :4, 4:].tobytes()


def test_an_offset_is_no_matter(tmp_path: Path) -> None:
    path = saved(tmp_path / "a", offset=(5, 6, 7))
    assert info(path)["scales"][0]["voxel_offset"] == [7, 6, 5]
    assert np.array_equal(open_volume(path).read(WHOLE), IMAGE)


def test_a_scale_has_its_own_name_and_voxel_size(tmp_path: Path) -> None:
    path = saved(tmp_path / "a")
    scale_volume(path, VolumeSpec((3, 5, 4), IMAGE.dtype, (40.0, 9.2, 9.0)), "image")
    keys = [scale["key"] for scale in info(path)["scales"]]
    assert open_volume(path).shape == (3, 9, 7)
    coarse = open_volume(f"{path}::{keys[1]}")
    assert (coarse.shape, coarse.voxel_size_nm) == ((3, 5, 4), (40.0, 9.2, 9.0))
    with pytest.raises(FileNotFoundError, match=f"no scale '7'; it has {keys[0]}, {keys[1]}"):
        open_volume(f"{path}::7")


@pytest.mark.parametrize("prefix", ["precomputed://", "precomputed://file://"])
def test_a_prefix_names_the_format(prefix: str, tmp_path: Path) -> None:
    assert open_volume(f"{prefix}{saved(tmp_path / 'a')}").shape == IMAGE.shape


def test_channels_are_refused(tmp_path: Path) -> None:
    path = saved(tmp_path / "a")
    (path / "info").write_text(json.dumps({**info(path), "num_channels": 2}))
    with pytest.raises(ValueError, match="expected axis 'channel' to have length 1; got 2"):
        open_volume(path)


@pytest.mark.parametrize("scales", [[], None, [{"key": "a"}], [{"key": "a", "resolution": [1, 2]}]])
def test_impossible_scales_are_refused(scales: object, tmp_path: Path) -> None:
    path = saved(tmp_path / "a")
    (path / "info").write_text(json.dumps({**info(path), "scales": scales}))
    with pytest.raises(ValueError, match=r"a/info.* scales"):
        open_volume(path)


def test_a_type_that_it_lacks_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"precomputed has the types uint8, .*; got float64"):
        create_volume(tmp_path / "a.precomputed", (1, 2, 3), np.dtype(np.float64), NM)
    assert not list(tmp_path.iterdir())


def test_an_empty_folder_is_none(tmp_path: Path) -> None:
    (tmp_path / "a.precomputed").mkdir()
    with pytest.raises(FileNotFoundError, match="holds no file 'info'"):
        open_volume(tmp_path / "a.precomputed", NM)


@pytest.mark.parametrize("damage", [b"damage", None])
def test_a_damaged_or_missing_chunk_is_named(damage: bytes | None, tmp_path: Path) -> None:
    path = saved(tmp_path / "a")
    [chunk] = path.glob("*/4-7_0-4_0-2")
    chunk.unlink()
    if damage:
        chunk.write_bytes(damage)
    with pytest.raises(ValueError, match=f"{chunk}"):
        open_volume(path, missing="error").read(WHOLE)


def test_ids_are_stored_compressed_and_exactly(tmp_path: Path) -> None:
    ids = IMAGE.astype(np.uint64) << np.uint64(50)
    spec = VolumeSpec(ids.shape, ids.dtype, NM)
    scale_volume(tmp_path / "a", spec, "segmentation").write(WHOLE, ids)
    assert info(tmp_path / "a")["type"] == "segmentation"
    assert info(tmp_path / "a")["scales"][0]["encoding"] == "compressed_segmentation"
    assert np.array_equal(open_volume(tmp_path / "a").read(WHOLE), ids)
