"""The command line: what a person types, and what comes back; above all when something is wrong."""

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile
from filelock import FileLock

from conftest import Run
from microtome.box import Box
from microtome.volume import open_volume


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "image.tif"
    tifffile.imwrite(path, np.random.default_rng(0).integers(0, 255, (5, 64, 64), dtype=np.uint8))
    return path


def _init(folder: Path, image: Path, *more: object) -> list[object]:
    words: list[object] = ["init", folder, "--image", image, "--voxel-size", "45,9,9", "--classes", "mito"]
    return [*words, "--query-shape", "1,32,32", *more]


def _failed_in_one_line(result: tuple[int, str, str], *expected: str) -> None:
    code, out, err = result
    assert code == 1, err
    assert out == ""
    lines = [line for line in err.splitlines() if line.startswith("microtome: ")]
    assert len(lines) == 1, err
    assert "Traceback" not in err
    for text in expected:
        assert text in lines[0]


def test_a_project_is_made_queried_and_described(run: Run, tmp_path: Path, image: Path) -> None:
    code, out, _ = run(*_init(tmp_path / "p", image, "--json"))
    assert code == 0
    assert json.loads(out)["candidates"] == 20
    code, out, _ = run("query", tmp_path / "p", "-n", 3, "--json")
    assert code == 0
    assert [row["rank"] for row in json.loads(out)["queries"]] == [1, 2, 3]
    code, out, _ = run("status", tmp_path / "p", "--json")
    assert code == 0
    assert json.loads(out)["open_queries"] == 3


def test_a_new_project_is_described_in_numbers_to_machines_and_in_words_to_people(
    run: Run, tmp_path: Path, image: Path
) -> None:
    words = ("--downsample", "1,2,2", "--query-shape", "1,16,16")
    made = json.loads(run(*_init(tmp_path / "p", image, *words, "--json"))[1])
    assert (made["shape"], made["voxel_nm"], made["classes"]) == ([5, 32, 32], [45, 18, 18], ["mito"])
    shown = run(*_init(tmp_path / "q", image, *words))[1].splitlines()
    assert {"5 × 32 × 32", "45 × 18 × 18", "mito"} <= {line.split(maxsplit=1)[1].strip() for line in shown}


def test_a_voxel_size_that_is_missing_is_asked_for_by_its_option(
    run: Run, tmp_path: Path, image: Path
) -> None:
    result = run("init", tmp_path / "p", "--image", image, "--classes", "mito")
    _failed_in_one_line(result, "give it as z,y,x in nm (--voxel-size)")


def test_the_loop_runs_from_the_command_line(run: Run, project_folder: Path) -> None:
    assert run("simulate", project_folder, "--patches", 7)[0] == 0
    code, out, _ = run("evaluate", project_folder, "--json")
    assert code == 0
    scores = json.loads(out)["scores"][0]
    assert 0 <= scores["jaccard"] <= scores["dice"] <= 1
    assert run("train", project_folder)[0] == 0
    code, out, _ = run("predict", project_folder, "--box", "3:4", "--json")
    assert code == 0
    store = Path(json.loads(out)["prediction"])
    assert open_volume(store / "mitochondria.ome.zarr").read(Box((3, 0, 0), (4, 96, 96))).any()


def test_non_uint8_images_get_a_recorded_window(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "deep.h5"
    with h5py.File(path, "w") as file:
        file["raw"] = np.random.default_rng(0).integers(1000, 5000, (5, 64, 64)).astype(np.uint16)
    assert run(*_init(tmp_path / "p", Path(f"{path}::raw")))[0] == 0
    assert "window = [" in (tmp_path / "p" / "project.toml").read_text()


def test_help_is_quick_and_names_every_command(run: Run) -> None:
    code, out, _ = run("--help")
    assert code == 0
    for command in ("init", "query", "train", "predict", "evaluate", "simulate", "status", "doctor", "demo"):
        assert command in out


def test_importing_microtome_loads_no_torch() -> None:
    check = "import sys, microtome, microtome.cli.app; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0


def test_the_doctor_finds_this_machine_well(run: Run) -> None:
    code, out, _ = run("doctor", "--json")
    assert code == 0
    assert {row["ok"] for row in json.loads(out)["checks"]} <= {"yes", "-"}


@pytest.mark.parametrize(
    "words",
    [["init"], ["fly"], ["query"], ["simulate", "p", "--patches", "many"], ["train", "p", "--device", "tpu"]],
)
def test_wrong_usage_is_exit_code_2(run: Run, words: list[str]) -> None:
    code, _, err = run(*words)
    assert code == 2
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("option", "text"),
    [
        *(("--voxel-size", text) for text in ("45,9", "a,b,c", "inf,9,9")),
        *(("--query-shape", text) for text in ("1,0,32", "1,1.5,32", "nan,1,1", "1e400,1,1", "1e300,1,1")),
        *(("--window", text) for text in ("9,1", "0,inf")),
        *(("--label-values", text) for text in ("1,", "nan", "1.5")),
    ],
)
def test_unreadable_numbers_are_wrong_usage(
    run: Run, tmp_path: Path, image: Path, option: str, text: str
) -> None:
    code, _, err = run(*_init(tmp_path / "p", image, option, text))
    assert code == 2
    assert text in err
    assert not (tmp_path / "p").exists()


