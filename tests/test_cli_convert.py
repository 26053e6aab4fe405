import json
import os
import subprocess
import sys
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


@pytest.mark.parametrize(
    ("voxels", "dtype", "got"),
    [
        (np.array([[[2**24, 2**24 + 1]]], np.uint32), "float32", "16777217"),
        (np.array([[[-(2**24) - 1]]], np.int64), "float32", "-16777217"),
        (np.array([[[1e300]]]), "float32", "1e+300"),
    ],
)
def test_numbers_that_a_real_type_cannot_hold_are_refused(
    voxels: np.ndarray, dtype: str, got: str, run: Run, tmp_path: Path
) -> None:
    np.save(tmp_path / "in.npy", voxels)
    code, _, err = run("convert", tmp_path / "in.npy", tmp_path / "a.h5", *NM, "--dtype", dtype)
    assert (code, err.count("\n")) == (1, 1)
    assert f"expected voxels that {dtype} holds; got {got} in box" in err


def test_real_numbers_are_rounded_to_the_precision_asked_for(run: Run, tmp_path: Path) -> None:
    voxels = np.array([[[1 / 3, np.nan, -np.inf, 2.0**24]]])
    np.save(tmp_path / "in.npy", voxels)
    assert run("convert", tmp_path / "in.npy", tmp_path / "a.h5", *NM, "--dtype", "float32")[0] == 0
    assert np.array_equal(stored(tmp_path / "a.h5"), voxels.astype(np.float32), equal_nan=True)


@pytest.mark.parametrize("dtype", ["uint16", "uint32"])  # an image, and ids
def test_a_byte_that_was_flipped_on_the_disk_is_named(
    dtype: str, run: Run, image: Path, tmp_path: Path
) -> None:
    assert run("convert", image, tmp_path / "a.ome.zarr", *NM, "--dtype", dtype)[0] == 0
    chunk = tmp_path / "a.ome.zarr" / "0" / "c" / "0" / "0" / "0"
    damaged = bytearray(chunk.read_bytes())
    damaged[len(damaged) // 2] ^= 255
    chunk.write_bytes(damaged)
    code, _, err = run("convert", tmp_path / "a.ome.zarr", tmp_path / "b.h5")
    assert (code, err.count("\n")) == (1, 1)
    assert str(chunk) in err


@pytest.mark.parametrize("name", ["a\\b.ome.zarr", "a\\b/c.precomputed"])
@pytest.mark.skipif(os.name == "nt", reason="a backslash stands between folders there")
def test_a_path_that_would_lead_elsewhere_is_refused(
    name: str, run: Run, image: Path, tmp_path: Path
) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    before = sorted(tmp_path.rglob("*"))
    code, _, err = run("convert", image, tmp_path / name, *NM)
    assert (code, err.count("\n")) == (1, 1)
    assert "expected a path in UTF-8 without backslashes" in err
    assert sorted(tmp_path.rglob("*")) == before


def test_a_folder_of_the_targets_name_is_said_to_be_there(run: Run, image: Path, tmp_path: Path) -> None:
    (tmp_path / "a.h5").mkdir()
    code, _, err = run("convert", image, tmp_path / "a.h5", *NM)
    assert (code, err) == (1, f"microtome: {tmp_path / 'a.h5'} exists already\n")


def test_processes_convert_too(run: Run, image: Path, tmp_path: Path) -> None:
    assert run("convert", image, tmp_path / "a.ome.zarr", *NM, "--scheduler", "processes")[0] == 0
    assert np.array_equal(stored(tmp_path / "a.ome.zarr"), IMAGE)


def test_closed_outputs_do_not_stop_a_command(image: Path, tmp_path: Path) -> None:
    words = ("-m", "microtome", "convert", image, tmp_path / "a.h5", *NM)
    close = "import os, sys; os.close(1); os.close(2); os.execv(sys.executable, sys.argv[1:])"
    started = (sys.executable, "-c", close, sys.executable, *map(str, words))
    assert subprocess.run(started, check=False).returncode == 0
    assert np.array_equal(stored(tmp_path / "a.h5"), IMAGE)


def test_ids_are_not_grey_values(run: Run, tmp_path: Path) -> None:
    np.save(tmp_path / "ids.npy", np.arange(64, dtype=np.uint64).reshape(1, 8, 8))
    code, _, err = run("convert", tmp_path / "ids.npy", tmp_path / "a.h5", *NM, "--dtype", "uint8")
    assert (code, err) == (0, "")
    assert np.array_equal(stored(tmp_path / "a.h5").ravel(), np.arange(64))


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
    [
        ("nothing.tif", "does not exist"),
        ("http://127.0.0.1:1/a.zarr", "cannot be reached"),
        ("http://me:secret@127.0.0.1:1/a.zarr", "http://me:…@127.0.0.1:1/a.zarr"),
    ],
)
def test_a_source_that_is_not_there_is_one_line(
    source: str, message: str, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, _, err = run("convert", source, "a.zarr")
    assert code == 1
    assert message in err
    assert "secret" not in err
    assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
