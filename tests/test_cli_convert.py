import json
from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile

from conftest import Run
from file_server import served
from microtome.box import Box
from microtome.volume import open_volume

IMAGE = np.random.default_rng(0).integers(0, 4000, (3, 40, 30)).astype(np.uint16)
NM = ("--voxel-size", "45,4.6,4.6")


@pytest.fixture
def image(tmp_path: Path) -> Path:
    tifffile.imwrite(tmp_path / "image.tif", IMAGE, photometric="minisblack")
    return tmp_path / "image.tif"


def stored(uri: object) -> np.ndarray:
    volume = open_volume(str(uri))
    return volume.read(Box.of(volume.shape))


@pytest.mark.parametrize("name", ["a.ome.zarr", "a.precomputed", "a.tif", "a.h5", "a.h5::raw"])
def test_a_stack_is_converted_by_the_suffix_of_its_target(
    name: str, run: Run, image: Path, tmp_path: Path
) -> None:
    code, out, err = run("convert", image, tmp_path / name, *NM)
    assert (code, err) == (0, "")
    assert "3 × 40 × 30" in out
    assert np.array_equal(stored(tmp_path / name), IMAGE)


def test_json_lists_the_levels(run: Run, image: Path, tmp_path: Path) -> None:
    code, out, _ = run("convert", image, tmp_path / "a", *NM, "--format", "ngff-0.4", "--levels", 2, "--json")
    assert code == 0
    levels = json.loads(out)["levels"]
    assert [level["shape"] for level in levels] == [[3, 40, 30], [3, 20, 15]]
    assert levels[1]["voxel_nm"] == [45, 9.2, 9.2]
    assert (tmp_path / "a" / ".zattrs").is_file()


def test_a_box_is_a_part_that_keeps_its_place(run: Run, image: Path, tmp_path: Path) -> None:
    code, _, _ = run("convert", image, tmp_path / "a.zarr", *NM, "--box", "1:3,10:30,0:30")
    assert code == 0
    assert np.array_equal(stored(tmp_path / "a.zarr"), IMAGE[1:3, 10:30])
    attributes = json.loads((tmp_path / "a.zarr" / "zarr.json").read_text())["attributes"]
    [dataset] = attributes["ome"]["multiscales"][0]["datasets"]
    assert dataset["coordinateTransformations"][1]["translation"] == [45, 46, 0]


def test_grey_values_become_bytes_through_a_window(run: Run, image: Path, tmp_path: Path) -> None:
    code, _, err = run("convert", image, tmp_path / "a.tif", *NM, "--dtype", "uint8", "--window", "0,4000")
    assert (code, err) == (0, "")
    assert np.array_equal(stored(tmp_path / "a.tif"), np.rint(IMAGE * (255 / 4000)).astype(np.uint8))
    code, _, err = run("convert", image, tmp_path / "b.tif", *NM, "--dtype", "uint8")
    assert code == 0
    assert "become 0 and 255" in err


def test_labels_that_a_type_cannot_hold_are_refused(run: Run, image: Path, tmp_path: Path) -> None:
    code, _, err = run("convert", image, tmp_path / "a.tif", *NM, "--dtype", "uint8", "--labels")
    assert code == 1
    assert "expected voxels that uint8 holds" in err
    assert not (tmp_path / "a.tif").exists()


def test_a_url_is_a_source(run: Run, image: Path, tmp_path: Path) -> None:
    run("convert", image, tmp_path / "a.zarr", *NM)
    with served(tmp_path) as url:
        code, _, _ = run("convert", f"{url}/a.zarr", tmp_path / "b.tif")
    assert code == 0
    assert np.array_equal(stored(tmp_path / "b.tif"), IMAGE)


@pytest.mark.parametrize("size", ["0,4,4", "-45,4,4"])
def test_an_impossible_voxel_size_is_refused(size: str, run: Run, image: Path, tmp_path: Path) -> None:
    code, _, err = run("convert", image, tmp_path / "a.zarr", f"--voxel-size={size}")
    assert code == 1
    assert "three positive numbers" in err
    assert err.count("\n") == 1


def test_a_voxel_size_that_the_source_contradicts_is_said(run: Run, tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["raw"] = IMAGE
        file["raw"].attrs["resolution"] = (45, 4.6, 4.6)
    _, _, err = run("convert", tmp_path / "a.h5", tmp_path / "b.zarr", "--voxel-size", "45000,4600,4600")
    assert "45000 × 4600 × 4600 nm as given" in err
    assert "says 45 × 4.6 × 4.6 nm" in err
    assert open_volume(tmp_path / "b.zarr").voxel_size_nm == (45000, 4600, 4600)


def test_a_voxel_size_in_another_unit_is_doubted(run: Run, image: Path, tmp_path: Path) -> None:
    _, _, err = run("convert", image, tmp_path / "a.zarr", "--voxel-size", "0.045,0.0046,0.0046")
    assert "another unit, perhaps" in err


def test_a_missing_chunk_may_count_as_damage(run: Run, image: Path, tmp_path: Path) -> None:
    run("convert", image, tmp_path / "a.zarr", *NM)
    (tmp_path / "a.zarr/0/c/1/0/0").unlink()
    code, _, err = run("convert", tmp_path / "a.zarr", tmp_path / "b.tif", "--missing", "error")
    assert code == 1
    assert "a.zarr/0/c/1/0/0" in err
    assert err.count("\n") == 1
    assert not (tmp_path / "b.tif").exists()
    code, _, _ = run("convert", tmp_path / "a.zarr", tmp_path / "c.tif")
    assert code == 0
    assert not stored(tmp_path / "c.tif")[1].any()


@pytest.mark.parametrize(
    "options",
    [
        ("--window", "0,9"),
        ("--window", "0,9", "--dtype", "uint16"),
        ("--window", "0,9", "--dtype", "uint8", "--labels"),
        ("--chunks", "1,2"),
        ("--levels", "0"),
        ("--format", "png"),
        ("--voxel-size", "4"),
    ],
)
def test_wrong_usage_is_exit_code_2(options: tuple[str, ...], run: Run, image: Path, tmp_path: Path) -> None:
    assert run("convert", image, tmp_path / "a.zarr", *options)[0] == 2


@pytest.mark.parametrize(
    ("source", "message"),
    [("nothing.tif", "does not exist"), ("http://127.0.0.1:1/a.zarr", "cannot be reached")],
)
def test_a_source_that_is_not_there_is_one_line(
    source: str, message: str, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, _, err = run("convert", source, "a.zarr")
    assert code == 1
    assert message in err
    assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
