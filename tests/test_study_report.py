import csv
import json
import re
import subprocess
import sys
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest

import study_rows
from microtome.benchmark.analysis.summary import family, summarise
from microtome.benchmark.protocol.about import read_about, write_about
from microtome.benchmark.protocol.rounds import COLUMNS, FULL, read_rounds
from microtome.benchmark.report import study_figures
from microtome.benchmark.report.study import write_study_report
from microtome.benchmark.report.study_figures import Axis, Look, Series
from microtome.benchmark.report.words import findings
from test_report import read

FEW = {name: study_rows.EFFECTS[name] for name in ("random", "foreground-random", "entropy", "clasp-pe")}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished study with pictures, and its report."""
    folder = study_rows.write(tmp_path_factory.mktemp("study"), study_rows.table())
    study_rows.pictures(folder)
    write_study_report(folder)
    return folder


@pytest.fixture(scope="module")
def html(folder: Path) -> str:
    return (folder / "report.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def words(html: str) -> str:
    return read(html).words


@pytest.fixture(scope="module")
def summary(folder: Path) -> dict[str, dict[str, str]]:
    with (folder / "summary.csv").open(newline="", encoding="utf-8") as file:
        return {row["strategy"]: row for row in csv.DictReader(file)}


def report_of(folder: Path, rows: list[dict[str, object]], **changes: object) -> str:
    page = write_study_report(study_rows.write(folder, rows, **changes))
    return read(page.read_text(encoding="utf-8")).words


def test_page_loads_nothing_from_elsewhere(html: str) -> None:
    reader = read(html)
    assert reader.loads
    assert all(address.startswith(("data:", "#")) for address in reader.loads)
    assert not reader.tags & {"script", "iframe", "object", "embed"}
    assert not re.search(r"@import|url\((?!#)", html)
    assert "default-src 'none'" in html


def test_ids_are_unique_and_links_within_the_page_have_a_target(html: str) -> None:
    reader = read(html)
    assert len(reader.ids) == len(set(reader.ids))
    assert {address[1:] for address in reader.loads if address.startswith("#")} <= set(reader.ids)


def test_every_picture_has_words_for_those_who_do_not_see_it(html: str) -> None:
    assert read(html).images_without_words == 0
    assert "Over labelled patches: random 0.641; foreground-random 0.693" in html


def test_figures_take_the_colours_of_the_page(html: str) -> None:
    assert not re.search(r"#0[123]0[123]0[123]", html)
    assert "var(--muted)" in html


def test_every_figure_is_a_file_too(folder: Path) -> None:
    names = {path.stem for path in (folder / "figures").glob("*.png")}
    assert names >= {
        *("overview", "family-uncertainty", "difference-random", "difference-foreground-random", "penalties"),
        *("cost-correcting", "cost-drawing", "cost-slow", "asked-foreground", "spearman", "auroc", "ece"),
        *("seconds", "scatter", "sweep"),
    }
    assert iio.imread(folder / "figures" / "overview.png").std() > 5


def test_findings_name_who_is_better_worse_and_not_told_apart(words: str) -> None:
    assert "2 of 9 are significantly better (clasp-pe and uncertainty-herding)" in words
    assert "Not told apart: entropy and margin" in words
    assert "Significantly worse: typiclust" in words
    assert "the best mean Jaccard index is 0.729 (clasp-pe)" in words
    assert "12 paired seeds" in words


def test_oracle_is_shown_but_wins_nothing(words: str) -> None:
    assert "oracle-hard (knows the truth)" in words
    assert "The lead is largest for clasp-pe" in words
    assert "The lead is largest for oracle-hard" not in words


def test_limits_are_said(words: str) -> None:
    for said in ["No significant difference is not equality", "Minutes are simulated", "It is one data set"]:
        assert said in words
    assert "Not finished" not in words


def test_protocol_data_and_notes_are_on_the_page(words: str) -> None:
    for said in [
        "CC BY-NC-SA 3.0",
        "Gerhard et al. 2013",
        "abc1234",
        "tier B",
        "Hyper-parameters were frozen",
    ]:
        assert said in words
    assert "net base 8, depth 3" in words


def test_pictures_carry_the_jaccard_in_brackets(words: str) -> None:
    assert "clasp-pe (0.800)" in words
    assert "entropy · round 1" in words
    assert "1.2 µm wide" in words


def test_summary_has_a_row_a_strategy_and_known_numbers(summary: dict[str, dict[str, str]]) -> None:
    assert set(summary) == {*study_rows.EFFECTS, FULL}
    final = [
        row["jaccard"] for row in study_rows.table() if row["strategy"] == "entropy" and row["patches"] == 128
    ]
    assert float(summary["entropy"]["jaccard"]) == pytest.approx(np.mean(final), abs=1e-6)
    assert float(summary["entropy"]["jaccard_sd"]) == pytest.approx(np.std(final, ddof=1), abs=1e-6)
    lead = float(summary["clasp-pe"]["area_log2_minus_random"])
    assert lead == pytest.approx(0.09 * 7 / 8, abs=0.005)  # the start set, half a step, has none of it
    assert float(summary["clasp-pe"]["area_log2_minus_random_low"]) < lead
    assert summary["random"]["area_log2_minus_random"] == ""
    assert float(summary["clasp-pe"]["labels_to_90_reached_seeds"]) == 10
    assert summary["random"]["labels_to_90_mean_curve_censored"] == "1"
    assert float(summary["random"]["labels_to_90_mean_curve_to_full"]) > 128
    assert summary["clasp-pe"]["saved_to_90_vs_random_mean_curve_bound"] == "at least"
    assert float(summary[FULL]["patches"]) == 576


@pytest.mark.slow
def test_same_rounds_are_the_same_files(tmp_path: Path) -> None:
    rows = study_rows.plain(study_rows.table({"random": 0.0, "entropy": 0.1}, seeds=3))
    for name in ("a", "b"):
        write_study_report(study_rows.write(tmp_path / name, rows))
    for file in ("summary.csv", "report.html", "figures/overview.png"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_unfinished_study_says_so_and_what_is_left_out(tmp_path: Path) -> None:
    rows = [
        row
        for row in study_rows.table(FEW, seeds=4)
        if not (row["strategy"] == "entropy" and row["seed"] == 3 and row["round"] > 2)
        and not (row["strategy"] == "clasp-pe" and row["seed"] > 0)
        and row["strategy"] != FULL
    ]
    words = report_of(tmp_path, study_rows.plain(rows), complete=False)
    assert "Not finished." in words
    assert "1 of 4 seeds is left out" in words
    assert "Left out, because it has less than half the seeds of the others: clasp-pe." in words
    assert "Full supervision was not run, so there is no score to reach." in words
    assert "Against random nothing can be significant: with 3 seeds" in words


def test_one_strategy_with_one_seed_is_a_page_too(tmp_path: Path) -> None:
    rows = study_rows.plain(study_rows.table({"entropy": 0.05}, seeds=1))
    words = report_of(tmp_path, rows, complete=False)
    assert "there is nothing to compare" in words
    assert "1 strategy, 1 paired seed" in words


def test_no_row_yet_is_a_page_too(tmp_path: Path) -> None:
    assert "No seed is finished yet" in report_of(tmp_path, [], complete=False)
    assert (tmp_path / "summary.csv").read_text() == "strategy,seeds\n"


def test_comparison_that_was_written_down_before_is_reported_without_correction(tmp_path: Path) -> None:
    path = study_rows.write(tmp_path, study_rows.table(FEW, seeds=6)) / "rounds.csv"
    study = summarise(read_rounds(path), ["random", "foreground-random"])
    said = " ".join(findings(study, "clasp-pe"))
    assert "Written down before the study: clasp-pe against foreground-random." in said
    assert "against random, p" not in said
    assert "p = 0.031, uncorrected" in said  # 2 / 2⁶
    assert "was not run" in " ".join(findings(study, "badge"))


def test_families_are_told_by_name() -> None:
    assert family("entropy") == "Uncertainty"
    assert family("power-entropy") == "Uncertainty with diversity or noise"
    assert family("clasp-pe+ssl") == "Semi-supervised and pretrained"
    assert family("foreground-random-33") == "Baselines and oracles"
    assert family("typiclust") == "Diversity"
    assert family("zebra") == "Other strategies"


def test_hostile_names_are_shown_and_not_obeyed(tmp_path: Path) -> None:
    evil = "<script>alert(1)</script>$\\frac&"
    rows = study_rows.plain(study_rows.table({"random": 0.0, evil: 0.1}, seeds=2))
    page = write_study_report(study_rows.write(tmp_path, rows, title=evil, notes=[evil]))
    reader = read(page.read_text(encoding="utf-8"))
    assert "script" not in reader.tags
    assert evil in reader.words


def test_missing_files_are_named_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^expected the table of a study at .*rounds.csv: no such file"):
        write_study_report(tmp_path)
    (study_rows.write(tmp_path, []) / "study.json").unlink()
    with pytest.raises(ValueError, match=r"^expected the description of a study at .*; `microtome benchmark"):
        write_study_report(tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "study.json: expected JSON"),
        ("[" * 100_000, "study.json: expected JSON"),
        ("[]", "expected an object of JSON"),
        (json.dumps({"title": "x"}), "missing key 'spec'"),
        (json.dumps(study_rows.STUDY | {"more": 1}), "more: extra inputs"),
        (json.dumps(study_rows.STUDY | {"complete": "yes"}), "complete: input should be"),
        (json.dumps(study_rows.STUDY | {"wall_seconds": float("nan")}), "wall_seconds: input should be"),
        (json.dumps(study_rows.STUDY | {"data": {"licence": "none"}}), r"missing key 'data.title'"),
    ],
)
def test_bad_description_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (study_rows.write(tmp_path, []) / "study.json").write_text(text)
    with pytest.raises(ValueError, match=message) as caught:
        write_study_report(tmp_path)
    assert "\n" not in str(caught.value)


def test_description_is_read_as_it_is_written(tmp_path: Path) -> None:
    about = read_about(study_rows.write(tmp_path, []) / "study.json")
    write_about(about, tmp_path / "again.json")
    assert read_about(tmp_path / "again.json") == about


def test_strategy_named_as_a_path_is_drawn_inside_the_folder(tmp_path: Path) -> None:
    rows = study_rows.plain(study_rows.table({"../../evil": 0.0, "entropy": 0.1}, seeds=2))
    study = study_rows.write(tmp_path / "study", rows, reference_strategies=["../../evil"])
    write_study_report(study)
    assert (study / "figures" / "difference-evil.png").is_file()
    assert [path.name for path in tmp_path.iterdir()] == ["study"]


def test_perfect_scores_have_a_figure(tmp_path: Path) -> None:
    rows = [row | {"jaccard": 1.0} for row in study_rows.table({"random": 0.0, "entropy": 0.0}, seeds=2)]
    write_study_report(study_rows.write(tmp_path, study_rows.plain(rows)))
    assert (tmp_path / "figures" / "overview.png").is_file()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text.replace("jaccard,", "iou,"), r"missing are \['jaccard'\]"),
        (
            lambda text: text.replace("random,1,0,8,", "random,1,0,eight,"),
            "line 7, patches: expected a number",
        ),
        (lambda text: text.replace("random,1,0,8,", "random,1,0,8.5,"), "line 7, patches: expected a whole"),
        (lambda text: text.replace("random,1,0,8,", "random,-1,0,8,"), "line 7, seed: expected a whole"),
        (lambda text: text.replace("random,1,0,8,", ",1,0,8,"), "line 7: expected the name of a strategy"),
        (
            lambda text: text.replace("random,1,0,8,32768", "random,1,0,8,1e300"),
            "voxels: expected a number of at most",
        ),
        (lambda text: text + '"' + "x" * 200_000, "field larger than field limit"),
        (lambda text: text.replace("random,1,0,8,", "random,0,0,8,"), r"got \('random', 0, 8\) twice"),
        (lambda text: text.rstrip("\r\n").rpartition(",")[0], "expected a cell for every column"),
    ],
)
def test_bad_table_is_refused(tmp_path: Path, change: object, message: str) -> None:
    path = study_rows.write(tmp_path, study_rows.table({"random": 0.0}, seeds=2)) / "rounds.csv"
    path.write_text(change(path.read_text()))  # type: ignore[operator]
    with pytest.raises(ValueError, match=message):
        read_rounds(path)


def test_bad_pictures_are_refused(tmp_path: Path) -> None:
    study_rows.write(tmp_path, [])
    np.savez(tmp_path / "panel.npz", **{"scatter/dice": np.ones(3)})
    with pytest.raises(ValueError, match="expected an array 'scatter/uncertainty'"):
        write_study_report(tmp_path)
    for content in (b"no archive", b"", b"PK\x03\x04"):
        (tmp_path / "panel.npz").write_bytes(content)
        with pytest.raises(ValueError, match="expected an archive of arrays"):
            write_study_report(tmp_path)


@pytest.mark.parametrize(
    ("name", "array", "message"),
    [
        ("else", np.ones(3), "got an array 'else'"),
        ("image", np.ones((3, 3)), "expected image of type u1 with 2 axes"),
        ("image", np.ones((3, 3), np.uint8), "expected an image and its truth, or neither"),
        ("sweep/dice", np.full(3, np.nan), "expected finite numbers in sweep/dice"),
        (
            "query/a/1/image",
            np.ones((0, 3, 3), np.uint8),
            "expected finite numbers in query/a/1/image, and some",
        ),
    ],
)
def test_pictures_of_another_kind_are_refused(
    tmp_path: Path, name: str, array: np.ndarray, message: str
) -> None:
    np.savez(study_rows.write(tmp_path, []) / "panel.npz", **{name: array})
    with pytest.raises(ValueError, match=message):
        write_study_report(tmp_path)


def test_failure_leaves_the_old_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study_rows.write(tmp_path, [])
    (tmp_path / "report.html").write_text("old")

    def full(_: Path, target: Path) -> Path:
        raise OSError(28, "no space left", str(target))

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="no space left"):
        write_study_report(tmp_path)
    assert (tmp_path / "report.html").read_text() == "old"


def test_line_with_gaps_is_drawn() -> None:
    y = np.array([np.nan, 0.4, 0.5])
    gap = np.full(3, np.nan)
    one = Series("a", Look(0), np.array([8.0, 16.0, 32.0]), y, gap, gap, np.zeros((0, 3)))
    svg = study_figures.svg(study_figures.lines([one], [], Axis("patches"), Axis("score")), "x")
    assert "var(--class-1)" in svg


def test_columns_are_read_as_they_are_written(tmp_path: Path) -> None:
    rows = study_rows.table({"random": 0.0}, seeds=1)
    first = read_rounds(study_rows.write(tmp_path, rows) / "rounds.csv")[0]
    assert (first.strategy, first.seed, first.round, first.patches) == ("random", 0, 0, 8)
    assert len(first.values) == len(COLUMNS) - 4
    assert np.isnan(first.values["spearman"])
    assert first.values["voxels"] == 8 * 4096


def test_further_column_of_numbers_is_read_too(tmp_path: Path) -> None:
    path = study_rows.write(tmp_path, study_rows.table({"random": 0.0}, seeds=1)) / "rounds.csv"
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0] + ",predict_seconds", *(line + ",1.5" for line in lines[1:])]))
    assert summarise(read_rounds(path), []).summaries[0].predict_seconds == 7.5


def test_study_reports_need_no_torch() -> None:
    program = "import sys, microtome.benchmark.report.study; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


@pytest.mark.parametrize(
    "names",
    [
        ["random", "bald", "kmeans"],
        ["foreground-random-predicted", "foreground-random-33", "uncertainty-herding"],
    ],
)
def test_the_key_of_a_figure_lies_within_it(names: list[str], tmp_path: Path) -> None:
    flat = np.array([0.5, 0.6])
    series = [
        Series(name, Look(number), np.array([8.0, 16.0]), flat, flat, flat, np.zeros((0, 2)))
        for number, name in enumerate(names)
    ]
    study_figures.save(study_figures.lines(series, [], Axis("patches"), Axis("score")), tmp_path / "a.png")
    picture = iio.imread(tmp_path / "a.png")[..., :3]
    key = picture[-100:]
    assert (key.min(axis=(0, 2)) < 128).any()
    edges = np.concatenate([key[:, :4], key[:, -4:]], axis=1)
    assert edges.min() == 255
