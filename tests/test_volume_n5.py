import json
from pathlib import Path

import numpy as np
import pytest
import tensorstore

from microtome.box import Box
from microtome.volume import open_volume

NM = (40.0, 4.6, 4.5)
IMAGE = np.random.default_rng(0).integers(1, 255, (3, 9, 7), np.uint8)
WHOLE = Box.of(IMAGE.shape)


def saved(path: Path, data: np.ndarray = IMAGE, **attributes: object) -> Path:
    """An N5 data set, its axes x y z, in blocks of 4 × 4 × 2."""
    metadata = {
        "dimensions": data.shape[::-1],
        "blockSize": [4, 4, 2, 1][: data.ndim],
        "dataType": data.dtype.name,
        "compression": {"type": "gzip"},
        **attributes,
    }
    files = {"driver": "file", "path": f"{path}/"}
    store = tensorstore.open({"driver": "n5", "kvstore": files, "metadata": metadata}, create=True).result()
    store.write(data.T).result()
    return path


def described(folder: Path, **attributes: object) -> None:
    (folder / "attributes.json").write_text(json.dumps({"n5": "2.0.0", **attributes}))


@pytest.mark.parametrize(
    "attributes",
    [
        {"resolution": [4.5, 4.6, 40]},
        {"resolution": [0.0045, 0.0046, 0.04], "unit": "um"},
        {"resolution": [4.5, 4.6, 40], "units": ["nm", "nm", "nm"]},
        {"pixelResolution": [4.5, 4.6, 40]},
        {"pixelResolution": {"dimensions": [4.5, 4.6, 40], "unit": "nm"}},
        {"pixelResolution": {"dimensions": [0.0045, 0.0046, 0.04], "unit": "µm"}},
        {"transform": {"axes": ["z", "y", "x"], "scale": [40, 4.6, 4.5], "units": ["nm"] * 3}},
    ],
)
def test_the_voxel_size_is_an_attribute(attributes: dict[str, object], tmp_path: Path) -> None:
    volume = open_volume(saved(tmp_path / "a.n5", **attributes))
    assert volume.voxel_size_nm == pytest.approx(NM)
    assert np.array_equal(volume.read(WHOLE), IMAGE)


@pytest.mark.parametrize("attributes", [{}, {"resolution": [1, 1, 1], "unit": "pixel"}])
def test_a_voxel_size_that_is_not_stated_is_asked_for(attributes: dict[str, object], tmp_path: Path) -> None:
    path = saved(tmp_path / "a.n5", **attributes)
    with pytest.raises(ValueError, match="voxel size is not in"):
        open_volume(path)
    assert open_volume(path, NM).voxel_size_nm == NM


@pytest.mark.parametrize("value", [[1, 2], "4,4,4", [1, 2, None], [0, 4, 4]])
def test_an_impossible_voxel_size_is_refused(value: object, tmp_path: Path) -> None:
    path = saved(tmp_path / "a.n5")
    attributes = json.loads((path / "attributes.json").read_text())
    (path / "attributes.json").write_text(json.dumps({**attributes, "pixelResolution": value}))
    with pytest.raises(ValueError, match=r"a\.n5.*three .*numbers"):
        open_volume(path)


def test_a_data_set_inside_has_a_name(tmp_path: Path) -> None:
    saved(tmp_path / "a.n5" / "volumes" / "raw", resolution=[4.5, 4.6, 40])
    described(tmp_path / "a.n5")
    assert np.array_equal(open_volume(f"{tmp_path}/a.n5::volumes/raw").read(WHOLE), IMAGE)
    with pytest.raises(ValueError, match=r"no N5 data set; name one as .*a\.n5::NAME: volumes/raw$"):
        open_volume(tmp_path / "a.n5")


def test_a_group_stands_for_its_finest_level(tmp_path: Path) -> None:
    saved(tmp_path / "a.n5" / "s0")
    saved(tmp_path / "a.n5" / "s1", IMAGE[:, ::2, ::2], downsamplingFactors=[2, 2, 1])
    described(tmp_path / "a.n5", resolution=[4.5, 4.6, 40])
    assert open_volume(tmp_path / "a.n5").voxel_size_nm == NM
    coarse = open_volume(f"{tmp_path}/a.n5::s1")
    assert (coarse.shape, coarse.voxel_size_nm) == ((3, 5, 4), (40.0, 9.2, 9.0))


def test_named_axes_are_put_in_order(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.n5", IMAGE.transpose(2, 1, 0), axes=["z", "y", "x"])
    assert np.array_equal(open_volume(path, NM).read(WHOLE), IMAGE)


def test_a_fourth_axis_has_length_1(tmp_path: Path) -> None:
    assert open_volume(saved(tmp_path / "a.n5", IMAGE[None]), NM).shape == IMAGE.shape
    with pytest.raises(ValueError, match="expected axis 'number 3' to have length 1; got 2"):
        open_volume(saved(tmp_path / "b.n5", np.stack([IMAGE] * 2)), NM)


def test_one_section_is_a_volume(tmp_path: Path) -> None:
    volume = open_volume(saved(tmp_path / "a.n5", IMAGE[0]), NM)
    assert np.array_equal(volume.read(Box.of((1, 9, 7))), IMAGE[:1])


@pytest.mark.parametrize("inner", ["", "::deeper"])
def test_nothing_there_is_no_file(inner: str, tmp_path: Path) -> None:
    saved(tmp_path / "b.n5")
    with pytest.raises(FileNotFoundError, match="does not exist"):
        open_volume(f"{tmp_path}/{'b' if inner else 'a'}.n5{inner}", NM)


def test_broken_json_is_named(tmp_path: Path) -> None:
    (saved(tmp_path / "a.n5") / "attributes.json").write_text('{"dimensions":')
    with pytest.raises(ValueError, match=r"attributes\.json is no JSON"):
        open_volume(tmp_path / "a.n5", NM)


def test_a_damaged_chunk_is_named(tmp_path: Path) -> None:
    (saved(tmp_path / "a.n5") / "0/1/1").write_bytes(b"damage")
    with pytest.raises(ValueError, match=r"a\.n5/0/1/1"):
        open_volume(tmp_path / "a.n5", NM).read(WHOLE)


def test_a_missing_chunk_is_zero_or_an_error_that_names_it(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.n5")
    (path / "0/1/1").unlink()
    expected = IMAGE.copy()
    expected[2:4, 4:8, :4] = 0
    assert np.array_equal(open_volume(path, NM).read(WHOLE), expected)
    with pytest.raises(ValueError, match=r"a\.n5/0/1/1. is missing"):
        open_volume(path, NM, missing="error").read(WHOLE)
