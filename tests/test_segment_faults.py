"""What goes wrong while a volume is segmented: one line that names it, and afterwards nothing is amiss."""

import json
import shutil
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

import numpy as np
import pytest

from conftest import Run, phantom_project
from file_server import served
from microtome.box import Box
from microtome.cli.app import main
from microtome.learn.settings import TABLES
from microtome.project import open_project
from microtome.volume import create_volume, open_volume

SHAPE = (4, 96, 96)
WHOLE = Box.of(SHAPE)
SETTINGS = ("--threshold", 0.43, "--holes", 9, "--block", "2,48,48")
CHUNK = Path("image.ome.zarr/0/c/2/0/0")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a model that finds something."""
    root = phantom_project(tmp_path_factory.mktemp("model") / "mito")
    settings = root / "project.toml"
    settings.write_text(settings.read_text().replace("steps = 6", "steps = 40"))
    with pytest.MonkeyPatch.context() as patch, suppress(SystemExit):
        patch.setattr(sys, "argv", ["microtome", "simulate", str(root), "--patches", "3"])
        main()
    return root


@pytest.fixture
def project(model: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(model, tmp_path / "mito"))


@pytest.fixture(scope="module")
def undisturbed(model: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    root = shutil.copytree(model, tmp_path_factory.mktemp("undisturbed") / "mito")
    with pytest.MonkeyPatch.context() as patch, suppress(SystemExit):
        patch.setattr(sys, "argv", ["microtome", "segment", str(root), *map(str, SETTINGS)])
        main()
    found = result(root)
    assert found["told"]["classes"]["mitochondria"]["instances"] > 3
    return found


def result(root: Path) -> dict[str, Any]:
    """Everything that a segmentation leaves, but how long it took."""
    folder = root / "segmentations" / "001"
    told = json.loads((folder / "segmentation.json").read_text())
    assert (folder / "report.html").stat().st_size > 1000
    return {
        "ids": voxels(folder / "mitochondria.ome.zarr"),
        "table": (folder / "mitochondria.csv").read_text(),
        "probability": voxels(root / "predictions/001/mitochondria.ome.zarr"),
        "uncertainty": voxels(root / "predictions/001/uncertainty.ome.zarr"),
        "told": {key: value for key, value in told.items() if key != "seconds"},
    }


def voxels(path: Path) -> list[Any]:
    found: list[Any] = open_volume(path).read(WHOLE).tolist()
    return found


def fails(run: Run, project: Path, *named: str, code: int = 1) -> str:
    """Segment, which must fail with one line that says all of `named`."""
    found, out, err = run("segment", project, *SETTINGS)
    line = err.splitlines()[-1]  # before it there may be progress
    assert (found, out, err.count("microtome: "), "Traceback" in err) == (code, "", 1, False), err
    for words in ("microtome: ", *named):
        assert words in line
    return line


def goes_on(run: Run, project: Path, undisturbed: dict[str, Any]) -> None:
    code, _, err = run("segment", project, *SETTINGS)
    assert code == 0, err
    assert result(project) == undisturbed


@pytest.fixture
def unsampled(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Damage to the image where its fingerprint does not look; of a volume this small it sees all."""
    with open_project(model, TABLES) as opened:
        known = opened.config.image.fingerprint
    monkeypatch.setattr("microtome.project.folder.fingerprint", lambda _: known)


@pytest.mark.usefixtures("unsampled")
def test_a_damaged_chunk_of_the_image_is_named(run: Run, project: Path, undisturbed: dict[str, Any]) -> None:
    whole = (project / CHUNK).read_bytes()
    (project / CHUNK).write_bytes(b"damage")
    fails(run, project, str(CHUNK))
    (project / CHUNK).write_bytes(whole)
    goes_on(run, project, undisturbed)


@pytest.mark.slow
def test_a_damaged_chunk_is_seen_before_anything_is_written_where_it_is_sampled(
    run: Run, project: Path
) -> None:
    (project / CHUNK).write_bytes(b"damage")
    fails(run, project, str(CHUNK))
    assert not any((project / "predictions").iterdir())


@pytest.mark.slow
@pytest.mark.usefixtures("unsampled")
def test_a_missing_chunk_is_damage_where_the_project_says_so(
    run: Run, project: Path, undisturbed: dict[str, Any]
) -> None:
    settings = project / "project.toml"
    settings.write_text(settings.read_text().replace('missing = "zero"', 'missing = "error"'))
    whole = (project / CHUNK).read_bytes()
    (project / CHUNK).unlink()
    fails(run, project, str(CHUNK), "is missing")
    (project / CHUNK).write_bytes(whole)
    goes_on(run, project, undisturbed)


@pytest.mark.slow
@pytest.mark.usefixtures("unsampled")
def test_a_missing_chunk_is_zero_otherwise(run: Run, project: Path) -> None:
    (project / CHUNK).unlink()
    assert run("segment", project, *SETTINGS)[0] == 0
    assert not np.array(result(project)["probability"])[2].any()


def test_an_image_that_lost_a_sampled_chunk_is_not_the_projects(run: Run, project: Path) -> None:
    (project / CHUNK).unlink()
    fails(run, project, "image.ome.zarr changed since `microtome init`")