def test_a_truncated_tiff_is_refused(run: Run, tmp_path: Path, image: Path) -> None:
    image.write_bytes(image.read_bytes()[:-5000])
    _failed_in_one_line(run(*_init(tmp_path / "p", image)), "image.tif")
    assert not (tmp_path / "p").exists()


def test_a_file_that_is_no_tiff_is_refused(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "text.tif"
    path.write_text("this is not a TIFF")
    _failed_in_one_line(run(*_init(tmp_path / "p", path)), "text.tif")


def test_a_pipe_is_refused_in_place_of_waited_for(run: Run, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.tif")
    _failed_in_one_line(run(*_init(tmp_path / "p", tmp_path / "pipe.tif")), "neither")


def test_a_missing_image_is_refused(run: Run, tmp_path: Path) -> None:
    _failed_in_one_line(run(*_init(tmp_path / "p", tmp_path / "none.tif")), "none.tif")


def test_a_missing_voxel_size_is_asked_for(run: Run, tmp_path: Path, image: Path) -> None:
    words = ["init", tmp_path / "p", "--image", image, "--classes", "mito", "--query-shape", "1,32,32"]
    _failed_in_one_line(run(*words), "voxel size")


def test_labels_of_another_shape_are_refused(run: Run, tmp_path: Path, image: Path) -> None:
    labels = tmp_path / "labels.tif"
    tifffile.imwrite(labels, np.zeros((5, 64, 32), np.uint8))
    _failed_in_one_line(run(*_init(tmp_path / "p", image, "--labels", labels)), "(5, 64, 64)", "(5, 64, 32)")
    assert not (tmp_path / "p").exists()


def test_labels_with_unknown_classes_are_refused(run: Run, tmp_path: Path, image: Path) -> None:
    labels = tmp_path / "labels.tif"
    tifffile.imwrite(labels, np.full((5, 64, 64), 7, np.uint8))
    _failed_in_one_line(run(*_init(tmp_path / "p", image, "--labels", labels)), "7", "[1]")
    assert not (tmp_path / "p").exists()


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_floats_that_are_not_finite_are_refused(run: Run, tmp_path: Path, bad: float) -> None:
    path = tmp_path / "float.npy"
    array = np.random.default_rng(0).random((2, 64, 64), dtype=np.float32)
    array[1, 5] = bad
    np.save(path, array)
    _failed_in_one_line(run(*_init(tmp_path / "p", path)), "64")
    assert not (tmp_path / "p").exists()


@pytest.mark.parametrize("shape", [(0, 64, 64), (2, 3, 64, 64)])
def test_volumes_that_are_empty_or_4d_are_refused(run: Run, tmp_path: Path, shape: tuple[int, ...]) -> None:
    path = tmp_path / "odd.npy"
    np.save(path, np.zeros(shape, np.uint8))
    _failed_in_one_line(run(*_init(tmp_path / "p", path)), "odd.npy")


def test_an_existing_folder_is_left_alone(run: Run, tmp_path: Path, image: Path) -> None:
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "thesis.txt").write_text("years of work")
    _failed_in_one_line(run(*_init(tmp_path / "p", image)), "not empty")
    assert [path.name for path in (tmp_path / "p").iterdir()] == ["thesis.txt"]


def test_a_folder_that_cannot_be_made_is_named(run: Run, tmp_path: Path, image: Path) -> None:
    (tmp_path / "file").write_text("")
    _failed_in_one_line(run(*_init(tmp_path / "file" / "p", image)), "file")


def test_a_folder_that_is_no_project_is_named(run: Run, tmp_path: Path) -> None:
    for command in ("query", "train", "predict", "evaluate", "simulate", "status"):
        _failed_in_one_line(run(command, tmp_path), "is not a microtome project")


def test_a_project_of_a_newer_microtome_is_refused(run: Run, project_folder: Path) -> None:
    settings = project_folder / "project.toml"
    settings.write_text(settings.read_text().replace("schema = 1", "schema = 2"))
    _failed_in_one_line(run("status", project_folder), "newer microtome")


@pytest.mark.parametrize(
    ("was", "becomes", "expected"),
    [
        ("strategy =", "strategi =", "did you mean 'query.strategy'"),
        ("learning_rate", "learning_rat", "did you mean 'train.learning_rate'"),
        ('strategy = "entropy"', 'strategy = "entrpy"', "did you mean 'entropy'"),
        ("dropout = 0", "dropout = 7", "dropout"),
        ('norm = "batch"', 'norm = "group"', "net.norm"),
        ("batch = 2", 'batch = "two"', "train.batch"),
        ("window = [1, 32, 32]", "window = [1, 33, 33]", "a multiple of (1, 2, 2)"),
        ("class_weights = []", "class_weights = [1.0]", "2 class_weights"),
        ("class_weights = []", "class_weights = [0.0, 0.0]", "not all 0"),
    ],
)
def test_a_wrong_setting_is_named(
    run: Run, project_folder: Path, was: str, becomes: str, expected: str
) -> None:
    settings = project_folder / "project.toml"
    assert was in settings.read_text()
    settings.write_text(settings.read_text().replace(was, becomes, 1))
    _failed_in_one_line(run("query", project_folder), expected)


def test_an_image_that_changed_since_init_is_refused(run: Run, tmp_path: Path, image: Path) -> None:
    assert run(*_init(tmp_path / "p", image))[0] == 0
    before = sorted(path.name for path in (tmp_path / "p").rglob("*"))
    tifffile.imwrite(image, np.random.default_rng(9).integers(0, 255, (5, 64, 64), dtype=np.uint8))
    for command in ("predict", "query"):
        _failed_in_one_line(run(command, tmp_path / "p"), "changed since", "expected sha256:", "got sha256:")
    after = sorted(path.name for path in (tmp_path / "p").rglob("*") if path.suffix != ".lock")
    assert after == before


def test_a_changed_truth_stops_a_simulation_and_loses_nothing(run: Run, tmp_path: Path, image: Path) -> None:
    labels = tmp_path / "labels.tif"
    tifffile.imwrite(labels, np.ones((5, 64, 64), np.uint8))
    assert run(*_init(tmp_path / "p", image, "--labels", labels))[0] == 0
    assert run("query", tmp_path / "p", "-n", 2)[0] == 0
    tifffile.imwrite(labels, np.zeros((5, 64, 64), np.uint8))
    _failed_in_one_line(run("simulate", tmp_path / "p"), "changed since")
    assert json.loads(run("status", tmp_path / "p", "--json")[1])["open_queries"] == 2


def test_two_commands_do_not_work_on_one_project_at_once(run: Run, project_folder: Path) -> None:
    with FileLock(project_folder / "work.lock"):
        _failed_in_one_line(run("simulate", project_folder), "another process works on")
        assert run("status", project_folder)[0] == 0
    assert run("query", project_folder)[0] == 0


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        (["--classes", "a/b"], "classes[0]: expected a name that can be a file's"),
        (["--classes", "mito,mito"], "classes: expected distinct entries"),
        (["--query-shape", "1,200,200"], "query.shape (1, 200, 200) does not fit"),
        (["--train", "0:3", "--test", "2:4"], "must not overlap"),
        (["--train", "0:40"], "0:40"),
        (["--downsample", "1,200,1"], "(1, 200, 1)"),
        (["--seed", 2**70], "seed"),
        (["--strategy", "entropie"], "did you mean 'entropy'"),
        (["--recipe", "defualt"], "did you mean 'default'"),
    ],
)
def test_words_that_do_not_fit_are_named(
    run: Run, tmp_path: Path, image: Path, more: list[object], expected: str
) -> None:
    result = run(*_init(tmp_path / "p", image, *more))
    _failed_in_one_line(result, expected)
    assert "pydantic" not in result[2]
    assert not (tmp_path / "p").exists()


