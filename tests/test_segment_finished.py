"""Which segmentations a project has, and what is told of them."""

import json
import os
from pathlib import Path

import pytest

from microtome.segment.finished import segmentation_of, segmentations, tell, told_of

GIVEN = {"model": 3, "prediction": "predictions/003", "tables": "csv", "classes": {"a": {}}}


def test_what_was_told_is_read_back(tmp_path: Path) -> None:
    tell(tmp_path, GIVEN)
    assert told_of(tmp_path) == GIVEN


def test_a_folder_without_a_finished_segmentation_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=rf"{tmp_path} holds no finished segmentation"):
        told_of(tmp_path)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("{", "expected JSON"),
        ("[]", "expected 'model' .*; got none"),
        (json.dumps(GIVEN | {"model": "3"}), "expected 'model' .*; got 3"),
        *((json.dumps(GIVEN | {key: None}), f"expected '{key}' .*; got None") for key in GIVEN),
        ('{"model": 3}', "expected 'prediction' .*; got none"),
    ],
)
def test_a_damaged_file_is_named_with_its_key(content: str, problem: str, tmp_path: Path) -> None:
    (tmp_path / "segmentation.json").write_text(content)
    with pytest.raises(ValueError, match=rf"segmentation\.json is damaged: .*{problem}"):
        told_of(tmp_path)


def test_the_latest_segmentation_is_the_one_written_last(tmp_path: Path) -> None:
    for k, name in enumerate(["b", "a"]):
        folder = tmp_path / "segmentations" / name
        folder.mkdir(parents=True)
        tell(folder, GIVEN)
        os.utime(folder / "segmentation.json", ns=(k, k))
    (tmp_path / "segmentations" / "begun").mkdir()
    assert [folder.name for folder in segmentations(tmp_path)] == ["b", "a"]
    assert segmentation_of(tmp_path, None).name == "a"
    assert segmentation_of(tmp_path, "b").name == "b"
    with pytest.raises(ValueError, match=r"expected one of the finished segmentations \(a, b\); got 'c'"):
        segmentation_of(tmp_path, "c")
