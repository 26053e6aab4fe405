"""The protocol of a study: paired, cached, resumable."""

import csv
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
from filelock import FileLock

from microtome.benchmark.protocol import heads
from microtome.benchmark.protocol.cells import Cells
from microtome.benchmark.protocol.files import replacing
from microtome.benchmark.protocol.learners import Labelled, Learned, Learner
from microtome.benchmark.protocol.pictures import pictures, pictures_digest
from microtome.benchmark.protocol.rounds import FULL, write_rounds
from microtome.benchmark.protocol.study import Study, described
from microtome.benchmark.protocol.task import Scene
from microtome.box import Box
from microtome.cli.benchmark import run_study
from microtome.cli.names import STRATEGIES
from microtome.progress import silent
from microtome.query.candidates import Candidates
from microtome.query.strategy import Pick, Selection
from studies import run_here, small_bench, small_spec, small_study

TIMES = {"train_seconds", "predict_seconds", "choose_seconds"}


def without_times(rows: list[dict]) -> list[dict]:
    return [{name: value for name, value in row.items() if name not in TIMES} for row in rows]


def children(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for task in tasks for child in task.read_text().split()]


def all_end(pids: list[int], seconds: float = 10) -> bool:
    """Whether none of these processes runs any more, or does so for `seconds`."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if not any(Path(f"/proc/{pid}/exe").exists() for pid in pids):
            return True
        time.sleep(0.1)
    return False


def read_table(folder: Path) -> list[dict]:
    return list(csv.DictReader((folder / "rounds.csv").read_text().splitlines()))


@pytest.fixture(scope="module", autouse=True)
def few_steps() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(heads, "STEPS", 20)
        yield


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Study:
    study = small_study(tmp_path_factory.mktemp("study"))
    run_here(study)
    return study


def test_every_strategy_and_seed_has_a_row_for_each_round(whole: Study) -> None:
    rows = whole.rows()
    names = {row["strategy"] for row in rows}
    assert names == {"random", "foreground-random", "strided", "oracle-hard", "entropy", "clasp-pe", FULL}
    for name in names - {FULL}:
        for seed in (0, 1):
            mine = [row for row in rows if row["strategy"] == name and row["seed"] == seed]
            assert [(row["round"], row["patches"]) for row in mine] == [(0, 4), (1, 6), (2, 10)]
    assert [row["patches"] for row in rows if row["strategy"] == FULL] == [72, 72]
    assert whole.complete


def test_all_strategies_of_a_seed_begin_with_the_same_patches_and_scores(whole: Study) -> None:
    for seed in (0, 1):
        first = [row for row in whole.rows() if row["round"] == 0 and row["seed"] == seed]
        scores = {(row["jaccard"], row["minutes_drawing"]) for row in first if row["strategy"] != FULL}
        assert len(scores) == 1
    assert whole.start_set(0) != whole.start_set(1)
    assert all(whole.bench.task.foreground[list(whole.start_set(seed))].any() for seed in (0, 1))


class Attentive:
    """A learner that notes the seeds it is given, and a strategy that notes its generator and the time."""

    def __init__(self, learner: Learner) -> None:
        self.learner = learner
        self.seeds: list[int] = []
        self.draws: list[tuple[int, float]] = []

    @property
    def settings(self) -> object:
        return self.learner.settings

    def fit(self, scene: Scene, labelled: Labelled, seed: int) -> Learned:
        self.seeds.append(seed)
        return self.learner.fit(scene, labelled, seed)

    def select(self, candidates: Candidates, n: int, rng: np.random.Generator) -> Selection:
        self.draws.append((int(rng.integers(2**40)), candidates.elapsed))
        return tuple(Pick(index, 0.0, "first") for index in range(n))


def test_strategies_of_a_seed_differ_in_what_they_choose_alone(tmp_path: Path) -> None:
    bench = small_bench(small_spec(seeds=1))
    here, there = Attentive(bench.learner), Attentive(bench.learner)
    strategies = {"here": here, "there": there}
    run_here(Study(replace(bench, learner=here, strategies=strategies), Cells(tmp_path / "cells.jsonl")))
    assert set(here.seeds) == {0}  # weights and draws do not depend on the labelled patches
    assert here.draws == there.draws
    assert [elapsed for _, elapsed in here.draws] == [0, 1]
    assert len({draw for draw, _ in here.draws}) == 2


def test_nobody_asks_twice(whole: Study) -> None:
    for name in whole.bench.strategies:
        *_, (number, labelled, choice) = whole.history(0, name)
        assert (number, choice) == (2, None)
        assert len(set(labelled)) == len(labelled) == 10


def test_costs_and_labels_add_up(whole: Study) -> None:
    task = whole.bench.task
    for name in whole.bench.strategies:
        *_, (_, labelled, _) = whole.history(1, name)
        (row,) = [r for r in whole.rows() if (r["strategy"], r["seed"], r["round"]) == (name, 1, 2)]
        assert row["voxels"] == 10 * 256
        assert row["foreground"] == pytest.approx(np.mean(task.foreground[list(labelled)]))
        assert row["asked_foreground"] == pytest.approx(np.mean(task.foreground[list(labelled[6:])]))
        assert row["minutes_correcting"] <= row["minutes_drawing"]
        assert row["minutes_correcting"] <= row["minutes_slow"]


@pytest.mark.slow
def test_a_study_that_was_stopped_anywhere_gives_the_same_rows(whole: Study, tmp_path: Path) -> None:
    lines = whole.cells.path.read_text().splitlines(keepends=True)
    half = len(lines) // 2
    for kept, torn in ((half, lines[half][:40]), (len(lines) - 2, lines[-1][:-1])):
        path = tmp_path / f"{kept}.jsonl"
        path.write_text("".join(lines[:kept]) + torn)
        study = Study(small_bench(), Cells(path))
        run_here(study)
        assert without_times(study.rows()) == without_times(whole.rows())
        assert study.complete


def test_a_cell_that_was_changed_is_computed_again(whole: Study, tmp_path: Path) -> None:
    lines = whole.cells.path.read_text().splitlines(keepends=True)
    (changed,) = [k for k, line in enumerate(lines) if '"picks": [' in line][:1]
    lines[changed] = lines[changed].replace('"picks": [', '"picks": ["x", ')
    path = tmp_path / "cells.jsonl"
    path.write_bytes("".join(lines).encode() + b"\xff\xfe\n[1]\n{}\n")
    study = Study(small_bench(), Cells(path))
    assert len(run_here(study)) == 1
    assert without_times(study.rows()) == without_times(whole.rows())


def test_what_is_computed_is_not_computed_again(whole: Study) -> None:
    again = Study(small_bench(), Cells(whole.cells.path))
    assert next(again.jobs(), None) is None
    assert again.rows() == whole.rows()


def test_a_strategy_or_a_seed_more_costs_only_its_own_cells(whole: Study, tmp_path: Path) -> None:
    path = tmp_path / "cells.jsonl"
    path.write_bytes(whole.cells.path.read_bytes())
    more = small_bench(small_spec(strategies=("entropy", "clasp-pe", "margin"), seeds=2))
    ran = run_here(Study(more, Cells(path)))
    assert {name for job in ran for name in job.choosing} == {"margin"}
    assert len(ran) <= 6  # two seeds of a choice from the start set and two rounds


def test_only_cells_of_its_own_spec_count_as_done(whole: Study) -> None:
    assert whole.done == whole.total == 2 * (2 + 2 * 6 * 2)
    more = Study(small_bench(small_spec(seeds=3)), Cells(whole.cells.path))
    assert (more.done, more.total) == (whole.total, whole.total * 3 // 2)
    fewer = Study(small_bench(small_spec(seeds=1)), Cells(whole.cells.path))
    assert fewer.done == fewer.total < len(whole.cells)
    assert Study(small_bench(small_spec(fn_n=5)), Cells(whole.cells.path)).done == 0


def test_other_settings_are_other_cells(whole: Study) -> None:
    other = small_bench(small_spec(fn_n=5))
    assert len(list(Study(other, Cells(whole.cells.path)).jobs())) > 0


def test_the_description_of_a_strategy_says_all_that_sets_it_apart() -> None:
    texts = {name: repr(described(strategy)) for name, strategy in STRATEGIES.items()}
    assert len(set(texts.values())) == len(texts)
    assert not any("0x" in text for text in texts.values()), "an address changes from process to process"


def test_rows_are_written_with_all_digits_and_empty_cells(tmp_path: Path) -> None:
    row = {"strategy": "a", "seed": 0, "jaccard": 0.1 + 0.2, "spearman": float("nan"), "ece": None}
    write_rounds([row], tmp_path / "rounds.csv")
    (read,) = read_table(tmp_path)
    assert float(read["jaccard"]) == 0.1 + 0.2
    assert (read["spearman"], read["ece"], read["redundancy"]) == ("", "", "")


def test_pictures_show_what_was_asked_first_and_what_the_last_models_see(whole: Study) -> None:
    arrays = pictures(whole, ["random", "entropy"], silent)
    assert arrays["image"].shape == arrays["truth"].shape == arrays["pred/random"].shape == (96, 96)
    assert 0 <= arrays["jaccard/entropy"] <= 1
    assert arrays["query/entropy/1/image"].shape == (2, 16, 16)  # all that was asked in that round
    unsure = [arrays[f"query/{name}/1/uncertainty"].mean() for name in ("entropy", "random")]
    assert unsure[0] > unsure[1]
    assert np.isfinite(arrays["scatter/dice"]).all()
    (half,) = arrays["sweep/dice"][np.isclose(arrays["sweep/threshold"], 0.5)]
    (row,) = [r for r in whole.rows() if (r["strategy"], r["seed"], r["round"]) == ("entropy", 0, 2)]
    assert half == pytest.approx(row["dice"], abs=1e-3)


def test_pictures_of_an_unfinished_run_are_refused(tmp_path: Path) -> None:
    study = small_study(tmp_path)
    run_here(study, most=2)
    with pytest.raises(ValueError, match="expected seed 0 of entropy to be complete"):
        pictures(study, ["entropy"], silent)


def test_pictures_know_what_they_depend_on(whole: Study) -> None:
    drawn = pictures_digest(whole, ["entropy"])
    assert drawn == pictures_digest(Study(small_bench(), Cells(whole.cells.path)), ["entropy"])
    assert drawn != pictures_digest(whole, ["clasp-pe"])


def test_a_file_that_cannot_be_written_stays_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "rounds.csv"
    path.write_text("old")

    def write_half() -> None:
        with replacing(path) as partial:
            partial.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write_half()
    assert [one.read_text() for one in tmp_path.iterdir()] == ["old"]
    with pytest.raises(OSError, match=r"^expected a file that can be written at .*: not a directory$"):
        write_rounds([], path / "rounds.csv")


def study_file(folder: Path) -> Path:
    """A study of three seeds on the small task's image and labels, in files beside it."""
    task = small_bench().task
    tifffile.imwrite(folder / "image.tif", task.pool.image.array, photometric="minisblack")
    tifffile.imwrite(
        folder / "labels.tif", task.pool.truth(Box.of(task.pool.image.shape)), photometric="minisblack"
    )
    spec = folder / "spec.toml"
    spec.write_text(
        """
        title = "killed"
        tier = "A"
        classes = ["mitochondria"]
        query_shape = [1, 16, 16]
        seeds = 3
        start = 4
        budgets = [6, 10]
        strategies = ["entropy", "clasp-pe"]
        [files]
        image = "image.tif"
        labels = "labels.tif"
        voxel_size_nm = [45, 9.2, 9.2]
        [splits]
        train = "0:2"
        test = "2:3"
        """
    )
    return spec