def test_damaged_weights_and_other_classes_are_refused(run: Run, project_folder: Path) -> None:
    assert run("simulate", project_folder, "--patches", 3)[0] == 0
    weights = project_folder / "models" / "001" / "weights.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-4] + b"\x00\x01\x02\x03")
    _failed_in_one_line(run("evaluate", project_folder), "expected weights of sha256")
    weights.write_bytes(whole)
    (project_folder / "models" / "001" / "model.json").write_text("[]")
    _failed_in_one_line(run("evaluate", project_folder), "holds no whole model")
    settings = project_folder / "project.toml"
    settings.write_text(settings.read_text().replace("mitochondria", "vesicles"))
    _failed_in_one_line(run("simulate", project_folder), "expected classes ['mitochondria']")


def test_training_that_diverges_says_so_and_leaves_no_model(run: Run, project_folder: Path) -> None:
    settings = project_folder / "project.toml"
    settings.write_text(settings.read_text().replace("learning_rate = 0.003", "learning_rate = 1e30"))
    _failed_in_one_line(run("simulate", project_folder, "--patches", 3), "training diverged")
    assert not list((project_folder / "models").iterdir())


def test_a_lost_or_damaged_chunk_is_predicted_again(run: Run, project_folder: Path) -> None:
    assert run("simulate", project_folder, "--patches", 3)[0] == 0
    assert run("predict", project_folder)[0] == 0
    image = project_folder / "predictions" / "001" / "mitochondria.ome.zarr"
    box = Box((0, 0, 0), (4, 96, 96))
    expected = open_volume(image).read(box)
    chunks = sorted(path for path in image.rglob("*") if path.is_file() and path.name.isdigit())
    assert len(chunks) == 4
    chunks[1].unlink()
    chunks[2].write_bytes(b"xx")
    assert run("predict", project_folder)[0] == 0
    np.testing.assert_array_equal(open_volume(image).read(box), expected)


