"""`microtome restore` as a person types it, and as it is killed."""

import json
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import tifffile

from conftest import Run
from microtome.box import Box
from microtome.volume import create_volume, open_volume
from restoration import flickered, grey, lines
from restoring import tissue


@pytest.fixture
def run(run: Run) -> Run:
    """Run `microtome restore`."""
    return partial(run, "restore")


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "image.tif"
    ruined = flickered(grey(tissue() + lines(tissue().shape)))
    ruined[4] = 0
    tifffile.imwrite(path, ruined)
    return path


NM = ("--voxel-size", "45,9.2,9.2")
FILTERS = ("--deflicker", "mean", "--destripe", "y", "--interpolate", "4")


def test_all_filters_at_once(run: Run, tmp_path: Path, image: Path) -> None:
    out = tmp_path / "clean.ome.zarr"
    code, text, _ = run(image, out, *NM, *FILTERS, "--detect", "--json")
    assert code == 0
    report = json.loads(text)
    assert report == json.loads((tmp_path / "clean.ome.zarr.restore.json").read_text())
    assert [row["section"] for row in report["damaged"]] == [4]
    clean = open_volume(out)
    assert clean.shape == tissue().shape
    assert clean.voxel_size_nm == (45.0, 9.2, 9.2)


def test_people_see_tables_of_before_and_after(run: Run, tmp_path: Path, image: Path) -> None:
    code, out, err = run(image, tmp_path / "clean.tif", *NM, *FILTERS, "--method", "linear", "--detect")
    assert code == 0
    for text in ("flicker of brightness", "power in stripes along y", "before", "after", "ssim", "nearest"):
        assert text in out
    assert "look at these sections; nothing was done about them: 4" in err
    assert "clean.tif.restore.json" in err


def test_detecting_alone_writes_nothing(run: Run, tmp_path: Path, image: Path) -> None:
    code, out, _ = run(image, *NM, "--detect", "--json")
    assert code == 0
    assert [row["section"] for row in json.loads(out)["damaged"]] == [4]
    assert [path.name for path in tmp_path.iterdir()] == ["image.tif"]
    tifffile.imwrite(tmp_path / "fine.tif", tissue())
    code, out, err = run(tmp_path / "fine.tif", *NM, "--detect")
    assert (code, out) == (0, "")
    assert "no section looks damaged" in err


def test_a_second_run_refuses_to_overwrite(run: Run, tmp_path: Path, image: Path) -> None:
    words = (image, tmp_path / "clean.npy", *NM, "--deflicker", "histogram")
    assert run(*words)[0] == 0
    before = (tmp_path / "clean.npy").read_bytes()
    code, out, err = run(*words)
    assert (code, out) == (1, "")
    assert err == f"microtome: {tmp_path / 'clean.npy'} exists already\n"
    assert (tmp_path / "clean.npy").read_bytes() == before


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("OUT", "--interpolate", "0"), "expected sections with one on both sides"),
        (("OUT", "--interpolate", "12"), "expected sections from 0 to 8; got 12"),
        (("OUT", "--deflicker", "mean", "--sections", "4"), "expected an odd number of sections"),
        (("OUT", "--destripe", "y", "--stripe-length", "9"), "expected stripes at least 2 voxels wide"),
        (("no/OUT", "--destripe", "y"), "no does not exist"),
        *(
            (("OUT", "--deflicker", "mean", f"--padding={value}"), f"holds, from 0 to 255; got {value}")
            for value in ("nan", "inf", "-5.0", "300.0", "0.5")
        ),
    ],
)
def test_what_does_not_fit_fails_in_one_line_and_leaves_nothing(
    words: tuple[str, ...], message: str, run: Run, tmp_path: Path, image: Path
) -> None:
    out, *options = words
    code, text, err = run(image, tmp_path / out, *NM, *options)
    assert (code, text) == (1, "")
    assert message in err
    assert err.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["image.tif"]


def test_damage_is_not_looked_for_beside_a_padding_that_cannot_be(run: Run, image: Path) -> None:
    code, _, err = run(image, *NM, "--detect", "--padding", "256")
    assert (code, err) == (1, "microtome: expected a padding that uint8 holds, from 0 to 255; got 256.0\n")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "or --detect; got none"),
        (("OUT",), "as OUT is to be written; got none"),
        (("OUT", "--detect"), "as OUT is to be written; got none"),
        (("--deflicker", "mean"), "expected a name for the restored image"),
        (("OUT", "--deflicker", "median"), "median"),
        (("OUT", "--interpolate", "3-5"), "expected whole numbers with commas between them"),
    ],
)
def test_wrong_usage_is_code_2(words: tuple[str, ...], message: str, run: Run, image: Path) -> None:
    code, out, err = run(image, *NM, *words)
    assert (code, out) == (2, "")
    assert message in " ".join(err.replace("│", " ").split())


def test_a_missing_voxel_size_and_labels_are_named(run: Run, tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((3, 8, 8), np.uint8))
    np.save(tmp_path / "ids.npy", np.zeros((3, 8, 8), np.uint32))
    assert "voxel size is not in" in run(tmp_path / "a.npy", tmp_path / "o.npy", "--destripe", "y")[2]
    err = run(tmp_path / "ids.npy", tmp_path / "o.npy", *NM, "--destripe", "y")[2]
    assert "expected an image of integers of at most 16 bits or of float32; got uint32" in err


def _large(path: Path) -> None:
    volume = create_volume(path, (40, 512, 512), np.dtype(np.uint8), (45.0, 9.0, 9.0))
    rng = np.random.default_rng(0)
    for z in range(40):
        section = grey(rng.normal(128 + rng.normal(0, 9), 40, (1, 512, 512)))
        volume.write(Box((z, 0, 0), (z + 1, 512, 512)), section)


def _command(image: Path, out: Path) -> list[str]:
    return [sys.executable, "-m", "microtome", "restore", str(image), str(out), *FILTERS]


def _blocks(out: Path) -> int:
    log = out.with_name(f".{out.name}.partial") / "done.jsonl"
    return log.read_text().count("sha256") if log.exists() else 0


@pytest.mark.slow
@pytest.mark.parametrize("name", ["clean.ome.zarr", "clean.h5"])
def test_a_restoration_killed_again_and_again_ends_as_it_would_have(name: str, tmp_path: Path) -> None:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    image, whole, killed = tmp_path / "image.ome.zarr", tmp_path / f"whole-{name}", tmp_path / name
    _large(image)
    subprocess.run(_command(image, whole), check=True, capture_output=True, env=environment)
    for reached in (1, 5, 17, 30):
        process = subprocess.Popen(
            _command(image, killed), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment
        )
        while _blocks(killed) < reached and process.poll() is None:
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        assert not killed.exists()
    subprocess.run(_command(image, killed), check=True, capture_output=True, env=environment)
    box = Box.of((40, 512, 512))
    assert np.array_equal(open_volume(killed).read(box), open_volume(whole).read(box))
    reports = [
        json.loads(path.with_name(path.name + ".restore.json").read_text()) for path in (whole, killed)
    ]
    assert {**reports[0], "output": str(killed)} == reports[1]
