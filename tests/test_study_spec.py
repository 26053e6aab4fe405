"""A study's file: read strictly, and all that its numbers depend on in one digest."""

from pathlib import Path

import numpy as np
import pytest
import tifffile

from microtome.benchmark.protocol.spec import read_spec
from microtome.benchmark.protocol.task import named_part, task_of
from microtome.box import Box
from microtome.cli.names import START_STRATEGIES, STRATEGIES
from studies import small_spec

SPEC = """
title = "Mitochondria"
tier = "B"
dataset = "vnc"
classes = ["mitochondria"]
strategies = ["entropy"]
"""
FILES = SPEC.replace('dataset = "vnc"', "")


def written(folder: Path, text: str) -> Path:
    path = folder / "spec.toml"
    path.write_text(text)
    return path


def test_the_baselines_are_always_compared(tmp_path: Path) -> None:
    spec = read_spec(written(tmp_path, SPEC))
    assert spec.compared == ("random", "foreground-random", "strided", "oracle-hard", "entropy")
    assert small_spec(strategies=("entropy", "random")).compared.count("random") == 1


SPECS = sorted((Path(__file__).parents[1] / "benchmarks" / "specs").glob("*.toml"))


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_a_published_study_can_be_run_again(path: Path) -> None:
    spec = read_spec(path)
    assert set(spec.compared) <= set(STRATEGIES)
    assert spec.start_strategy in START_STRATEGIES
    named_part(spec.dataset or "")
    if spec.tier != "A":
        spec.recipe.require_trainable(1 + len(spec.classes))


def test_networks_are_described_as_in_a_project_file(tmp_path: Path) -> None:
    spec = read_spec(written(tmp_path, SPEC + "[net]\nwidths = [4, 8]\n[train]\nsteps = 7\n"))
    assert spec.recipe.net.widths == (4, 8)
    assert spec.recipe.train.steps == 7


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (SPEC + "seedz = 3", "seedz"),
        (SPEC + "seeds = 0", "seeds"),
        (SPEC + "seeds = 1_000_000_000", "seeds: input should be less than or equal to 1000"),
        (SPEC.replace('"Mitochondria"', '""'), "title"),
        (SPEC + "budgets = [8, 16]", "budgets must grow from start = 8; got"),
        (SPEC + "budgets = [16, 16]", "budgets must grow"),
        (SPEC + "budgets = []", "budgets"),
        (SPEC.replace('["entropy"]', '["entropy", "entropy"]'), "strategies must be distinct"),
        (SPEC.replace('["entropy"]', "[]"), "strategies"),
        (SPEC.replace('"B"', '"D"'), "tier"),
        (SPEC.replace('["mitochondria"]', '["a", "a"]'), "classes must be distinct"),
        (
            SPEC.replace('"B"', '"A"') + "[net]\nwidths = [4]",
            r"tier A trains no network: expected no table \[net",
        ),
        (SPEC + 'primary = "margin"', "a primary strategy of those compared, .*; got 'margin'"),
        (SPEC + 'primary = "entropy"\nprimary_reference = "margin"', "a primary_reference that is compared"),
        (SPEC + 'primary = "random"\nprimary_reference = "random"', "and not the primary; got 'random'"),
        (SPEC.replace('dataset = "vnc"', ""), "either a dataset, or"),
        (
            FILES + 'test_dataset = "vnc"\n[files]\nimage="a"\nlabels="b"',
            "test_dataset beside a dataset alone",
        ),
        (
            FILES + '[files]\nimage="a"\nlabels="b"\nvalues=[1, 2]',
            "one of files.values for each of 1 classes",
        ),
        (FILES + '[files]\nimage="a"\nlabels="b"\nvalues=[1, 1]', "values must be distinct"),
        (FILES + '[files]\nimage="a"\nlabels="b"\nwindow=[9, 1]', "window = .low, high. with low < high"),
        (FILES + '[files]\nimage="a"\nlabels="b"\nvoxel_size_nm=[0, 1, 1]', "files.voxel_size_nm.0.: input"),
        (FILES + '[files]\nimage=""\nlabels="b"', "files.image"),
        (SPEC + '[files]\nimage = "a"\nlabels = "b"', "either a dataset, or"),
        (
            SPEC.replace('dataset = "vnc"', "") + '[files]\nimage="a"\nlabels="b"\ntest_image="c"',
            "or neither",
        ),
        (SPEC + "[train]\nstepz = 7", "train.stepz: unknown key"),
        (SPEC + "[train]\nsteps = 0", "steps >= 1"),
        ("title = ", "not valid TOML"),
    ],
)
def test_a_wrong_spec_is_refused_in_one_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        read_spec(written(tmp_path, text))
    assert "\n" not in str(caught.value)


