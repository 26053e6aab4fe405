"""What a command shows: a table for people, JSON for machines."""

import json

import pytest

from microtome.cli.show import result, sides

ROW = {"recall": [0.8, 0.26410396120704205, 12.5], "images": ("mitochondrion", "uncertainty"), "none": []}


@pytest.mark.parametrize("rows", [[ROW], [ROW, ROW]], ids=["sheet", "table"])
def test_lists_are_shown_without_brackets_and_rounded(
    rows: list[dict[str, object]], capsys: pytest.CaptureFixture[str]
) -> None:
    result({}, rows, as_json=False)
    shown = capsys.readouterr().out
    assert shown.count("0.800, 0.264, 12.5") == len(rows)
    assert shown.count("mitochondrion, uncertainty") == len(rows)
    assert not set("[]()'") & set(shown)


def test_machines_get_lists_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    result(ROW, [ROW], as_json=True)
    assert json.loads(capsys.readouterr().out) == {**ROW, "images": ["mitochondrion", "uncertainty"]}


def test_the_sides_of_a_box_are_shown_as_people_write_them() -> None:
    assert sides((45.0, 2 * 4.6, 0.1 * 3)) == "45 × 9.2 × 0.3"
    assert sides((12, 1_000_000, 640)) == "12 × 1000000 × 640"
