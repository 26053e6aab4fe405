"""Proposals against true objects, by hand."""

from math import inf
from pathlib import Path

import numpy as np
import pytest

from judged_objects import PLACES, SHAPE, balls
from microtome.box import Box
from microtome.evaluate.objects import InstanceScores
from microtome.labels import IGNORE
from microtome.objects.oracle import ObjectOracle
from microtome.objects.proposals import Proposals, propose
from microtome.objects.scores import scored
from microtome.objects.settings import ProposalSettings
from microtome.volume import ArrayVolume
from proposing import NM, blobs, one_class

PROBABILITY = (180, 220, 130, 240, 150)  # of each row, in bytes
WHOLE = Box.of(SHAPE)


def proposed(folder: Path, **settings: object) -> Proposals:
    solid = [blobs(place, shape=SHAPE) == 200 for place in PLACES]
    volume = sum(ball * byte for ball, byte in zip(solid, PROBABILITY, strict=True)).astype(np.uint8)
    return propose(one_class(volume), ProposalSettings(smallest=8, **settings), folder / "001")  # type: ignore[arg-type]


@pytest.fixture
def found(tmp_path: Path) -> Proposals:
    return proposed(tmp_path)


def truth(array: np.ndarray) -> ArrayVolume:
    return ArrayVolume(array, NM)


def test_objects_that_are_there_are_matched_and_ranked(found: Proposals) -> None:
    """Rows 3 and 0 are right, ranked first and third of five; a third true object was not proposed."""
    classes = balls(PLACES[0], PLACES[3], (5, 10, 60))
    scores = scored(found, truth(classes), (1,), WHOLE)
    assert scores.instances == InstanceScores(3, 5, 2)
    assert scores.average_precision == pytest.approx((1 + 2 / 3) / 3)
    assert scores.distances.adgt_nm > 0
    assert scores.distances.adf_nm > 0


def test_a_perfect_set_is_perfect(found: Proposals) -> None:
    scores = scored(found, truth(balls(*PLACES, value=2)), (2,), WHOLE)
    assert scores.instances == InstanceScores(5, 5, 5)
    assert scores.average_precision == 1
    assert scores.distances.nm == 0


def test_only_the_box_counts_and_what_is_known_in_it(found: Proposals) -> None:
    classes = np.where(balls(PLACES[1]) > 0, IGNORE, balls(*PLACES)).astype(np.uint8)
    scores = scored(found, truth(classes), (1,), Box((0, 0, 0), (4, 40, 80)))  # rows 0 to 2
    assert scores.instances == InstanceScores(2, 2, 2)


def test_objects_of_a_section_are_compared_with_true_ones_of_a_section(tmp_path: Path) -> None:
    found = proposed(tmp_path, per_section=True)
    scores = scored(found, truth(balls(*PLACES)), (1,), WHOLE)
    assert scores.instances == InstanceScores(15, 15, 15)
    said = ObjectOracle(truth(balls(*PLACES)), rule="iou").correct(found, range(15))
    assert set(said.values()) == {"correct"}


def test_where_nothing_is_true_distances_are_infinite(found: Proposals) -> None:
    scores = scored(found, truth(np.zeros(SHAPE, np.uint8)), (1,), WHOLE)
    assert scores.instances == InstanceScores(0, 5, 0)
    assert scores.average_precision == 0
    assert scores.distances.adgt_nm == inf


def test_where_nothing_is_at_all_nothing_is_wrong(found: Proposals) -> None:
    empty = Box((0, 0, 0), (1, 4, 4))
    scores = scored(found, truth(balls(*PLACES)), (1,), empty)
    assert scores.instances == InstanceScores(0, 0, 0)
    assert (scores.average_precision, scores.distances.nm) == (1, 0)


def test_truth_of_another_shape_is_refused(found: Proposals) -> None:
    with pytest.raises(
        ValueError, match=r"expected truth of the proposals' shape \(8, 40, 80\); got \(1, 2, 2\)"
    ):
        scored(found, truth(np.zeros((1, 2, 2), np.uint8)), (1,), WHOLE)
