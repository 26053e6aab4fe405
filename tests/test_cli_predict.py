"""`microtome predict`: on which engine, where, and by whom."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from conftest import Run
from microtome.box import Box
from microtome.volume import Volume, create_volume, open_volume

SHAPE = (4, 96, 96)
BOX = Box((3, 0, 0), SHAPE)


@pytest.fixture
def trained(run: Run, project_folder: Path) -> Path:
    assert run("simulate", project_folder, "--patches", 3)[0] == 0
    return project_folder


def predicted(folder: Path, name: str = "001") -> Volume:
    return open_volume(folder / "predictions" / name / "mitochondria.ome.zarr")


@pytest.fixture
def cluster() -> Iterator[str]:
    from distributed import LocalCluster

    with LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None) as cluster:
        yield cluster.scheduler_address


def test_the_engine_and_why_are_said(run: Run, trained: Path) -> None:
    code, out, err = run("predict", trained, "--box", "3:4", "--json")
    assert code == 0, err
    assert "Engine torch: so small a volume is not worth a trial." in err
    assert json.loads(out)["images"] == ["mitochondria", "uncertainty"]


def test_nothing_is_predicted_outside_of_a_mask(run: Run, trained: Path, tmp_path: Path) -> None:
    mask = np.zeros(SHAPE, np.uint8)
    mask[3, :16] = 1
    path = tmp_path / "mask.ome.zarr"
    nm = open_volume(trained / "image.ome.zarr").voxel_size_nm
    create_volume(path, SHAPE, mask.dtype, nm).write(Box.of(SHAPE), mask)
    assert run("predict", trained, "--mask", path)[0] == 0
    found = predicted(trained).read(Box.of(SHAPE))
    assert found[3, :16].any()
    assert not found[mask == 0].any()
    code, _, err = run("predict", trained)
    assert (code, "with sampling flips, samples 4, a mask; now it would be with" in err) == (1, True), err
    np.testing.assert_array_equal(predicted(trained).read(Box.of(SHAPE)), found)


def test_what_was_predicted_before_is_said_to_be_there(run: Run, trained: Path) -> None:
    assert "holds all of" not in run("predict", trained, "--box", "3:4")[2]
    code, _, err = run("predict", trained, "--box", "3:4")
    assert (code, "holds all of 3:4,0:96,0:96 already: nothing was left to predict" in err) == (0, True), err
    (trained / "predictions" / "001" / "sampling.json").write_text("{")
    code, _, err = run("predict", trained, "--box", "3:4")
    assert (code, "sampling.json is damaged: expected JSON" in err) == (1, True), err


def test_a_scheduler_that_does_not_answer_is_an_error_of_one_line(
    run: Run, trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("microtome.schedule.ANSWER_SECONDS", 1)
    code, _, err = run("predict", trained, "--scheduler", "tcp://127.0.0.1:9")
    assert (code, "expected a Dask scheduler at tcp://127.0.0.1:9" in err) == (1, True)


@pytest.mark.filterwarnings("default")
@pytest.mark.slow
def test_a_cluster_predicts_what_one_process_does(run: Run, trained: Path, cluster: str) -> None:
    assert run("predict", trained, "--box", "3:4")[0] == 0
    alone = predicted(trained).read(BOX)
    (trained / "predictions" / "001" / "done.jsonl").unlink()
    assert run("predict", trained, "--box", "3:4", "--scheduler", cluster)[0] == 0
    np.testing.assert_array_equal(predicted(trained).read(BOX), alone)


def test_an_engine_that_is_not_installed_is_named(
    run: Run, trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    code, _, err = run("predict", trained, "--engine", "openvino")
    assert (code, "microtome[cpu]" in err) == (1, True)


@pytest.mark.slow
def test_8_bits_are_another_prediction_or_refused(
    run: Run, trained: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    words = ("predict", trained, "--box", "3:4", "--engine", "openvino-int8")
    code, _, err = run(*words, "--most-lost", 1)
    assert code == 0, err
    assert "against the labels" in err
    assert predicted(trained, "001-int8").read(BOX).shape == BOX.shape
    monkeypatch.setattr("microtome.predict.int8.Loss.lost", 0.5)
    code, _, err = run(*words)
    assert (code, "the limit is 0.005" in err) == (1, True)