def test_a_spec_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"^expected the file of a study at .*nowhere.toml: no such file"):
        read_spec(tmp_path / "nowhere.toml")


def test_an_unknown_part_is_refused_before_anything_is_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "microtome.benchmark.protocol.task.locate", lambda *_, **__: pytest.fail("looked for")
    )
    with pytest.raises(ValueError, match="expected one of them, as in cremi/A; got 'D'"):
        task_of(small_spec(dataset="cremi/D", classes=("clefts",)), print)


def test_more_seeds_or_strategies_are_the_same_study_and_anything_else_is_not() -> None:
    base = small_spec().digest()
    assert small_spec(seeds=9, strategies=("margin",), title="other").digest() == base
    for change in (
        {"fn_n": 3},
        {"budgets": (6, 11)},
        {"start_strategy": "random"},
    ):
        assert small_spec(**change).digest() != base


def pair(folder: Path, name: str, shape: tuple[int, int, int]) -> tuple[str, str]:
    rng = np.random.default_rng(len(name))
    tifffile.imwrite(
        folder / f"{name}.tif", rng.integers(0, 4000, shape).astype(np.uint16), photometric="minisblack"
    )
    tifffile.imwrite(
        folder / f"{name}_labels.tif",
        (rng.random(shape) < 0.2).astype(np.uint8) * 7,
        photometric="minisblack",
    )
    return str(folder / f"{name}.tif"), str(folder / f"{name}_labels.tif")


def of_files(folder: Path, splits: dict[str, str], *, other: bool = False, **changes: object):  # noqa: ANN201
    image, labels = pair(folder, "a", (4, 64, 64))
    files = {"image": image, "labels": labels, "values": (7,), "voxel_size_nm": (50.0, 8.0, 8.0)}
    if other:
        files["test_image"], files["test_labels"] = pair(folder, "other", (2, 48, 64))
    return small_spec(dataset=None, files=files, splits=splits, **changes)


def test_ones_own_image_and_labels_are_a_task(tmp_path: Path) -> None:
    task = task_of(of_files(tmp_path, {"train": "0:2", "test": "3:4"}), print)
    assert task.pool.image.dtype == np.uint8
    assert len(task.pool.boxes) == 2 * 16
    assert task.test.boxes == (Box((3, 0, 0), (4, 64, 64)),)
    assert set(np.unique(task.pool.truth(Box.of((4, 64, 64))))) == {0, 1}
    assert task.foreground.mean() == pytest.approx(0.2, abs=0.05)


def test_another_pair_of_ones_own_may_be_tested_on(tmp_path: Path) -> None:
    task = task_of(of_files(tmp_path, {}, other=True, downsample=(1, 2, 2), query_shape=(1, 8, 8)), print)
    assert len(task.pool.boxes) == 4 * 16
    assert task.test.image.shape == (2, 24, 32)
    assert len(task.test.boxes) == 2


@pytest.mark.parametrize(
    ("splits", "changes", "message"),
    [
        ({"train": "0:3", "test": "2:4"}, {}, "share no voxel"),
        ({"train": "0:3"}, {}, r"expected where to test: \[splits\] test"),
        ({"train": "0:3", "test": "3:9"}, {}, "expected 0 <= z0 < z1"),
        ({"train": "0:3", "test": "3:4"}, {"query_shape": (1, 80, 80)}, "no patch of"),
    ],
)
def test_splits_that_do_not_fit_are_refused(
    tmp_path: Path, splits: dict[str, str], changes: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        task_of(of_files(tmp_path, splits, **changes), print)


def test_other_data_are_another_task(tmp_path: Path) -> None:
    spec = of_files(tmp_path, {"train": "0:2", "test": "3:4"})
    before = task_of(spec, print).digest
    assert task_of(spec, print).digest == before
    labels = tifffile.imread(tmp_path / "a_labels.tif")
    labels[0, 0, 0] = 7 - labels[0, 0, 0]
    tifffile.imwrite(tmp_path / "a_labels.tif", labels, photometric="minisblack")
    assert task_of(spec, print).digest != before
