"""Agreement and majority of several annotators."""

import numpy as np
import pytest

from microtome.evaluate.agreement import agreement, majority
from microtome.labels import IGNORE

N = IGNORE


def _block(*values: int) -> np.ndarray:
    return np.array(values, dtype=np.uint8).reshape(1, 1, -1)


def test_the_majority_wins_and_a_tie_says_nothing() -> None:
    found = majority([_block(1, 1, 0, N, N, 2), _block(1, 0, 1, 1, N, 1), _block(0, 2, 1, N, N, N)])
    assert found.ravel().tolist() == [1, N, 1, 1, N, N]


def test_three_of_five_win_over_a_tie_found_before() -> None:
    votes = [_block(0), _block(1), _block(2), _block(2), _block(N)]
    assert majority(votes).item() == 2


def test_one_annotator_is_the_majority() -> None:
    assert np.array_equal(majority([_block(1, N)]), _block(1, N))


def test_a_majority_of_nobody_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one annotator"):
        majority([])


def test_full_agreement_has_kappa_one() -> None:
    found = agreement([[_block(0, 1, N), _block(0, 1, 1)]])
    assert found is not None
    assert (found.queries, found.voxels, found.agreement, found.kappa) == (1, 2, 1, 1)


def test_kappa_of_two_annotators_is_that_of_scott() -> None:
    first, second = _block(0, 0, 0, 1, 1, 1, 0, 1, 0, 1), _block(0, 0, 1, 1, 1, 0, 0, 1, 0, 1)
    found = agreement([[first, second]])
    assert found is not None
    assert found.agreement == pytest.approx(0.8)
    assert found.kappa == pytest.approx((0.8 - 0.5) / 0.5)


def test_kappa_is_that_of_fleiss_with_three_annotators() -> None:
    # 2 voxels: votes (3, 0) and (1, 2): P = (1 + 1/3) / 2, p = (4/6, 2/6)
    found = agreement([[_block(0, 0), _block(0, 1), _block(0, 1)]])
    assert found is not None
    observed, expected = 2 / 3, (4 / 6) ** 2 + (2 / 6) ** 2
    assert found.kappa == pytest.approx((observed - expected) / (1 - expected))


def test_one_class_alone_has_no_kappa_and_unshared_voxels_do_not_count() -> None:
    found = agreement([[_block(0, N), _block(0, 0)], [_block(1, 1)]])
    assert found is not None
    assert (found.voxels, found.kappa) == (1, None)
    assert agreement([[_block(1)], [_block(N), _block(1)]]) is None
