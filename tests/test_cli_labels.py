"""`microtome labels` as a person types it."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import tifffile

from conftest import Run
from exchanging import ANSWERED, ORANGE, SHAPE, asked, full_project, new_project, paint
from microtome.box import Box
from microtome.cli.session import opened
from microtome.loop.asking import top_up
from microtome.loop.simulation import Budget, simulate
from microtome.oracle import CostModel
from microtome.progress import silent
from microtome.volume import create_volume, open_volume


@pytest.fixture
def run(run: Run) -> Run:
    """Run `microtome labels`."""
    return partial(run, "labels")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    with full_project(tmp_path) as project:
        return project.root


@pytest.fixture
def out(run: Run, tmp_path: Path, project: Path) -> Path:
    assert run("export", project, tmp_path / "out", "--png")[0] == 0
    return tmp_path / "out"


FIRST = "z000_y000_x000_query0001.png"


def test_pictures_go_out_and_come_back(run: Run, tmp_path: Path, project: Path) -> None:
    out = tmp_path / "out"
    code, text, _ = run("export", project, out, "--png", "--whole-sections", "--json")
    assert code == 0
    assert json.loads(text) == {"folder": str(out), "files": 3, "answered": 1, "open": 2}
    paint(out / "corrected" / "z000.png", (0, slice(0, 12)), ORANGE)
    words = ("import", project, out, "--png", "--annotator", "ada", "--minutes", "4", "--json")
    code, text, err = run(*words)
    assert code == 0
    (row,) = json.loads(text)["answers"]
    assert (row["query"], row["supersedes"], row["method"], row["seconds"]) == (1, 1, "scratch", 240)
    assert "2 pixels are painted beside the queries" in err
    assert "1 answer added; 2 queries as before" in err
    assert "--minutes" not in err
    assert json.loads(run(*words)[1])["answers"] == []


def test_without_minutes_a_line_says_that_the_cost_is_not_known(run: Run, project: Path, out: Path) -> None:
    paint(out / "corrected" / FIRST, (0, slice(None)), ORANGE)
    code, _, err = run("import", project, out, "--png", "--annotator", "ada")
    assert code == 0
    assert "no --minutes: what these answers cost is not known" in err


def test_an_answer_beside_those_of_others_says_what_is_learned(run: Run, project: Path, out: Path) -> None:
    paint(out / "corrected" / FIRST, (0, slice(None)), ORANGE)
    code, _, err = run("import", project, out, "--png", "--annotator", "bob")
    assert code == 0
    assert "beside answers of ada: voxels are learned as most say" in err


def test_a_bad_picture_is_one_line_that_names_it(run: Run, project: Path, out: Path) -> None:
    (out / "corrected" / FIRST).write_bytes(b"GIMP")
    code, text, err = run("import", project, out, "--png", "--annotator", "ada", "--minutes", "1")
    assert (code, text) == (1, "")
    assert err == f"microtome: {out / 'corrected' / FIRST}: expected a PNG image\n"


def test_open_queries_are_predicted_on_request(run: Run, tmp_path: Path, project_folder: Path) -> None:
    with opened(project_folder, "cpu", silent) as session:
        simulate(session, Budget(3, float("inf")), CostModel())
        top_up(session, 2)
    words = ("export", project_folder, tmp_path / "out", "--png", "--predict", "--device", "cpu")
    assert run(*words)[0] == 0
    told = json.loads((tmp_path / "out" / "labels.json").read_text())
    open_ones = [one for one in told["queries"] if not one["answers"]]
    assert [one["model"] for one in open_ones] == [1, 1]
    raw = {path.name[-6:-4] for path in (tmp_path / "out" / "raw").iterdir()}
    assert {f"{one['query']:02d}" for one in open_ones} <= raw


def test_predicting_without_a_model_is_refused(run: Run, tmp_path: Path, project_folder: Path) -> None:
    code, _, err = run("export", project_folder, tmp_path / "out", "--png", "--predict")
    assert code == 1
    assert "it has none yet: train one first" in err
    assert not (tmp_path / "out").exists()


def test_all_labels_become_one_volume(run: Run, tmp_path: Path, project: Path) -> None:
    for name in ("all.ome.zarr", "all.tif"):
        code, text, _ = run("export", project, tmp_path / name, "--json")
        assert (code, json.loads(text)) == (0, {"labels": str(tmp_path / name), "answered": 1})
        assert open_volume(tmp_path / name).shape == SHAPE
    code, _, err = run("export", project, tmp_path / "all.tif")
    assert (code, err) == (1, f"microtome: {tmp_path / 'all.tif'} exists already\n")


def test_a_project_without_anything_to_export_says_so(run: Run, tmp_path: Path) -> None:
    with new_project(tmp_path) as project:
        root = project.root
    code, _, err = run("export", root, tmp_path / "out", "--png")
    assert code == 1
    assert "has neither answers nor open queries to export" in err
    with new_project(tmp_path / "p") as project:
        asked(project, ANSWERED)
    code, _, err = run("export", project.root, tmp_path / "out.tif")
    assert code == 1
    assert "has no answers to export" in err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("export", "PROJECT", "out"), "expected .ome.zarr or .tif, or --png"),
        (("export", "PROJECT", "out.jpg"), "expected .ome.zarr or .tif, or --png"),
        (("export", "PROJECT", "out.tif", "--whole-sections"), "expected --png beside it"),
        (("export", "PROJECT", "out.tif", "--predict"), "expected --png beside it"),
        (("import", "PROJECT", "out", "--annotator", "ada"), "nothing but pictures can be imported"),
        (("import", "PROJECT", "out", "--png"), "--annotator"),
        (("import", "PROJECT", "out", "--png", "--annotator", "ada", "--minutes", "-1"), "--minutes"),
        (("clean", "a.tif", "--cells", "b.tif", "--out", "c.tif"), "expected the name of a new .ome.zarr"),
        (
            ("clean", "a.tif", "--cells", "b.tif", "--out", "c.zarr", "--threshold", "0.5", "--label", "1"),
            "got both",
        ),
    ],
)
def test_wrong_usage_is_exit_code_2(run: Run, project: Path, words: tuple[str, ...], message: str) -> None:
    code, _, err = run(*(project if word == "PROJECT" else word for word in words))
    assert code == 2
    assert message in " ".join(err.replace("│", " ").split())


Saved = Callable[[str, np.ndarray], Path]


@pytest.fixture
def saved(tmp_path: Path) -> Saved:
    def save(name: str, data: np.ndarray) -> Path:
        volume = create_volume(tmp_path / name, data.shape, data.dtype, (40.0, 4.0, 4.0))
        volume.write(Box.of(data.shape), data)
        return tmp_path / name

    return save


CELLS = np.zeros((2, 20, 20), dtype=np.uint16)
CELLS[:, :, 1:] = 7
MEMBRANES = np.zeros(CELLS.shape, dtype=np.uint8)
MEMBRANES[:, :, :3] = 255
MEMBRANES[1, 8:12, 12:15] = 128
MEMBRANES[1, 0, 12:15] = 127


@pytest.mark.parametrize(
    ("stored", "more"),
    [
        (MEMBRANES, ()),
        ((MEMBRANES / 255).astype(np.float32), ()),
        (np.where(MEMBRANES >= 128, 3, 0).astype(np.uint8), ("--label", "3")),
        (np.where(MEMBRANES >= 128, 3, 0).astype(np.uint16), ()),
    ],
)
def test_what_lies_inside_of_cells_is_taken_out(
    run: Run, tmp_path: Path, saved: Saved, stored: np.ndarray, more: tuple[str, ...]
) -> None:
    words = (saved("p.h5::p", stored), "--cells", saved("c.h5::c", CELLS), "--out", tmp_path / "out.ome.zarr")
    code, text, _ = run("clean", *words, *more, "--json")
    assert code == 0
    found = json.loads(text)
    assert (found["components"], found["voxels"], found["of_voxels"]) == (1, 12, 132)
    assert found["sections"] == [
        {"section": 0, "components": 0, "voxels": 0},
        {"section": 1, "components": 1, "voxels": 12},
    ]
    expected = stored.copy()
    expected[1, 8:12, 12:15] = 0
    clean = open_volume(tmp_path / "out.ome.zarr")
    np.testing.assert_array_equal(clean.read(Box.of(clean.shape)), expected)
    assert (clean.dtype, clean.voxel_size_nm) == (stored.dtype, (40.0, 4.0, 4.0))


@pytest.mark.parametrize(
    ("cells", "more", "message"),
    [
        (CELLS[:1], (), "expected cells of the prediction's shape (2, 20, 20); got (1, 20, 20)"),
        (CELLS.astype(np.float32), (), "expected a mask or the numbers of cells; got float32"),
        (np.zeros_like(CELLS), (), "expected cells and something between them; got 0 everywhere"),
        (np.ones_like(CELLS), (), "expected cells and something between them; got 1 everywhere"),
        (CELLS.astype(np.int32) - 9, (), "expected a mask or the numbers of cells, 0 between them; got -9"),
        (CELLS, ("--label", "9"), "holds nothing of the class"),
        (CELLS, ("--threshold", "0"), "expected a threshold above 0 and up to 1; got 0.0"),
        (CELLS, ("--threshold", "nan"), "expected a threshold above 0 and up to 1; got nan"),
        (CELLS, ("--erode", "-1"), "expected an erosion of 0 pixels or more; got -1.0"),
        (CELLS, ("--tolerance", "1"), "expected a tolerance from 0 to less than 1; got 1.0"),
    ],
)
def test_what_does_not_fit_fails_in_one_line_and_leaves_nothing(
    run: Run, tmp_path: Path, saved: Saved, cells: np.ndarray, more: tuple[str, ...], message: str
) -> None:
    words = (saved("p.h5::p", MEMBRANES), "--cells", saved("c.h5::c", cells), "--out", tmp_path / "o.zarr")
    code, text, err = run("clean", *words, *more)
    assert (code, text) == (1, "")
    assert message in err
    assert err.count("\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["c.h5", "p.h5"]


def test_several_labels_want_one_to_be_named(run: Run, tmp_path: Path, saved: Saved) -> None:
    labels = MEMBRANES.astype(np.uint16)
    words = (saved("p.h5::p", labels), "--cells", saved("c.h5::c", CELLS), "--out", tmp_path / "o.zarr")
    code, text, err = run("clean", *words)
    assert (code, text) == (1, "")
    assert "expected one value beside 0, or --label; got labels 127 to 255" in err
    assert not (tmp_path / "o.zarr").exists()
    assert run("clean", *words, "--label", 255)[0] == 0


def test_labels_of_different_slabs_are_several(
    run: Run, tmp_path: Path, saved: Saved, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("microtome.predict.cleaning._SLAB", 400)  # a section
    labels = np.where(MEMBRANES > 0, np.arange(1, 3)[:, None, None], 0).astype(np.uint16)
    words = (saved("p.h5::p", labels), "--cells", saved("c.h5::c", CELLS), "--out", tmp_path / "o.zarr")
    code, _, err = run("clean", *words)
    assert (code, "expected one value beside 0, or --label; got labels 1 to 2" in err) == (1, True)


def test_a_line_says_so_where_nothing_is_left(run: Run, tmp_path: Path, saved: Saved) -> None:
    prediction = np.zeros_like(MEMBRANES)
    prediction[1, 8:12, 12:15] = 255
    words = (saved("p.h5::p", prediction), "--cells", saved("c.h5::c", CELLS), "--out", tmp_path / "o.zarr")
    code, _, err = run("clean", *words)
    assert (code, "nothing is left of the class" in err) == (0, True)


@pytest.mark.parametrize("more", [(), ("--label", "1")])
def test_bytes_of_zeros_and_ones_are_a_mask(
    run: Run, tmp_path: Path, saved: Saved, more: tuple[str, ...]
) -> None:
    mask = (MEMBRANES >= 128).astype(np.uint8)
    tifffile.imwrite(tmp_path / "p.tif", mask)
    words = (tmp_path / "p.tif", "--cells", saved("c.h5::c", CELLS), "--out", tmp_path / "o.zarr")
    code, text, _ = run("clean", *words, "--voxel-size", "40,4,4", *more, "--json")
    found = json.loads(text)
    assert (code, found["components"], found["voxels"], found["of_voxels"]) == (0, 1, 12, 132)
    mask[1, 8:12, 12:15] = 0
    clean = open_volume(tmp_path / "o.zarr")
    np.testing.assert_array_equal(clean.read(Box.of(clean.shape)), mask)


def test_a_mask_is_a_probability_where_a_threshold_says_so(run: Run, tmp_path: Path, saved: Saved) -> None:
    words = (saved("p.h5::p", (MEMBRANES > 0).astype(np.uint8)), "--cells", saved("c.h5::c", CELLS))
    code, _, err = run("clean", *words, "--out", tmp_path / "o.zarr", "--threshold", "0.5")
    assert code == 1
    assert "holds nothing of the class: give --threshold, or of labels --label" in err
    assert not (tmp_path / "o.zarr").exists()
