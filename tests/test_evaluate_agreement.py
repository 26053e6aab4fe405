"""Agreement and majority of several annotators."""

import numpy as np
import pytest

from microtome.evaluate.agreement import agreement, fleiss_kappa, krippendorff_alpha, majority
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


FLEISS_1971 = np.array(  # 10 subjects, 14 raters, 5 categories: the example that textbooks print
    [
        [0, 0, 0, 0, 14],
        [0, 2, 6, 4, 2],
        [0, 0, 3, 5, 6],
        [0, 3, 9, 2, 0],
        [2, 2, 8, 1, 1],
        [7, 7, 0, 0, 0],
        [3, 2, 6, 3, 0],
        [2, 5, 3, 2, 2],
        [6, 5, 2, 1, 0],
        [0, 2, 2, 3, 7],
    ]
)
KRIPPENDORFF_2011 = [  # 4 observers, 12 units, 5 categories, 0 is missing: α is 0.743
    [1, 2, 3, 3, 2, 1, 4, 1, 2, 0, 0, 0],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, 0, 3],
    [0, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, 0],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, 0],
]


def _counts(ratings: list[list[int]], categories: int) -> np.ndarray:
    table = np.array(ratings)
    return np.stack([(table == c + 1).sum(axis=0) for c in range(categories)], axis=1)


def _alpha_by_pairs(ratings: np.ndarray) -> float:
    """1 - observed over expected disagreement, every pair of values taken one by one."""
    units = [column[column > 0] for column in ratings.T]
    units = [unit for unit in units if len(unit) > 1]
    values = np.concatenate(units)
    n = len(values)
    observed = sum(
        float(unit[i] != unit[j]) / (len(unit) - 1)
        for unit in units
        for i in range(len(unit))
        for j in range(len(unit))
        if i != j
    )
    expected = sum(float(values[i] != values[j]) for i in range(n) for j in range(n) if i != j)
    return 1 - (observed / n) / (expected / (n * (n - 1)))


def test_fleiss_kappa_of_the_example_of_1971() -> None:
    assert fleiss_kappa(FLEISS_1971) == pytest.approx(0.210, abs=5e-4)


def test_kappa_of_verdicts_is_kappa_of_voxels_with_the_same_votes() -> None:
    rng = np.random.default_rng(0)
    people = [_block(*rng.choice([0, 1, N], 40, p=[0.3, 0.5, 0.2]).tolist()) for _ in range(4)]
    votes = np.stack([sum((block == c).ravel().astype(int) for block in people) for c in (0, 1)], axis=1)
    found = agreement([people])
    assert found is not None
    assert fleiss_kappa(votes) == pytest.approx(found.kappa)


def test_krippendorffs_alpha_of_the_example_of_2011() -> None:
    assert krippendorff_alpha(_counts(KRIPPENDORFF_2011, 5)) == pytest.approx(0.743, abs=5e-4)


def test_alpha_with_missing_values_equals_a_slow_count_of_pairs() -> None:
    ratings = np.random.default_rng(1).choice(4, (5, 20), p=[0.3, 0.4, 0.2, 0.1])
    assert krippendorff_alpha(_counts(ratings.tolist(), 3)) == pytest.approx(_alpha_by_pairs(ratings))


def test_full_agreement_on_two_categories_is_one_in_both() -> None:
    votes = np.array([[3, 0], [0, 2], [1, 0]])
    assert fleiss_kappa(votes) == 1
    assert krippendorff_alpha(votes) == 1


@pytest.mark.parametrize(
    "votes", [np.zeros((0, 2), int), np.array([[1, 0], [0, 1]]), np.array([[3, 0], [2, 0]])]
)
def test_without_two_votes_or_with_one_category_nothing_can_be_said(votes: np.ndarray) -> None:
    assert fleiss_kappa(votes) is None
    assert krippendorff_alpha(votes) is None


def test_negative_votes_are_refused() -> None:
    for measure in (fleiss_kappa, krippendorff_alpha):
        with pytest.raises(ValueError, match="expected numbers of votes; got -1"):
            measure(np.array([[2, -1]]))