def test_a_damaged_journal_is_named(run: Run, project_folder: Path) -> None:
    (project_folder / "journal.sqlite").write_bytes(b"not a database" * 100)
    _failed_in_one_line(run("status", project_folder), "journal.sqlite")


def test_simulating_without_known_labels_is_refused(run: Run, tmp_path: Path, image: Path) -> None:
    assert run(*_init(tmp_path / "p", image))[0] == 0
    _failed_in_one_line(run("simulate", tmp_path / "p"), "no [truth]")


def test_evaluating_without_a_test_split_is_refused(run: Run, tmp_path: Path, image: Path) -> None:
    labels = tmp_path / "labels.tif"
    tifffile.imwrite(labels, np.ones((5, 64, 64), np.uint8))
    assert run(*_init(tmp_path / "p", image, "--labels", labels))[0] == 0
    _failed_in_one_line(run("evaluate", tmp_path / "p"), "train one first")


@pytest.mark.slow
def test_a_full_disk_stops_with_one_line_and_the_run_goes_on_later(project_folder: Path) -> None:
    """Files are limited to a few kB, as on a disk that is full; then the limit is lifted."""

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))

    words = [sys.executable, "-m", "microtome", "simulate", str(project_folder), "--patches", "7"]
    full = subprocess.run(words, capture_output=True, text=True, preexec_fn=limited, check=False)
    assert full.returncode == 1, full.stderr
    assert "Traceback" not in full.stderr
    assert full.stderr.splitlines()[-1].startswith("microtome: ")
    after = subprocess.run(words, capture_output=True, text=True, check=False)
    assert after.returncode == 0, after.stderr
    status = [sys.executable, "-m", "microtome", "status", str(project_folder), "--json"]
    state = json.loads(subprocess.run(status, capture_output=True, text=True, check=True).stdout)
    assert state["answers"] == 7
    assert state["models"] == 2


def test_an_interrupted_run_says_how_to_go_on(
    run: Run, project_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("microtome.loop.simulation.ask", stop)
    code, _, err = run("simulate", project_folder)
    assert code == 130
    assert "the same command goes on from there" in err


def test_status_tells_the_cost_by_class_round_and_annotator(run: Run, project_folder: Path) -> None:
    run("simulate", project_folder, "--patches", "5")
    code, out, _ = run("status", project_folder, "--cost", "--json")
    assert code == 0
    data = json.loads(out)
    cost = data["cost"]
    assert [row["class"] for row in cost["classes"]] == ["background", "mitochondria"]
    for table in (cost["classes"], cost["rounds"], cost["annotators"]):
        assert sum(row["minutes"] for row in table) == pytest.approx(data["minutes"])
    assert sum(row["megavoxels"] for row in cost["classes"]) == pytest.approx(5 * 1024 / 1e6)
    code, out, err = run("status", project_folder, "--cost")
    assert code == 0
    assert "min_per_mvox" in out
    assert "5 answers" in err


def test_a_volume_is_predicted_while_a_worker_trains(run: Run, project_folder: Path) -> None:
    assert run("simulate", project_folder, "--patches", "3")[0] == 0
    with FileLock(project_folder / "work.lock"):
        assert run("predict", project_folder, "--box", "3:4")[0] == 0
