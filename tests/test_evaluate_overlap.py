import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from microtome.box import Box, tile
from microtome.evaluate import (
    ContingencyTable,
    contingency,
    dice,
    empty_table,
    jaccard,
    pixel_accuracy,
    pooled_scores,
    precision,
    recall,
    scores,
    voc_score,
)
from microtome.labels import IGNORE

SHAPE = (3, 4, 5)
TRUTHS = arrays(np.uint8, SHAPE, elements=st.sampled_from([0, 1, 2, IGNORE]))
PREDICTIONS = arrays(np.uint8, SHAPE, elements=st.integers(0, 2))


def line(*values: int) -> np.ndarray:
    return np.array(values, dtype=np.uint8).reshape(1, 1, -1)


def table_by_hand() -> ContingencyTable:
    """Class 1: 3 hits, 1 false alarm, 2 misses; 4 voxels are right background; the ignored one is out."""
    truth = line(1, 1, 1, 1, 1, 0, 0, 0, 0, 0, IGNORE)
    predicted = line(1, 1, 1, 0, 0, 1, 0, 0, 0, 0, 1)
    return contingency(truth, predicted, 1)


def test_the_table_counts_true_against_predicted_classes() -> None:
    assert table_by_hand().counts.tolist() == [[4, 1], [2, 3]]


def test_metrics_equal_numbers_worked_out_by_hand() -> None:
    table = table_by_hand()
    assert jaccard(table, 1) == 3 / 6
    assert dice(table, 1) == 6 / 9
    assert precision(table, 1) == 3 / 4
    assert recall(table, 1) == 3 / 5
    assert pixel_accuracy(table) == 7 / 10
    assert voc_score(table, 1) == pytest.approx((3 / 6 + 4 / 7) / 2)


def test_background_is_a_class_too() -> None:
    assert jaccard(table_by_hand(), 0) == 4 / 7


def test_scores_are_named_and_tell_the_voxels_behind_them() -> None:
    result = scores(table_by_hand(), ["mitochondrion"])
    assert list(result) == ["mitochondrion"]
    assert (result["mitochondrion"].truth_voxels, result["mitochondrion"].predicted_voxels) == (5, 4)
    assert result["mitochondrion"].jaccard == 0.5


def test_pooling_one_class_changes_nothing() -> None:
    table = table_by_hand()
    assert pooled_scores(table) == scores(table, ["only"])["only"]


def test_pooled_scores_sum_hits_and_errors_before_dividing() -> None:
    table = contingency(line(1, 1, 2, 0), line(1, 2, 2, 0), 2)  # 1 miss of class 1, 1 alarm of class 2
    pooled = pooled_scores(table)
    assert pooled.jaccard == 2 / 4
    assert pooled.precision == 2 / 3
    assert pooled.recall == 2 / 3


@given(TRUTHS, PREDICTIONS)
def test_tables_of_blocks_add_up_to_the_table_of_the_volume(truth: np.ndarray, predicted: np.ndarray) -> None:
    total = empty_table(2)
    for block in tile(Box.of(SHAPE), (2, 3, 2), (0, 0, 0)):
        total = total + contingency(truth[block.write.slices], predicted[block.write.slices], 2)
    np.testing.assert_array_equal(total.counts, contingency(truth, predicted, 2).counts)


@given(TRUTHS, PREDICTIONS)
def test_metrics_equal_a_slow_reference_on_masks(truth: np.ndarray, predicted: np.ndarray) -> None:
    table = contingency(truth, predicted, 2)
    known = truth != IGNORE
    for label in (0, 1, 2):
        a, b = (truth == label) & known, (predicted == label) & known
        both, either = (a & b).sum(), (a | b).sum()
        assert jaccard(table, label) == (both / either if either else 1)
        assert dice(table, label) == (2 * both / (a.sum() + b.sum()) if either else 1)
        assert precision(table, label) == (both / b.sum() if b.any() else not a.any())
        assert recall(table, label) == (both / a.sum() if a.any() else not b.any())


def test_all_254_classes_are_counted_apart() -> None:
    labels = np.arange(255, dtype=np.uint8).reshape(1, 15, 17)
    np.testing.assert_array_equal(contingency(labels, labels, 254).counts, np.eye(255))


@pytest.mark.parametrize("metric", [jaccard, dice, precision, recall, voc_score])
def test_a_class_that_is_nowhere_scores_one(metric: object) -> None:
    assert metric(contingency(line(0, 0), line(0, 0), 1), 1) == 1  # type: ignore[operator]


@pytest.mark.parametrize("metric", [jaccard, dice, precision, recall])
@pytest.mark.parametrize(("truth", "predicted"), [((0, 0), (0, 1)), ((0, 1), (0, 0))])
def test_a_class_on_one_side_only_scores_zero(metric: object, truth: tuple, predicted: tuple) -> None:
    assert metric(contingency(line(*truth), line(*predicted), 1), 1) == 0  # type: ignore[operator]


def test_a_truth_without_labelled_voxels_cannot_be_scored() -> None:
    table = contingency(line(IGNORE), line(1), 1)
    for measure in (pixel_accuracy, pooled_scores, lambda t: scores(t, ["a"])):
        with pytest.raises(ValueError, match="no labelled voxel"):
            measure(table)


def test_shapes_must_agree() -> None:
    with pytest.raises(ValueError, match=r"\(1, 1, 2\).*\(1, 1, 1\)"):
        contingency(line(0, 0), line(0), 1)


@pytest.mark.parametrize(
    ("truth", "predicted", "culprit"), [((2, 3), (0, 0), "truth"), ((0, 0), (2, 3), "prediction")]
)
def test_unknown_classes_are_named(truth: tuple, predicted: tuple, culprit: str) -> None:
    with pytest.raises(ValueError, match=rf"{culprit} may hold classes 0\.\.1; got \[2, 3\]"):
        contingency(line(*truth), line(*predicted), 1)


def test_ignore_is_no_prediction() -> None:
    with pytest.raises(ValueError, match="255"):
        contingency(line(0), line(IGNORE), 1)


def test_tables_of_different_classes_do_not_add() -> None:
    with pytest.raises(ValueError, match="cannot be added"):
        empty_table(1) + empty_table(2)


def test_a_table_cannot_be_changed() -> None:
    counts = np.ones((2, 2), dtype=np.int64)
    table = ContingencyTable(counts)
    counts[0, 0] = 7
    assert table.counts[0, 0] == 1
    with pytest.raises(ValueError, match="read-only"):
        table.counts[0, 0] = 7


@pytest.mark.parametrize("counts", [np.ones((2, 3)), np.ones((1, 1)), -np.ones((2, 2))])
def test_impossible_counts_are_refused(counts: np.ndarray) -> None:
    # jaxtyping refuses the first by itself where shapes are checked at run time
    with pytest.raises((ValueError, TypeError)):
        ContingencyTable(counts.astype(np.int64))


def test_a_class_beyond_the_table_is_refused() -> None:
    with pytest.raises(ValueError, match=r"0\.\.1; got 2"):
        jaccard(empty_table(1), 2)


def test_there_is_one_name_for_each_class() -> None:
    with pytest.raises(ValueError, match="1 classes; got 2 names"):
        scores(table_by_hand(), ["a", "b"])


def test_the_number_of_classes_has_limits() -> None:
    with pytest.raises(ValueError, match="1 to 254 classes; got 255"):
        empty_table(255)
