"""What a study measures, against numbers worked out by hand."""

from dataclasses import replace

import numpy as np
import pytest

from microtome.benchmark.protocol.measures import asked, overlap_scores, redundancy, signal
from microtome.benchmark.protocol.task import Scene, Task
from microtome.box import Box, grid
from microtome.labels import IGNORE
from microtome.oracle import CostModel
from microtome.predict.posterior import Posterior
from microtome.volume import ArrayVolume
from models import Predicting

SHAPE = (2, 32, 32)
LABELS = np.zeros(SHAPE, np.uint8)
LABELS[:, 4:12, 4:12] = 1
BOXES = tuple(grid(Box.of(SHAPE), (1, 16, 16)))


def task(labels: np.ndarray = LABELS) -> Task:
    image = ArrayVolume(np.random.default_rng(0).integers(0, 255, SHAPE).astype(np.uint8), (1.0, 1.0, 1.0))
    scene = Scene(image, lambda box: labels[box.slices], BOXES)
    return Task(scene, replace(scene, boxes=(Box.of(SHAPE),)), 2, "")


def saying(foreground: np.ndarray) -> Predicting:
    def predict(box: Box) -> Posterior:
        p = foreground[box.slices].astype(np.float32)
        return Posterior(
            np.stack([1 - p, p]), np.zeros(p.shape, np.float32), np.zeros((2, *p.shape), np.float32)
        )

    return Predicting(predict)


def test_a_perfect_prediction_scores_perfectly() -> None:
    scores = overlap_scores(task(), saying(LABELS), 5)
    assert scores == {"jaccard": 1, "dice": 1, "boundary_f": 1, "fn_n": 0}


def test_missing_half_of_every_object_is_half_the_overlap() -> None:
    half = LABELS.copy()
    half[:, :, 8:] = 0
    scores = overlap_scores(task(), saying(half), 5)
    assert scores["jaccard"] == pytest.approx(0.5)
    assert scores["dice"] == pytest.approx(2 / 3)
    assert scores["fn_n"] == pytest.approx(100 * 32 / 1024)


def test_what_nobody_labelled_is_not_tested() -> None:
    labels = LABELS.copy()
    labels[:, 16:] = IGNORE
    wrong_there = LABELS.copy()
    wrong_there[:, 20:30, 20:30] = 1
    assert overlap_scores(task(labels), saying(wrong_there), 5)["jaccard"] == 1


def test_the_signal_is_good_where_the_uncertain_are_the_wrong() -> None:
    proba = np.where(LABELS == 1, 0.99, 0.01)
    proba[0, 4:8, 4:12] = 0.4  # wrong, and unsure
    proba[1, 4:6, 4:12] = 0.45  # wrong, and unsure
    found = signal(task(), saying(proba), range(len(BOXES)))
    assert found["spearman"] == pytest.approx(1, abs=0.2)
    assert found["auroc"] == 1
    sure, wrong = 2048 - 48, 48
    expected = (sure * 0.01 + wrong * (0.6 * 32 + 0.55 * 16) / 48) / 2048
    assert found["ece"] == pytest.approx(expected, rel=1e-3)


def test_without_open_candidates_there_is_no_signal() -> None:
    assert np.isnan(list(signal(task(), saying(LABELS), ()).values())).all()


def test_what_was_asked_costs_what_the_cost_model_says() -> None:
    cost = CostModel()
    drawn = cost.scratch(LABELS[BOXES[0].slices])
    before = asked(task(), [0, 3], None)
    assert before["foreground"] == [0.25, 0]
    assert before["seconds_drawing"] == pytest.approx([drawn, cost.scratch(LABELS[BOXES[3].slices])])
    assert before["seconds_correcting"] == before["seconds_drawing"]
    assert before["seconds_slow"][0] > before["seconds_drawing"][0]
    after = asked(task(), [0, 3], saying(LABELS))
    assert after["seconds_correcting"][0] == pytest.approx(2 + 400 * 256e-6)
    assert after["seconds_drawing"] == before["seconds_drawing"]


def test_a_batch_of_the_same_is_redundant() -> None:
    assert redundancy(np.array([[1.0, 0], [2, 0], [3, 0]])) == pytest.approx(1)
    assert redundancy(np.array([[1.0, 0], [0, 1]])) == pytest.approx(0)
    assert redundancy(np.array([[1.0, 0], [-1, 0], [0, 1]])) == pytest.approx(-1 / 3)
    assert np.isnan(redundancy(np.ones((1, 3))))
