"""What the benchmark makes of cells: differences of the same seeds, the formula's error, and the order."""

from pathlib import Path

import pytest

from ablation_report import (
    BEGIN,
    BEST,
    CUT,
    END,
    PAGE,
    PRINTED,
    kinds_picture,
    mean_and_spread,
    measured,
    read,
    section,
    verdict,
    with_tables,
)
from microtome.benchmark.protocol.cells import Cells

Accuracies = dict[tuple[str, str], tuple[float, ...]]


def written(folder: Path, accuracies: Accuracies) -> None:
    for (design, taught), found in accuracies.items():
        for seed, accuracy in enumerate(found):
            cell = {
                "seed": seed,
                "design": design,
                "taught": taught,
                "objects": 28672,
                "answers": 1280,
                "before": 0.762,
                "accuracy": accuracy,
                "expected_at_random": 0.7726,
                "right": {"mitochondrion": 1.0, "fragment": accuracy},
            }
            Cells(folder / f"phantom-{seed}.jsonl").add(f"{design} {taught} {seed}", cell)


FOUND: Accuracies = {
    ("random 1280", "none"): (0.7727, 0.7723),
    ("mask only 256", "none"): (0.80, 0.82),
    ("late fusion 256", "none"): (0.79, 0.78),
    BEST: (0.84, 0.85),
    (BEST[0], "images"): (0.85, 0.89),
}


def test_figures_are_differences_of_the_same_seeds(tmp_path: Path) -> None:
    written(tmp_path, FOUND)
    figures = dict(measured(read(tmp_path, "phantom")))
    assert figures["hierarchical_minus_mask_only"].value == pytest.approx(0.035)
    assert figures["hierarchical_minus_mask_only"].spread == pytest.approx((0.03, 0.04))
    assert figures["hierarchical_minus_late_fusion"].value == pytest.approx(0.06)
    assert figures["triplet_image_encoder_gain"].value == pytest.approx(0.025)
    assert figures["random_annotation_formula_error"].value == pytest.approx(0.0001)
    assert figures["random_annotation_formula_error"].spread == pytest.approx((0.0001, 0.0003))
    assert {figure.n for figure in figures.values()} == {2}


def test_a_seed_without_the_other_row_does_not_count(tmp_path: Path) -> None:
    written(tmp_path, {**FOUND, (BEST[0], "images"): (0.85,), ("mask only 256", "none"): (0.80,)})
    figures = dict(measured(read(tmp_path, "phantom")))
    assert figures["triplet_image_encoder_gain"].n == 1
    assert figures["triplet_image_encoder_gain"].value == pytest.approx(0.01)
    assert figures["hierarchical_minus_mask_only"].note.startswith("0.8400 - 0.8000;")


def test_figures_are_of_objects_cut_out_where_these_are_there_and_tell_the_others(tmp_path: Path) -> None:
    written(tmp_path, {**FOUND, (f"{BEST[0]}, {CUT}", "none"): (0.86, 0.87)})
    figures = dict(measured(read(tmp_path, "phantom")))
    by_mask = figures["hierarchical_minus_mask_only"]
    assert by_mask.value == pytest.approx(0.055)
    assert by_mask.note.startswith("0.8650 - 0.8100; phantom")
    assert by_mask.note.endswith("cut out 20-d of 32², 2 000 steps); as plainly specified +0.0350")
    by_late_fusion = figures["hierarchical_minus_late_fusion"]
    assert by_late_fusion.value == pytest.approx(0.06)  # late fusion of objects cut out is not there
    assert "cut out" not in by_late_fusion.note


def test_rows_of_objects_cut_out_stand_beside_the_paper_and_are_judged_by_themselves(tmp_path: Path) -> None:
    written(tmp_path, {**FOUND, (f"late fusion 256, {CUT}", "none"): (0.9, 0.9)})
    lines = list(section("phantom", read(tmp_path, "phantom")))
    assert (
        "| late fusion 256, cut out | none | 1280 (4.46%) | 0.9000 ± 0.0000 | 2 | 0.7726 | 0.738 |" in lines
    )
    assert any(line.startswith("As plainly specified: 9 of 10 pairs") for line in lines)
    assert any(line.startswith("Objects cut out, where the images are looked at: 6 of 10") for line in lines)


def test_one_seed_has_no_spread() -> None:
    assert mean_and_spread([0.8]) == "0.8000"
    assert mean_and_spread([0.8, 0.9]) == "0.8500 ± 0.0707"


def test_tables_take_the_place_of_those_of_a_page_and_nothing_else() -> None:
    page = f"before\n{BEGIN}\nold\n{END}\nafter\n"
    once = with_tables(page, "new\n")
    assert once == f"before\n{BEGIN}\n\nnew\n\n{END}\nafter\n"
    assert with_tables(once, "new\n") == once


def test_a_page_without_a_place_for_tables_is_refused() -> None:
    with pytest.raises(ValueError, match="expected a page with one"):
        with_tables("nothing", "new")


def test_the_page_has_a_place_for_tables() -> None:
    assert with_tables(PAGE.read_text(), "new").count("new") >= 1


def test_the_paper_agrees_with_itself(tmp_path: Path) -> None:
    written(tmp_path, {row: (accuracy,) for row, accuracy in PRINTED.items()})
    assert verdict(read(tmp_path, "phantom")).startswith("91 of 91 pairs")


def test_the_verdict_names_pairs_that_come_in_another_order(tmp_path: Path) -> None:
    written(tmp_path, FOUND)
    told = verdict(read(tmp_path, "phantom"))
    assert told.startswith("9 of 10 pairs")
    assert "random 1280 none > late fusion 256 none" in told


def test_a_section_has_a_line_a_row_and_the_picture_is_written(tmp_path: Path) -> None:
    written(tmp_path, FOUND)
    rows = read(tmp_path, "phantom")
    lines = list(section("phantom", rows))
    assert sum(line.startswith("| ") for line in lines) == 1 + len(FOUND)
    assert any("0.8450 ± 0.0071 | 2" in line for line in lines)
    kinds_picture(rows, tmp_path / "kinds.png")
    assert (tmp_path / "kinds.png").stat().st_size > 1000


def test_seeds_of_other_data_are_not_read(tmp_path: Path) -> None:
    written(tmp_path, FOUND)
    assert read(tmp_path, "vnc-synapses") == {}
