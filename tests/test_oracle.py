import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tifffile

from microtome.box import Box, grid
from microtome.oracle import CostModel, GroundTruthOracle, Oracle
from microtome.project.records import Query

SHARED = Path(__file__).parents[2] / "shared" / "data"
ROOT = Path(os.environ.get("MICROTOME_DATA", SHARED))
COST = CostModel(
    open_seconds=3.0, scan_seconds=500.0, draw_seconds=0.25, start_seconds=2.0, remove_seconds=1.5
)
LOOK = 3.0 + 500.0 * 1600 * 1e-6  # to open a box of 40 x 40 and look at it
OUTLINE = 36  # voxels of the outline of a square of 10
SQUARE = 2.0 + 0.25 * OUTLINE


def blank() -> np.ndarray:
    return np.zeros((1, 40, 40), np.uint8)


def square(label: int = 1, at: int = 5, side: int = 10) -> np.ndarray:
    labels = blank()
    labels[0, at : at + side, at : at + side] = label
    return labels


def query(number: int = 1) -> Query:
    box = Box((0, 0, 0), (1, 40, 40))
    return Query(id=number, round=0, box=box, strategy="random", score=0.0, rank=0, reason="")


def test_nothing_to_draw_costs_a_look() -> None:
    assert COST.scratch(blank()) == pytest.approx(LOOK)


def test_a_square_costs_a_look_a_start_and_its_outline() -> None:
    assert COST.scratch(square()) == pytest.approx(LOOK + SQUARE)


def test_every_object_costs_a_start_of_its_own() -> None:
    assert COST.scratch(square() + square(at=20)) == pytest.approx(LOOK + 2 * SQUARE)
    assert COST.scratch(square() + square(2, at=20)) == pytest.approx(LOOK + 2 * SQUARE)


def test_an_object_is_drawn_again_in_every_section() -> None:
    stack = np.concatenate([square()] * 3)
    assert COST.scratch(stack) == pytest.approx(3.0 + 3 * (LOOK - 3.0) + 3 * SQUARE)


def test_an_object_at_the_edge_of_the_box_is_drawn_along_the_edge_too() -> None:
    assert COST.scratch(square(at=30)) == pytest.approx(LOOK + SQUARE)


def test_a_hole_is_part_of_the_outline() -> None:
    ring = square()
    ring[0, 9:11, 9:11] = 0  # 8 voxels of the square border on it
    assert COST.scratch(ring) == pytest.approx(LOOK + SQUARE + 0.25 * 8)


def test_a_right_prediction_costs_a_look() -> None:
    assert COST.correction(square(), square()) == pytest.approx(LOOK)


def test_an_object_that_is_not_there_costs_a_click() -> None:
    assert COST.correction(blank(), square()) == pytest.approx(LOOK + 1.5)


def test_an_object_of_the_wrong_class_is_clicked_away_and_drawn() -> None:
    assert COST.correction(square(2), square(1)) == pytest.approx(LOOK + 1.5 + SQUARE)


def test_only_what_is_missing_is_drawn() -> None:
    shown = square()
    shown[0, 10:] = 0  # the lower half of the square, 5 by 10 voxels, with an outline of 26
    assert COST.correction(square(), shown) == pytest.approx(LOOK + 2.0 + 0.25 * 26)


@pytest.mark.parametrize(("height", "seen"), [(4, False), (5, True)])
def test_errors_of_fewer_than_20_voxels_are_not_seen(height: int, seen: bool) -> None:
    labels = blank()
    labels[0, 3 : 3 + height, 3:7] = 1  # 16 or 20 voxels
    if not seen:
        labels[0, 7, 3:6] = 1  # 19
    assert np.count_nonzero(labels) == (20 if seen else 19)
    assert (COST.correction(blank(), labels) > LOOK + 1e-9) == seen
    assert (COST.scratch(labels) > LOOK + 1e-9) == seen


def test_voxels_that_touch_at_a_corner_are_two_objects() -> None:
    assert COST.scratch(square() + square(at=15)) == pytest.approx(LOOK + 2 * SQUARE)


def answers(
    truth: np.ndarray, shown: np.ndarray | None = None, model_id: int | None = None
) -> GroundTruthOracle:
    prediction = None if shown is None else lambda box: shown[box.slices]
    return GroundTruthOracle(lambda box: truth[box.slices], COST, prediction, model_id)


def test_the_ground_truth_is_an_oracle() -> None:
    assert isinstance(answers(blank()), Oracle)


def test_without_a_model_the_truth_is_drawn_from_scratch() -> None:
    (answer,) = answers(square()).answer([query(7)])
    np.testing.assert_array_equal(answer.labels, square())
    assert (answer.query_id, answer.annotator, answer.method) == (7, "simulated", "scratch")
    assert answer.shown_model is None
    assert answer.active_seconds == pytest.approx(LOOK + SQUARE)


def test_a_right_prediction_is_corrected_and_its_model_remembered() -> None:
    (answer,) = answers(square(), square(), 4).answer([query()])
    np.testing.assert_array_equal(answer.labels, square())
    assert (answer.method, answer.shown_model) == ("corrected", 4)
    assert answer.active_seconds == pytest.approx(LOOK)


def test_a_bad_prediction_is_not_used() -> None:
    shown = square() + square(at=20)
    (answer,) = answers(blank(), shown, 4).answer([query()])
    assert (answer.method, answer.shown_model) == ("scratch", None)
    assert answer.active_seconds == pytest.approx(LOOK)


def test_the_truth_is_given_whatever_the_model_says() -> None:
    shown = square(at=6)
    (answer,) = answers(square(), shown, 4).answer([query()])
    np.testing.assert_array_equal(answer.labels, square())


def test_a_query_is_answered_when_it_is_its_turn() -> None:
    looked: list[int] = []

    def truth(box: Box) -> np.ndarray:
        looked.append(len(looked))
        return blank()[box.slices]

    found = GroundTruthOracle(truth, COST).answer([query(1), query(2), query(3)])
    assert isinstance(found, Iterator)
    assert looked == []
    assert next(found).query_id == 1
    assert looked == [0]
    assert [answer.query_id for answer in found] == [2, 3]


def test_a_query_that_no_journal_knows_is_refused() -> None:
    unknown = Query(round=0, box=Box.of((1, 4, 4)), strategy="random", score=0.0, rank=0, reason="")
    with pytest.raises(ValueError, match="has no id"):
        next(answers(blank()).answer([unknown]))


@pytest.mark.skipif(not (ROOT / "vnc_sstem" / "membranes.tif").is_file(), reason="the vnc data are not here")
def test_membranes_of_the_vnc_cost_what_a_person_took_for_such() -> None:
    """Guay (2019) measured 328 minutes a megavoxel; pixels of 9.2 nm, every second of the data's."""
    membranes = tifffile.imread(ROOT / "vnc_sstem" / "membranes.tif", key=range(9))[:, ::2, ::2] != 0
    truth = membranes.astype(np.uint8)
    seconds = sum(CostModel().scratch(truth[box.slices]) for box in grid(Box.of(truth.shape), (1, 64, 64)))
    assert 300 < seconds / 60 / (truth.size * 1e-6) < 360
