"""A model's prediction as a source of objects."""

import json
from pathlib import Path

import numpy as np
import pytest

from microtome.box import Box
from microtome.objects.predicted import predicted_source
from microtome.objects.sources import OneClass, TwoSides
from microtome.predict.store import PredictionStore, open_store

SHAPE = (3, 8, 9)
CLASSES = ("pre", "post")


def mean_of(box: Box) -> np.ndarray:
    mean = np.zeros((3, *box.shape), np.float32)
    mean[0], mean[1], mean[2] = 0.5, 0.2, 0.3
    return mean


def store(folder: Path, *boxes: Box) -> PredictionStore:
    made = open_store(folder, CLASSES, SHAPE, (40.0, 4.0, 4.0), (1, 8, 9))
    for box in boxes:
        made.log(box, made.write(box, mean_of(box)))
    return made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    store(tmp_path / "002", Box.of(SHAPE))
    return tmp_path / "002"


def test_one_class_is_its_probability(folder: Path) -> None:
    source = predicted_source(folder, CLASSES, ("post",), SHAPE)
    assert isinstance(source, OneClass)
    assert source.origin == "002: post"
    assert (source.probability.read(Box.of(SHAPE)) == 77).all()


def test_two_classes_are_the_sides_of_synapses(folder: Path) -> None:
    source = predicted_source(folder, CLASSES, CLASSES, SHAPE)
    assert isinstance(source, TwoSides)
    assert source.origin == "002: pre, post"
    assert (source.pre.read(Box.of(SHAPE)) == 51).all()


def test_blocks_may_overlap_as_long_as_they_cover_the_volume(tmp_path: Path) -> None:
    boxes = [Box((0, 0, 0), (2, 8, 9)), Box((1, 0, 0), (3, 5, 9)), Box((1, 3, 0), (3, 8, 9))]
    store(tmp_path / "whole", *boxes)
    assert predicted_source(tmp_path / "whole", CLASSES, ("pre",), SHAPE).halves == 1
    for missing in boxes[1:]:
        part = tmp_path / f"without {missing}"
        store(part, *(box for box in boxes if box != missing))
        with pytest.raises(ValueError, match="no finished prediction of the whole volume"):
            predicted_source(part, CLASSES, ("pre",), SHAPE)


def test_without_any_prediction_it_is_said_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="run `microtome predict`"):
        predicted_source(tmp_path / "001", CLASSES, ("pre",), SHAPE)


def test_a_box_beyond_the_volume_covers_nothing(tmp_path: Path) -> None:
    made = store(tmp_path / "001")
    line = {"start": [0, 0, 0], "stop": [9, 99, 99], "sha256": ""}
    (made.folder / "done.jsonl").write_text(json.dumps(line))
    with pytest.raises(ValueError, match="no finished prediction"):
        predicted_source(made.folder, CLASSES, ("pre",), SHAPE)


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        (("mito",), "expected classes of pre, post; got 'mito'"),
        ((), "expected one class of pre, post, or two: pre and post; got none"),
        (("pre", "post", "pre"), "got pre, post, pre"),
    ],
)
def test_classes_that_are_not_there_are_named(wanted: tuple[str, ...], message: str, folder: Path) -> None:
    with pytest.raises(ValueError, match=message):
        predicted_source(folder, CLASSES, wanted, SHAPE)
