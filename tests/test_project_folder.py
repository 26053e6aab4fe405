from pathlib import Path

import numpy as np
import pytest

from microtome.box import Box
from microtome.labels import IGNORE
from microtome.project.config import (
    ImageConfig,
    ProjectConfig,
    QueryConfig,
    SplitsConfig,
    TruthConfig,
)
from microtome.project.cost import cost_of_model, costs_by_round, total_cost
from microtome.project.folder import Project, create_project, open_project, resolved_uri
from microtome.project.records import Answer, Model, Query
from microtome.project.truth import ClassLabels
from microtome.volume import ArrayVolume, fingerprint, open_volume

NM = (40.0, 4.0, 4.0)
SHAPE = (4, 8, 8)
ALLOWED = {"train": frozenset({"steps"}), "net": frozenset()}


def voxels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, SHAPE, dtype=np.uint8)


def labels() -> np.ndarray:
    result = np.zeros(SHAPE, dtype=np.uint16)
    result[:, :4] = 300
    result[:, 4:, :2] = 7
    return result


def config(folder: Path, image: np.ndarray, truth: np.ndarray, **changes: object) -> ProjectConfig:
    np.save(folder / "image.npy", image)
    np.save(folder / "truth.npy", truth)
    image_config = {
        "uri": "../image.npy",
        "voxel_size_nm": NM,
        "shape": SHAPE,
        "fingerprint": fingerprint(open_volume(folder / "image.npy", NM)),
    }
    return ProjectConfig(
        classes=("mitochondrion", "vesicle"),
        seed=0,
        image=ImageConfig.model_validate(image_config | changes),
        truth=TruthConfig(
            uri=str(folder / "truth.npy"),
            values=(300, 7),
            fingerprint=fingerprint(open_volume(folder / "truth.npy", NM)),
        ),
        query=QueryConfig(shape=(1, 4, 4), batch=2, strategy="entropy", sampling="flips", samples=4),
        splits=SplitsConfig(train="0:2", test="2:4"),
        train={"steps": 10},
    )


@pytest.fixture
def plain(tmp_path: Path) -> ProjectConfig:
    return config(tmp_path, voxels(), labels())


@pytest.fixture
def project(tmp_path: Path, plain: ProjectConfig) -> Project:
    return create_project(tmp_path / "mito", plain)


def test_a_project_opens_as_it_was_created(project: Project, plain: ProjectConfig) -> None:
    with open_project(project.root, ALLOWED) as opened:
        assert opened.config == plain
        assert opened.journal.queries() == []
        assert opened.journal is opened.journal
    names = {path.name for path in project.root.iterdir()}
    assert names == {"project.toml", "journal.sqlite", "models", "predictions"}
    assert (project.models_dir.is_dir(), project.predictions_dir.is_dir()) == (True, True)


def test_an_empty_folder_may_become_a_project(tmp_path: Path, plain: ProjectConfig) -> None:
    (tmp_path / "mito").mkdir()
    assert open_project(create_project(tmp_path / "mito", plain).root, ALLOWED).config == plain


def test_a_folder_is_never_overwritten(project: Project, plain: ProjectConfig, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="mito already holds a project"):
        create_project(project.root, plain)
    with pytest.raises(ValueError, match="is not empty"):
        create_project(tmp_path, plain)
    with pytest.raises(ValueError, match="is a file"):
        create_project(tmp_path / "image.npy", plain)