@pytest.mark.slow
@pytest.mark.parametrize("loss", ["damaged", "missing"])
def test_a_prediction_that_was_damaged_since_is_predicted_again(
    run: Run, project: Path, undisturbed: dict[str, Any], loss: str
) -> None:
    run("predict", project)
    chunk = project / "predictions/001/mitochondria.ome.zarr/0/c/1/0/0"
    chunk.unlink() if loss == "missing" else chunk.write_bytes(b"damage")
    goes_on(run, project, undisturbed)


def test_a_prediction_damaged_while_it_is_labelled_is_named(
    run: Run, project: Path, undisturbed: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    chunk = Path("predictions/001/mitochondria.ome.zarr/0/c/2/0/0")
    with before(monkeypatch, "microtome.loop.segmentation.label_instances") as do:
        do(lambda: (project / chunk).write_bytes(b"damage"))
        fails(run, project, str(chunk))
    goes_on(run, project, undisturbed)


@pytest.mark.slow
def test_damaged_ids_are_named_and_made_again_once_they_are_removed(
    run: Run, project: Path, undisturbed: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = project / "segmentations/001/mitochondria.ome.zarr"
    with before(monkeypatch, "microtome.segment.tables.measure") as do:
        do(lambda: next(ids.glob("0/c/*/*/*")).write_bytes(b"damage"))
        fails(run, project, "mitochondria.ome.zarr/0/c/")
    shutil.rmtree(ids)
    goes_on(run, project, undisturbed)


@pytest.mark.slow
def test_what_was_measured_of_former_ids_is_not_kept(run: Run, project: Path) -> None:
    folder = project / "segmentations/001"
    assert run("segment", project, *SETTINGS)[0] == 0
    shutil.rmtree(folder / "mitochondria.ome.zarr")
    shutil.rmtree(folder / "work")
    assert run("segment", project, "--threshold", 0.9)[0] == 0
    assert (folder / "mitochondria.csv").read_text().count("\n") == 1


CHUNKS, FILE = ("cannot be read or written: File too large", "cannot be written: File too large")
FULL = {  # the step before which the disk fills, bytes that fit on it, what is named and what is said
    "the prediction is made": ("microtome.loop.models.open_store", 100, "predictions/001", CHUNKS),
    "chunks are predicted": ("microtome.loop.models.fill", 300, "mitochondria.ome.zarr/0/c/", CHUNKS),
    "labelling is planned": ("microtome.loop.segmentation.label_instances", 50, "plan.json", FILE),
    "parts are kept": ("microtome.loop.segmentation.label_instances", 2000, ".npz", FILE),
    "ids are made": ("microtome.segment.instances._components", 400, "segmentations/001", FILE),
    "ids are written": ("microtome.segment.stage.Stage.write", 100, "segmentations/001", FILE),
    "a table is written": ("microtome.segment.tables.write_columns", 50, "mitochondria.csv", FILE),
    "a summary is written": ("microtome.loop.segmentation.cost_of_model", 50, "segmentation.json", FILE),
    "the report is written": (
        "microtome.benchmark.report.segmentation.write_segmentation",
        99,
        "report.html",
        FILE,
    ),
}


@pytest.mark.parametrize(
    "when", [pytest.param(when, marks=() if when == "ids are written" else pytest.mark.slow) for when in FULL]
)
def test_a_full_disk_is_one_line_and_the_run_goes_on(
    run: Run, project: Path, undisturbed: dict[str, Any], monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    resource = pytest.importorskip("resource")
    step, size, named, said = FULL[when]
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        with before(monkeypatch, step) as do:
            do(lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1])))
            line = fails(run, project, named)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert line.endswith(said)  # as of a full disk, where files may not grow
    goes_on(run, project, undisturbed)


