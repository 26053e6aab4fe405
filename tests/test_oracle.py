import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tifffile

from microtome.box import Box, grid
from microtome.labels import IGNORE
from microtome.oracle import CostModel, GroundTruthOracle, Hand, Oracle
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
    shown[0, 10:] = 0  # the lower half of the square: 10 voxels of its outline below, 4 more at each side
    assert COST.correction(square(), shown) == pytest.approx(LOOK + 2.0 + 0.25 * 18)


def test_what_clings_to_an_object_is_cut_off_along_the_outline_and_clicked_away() -> None:
    shown = square()
    shown[0, 8:13, 15:20] = 1  # five voxels of the square's right side border on it
    assert COST.correction(square(), shown) == pytest.approx(LOOK + 1.5 + 0.25 * 5)


def test_a_prediction_of_foreground_everywhere_saves_no_drawing() -> None:
    inside = COST.correction(square(), np.ones_like(square()))
    assert inside == pytest.approx(LOOK + 1.5 + 0.25 * OUTLINE)


def test_voxels_that_the_truth_ignores_cost_nothing_to_draw() -> None:
    truth, shown = square(), square(at=20)
    truth[0, 20:] = IGNORE
    assert COST.scratch(truth) == pytest.approx(LOOK + SQUARE)
    assert COST.correction(truth, square() + shown) == pytest.approx(LOOK)


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


def sliding(thresholds: tuple[float, ...], box_at: dict[float, np.ndarray]) -> GroundTruthOracle:
    return GroundTruthOracle(
        lambda box: square(),
        COST,
        lambda box: box_at[0.5],
        4,
        Hand(thresholds=thresholds),
        at_threshold=lambda box, threshold: box_at[threshold],
    )


def test_the_threshold_is_slid_to_where_correcting_costs_least() -> None:
    wide, right = square(at=4, side=14), square()
    (answer,) = sliding((0.7, 0.9), {0.5: wide, 0.7: right, 0.9: blank()}).answer([query()])
    assert answer.active_seconds == pytest.approx(LOOK + 5.0)
    assert (answer.method, answer.shown_model) == ("corrected", 4)


def test_a_slider_that_does_not_help_is_left_alone() -> None:
    (answer,) = sliding((0.7,), {0.5: square(), 0.7: blank()}).answer([query()])
    assert answer.active_seconds == pytest.approx(LOOK)


def test_a_threshold_beyond_one_is_refused() -> None:
    with pytest.raises(ValueError, match="a share and thresholds in"):
        Hand(thresholds=(0.5, 1.5))


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


def by_hand(hand: Hand, truth: np.ndarray, shown: np.ndarray | None, seed: int = 0) -> list[np.ndarray]:
    prediction = None if shown is None else (lambda box: shown[box.slices])
    oracle = GroundTruthOracle(lambda box: truth[box.slices], COST, prediction, 1, hand, seed)
    return [answer.labels for answer in oracle.answer([query(k) for k in range(1, 101)])]


def test_overlooked_errors_stay_as_they_were_shown() -> None:
    truth, shown = square() + square(at=25), square(at=25)
    shown[0, 0:4, 30:39] = 1  # superfluous
    answers = by_hand(Hand(overlooked=0.3), truth, shown)
    missed = sum(not labels[0, 5:15, 5:15].any() for labels in answers)
    left = sum(bool(labels[0, 0:4, 30:39].any()) for labels in answers)
    assert 15 <= missed <= 45
    assert 15 <= left <= 45
    for labels in answers:
        assert set(np.unique(labels[0, 5:15, 5:15])) in ({0}, {1})
        assert (labels[0, 25:35, 25:35] == 1).all()


def test_overlooked_objects_are_not_drawn_and_cost_nothing() -> None:
    truth = square() + square(at=25)
    oracle = GroundTruthOracle(lambda box: truth[box.slices], COST, hand=Hand(overlooked=1.0))
    (answer,) = oracle.answer([query()])
    assert not answer.labels.any()
    assert answer.active_seconds == pytest.approx(LOOK)


def test_what_is_unlabelled_stays_so_whatever_is_overlooked() -> None:
    truth = square() + square(255, at=25)
    for labels in by_hand(Hand(overlooked=1.0), truth, blank()):
        np.testing.assert_array_equal(labels == 255, truth == 255)


def test_outlines_are_off_by_the_jitter_and_everything_else_is_right() -> None:
    truth = np.zeros((1, 40, 40), np.uint8)
    truth[:, 10:30, 10:30] = 1
    small, large = (
        np.mean([(labels != truth).mean() for labels in by_hand(Hand(jitter=jitter), truth, None)[:20]])
        for jitter in (1.0, 3.0)
    )
    assert 0 < small < large < 0.2
    for labels in by_hand(Hand(jitter=1.0), truth, None):
        assert (labels[0, 15:25, 15:25] == 1).all()
        assert not labels[0, :4].any()


def test_the_same_seed_errs_alike_and_another_does_not() -> None:
    hand, truth = Hand(jitter=1.0, overlooked=0.5), square() + square(at=25)
    first, again, other = (by_hand(hand, truth, None, seed) for seed in (0, 0, 1))
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(first, other, strict=True))


@pytest.mark.parametrize(
    "hand", [{"jitter": -1.0}, {"jitter": np.inf}, {"overlooked": 1.5}, {"tolerance": -1}, {"smallest": -1}]
)
def test_impossible_hands_are_refused(hand: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"sizes >= 0 and a share and thresholds in \[0, 1\]"):
        Hand(**hand)  # type: ignore[arg-type]


def test_what_is_hardly_wrong_is_left_as_it_was_shown_and_costs_nothing() -> None:
    truth = np.zeros((1, 40, 40), np.uint8)
    truth[:, 10:30, 10:30] = 1
    shown = truth.copy()
    shown[:, 10:30, 29:31] = 1  # a border that is off by a voxel
    shown[:, 2:4, 2:4] = 1  # a speck
    shown[:, 15:21, 15:21] = 0  # a hole
    hand = Hand(tolerance=1, smallest=20)
    kept = hand.corrected(truth, shown)
    assert (kept[:, 15:21, 15:21] == 1).mean() > 0.8  # but its corners, which a round brush does not reach
    kept[:, 15:21, 15:21] = 0
    np.testing.assert_array_equal(kept, shown)
    assert Hand().corrected(truth, shown) is truth
    oracle = GroundTruthOracle(lambda box: truth[box.slices], COST, lambda box: shown[box.slices], 1, hand)
    (answer,) = oracle.answer([query(1)])
    assert answer.method == "corrected"
    assert answer.active_seconds == pytest.approx(COST.correction(answer.labels, shown))
    assert answer.active_seconds < COST.correction(truth, shown)