def test_the_current_folder_is_not_replaced(
    tmp_path: Path, plain: ProjectConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    with pytest.raises(ValueError, match="current"):
        create_project(Path(), plain)


def test_a_failed_creation_leaves_nothing(
    tmp_path: Path, plain: ProjectConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = sorted(tmp_path.iterdir())

    def full(descriptor: int) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        create_project(tmp_path / "mito", plain)
    assert sorted(tmp_path.iterdir()) == before


def test_a_folder_without_project_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"is not a microtome project: no project\.toml in it"):
        open_project(tmp_path, ALLOWED)


def test_keys_that_the_upper_floors_do_not_know_are_refused(project: Project) -> None:
    with pytest.raises(ValueError, match=r"unknown key 'train\.steps'"):
        open_project(project.root, {})


def test_a_project_whose_journal_is_gone_says_so(project: Project) -> None:
    project.journal_path.unlink()
    with pytest.raises(ValueError, match="there is no journal at"):
        _ = project.journal


def test_relative_paths_start_at_the_project() -> None:
    root = Path("/data/mito")
    assert resolved_uri(root, "../vol.h5::raw") == "/data/mito/../vol.h5::raw"
    assert resolved_uri(root, "/vol.npy") == "/vol.npy"
    assert resolved_uri(root, "https://example.org/vol.zarr") == "https://example.org/vol.zarr"


def test_the_image_is_the_file(project: Project) -> None:
    image = project.image()
    assert image.voxel_size_nm == NM
    np.testing.assert_array_equal(image.read(Box.of(SHAPE)), voxels())


def test_window_and_downsampling_apply(tmp_path: Path) -> None:
    image = np.zeros(SHAPE, dtype=np.uint16)
    image[:, :4] = 1000
    plain = config(tmp_path, image, labels(), window=(0.0, 1000.0), downsample=(1, 2, 2), shape=(4, 4, 4))
    project = create_project(tmp_path / "mito", plain)
    volume, truth = project.image(), project.truth()
    assert truth is not None
    assert volume.voxel_size_nm == truth.voxel_size_nm == (40.0, 8.0, 8.0)
    assert volume.read(Box.of((1, 4, 1))).ravel().tolist() == [255, 255, 0, 0]
    assert truth.dtype == np.uint8
    assert truth.read(Box.of((1, 4, 2)))[0].tolist() == [[1, 1], [1, 1], [2, 0], [2, 0]]


def test_an_image_of_another_type_needs_a_window(tmp_path: Path) -> None:
    project = create_project(tmp_path / "mito", config(tmp_path, voxels().astype(np.uint16), labels()))
    with pytest.raises(ValueError, match=r"image\.npy is uint16, not uint8.*image\.window"):
        project.image()


def test_a_shape_other_than_recorded_is_refused(tmp_path: Path) -> None:
    plain = config(tmp_path, voxels(), labels(), shape=(4, 8, 9))
    project = create_project(tmp_path / "mito", plain)
    with pytest.raises(ValueError, match=r"shape \(4, 8, 8\) .* says \(4, 8, 9\)"):
        project.image()


def test_an_image_that_changed_since_init_is_refused(project: Project, tmp_path: Path) -> None:
    np.save(tmp_path / "image.npy", 255 - voxels())
    expected = r"image\.npy changed since `microtome init`: expected sha256:\w+, got sha256:\w+"
    with pytest.raises(ValueError, match=expected):
        project.image()


def test_truth_that_changed_since_init_is_refused(project: Project, tmp_path: Path) -> None:
    np.save(tmp_path / "truth.npy", labels() + 1)
    with pytest.raises(ValueError, match=r"truth\.npy changed since"):
        project.truth()


def test_truth_is_mapped_to_classes(project: Project) -> None:
    truth = project.truth()
    assert truth is not None
    expected = np.zeros(SHAPE, dtype=np.uint8)
    expected[:, :4] = 1
    expected[:, 4:, :2] = 2
    np.testing.assert_array_equal(truth.read(Box.of(SHAPE)), expected)


def test_a_project_may_have_no_truth(project: Project) -> None:
    bare = Project(project.root, project.config.model_copy(update={"truth": None}))
    assert bare.truth() is None


def test_unknown_truth_values_are_named_with_their_box() -> None:
    volume = ClassLabels(ArrayVolume(labels(), NM), (300,))
    with pytest.raises(ValueError, match=r"unknown values in box 0:1,0:8,0:8: 7; truth.values names \[300\]"):
        volume.read(Box.of((1, 8, 8)))
    assert volume.read(Box.of((4, 4, 8))).all()


def test_many_unknown_values_stay_on_one_line() -> None:
    instances = np.arange(64, dtype=np.uint64).reshape(1, 8, 8)
    with pytest.raises(ValueError, match=r"1, 2, 3, 4, 5, 6, 7, 8, …; "):
        ClassLabels(ArrayVolume(instances, NM), (99,)).read(Box.of((1, 8, 8)))


def test_a_file_value_beyond_the_type_is_just_absent() -> None:
    zeros = np.zeros((1, 2, 2), dtype=np.uint8)
    assert not ClassLabels(ArrayVolume(zeros, NM), (1000,)).read(Box.of((1, 2, 2))).any()


def test_truth_must_be_integers_and_is_never_written() -> None:
    with pytest.raises(ValueError, match="integer labels; got float32"):
        ClassLabels(ArrayVolume(np.zeros((1, 1, 1), np.float32), NM), (1,))
    truth = ClassLabels(ArrayVolume(np.zeros((1, 1, 1), np.uint8), NM), (1,))
    with pytest.raises(OSError, match="only read"):
        truth.write(Box.of((1, 1, 1)), np.zeros((1, 1, 1), np.uint8))


def annotate(project: Project, query_id: int, seconds: float, **changes: object) -> None:
    labels = np.zeros((1, 4, 4), dtype=np.uint8)
    labels[0, 0] = IGNORE  # 12 of 16 voxels annotated
    plain = {"query_id": query_id, "annotator": "ada", "active_seconds": seconds, "method": "scratch"}
    project.journal.add_answer(Answer(labels=labels, **(plain | changes)))  # type: ignore[arg-type]


def ask(project: Project) -> None:
    boxes = [Box((0, y, x), (1, y + 4, x + 4)) for y in (0, 4) for x in (0, 4)]
    project.journal.add_queries(
        [
            Query(round=n // 2, box=box, strategy="random", score=0.0, rank=n % 2, reason="")
            for n, box in enumerate(boxes)
        ]
    )


def test_costs_equal_numbers_worked_out_by_hand(project: Project) -> None:
    with project:
        ask(project)
        annotate(project, 1, 60.0)
        annotate(project, 2, 180.0)
        annotate(project, 3, 30.0)
        first, second = costs_by_round(project.journal)
        total = total_cost(project.journal)
    assert (first.round, first.answers, first.voxels, first.minutes) == (0, 2, 24, 4.0)
    assert first.megavoxels == 24e-6
    assert first.minutes_per_megavoxel == pytest.approx(4 / 24e-6)
    assert (first.least, first.most) == pytest.approx((1 / 12e-6, 3 / 12e-6))
    assert (second.round, second.answers, second.minutes) == (1, 1, 0.5)
    assert (total.round, total.answers, total.voxels, total.minutes) == (None, 3, 36, 4.5)


def test_a_corrected_answer_costs_both_times_and_counts_once(project: Project) -> None:
    with project:
        ask(project)
        annotate(project, 1, 60.0)
        annotate(project, 1, 30.0, supersedes=1, method="corrected")
        (cost,) = costs_by_round(project.journal)
    assert (cost.answers, cost.voxels, cost.minutes) == (1, 12, 1.5)


def test_a_model_cost_what_it_learned_from(project: Project) -> None:
    with project:
        ask(project)
        annotate(project, 1, 60.0)
        annotate(project, 1, 30.0, supersedes=1, method="corrected")
        annotate(project, 2, 180.0)
        annotate(project, 3, 600.0)
        model = Model(round=0, seed=0, path="models/001", seconds=1.0, trained_on=(2, 3))
        cost = cost_of_model(project.journal, model)
    assert (cost.answers, cost.voxels, cost.minutes) == (2, 24, 4.5)


def test_without_annotated_voxels_there_is_no_rate(project: Project) -> None:
    with project:
        ask(project)
        nothing = np.full((1, 4, 4), IGNORE, dtype=np.uint8)
        project.journal.add_answer(
            Answer(query_id=1, annotator="ada", labels=nothing, active_seconds=60.0, method="scratch")
        )
        cost = total_cost(project.journal)
    assert (cost.minutes, cost.minutes_per_megavoxel, cost.least, cost.most) == (1.0, None, None, None)


def test_a_journal_without_answers_costs_nothing(project: Project) -> None:
    with project:
        assert costs_by_round(project.journal) == []
        assert total_cost(project.journal).minutes == 0
