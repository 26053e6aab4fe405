"""Recall from random boxes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.proportion import proportion_confint

from microtome.box import Box, Int3
from microtome.objects.audit import audit_boxes, missed, recall

DOMAIN = Box((2, 10, 0), (5, 45, 30))
NM = (50.0, 5.0, 5.0)


def drawn(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_the_boxes_are_cells_that_partition_the_domain() -> None:
    boxes = audit_boxes(DOMAIN, (2, 16, 16), 1000, drawn())
    voxels = np.zeros((6, 50, 40), int)
    for box in boxes:
        voxels[box.slices] += 1
    assert (voxels[DOMAIN.slices] == 1).all()
    assert voxels.sum() == DOMAIN.size
    assert len(boxes) == 2 * 3 * 2


def test_every_cell_is_as_likely_as_any_other() -> None:
    counts: dict[Box, int] = {}
    for seed in range(600):
        for box in audit_boxes(DOMAIN, (2, 16, 16), 3, drawn(seed)):
            counts[box] = counts.get(box, 0) + 1
    assert len(counts) == 12
    assert all(100 < count < 205 for count in counts.values())  # 150 expected, deviation 10.6


@given(st.integers(1, 15), st.integers(0, 12), st.integers(0, 99))
def test_boxes_that_were_audited_are_left_out(n: int, before: int, seed: int) -> None:
    asked = audit_boxes(DOMAIN, (2, 16, 16), before, drawn(seed)) if before else ()
    more = audit_boxes(DOMAIN, (2, 16, 16), n, drawn(seed + 1), asked)
    assert len(set(more)) == len(more) == min(n, 12 - len(asked))
    assert not set(more) & set(asked)


def test_boxes_of_another_audit_of_another_shape_are_left_out() -> None:
    asked = (Box((0, 0, 0), (3, 20, 50)), Box((9, 9, 9), (10, 10, 10)))
    more = audit_boxes(DOMAIN, (1, 8, 8), 1000, drawn(), asked)
    assert not any(box.overlaps(other) for box in more for other in asked)
    assert len(more) == 2 * 5 * 4 + 3 * 4  # sections 3 and 4 whole; of section 2 the rows from 26 on


def test_a_huge_volume_is_not_enumerated() -> None:
    boxes = audit_boxes(Box.of((10**5, 10**6, 10**6)), (8, 64, 64), 5, drawn())
    assert len(set(boxes)) == 5


@pytest.mark.parametrize(("shape", "n"), [((0, 4, 4), 1), ((1, 4, 4), 0)])
def test_audits_of_nothing_are_refused(shape: Int3, n: int) -> None:
    with pytest.raises(ValueError, match="an audit expects boxes with voxels"):
        audit_boxes(DOMAIN, shape, n, drawn())


def ids() -> np.ndarray:
    block = np.zeros((3, 20, 20), np.uint32)
    block[1, 2:6, 2:6] = 7
    block[1, 2:6, 8:12] = 9
    return block


BOX = Box((10, 100, 100), (13, 120, 120))


def marks(*points: tuple[float, float, float]) -> np.ndarray:
    return np.array(points, float).reshape(-1, 3) + BOX.start


def test_a_mark_on_no_object_is_a_missed_one() -> None:
    assert missed(marks((1, 3, 3), (1, 15, 15)), ids(), BOX, NM) == 1


def test_an_object_takes_one_mark_only() -> None:
    assert missed(marks((1, 3, 3), (1, 4, 4)), ids(), BOX, NM) == 1


def test_a_mark_near_enough_counts_and_distances_are_in_nm() -> None:
    below, beside = marks((2, 3, 3)), marks((1, 8, 3))  # 50 nm and 3 voxels of 5 nm off
    for point, off in ((below, 50.0), (beside, 15.0)):
        assert missed(point, ids(), BOX, NM, off) == 0
        assert missed(point, ids(), BOX, NM, off - 1) == 1


def test_marks_are_matched_so_that_as_many_as_can_be_are() -> None:
    between, left = (1, 3, 6.5), (1, 3, 2)  # the first is near both objects, the second is on one of them
    for order in ((between, left), (left, between)):
        assert missed(marks(*order), ids(), BOX, NM, 8.0) == 0


def test_without_objects_every_mark_is_a_missed_one_and_without_marks_none_is() -> None:
    assert missed(marks((1, 1, 1), (2, 2, 2)), np.zeros((3, 20, 20), np.uint32), BOX, NM) == 2
    assert missed(marks(), ids(), BOX, NM) == 0


def test_labels_of_another_shape_are_refused() -> None:
    with pytest.raises(ValueError, match=r"expected labels of \(3, 20, 20\)"):
        missed(marks((1, 1, 1)), ids()[:2], BOX, NM)


def test_recall_is_the_ratio_over_all_boxes() -> None:
    found = recall(np.array([8, 0, 1]), np.array([1, 1, 1]))
    assert found.value == 9 / 12
    assert 0 <= found.low < 9 / 12 < found.high <= 1


def test_with_one_object_a_box_the_interval_is_exact() -> None:
    found = recall(np.array([1] * 18 + [0] * 2), np.array([0] * 18 + [1] * 2))
    assert (found.low, found.high) == pytest.approx(proportion_confint(18, 20, method="beta"))


def test_where_nothing_was_missed_the_interval_still_has_a_width() -> None:
    found = recall(np.array([3, 1, 0, 2]), np.zeros(4, np.int64))
    assert (found.value, found.high) == (1, 1)
    assert found.low == pytest.approx(proportion_confint(3, 3, method="beta")[0])


def test_where_nothing_was_seen_nothing_is_known() -> None:
    found = recall(np.zeros(5, np.int64), np.zeros(5, np.int64))
    assert np.isnan(found.value)
    assert (found.low, found.high) == (0, 1)


def test_the_interval_of_random_boxes_holds_the_true_recall() -> None:
    rng, held = drawn(), 0
    for _ in range(200):
        true = rng.poisson(rng.gamma(1, 2, 300))  # clumped
        found = rng.binomial(true, rng.beta(8, 2, 300))
        sample = rng.permutation(300)[:40]
        interval = recall(found[sample], (true - found)[sample])
        held += interval.low <= found.sum() / true.sum() <= interval.high
    assert 0.93 <= held / 200 <= 1.0


@pytest.mark.parametrize(("found", "missing"), [([1, 2], [1]), ([-1], [1])])
def test_bad_counts_are_refused(found: list[int], missing: list[int]) -> None:
    with pytest.raises(ValueError, match="how many were found and how many missed"):
        recall(np.array(found), np.array(missing))