def run_file(spec: Path, out: Path) -> None:
    run_study(spec, out, workers=1, device="cpu", progress=silent, say=print)


def test_a_folder_that_another_process_runs_is_left_alone(tmp_path: Path) -> None:
    spec, out = study_file(tmp_path), tmp_path / "out"
    out.mkdir()
    with (
        FileLock(out / "run.lock"),
        pytest.raises(ValueError, match=r"^another process runs the study in .*out; wait until"),
    ):
        run_file(spec, out)
    assert [path.name for path in out.iterdir()] == ["run.lock"]


def test_a_hypothesis_cannot_be_changed_once_there_are_results(tmp_path: Path) -> None:
    spec, out = study_file(tmp_path), tmp_path / "out"
    out.mkdir()
    text = spec.read_text().replace('"image.tif"', f'"{tmp_path}/image.tif"')
    text = text.replace('"labels.tif"', f'"{tmp_path}/labels.tif"')
    spec.write_text(text)
    (out / "cells.jsonl").write_text("")
    (out / "spec.toml").write_text(text.replace("seeds = 3", 'seeds = 3\nprimary = "entropy"'))
    with pytest.raises(
        ValueError, match=r"that entropy beats foreground-random; expected the same, got no hyp"
    ):
        run_file(spec, out)
    (out / "spec.toml").write_text(text)
    spec.write_text(text.replace("seeds = 3", 'seeds = 3\nprimary = "entropy"\nprimary_reference = "random"'))
    with pytest.raises(
        ValueError, match=r"begun with no hypothesis; .*got the hypothesis that entropy beats ra"
    ):
        run_file(spec, out)
    assert (out / "spec.toml").read_text() == text


