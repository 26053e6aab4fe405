"""`microtome objects` as a person types it, and as it is killed."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from conftest import Run
from judged_objects import judge
from microtome.box import Box
from microtome.learn.settings import TABLES
from microtome.objects.proposals import open_proposals
from microtome.objects.settings import ProposalSettings
from microtome.objects.table import read_table
from microtome.project import open_project
from microtome.project.records import JudgeQuery
from microtome.volume import create_volume, open_volume
from proposing import expected_ids, ids_of

SHAPE = (4, 96, 96)  # of the project's image


@pytest.fixture
def given(tmp_path: Path) -> Path:
    """A prediction of two objects, 20 × 10 and 10 × 10 pixels, through all sections."""
    probability = np.zeros(SHAPE, np.uint8)
    probability[:, 10:30, 10:20] = 200
    probability[:, 60:70, 60:70] = 100
    np.save(tmp_path / "given.npy", probability)
    return tmp_path / "given.npy"


def propose(run: Run, folder: Path, *words: object) -> dict[str, object]:
    code, out, err = run("objects", "propose", folder, *words, "--json")
    assert code == 0, err
    return json.loads(out)


def test_objects_of_a_models_prediction_are_proposed(run: Run, project_folder: Path) -> None:
    assert run("simulate", project_folder, "--patches", 7)[0] == 0
    code, _, err = run("objects", "propose", project_folder)
    assert code == 1
    assert "no finished prediction of the whole volume: run `microtome predict`" in err
    code, out, _ = run("predict", project_folder, "--json")
    images = Path(json.loads(out)["prediction"])
    probability = open_volume(images / "mitochondria.ome.zarr").read(Box.of(SHAPE))
    threshold = (float(np.quantile(probability, 0.7)) + 1) / 255
    data = propose(run, project_folder, "--threshold", threshold, "--smallest", 3)
    found = open_proposals(project_folder / "objects" / "001")
    settings = ProposalSettings(threshold=threshold, smallest=3)
    assert np.array_equal(ids_of(found), expected_ids(probability, settings))
    assert data == {
        "proposals": "001",
        "folder": str(found.folder),
        "from": f"{images.name}: mitochondria",
        "threshold": threshold,
        "smallest": 3,
        "objects": len(found.table()),
        "known_before": 0,
    }
    assert propose(run, project_folder, "--threshold", threshold, "--smallest", 3) == data
    assert f"model {int(images.name)}: mitochondria" in run("objects", "list", project_folder)[1]


def test_a_prediction_from_elsewhere_may_be_given(run: Run, project_folder: Path, given: Path) -> None:
    words = ("--prediction", given)
    assert propose(run, project_folder, *words)["objects"] == 1
    more = propose(run, project_folder, *words, "--recall-first")
    assert (more["proposals"], more["objects"], more["known_before"]) == ("002", 2, 1)
    assert (more["threshold"], more["smallest"], more["from"]) == (0.25, 32, str(given))
    fewer = propose(run, project_folder, *words, "--recall-first", "--smallest", 401)
    assert (fewer["smallest"], fewer["objects"]) == (401, 1)
    flat = propose(run, project_folder, *words, "--recall-first", "--per-section")
    assert flat["objects"] == 8
    with open_project(project_folder, TABLES) as project:
        found = open_proposals(project_folder / "objects" / "004")
        judge(project.journal, found, {0: "correct", 1: "incorrect", 2: "unsure"})
    _, out, _ = run("objects", "list", project_folder, "--json")
    rows = json.loads(out)["proposals"]
    assert [rows[-1][name] for name in ("asked", "correct", "incorrect")] == [3, 1, 1]
    assert rows[0]["asked"] == 0
    assert [(row["proposals"], row["objects"]) for row in rows] == [
        ("001", 1),
        ("002", 2),
        ("003", 1),
        ("004", 8),
    ]


def test_a_project_without_objects_says_what_makes_them(run: Run, project_folder: Path) -> None:
    code, out, err = run("objects", "list", project_folder)
    assert (code, out) == (0, "")
    assert err == f"{project_folder} has no proposed objects: run `microtome objects propose`\n"
    assert json.loads(run("objects", "list", project_folder, "--json")[1]) == {"proposals": []}


@pytest.mark.parametrize("number", ["1", "01", "001"])
def test_a_set_is_found_by_its_number(
    number: str, run: Run, project_folder: Path, given: Path, tmp_path: Path
) -> None:
    propose(run, project_folder, "--prediction", given)
    propose(run, project_folder, "--prediction", given, "--recall-first")
    words = ("objects", "table", project_folder, tmp_path / "out.csv", "--json", "--proposals")
    assert run(*words, "9")[2] == "microtome: expected one of the proposals 001, 002; got '009'\n"
    code, out, err = run(*words, number)
    assert code == 0, err
    assert json.loads(out)["objects"] == 1


def test_three_files_are_the_channels_of_synapses(run: Run, project_folder: Path, tmp_path: Path) -> None:
    pre, post = np.zeros((2, *SHAPE), bool)
    pre[:, 10:30, 10:16], post[:, 10:30, 18:24] = True, True
    files = []
    for name, side in {"pre": pre, "post": post, "union": pre | post}.items():
        np.save(tmp_path / f"{name}.npy", side)
        files += ["--prediction", tmp_path / f"{name}.npy"]
    assert propose(run, project_folder, *files)["objects"] == 1
    sides = open_proposals(project_folder / "objects" / "001").sides()
    assert sides is not None
    assert np.array_equal(sides.read(Box.of(SHAPE)), pre + 2 * post.astype(int))


def test_the_table_comes_out_as_csv(run: Run, project_folder: Path, given: Path, tmp_path: Path) -> None:
    propose(run, project_folder, "--prediction", given, "--recall-first")
    code, out, _ = run("objects", "table", project_folder, tmp_path / "out.csv", "--json")
    assert (code, json.loads(out)) == (0, {"table": str(tmp_path / "out.csv"), "objects": 2})
    table = read_table(tmp_path / "out.csv")
    assert table.voxels.tolist() == [800, 400]
    assert table.probability == pytest.approx([200 / 255, 100 / 255])
    code, _, err = run("objects", "table", project_folder, tmp_path / "out.csv")
    assert (code, err) == (1, f"microtome: {tmp_path / 'out.csv'} exists already\n")


def test_a_table_in_a_folder_that_is_missing_is_refused(run: Run, project_folder: Path, given: Path) -> None:
    propose(run, project_folder, "--prediction", given)
    code, _, err = run("objects", "table", project_folder, given.parent / "nodir" / "t.csv")
    assert (code, err) == (1, f"microtome: folder {given.parent / 'nodir'} does not exist\n")


def test_keys_and_sets_that_people_were_asked_about_are_not_given_again(
    run: Run, project_folder: Path, given: Path
) -> None:
    query = JudgeQuery(
        round=0,
        proposals="001",
        object_key=41,
        box=Box((0, 0, 0), (1, 1, 1)),
        cluster=0,
        strategy="random",
        score=0.0,
        rank=0,
        reason="of a set that is gone",
    )
    with open_project(project_folder, TABLES) as project:
        project.journal.verdicts.add_queries([query])
    propose(run, project_folder, "--prediction", given)
    assert open_proposals(project_folder / "objects" / "002").table().keys.tolist() == [42]


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        ((), 1, "expected a model of the project; it has none yet: train one first"),
        (("--prediction", "GIVEN", "--threshold", "0.9"), 1, "no objects: the highest probability is 0.784"),
        (("--prediction", "GIVEN", "--threshold", "0"), 1, "expected a threshold in (0, 1]; got 0"),
        (("--prediction", "GIVEN", "--smallest", "9999"), 1, "nothing above the threshold 0.5 has 9999"),
        (("--prediction", "GIVEN", "--dilation", "1,2,3"), 1, "a dilation of three odd sides"),
        (("--prediction", "nowhere.npy"), 1, "nowhere.npy does not exist"),
        (("--prediction", ""), 1, "expected the name of a file or a folder; got ''"),
        (("--prediction", "GIVEN", "--class", "mitochondria"), 2, "got both"),
        (("--prediction", "GIVEN", "--prediction", "GIVEN"), 2, "one, or three"),
        (("--prediction", "GIVEN", "--dilation", "5"), 2, "expected 3 numbers"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line_and_leaves_nothing(
    words: tuple[str, ...], code: int, message: str, run: Run, project_folder: Path, given: Path
) -> None:
    found = run("objects", "propose", project_folder, *(str(given) if w == "GIVEN" else w for w in words))
    assert found[:2] == (code, "")
    assert message in " ".join(found[2].replace("│", " ").split())
    assert code == 2 or found[2].count("\n") == 1
    assert not list((project_folder / "objects").glob("*"))


def test_a_prediction_of_another_shape_or_a_changed_image_is_refused(
    run: Run, project_folder: Path, given: Path, tmp_path: Path
) -> None:
    np.save(tmp_path / "small.npy", np.zeros((4, 96, 95), np.uint8))
    code, _, err = run("objects", "propose", project_folder, "--prediction", tmp_path / "small.npy")
    assert code == 1
    assert "expected a prediction of the image's shape (4, 96, 96)" in err
    image = open_volume(project_folder / "image.ome.zarr", writable=True)
    image.write(Box.of(SHAPE), np.zeros(SHAPE, np.uint8))
    code, _, err = run("objects", "propose", project_folder, "--prediction", given)
    assert code == 1
    assert "image.ome.zarr changed since `microtome init`" in err


@pytest.mark.slow
def test_a_command_killed_again_and_again_ends_as_it_would_have(
    project_folder: Path, tmp_path: Path, run: Run
) -> None:
    """The volume is large enough to be killed in the middle of; its project believes it is its image."""
    shape, rng = (128, 512, 512), np.random.default_rng(0)
    volume = create_volume(tmp_path / "large.ome.zarr", shape, np.dtype(np.uint8), (40.0, 4.0, 4.0))
    for z in range(0, 128, 32):
        coarse = np.kron(rng.random((8, 64, 64)) < 0.3, np.ones((4, 8, 8), bool))
        volume.write(Box((z, 0, 0), (z + 32, 512, 512)), coarse * np.uint8(255))
    for name in ("whole", "killed"):
        words = ["init", tmp_path / name, "--image", tmp_path / "large.ome.zarr", "--classes", "mito"]
        assert run(*words)[0] == 0
    command = [sys.executable, "-m", "microtome", "objects", "propose"]
    more = ["--prediction", str(tmp_path / "large.ome.zarr")]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    subprocess.run(
        [*command, str(tmp_path / "whole"), *more], check=True, capture_output=True, env=environment
    )
    folder = tmp_path / "killed" / "objects" / "001"
    for reached in ("pieces/00000001.npz", "pieces/written.jsonl"):
        process = subprocess.Popen(
            [*command, str(tmp_path / "killed"), *more],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=environment,
        )
        while not (folder / reached).exists() and process.poll() is None:
            time.sleep(0.001)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
    subprocess.run(
        [*command, str(tmp_path / "killed"), *more], check=True, capture_output=True, env=environment
    )
    found, whole = open_proposals(folder), open_proposals(tmp_path / "whole" / "objects" / "001")
    assert found.result == whole.result
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        path.name for path in whole.folder.iterdir()
    )
    found.require_intact()
