"""`microtome mesh`, and what `microtome segment` makes beside ids: lengths, meshes, tables as Parquet."""

import csv
import json
import sys
from pathlib import Path

import numpy as np
import pytest
import yaozarrs

from conftest import Run, phantom_project
from instances import stored
from microtome.cli.app import main
from microtome.segment.columns import read_columns
from microtome.segment.tables import InstanceFiles

CLASS = "mitochondria"
LIKELY = ("--threshold", 0.3)  # a model as small as this one is never sure
MASK = "mask.ome.zarr"


def called(*words: object) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(sys, "argv", ["microtome", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            main()
    assert ended.value.code == 0


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = phantom_project(tmp_path_factory.mktemp("extras") / "mito")
    called("simulate", root, "--patches", 3)
    mask = np.zeros((4, 96, 96), np.uint8)
    mask[1:3, 10:14, 8:88], mask[1:3, 20:30, 20:30], mask[1:3, 40:44, 8:88] = 1, 1, 1
    called("predict", root, "--mask", stored(root / MASK, mask, (45.0, 9.2, 9.2)))
    return root


def likely(root: Path) -> tuple[object, ...]:
    return (*LIKELY, "--mask", root / MASK)


@pytest.fixture(scope="module")
def segmented(trained: Path) -> Path:
    """A segmentation of two rods and a block, with everything."""
    called("segment", trained, *likely(trained), "--skeletons", "--meshes", "--name", "all")
    return trained / "segmentations" / "all"


def test_lengths_stand_in_the_table_and_in_the_report(segmented: Path) -> None:
    with (segmented / f"{CLASS}.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["id"] for row in rows] == ["1", "2", "3"]
    assert [bool(row["length_nm"]) for row in rows] == [True, False, True]
    assert [bool(row["mean_radius_nm"]) for row in rows] == [True, False, True]
    page = (segmented / "report.html").read_text(encoding="utf-8")
    assert "Mean radius, nm" in page
    assert "of the 2 of them that are long" in page
    assert page.count("Histogram of mitochondria") == 3


def test_every_object_has_a_mesh_in_a_folder_of_its_class(segmented: Path) -> None:
    ids = {"1", "2", "3"}
    folder = segmented / f"{CLASS}.meshes"
    assert {path.name for path in folder.iterdir()} == {"info", *ids, *(f"{one}.index" for one in ids)}
    assert json.loads((folder / "info").read_text())["@type"] == "neuroglancer_multilod_draco"


def test_ids_are_a_valid_labels_image(segmented: Path) -> None:
    yaozarrs.validate_zarr_store(str(segmented / f"{CLASS}.ome.zarr"))


def test_what_is_there_is_kept_and_only_what_is_asked_for_is_added(run: Run, trained: Path) -> None:
    folder = trained / "segmentations" / "more"
    words = ("segment", trained, *likely(trained), "--name", "more")
    assert run(*words)[0] == 0
    assert "length_nm" not in read_columns(folder / f"{CLASS}.csv")
    assert not (folder / f"{CLASS}.meshes").exists()
    assert run(*words, "--skeletons", "--meshes")[0] == 0
    assert "length_nm" in read_columns(folder / f"{CLASS}.csv")
    before = {
        path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.suffix in (".csv", ".index")
    }
    assert run(*words, "--meshes")[0] == 0
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_tables_are_parquet_where_that_is_asked_for(run: Run, trained: Path) -> None:
    words = ("segment", trained, *likely(trained), "--name", "columns", "--tables", "parquet", "--json")
    code, out, err = run(*words)
    assert code == 0, err
    folder = Path(json.loads(out)["segmentation"])
    assert not (folder / f"{CLASS}.csv").exists()
    found = InstanceFiles(folder, CLASS).read("parquet").measured
    assert len(found) == json.loads(out)["classes"][CLASS]["instances"] == 3


@pytest.mark.parametrize(
    ("words", "module", "extra"),
    [(("--meshes",), "DracoPy", "meshes"), (("--tables", "parquet"), "pyarrow.parquet", "parquet")],
)
def test_a_missing_extra_is_named_before_anything_is_done(
    words: tuple[str, ...], module: str, extra: str, run: Run, trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    code, _, err = run("segment", trained, "--name", "none", *words)
    assert (code, err.count("\n")) == (1, 1)
    assert f"pip install 'microtome[{extra}]'" in err
    assert not (trained / "segmentations" / "none").exists()


@pytest.mark.parametrize("name", ["object.ply", "object.stl"])
def test_one_object_is_written_for_other_programs(
    name: str, run: Run, segmented: Path, tmp_path: Path
) -> None:
    project = segmented.parents[1]
    code, out, err = run(
        "mesh", project, CLASS, 1, "--to", tmp_path / name, "--segmentation", "all", "--json"
    )
    assert code == 0, err
    told = json.loads(out)
    assert (told["segmentation"], told["id"]) == ("all", 1)
    size = (tmp_path / name).stat().st_size
    assert size == 84 + 50 * told["triangles"] if name.endswith("stl") else size > 13 * told["triangles"]


def test_a_mesh_takes_the_place_of_no_other_file(run: Run, segmented: Path, tmp_path: Path) -> None:
    there = tmp_path / "object.ply"
    there.write_bytes(b"another mesh")
    code, out, err = run("mesh", segmented.parents[1], CLASS, 1, "--to", there, "--segmentation", "all")
    assert (code, out, err) == (1, "", f"microtome: {there} exists already\n")
    assert there.read_bytes() == b"another mesh"
    assert list(tmp_path.iterdir()) == [there]


def test_fewer_triangles_may_be_asked_for(run: Run, segmented: Path, tmp_path: Path) -> None:
    words = ("mesh", segmented.parents[1], CLASS, 1, "--segmentation", "all", "--json")
    fine = json.loads(run(*words, "--to", tmp_path / "fine.ply")[1])["triangles"]
    coarse = json.loads(run(*words, "--to", tmp_path / "coarse.ply", "--triangles", fine // 4)[1])[
        "triangles"
    ]
    assert 0 < coarse <= fine // 4


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((CLASS, 10**6), f"expected an id of {CLASS} in"),
        (("mitochondrion", 1), "unknown class 'mitochondrion' (did you mean 'mitochondria'?)"),
        ((CLASS, 1, "--segmentation", "nil"), "expected one of the finished segmentations (all"),
    ],
)
def test_what_is_not_there_is_named_and_nothing_written(
    words: tuple[object, ...], message: str, run: Run, segmented: Path, tmp_path: Path
) -> None:
    code, _, err = run("mesh", segmented.parents[1], *words, "--to", tmp_path / "a.ply")
    assert (code, err.count("\n")) == (1, 1)
    assert message in err
    assert not list(tmp_path.iterdir())


def test_the_library_for_fewer_triangles_is_missed_first(
    run: Run, segmented: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "fast_simplification", None)
    words = ("mesh", segmented.parents[1], CLASS, 10**6, "--to", tmp_path / "a.ply", "--triangles", 8)
    code, _, err = run(*words)
    assert (code, "pip install 'microtome[meshes]'" in err) == (1, True)


@pytest.mark.parametrize(
    ("to", "message"), [("a.obj", "is .ply or .stl; got a.obj"), ("no/a.ply", "no does not exist")]
)
def test_a_file_that_cannot_be_written_is_refused_first(
    to: str, message: str, run: Run, segmented: Path, tmp_path: Path
) -> None:
    code, _, err = run("mesh", segmented.parents[1], CLASS, 10**6, "--to", tmp_path / to)
    assert (code, message in err) == (1, True)


def test_without_a_segmentation_there_is_no_mesh(run: Run, project_folder: Path, tmp_path: Path) -> None:
    code, _, err = run("mesh", project_folder, CLASS, 1, "--to", tmp_path / "a.ply")
    assert (code, "has no finished segmentation yet: run `microtome segment`" in err) == (1, True)


def test_a_folder_that_cannot_be_written_is_one_line(run: Run, trained: Path) -> None:
    (trained / "segmentations").mkdir(exist_ok=True)
    taken = trained / "segmentations" / "taken"
    taken.write_text("a file")
    code, out, err = run("segment", trained, *likely(trained), "--name", "taken")
    *progress, line = err.splitlines()
    assert (code, out) == (1, "")
    assert line == f"microtome: [Errno 17] File exists: '{taken}'"
    assert not any("Traceback" in one for one in progress)
    assert taken.read_text() == "a file"
