"""The demo, on a small phantom: it ends with a report, a summary, and a project that other commands open."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from microtome.benchmark.datasets import DATASETS, Archive, vnc_arrays
from microtome.cli import demo
from microtome.cli.demo import Demo
from microtome.cli.session import opened
from microtome.loop.models import evaluate
from microtome.progress import silent


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "PATCHES", 11)
    monkeypatch.setattr(demo, "FINAL_STEPS", 8)


@pytest.mark.usefixtures("short")
def test_the_demo_ends_with_a_report_a_summary_and_a_project(project_folder: Path) -> None:
    said: list[str] = []
    summary = Demo(project_folder, 0, "cpu", say=said.append).run(phantom=True)
    assert said == [f"going on with {project_folder}"]
    assert summary["data"] == "phantom"
    assert [point["patches"] for point in summary["curve"]] == [3, 7, 11]
    assert json.loads((project_folder / "summary.json").read_text()) == summary
    report = (project_folder / "report.html").read_text()
    assert "phantom" in report
    assert f"{summary['jaccard']:.3f}" in report
    with opened(project_folder, "cpu", silent) as session:
        assert [model.settings["train"]["steps"] for model in session.project.journal.models()] == [6, 6, 8]
        assert evaluate(session).table.voxels == 96 * 96


@pytest.mark.usefixtures("short")
def test_a_finished_demo_run_again_asks_and_trains_nothing_more(project_folder: Path) -> None:
    first = Demo(project_folder, 0, "cpu", say=lambda text: None).run(phantom=True)
    again = Demo(project_folder, 0, "cpu", say=lambda text: None).run(phantom=True)
    assert again["curve"] == first["curve"]
    assert len(list((project_folder / "models").iterdir())) == 3


@pytest.mark.slow
def test_without_data_or_network_the_demo_says_so_and_turns_to_the_phantom(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nowhere = Archive("http://127.0.0.1:9/none.zip", vnc_arrays)  # nobody listens there
    monkeypatch.setitem(DATASETS, "vnc", replace(DATASETS["vnc"], archive=nowhere))
    monkeypatch.setenv("MICROTOME_DATA", str(tmp_path / "empty"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(demo, "simulate", _stop)
    said: list[str] = []
    run = Demo(tmp_path / "demo", 0, "cpu", say=said.append)
    with pytest.raises(KeyboardInterrupt):
        run.run(phantom=False)
    assert len(said) == 2
    assert "licence CC BY-NC-SA 3.0" in said[0]
    assert said[1].endswith("The demo goes on with generated data (a phantom).")
    assert "\n" not in said[1]
    with opened(tmp_path / "demo", "cpu", silent) as session:
        assert session.image.shape == (20, 512, 512)


def _stop(*_: object, **__: object) -> None:
    raise KeyboardInterrupt