@pytest.mark.parametrize(
    "step",
    [
        "microtome.segment.stage._Write.__call__",
        pytest.param("microtome.predict.filling.Filling.compute", marks=pytest.mark.slow),
        pytest.param("microtome.segment.stage._Search.__call__", marks=pytest.mark.slow),
        pytest.param("microtome.segment.measure._Measured.__call__", marks=pytest.mark.slow),
        pytest.param("microtome.benchmark.report.segmentation.write_segmentation", marks=pytest.mark.slow),
    ],
)
def test_ctrl_c_is_one_line_and_the_run_goes_on(
    run: Run, project: Path, undisturbed: dict[str, Any], monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    main = threading.main_thread().ident
    assert main is not None
    with before(monkeypatch, step, call=2 if "predict" in step else 1) as do:
        do(lambda: signal.pthread_kill(main, signal.SIGINT))
        fails(run, project, "the same command goes on from there", code=130)
    goes_on(run, project, undisturbed)


@pytest.mark.slow
def test_a_kill_as_labelling_begins_is_no_obstacle(
    run: Run, project: Path, undisturbed: dict[str, Any]
) -> None:
    work = project / "segmentations/001/work/mitochondria"
    work.mkdir(parents=True)
    (work / ".plan.json.partial").write_text('{"version"')
    goes_on(run, project, undisturbed)


def test_another_voxel_size_than_that_of_the_prediction_is_refused(
    run: Run, project: Path, undisturbed: dict[str, Any]
) -> None:
    assert run("predict", project)[0] == 0
    settings = project / "project.toml"
    whole = settings.read_text()
    settings.write_text(whole.replace("voxel_size_nm = [", "voxel_size_nm = [1"))
    fails(run, project, "predictions/001/mitochondria.ome.zarr has voxels of", "the project says (1")
    settings.write_text(whole)
    goes_on(run, project, undisturbed)


def mask_of(path: Path, nm: tuple[float, float, float]) -> Path:
    create_volume(path, (4, 48, 48), np.dtype(np.uint8), nm).write(
        Box.of((4, 48, 48)), np.ones((4, 48, 48), np.uint8)
    )
    return path


def test_a_mask_of_other_voxels_is_refused_before_anything_is_written(
    run: Run, project: Path, tmp_path: Path
) -> None:
    nm = open_volume(project / "image.ome.zarr").voxel_size_nm
    wrong, right = mask_of(tmp_path / "wrong.ome.zarr", nm), tmp_path / "right.ome.zarr"
    code, _, err = run("segment", project, "--mask", wrong)
    assert (code, f"{wrong} has voxels of {nm} nm; expected ({nm[0]}, {2 * nm[1]}" in err) == (1, True), err
    assert not any((project / "predictions").iterdir())
    mask_of(right, (nm[0], 2 * nm[1], 2 * nm[2]))
    assert run("predict", project, "--mask", right, "--box", "0:1")[0] == 0


@pytest.mark.slow
def test_a_mask_that_states_no_voxels_is_taken_by_its_shape(run: Run, project: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "mask.npy", np.ones((4, 48, 48), np.uint8))
    assert run("predict", project, "--mask", tmp_path / "mask.npy", "--box", "0:1")[0] == 0


@pytest.mark.slow
def test_where_the_mask_was_mended_is_predicted_again(
    run: Run, project: Path, undisturbed: dict[str, Any], tmp_path: Path
) -> None:
    mask = tmp_path / "mask.npy"
    np.save(mask, np.arange(4)[:, None, None] * np.ones((4, 96, 96), np.uint8))
    assert run("segment", project, "--mask", mask, *SETTINGS)[0] == 0
    assert not np.array(result(project)["probability"])[0].any()
    np.save(mask, np.ones(SHAPE, np.uint8))
    code, _, err = run("segment", project, "--mask", mask, *SETTINGS)
    assert (code, "was begun with another volume" in err) == (1, True)
    assert voxels(project / "predictions/001/mitochondria.ome.zarr") == undisturbed["probability"]


@pytest.mark.slow
def test_a_segmentation_of_a_part_is_not_taken_for_that_of_the_whole(
    run: Run, project: Path, undisturbed: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        monkeypatch.context() as patch
    ):  # that the samples of a fingerprint miss, as they may in a large volume
        patch.setattr("microtome.segment.instances.fingerprint", lambda _: "the same")
        assert run("segment", project, "--box", "0:2", *SETTINGS)[0] == 0
        fails(run, project, "was begun with another volume")
    shutil.rmtree(project / "segmentations")
    goes_on(run, project, undisturbed)


def remote(project: Path, uri: str) -> None:
    """Move the image behind an address."""
    settings = project / "project.toml"
    settings.write_text(settings.read_text().replace('uri = "image.ome.zarr"', f'uri = "{uri}"'))


@pytest.mark.slow
def test_a_server_that_goes_away_is_named_and_the_run_goes_on_when_it_is_back(
    run: Run, project: Path, undisturbed: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("microtome.volume.tensors.CACHE_BYTES", 0)  # of so small an image all would be kept
    with ExitStack() as server:
        url = server.enter_context(served(project))
        remote(project, f"{url}/image.ome.zarr")
        with before(monkeypatch, "microtome.predict.filling.Filling.read", call=3) as do:
            do(server.close)
            fails(run, project, f"{url}/image.ome.zarr", "cannot be reached")
    fails(run, project, f"{url}/image.ome.zarr", "cannot be reached")
    with served(project, port=int(url.rpartition(":")[2])):
        goes_on(run, project, undisturbed)


def test_a_bucket_that_is_not_there_is_named(
    run: Run, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    remote(project, "s3://nobodys-bucket/image.ome.zarr")
    with served(tmp_path) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        fails(run, project, "s3://nobodys-bucket/image.ome.zarr does not exist")


@contextmanager
def before(
    monkeypatch: pytest.MonkeyPatch, name: str, call: int = 1
) -> Iterator[Callable[[Callable[[], object]], None]]:
    """Have something happen before a function is called for the so-many-eth time."""
    calls, happenings = [0], []

    def disturbed(*words: Any, **more: Any) -> Any:  # noqa: ANN401
        calls[0] += 1
        if calls[0] == call:
            for happen in happenings:
                happen()
        return original(*words, **more)

    with monkeypatch.context() as patch:
        original = resolve_name(name)
        patch.setattr(name, disturbed)
        yield happenings.append
