"""What the benchmark of classification makes of its cells."""

import json
from pathlib import Path

import pytest

from bench_cifar10 import require_same
from classification_report import ABOUT, curves, lines, read, report
from microtome.benchmark.protocol.cells import Cells

DATA = {"data": "cifar10", "images": 8000, "test_images": 2000, "classes": ["a", "b"], "preset": "small"}
Accuracies = dict[str, dict[int, tuple[float, ...]]]
FOUND: Accuracies = {
    "random": {1000: (0.40, 0.42, 0.44), 2000: (0.50, 0.51, 0.52), 3000: (0.55, 0.55, 0.55)},
    "two-stream": {1000: (0.40, 0.42, 0.44), 2000: (0.51, 0.53, 0.52), 3000: (0.57, 0.58, 0.59)},
    "learning-loss": {1000: (0.40, 0.42, 0.44), 2000: (0.49, 0.50, 0.51), 3000: (0.54, 0.54, 0.54)},
}


def written(folder: Path, accuracies: Accuracies) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / ABOUT).write_text(json.dumps(DATA))
    for name, points in accuracies.items():
        for labelled, found in points.items():
            for seed, accuracy in enumerate(found):
                cell = {
                    "strategy": name,
                    "seed": seed,
                    "labelled": labelled,
                    "accuracy": accuracy,
                    "training_seconds": 30.0,
                    "date": "2020-01-01T00:00:00+00:00",
                    "commit": "abc",
                    "device": "2 cores",
                }
                Cells(folder / f"seed-{seed}.jsonl").add(f"{name} {labelled}", cell)
    return folder


def told(folder: Path) -> str:
    return "\n".join(lines(read(folder), DATA))


def test_accuracies_are_means_and_deviations_over_seeds(tmp_path: Path) -> None:
    text = told(written(tmp_path, FOUND))
    assert "| `random` | 42.0 ± 2.0 | 51.0 ± 1.0 | 55.0 ± 0.0 |" in text


def test_differences_are_of_the_same_seeds(tmp_path: Path) -> None:
    text = told(written(tmp_path, FOUND))
    assert "| `two-stream` | +1.0 (+1.0, +2.0, +0.0) | +3.0 (+2.0, +3.0, +4.0) |" in text


def test_a_claim_that_is_reached_is_said_to_be(tmp_path: Path) -> None:
    text = told(written(tmp_path, FOUND))
    assert "with 2000 labels by +2.0 (+2.0, +3.0, +1.0), so the claim holds" in text
    assert "with 3000 labels by +4.0 (+3.0, +4.0, +5.0), so the claim holds" in text


def test_a_claim_that_is_missed_in_one_round_is_told_of_that_round(tmp_path: Path) -> None:
    less = {**FOUND, "two-stream": {**FOUND["two-stream"], 3000: (0.55, 0.55, 0.55)}}
    text = told(written(tmp_path, less))
    assert text.count("so the claim holds") == text.count("so the claim does not hold") == 1


def test_a_run_that_is_not_complete_is_told_as_far_as_it_came(tmp_path: Path) -> None:
    part = {"random": {1000: (0.40, 0.42), 2000: (0.50,)}, "two-stream": {1000: (0.40,), 2000: (0.51,)}}
    text = told(written(tmp_path, part))
    assert "| `random` | 41.0 ± 1.4 | 50.0 |" in text
    assert "| `two-stream` | +1.0 (+1.0) |" in text
    assert "Two-stream and learning loss were not both measured." in text


def test_other_budgets_than_the_papers_have_no_verdict(tmp_path: Path) -> None:
    small = {name: {40: points[1000]} for name, points in FOUND.items()}
    assert "Nothing was measured with 2000 or 3000 labels." in told(written(tmp_path, small))


def test_table_and_picture_are_written_beside_the_cells(tmp_path: Path) -> None:
    report(written(tmp_path, FOUND))
    assert "± 2.0" in (tmp_path / "table.md").read_text()
    assert (tmp_path / "curves.png").stat().st_size > 10_000


def test_a_folder_without_cells_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="holds no cells yet"):
        report(tmp_path)


def test_accuracies_are_kept_by_strategy_labels_and_seed(tmp_path: Path) -> None:
    found = curves(read(written(tmp_path, FOUND)))
    assert list(found["random"]) == [1000, 2000, 3000]
    assert found["two-stream"][3000] == pytest.approx({0: 57.0, 1: 58.0, 2: 59.0})


def test_a_folder_keeps_to_its_data_and_settings(tmp_path: Path) -> None:
    path = tmp_path / ABOUT
    require_same(DATA, path)
    require_same(DATA, path)
    with pytest.raises(ValueError, match="holds cells of other images, preset; use another --out"):
        require_same({**DATA, "images": 9, "preset": "paper"}, path)
