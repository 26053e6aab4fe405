"""`microtome segment`: from a model to ids, tables and a report."""

import csv
import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from conftest import Run, phantom_project
from microtome.box import Box
from microtome.cli.app import main
from microtome.volume import open_volume

SHAPE = (4, 96, 96)


@pytest.fixture(scope="module")
def segmented(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of which the whole is segmented; tests leave that segmentation as it is."""
    folder = phantom_project(tmp_path_factory.mktemp("segmented") / "mito")
    for words in (("simulate", str(folder), "--patches", "3"), ("segment", str(folder))):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "argv", ["microtome", *words])
            with pytest.raises(SystemExit, match=r"^0$"):
                main()
    return folder


@pytest.fixture
def trained(run: Run, project_folder: Path) -> Path:
    assert run("simulate", project_folder, "--patches", 3)[0] == 0
    return project_folder


def test_objects_are_labelled_measured_and_told_of(run: Run, trained: Path) -> None:
    code, out, err = run("segment", trained, "--smallest", 5, "--json")
    assert code == 0, err
    told = json.loads(out)
    folder = Path(told["segmentation"])
    probability = open_volume(trained / "predictions" / "001" / "mitochondria.ome.zarr").read(Box.of(SHAPE))
    numbers, count = ndimage.label(probability >= 128)
    large = [k for k in range(1, count + 1) if np.count_nonzero(numbers == k) >= 5]
    ids = open_volume(folder / "mitochondria.ome.zarr").read(Box.of(SHAPE))
    np.testing.assert_array_equal(ids > 0, np.isin(numbers, large))
    assert told["classes"]["mitochondria"]["instances"] == len(large) == ids.max()
    with (folder / "mitochondria.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [int(row["voxels"]) for row in rows] == np.bincount(ids.ravel())[1:].tolist()
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert f"{len(large)} × mitochondria" in page
    assert "http://" not in page.replace("http://www.w3.org", "")


def test_what_is_done_is_not_done_again(run: Run, segmented: Path) -> None:
    folder = segmented / "segmentations" / "001"
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.suffix in (".csv", ".npz")}
    assert before
    assert run("segment", segmented)[0] == 0
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_other_settings_want_another_name(run: Run, segmented: Path) -> None:
    code, _, err = run("segment", segmented, "--threshold", 0.7)
    assert (code, "was begun with another volume, target or settings" in err) == (1, True)
    assert run("segment", segmented, "--threshold", 0.7, "--name", "strict")[0] == 0
    assert (segmented / "segmentations" / "strict" / "report.html").exists()


def test_nothing_found_is_told_in_words(run: Run, trained: Path) -> None:
    assert run("segment", trained, "--smallest", 10**6)[0] == 0
    page = (trained / "segmentations" / "001" / "report.html").read_text(encoding="utf-8")
    assert "None was found" in page


def test_the_report_of_a_part_is_of_that_part(run: Run, trained: Path) -> None:
    code, out, err = run("segment", trained, "--box", "1:3,10:90,0:80", "--threshold", 0.3, "--json")
    assert code == 0, err
    told = json.loads(out)
    assert (told["box"], told["predicted_voxels"]) == ("1:3,10:90,0:80", 2 * 80 * 80)
    count = told["classes"]["mitochondria"]["instances"]
    assert count > 0
    page = (trained / "segmentations" / "001" / "report.html").read_text(encoding="utf-8")
    assert "In 0.09 × 0.736 × 0.736 µm of tissue (1:3,10:90,0:80 of 4 × 96 × 96 voxels" in page
    assert f"<td>{count / (0.09 * 0.736**2):.3g}</td>" in page
    assert f"({count} cut at the faces of the box)" in page  # each reaches one of its two sections' faces
    assert "what a mask leaves out is not subtracted. Objects end at the faces of the box" in page
    with (Path(told["segmentation"]) / "mitochondria.csv").open() as file:
        assert [row["touches_border"] for row in csv.DictReader(file)] == ["True"] * count
    ids = open_volume(Path(told["segmentation"]) / "mitochondria.ome.zarr").read(Box.of(SHAPE))
    shown = {int(section) for section in re.findall(r">Section (\d+)<", page)}
    pointed_at = {int(label) for label in re.findall(r"<title>mitochondria (\d+)</title>", page)}
    assert shown
    assert shown <= {1, 2}
    assert pointed_at == set(np.unique(ids[sorted(shown)]).tolist()) - {0} != set()
    assert page.count('<g class="scale"') == len(shown) + 1  # and of the picture in three dimensions


def test_what_is_told_is_of_all_that_was_predicted(run: Run, segmented: Path) -> None:
    _, out, err = run("segment", segmented, "--box", "1:3", "--json")
    told = json.loads(out)
    assert "predictions/001 holds 0:4,0:96,0:96: all of it is segmented, not 1:3,0:96,0:96 alone" in err
    assert (told["box"], told["predicted_voxels"]) == ("0:4,0:96,0:96", 4 * 96 * 96)
    page = (segmented / "segmentations" / "001" / "report.html").read_text(encoding="utf-8")
    assert "faces of the box" not in page


def test_a_prediction_is_not_gone_on_with_by_other_samples(run: Run, segmented: Path) -> None:
    settings = segmented / "project.toml"
    before = settings.read_text()
    settings.write_text(before.replace("samples = 4", "samples = 8"))
    for command in ("predict", "segment"):
        code, _, err = run(command, segmented)
        assert (code, err.splitlines()[-1].count("was predicted with sampling flips, samples 4")) == (1, 1), (
            err
        )
        assert "now it would be with sampling flips, samples 8, no mask" in err
    settings.write_text(before)
    assert run("segment", segmented)[0] == 0


@pytest.mark.parametrize("name", ["../out", "a/b", ".hidden", " ", "a\nb"])
def test_a_name_that_is_no_folder_of_its_own_is_refused(run: Run, trained: Path, name: str) -> None:
    code, _, err = run("segment", trained, "--name", name)
    assert (code, "expected the name of a folder" in err) == (2, True)


def test_how_voxels_touch_and_what_is_a_hole_are_settings(run: Run, segmented: Path) -> None:
    words = ("--connectivity", 26, "--holes", 50, "--holes-per-section", "--name", "corners", "--json")
    code, out, err = run("segment", segmented, *words)
    assert code == 0, err
    settings = json.loads(out)["settings"]
    assert (settings["connectivity"], settings["holes"], settings["holes_per_section"]) == (26, 50, True)
    code, _, err = run("segment", segmented, "--drop-unseeded", "--name", "other")
    assert (code, "components: expected to keep what has no seed" in err) == (1, True)
    code, _, err = run("segment", segmented, "--connectivity", 18, "--name", "other")
    assert (code, "expected a connectivity of 6 or 26; got 18" in err) == (1, True)


def test_settings_that_do_not_fit_the_method_are_refused(run: Run, trained: Path) -> None:
    code, _, err = run("segment", trained, "--method", "watershed")
    assert (code, "watershed: expected a seed threshold" in err) == (1, True)