def test_a_folder_that_holds_another_study_is_left_alone(tmp_path: Path) -> None:
    spec, out = study_file(tmp_path), tmp_path / "out"
    out.mkdir()
    (out / "spec.toml").write_text(spec.read_text().replace("[6, 10]", "[6, 11]"))
    with pytest.raises(ValueError, match=r"out holds another study: expected the same data"):
        run_file(spec, out)
    (out / "spec.toml").write_text("title = ")
    with pytest.raises(ValueError, match=r"not valid TOML: .*; delete .* if .* holds the same study$"):
        run_file(spec, out)
    assert [path.name for path in out.iterdir()] == ["spec.toml"]


def test_a_net_that_cannot_be_asked_is_refused_before_it_is_trained(tmp_path: Path) -> None:
    spec = study_file(tmp_path)
    spec.write_text(spec.read_text().replace('"A"', '"B"').replace('"entropy"', '"learning-loss"'))
    with pytest.raises(ValueError, match=r"learning-loss needs loss_head = true in \[net\]"):
        run_file(spec, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_made_is_refused_in_one_line(tmp_path: Path) -> None:
    spec = study_file(tmp_path)
    with pytest.raises(OSError, match=r"^expected a folder for the study at .*: not a directory$"):
        run_file(spec, tmp_path / "image.tif" / "out")
    (tmp_path / "out" / "cells.jsonl").mkdir(parents=True)
    with pytest.raises(OSError, match=r"^expected the cells of a study at .*: is a directory$"):
        run_file(spec, tmp_path / "out")


@pytest.mark.slow
def test_a_killed_benchmark_goes_on_to_the_same_tables(tmp_path: Path) -> None:
    spec = study_file(tmp_path)
    command = [sys.executable, "-m", "microtome", "benchmark", "run", str(spec), "--workers", "2", "--out"]
    subprocess.run([*command, str(tmp_path / "whole")], check=True, capture_output=True)
    cells = tmp_path / "killed" / "cells.jsonl"
    for reached, end in ((1, signal.SIGKILL), (9, signal.SIGTERM), (20, signal.SIGKILL)):
        process = subprocess.Popen([*command, str(tmp_path / "killed")], stderr=subprocess.DEVNULL)
        while not cells.exists() or len(cells.read_text().splitlines()) < reached:
            time.sleep(0.02)
        workers = children(process.pid)
        process.send_signal(end)
        assert process.wait() == (130 if end == signal.SIGTERM else -signal.SIGKILL)
        assert workers
        assert all_end(workers)
    subprocess.run([*command, str(tmp_path / "killed")], check=True, capture_output=True)
    whole, again = (without_times(read_table(tmp_path / name)) for name in ("whole", "killed"))
    assert whole == again
