"""The cleft score of the CREMI challenge."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import distance_transform_edt

from microtome.evaluate.cleft import CleftScore, cleft_score, mean_cleft_score

NM = (40.0, 4.0, 4.0)
SHAPE = (3, 8, 9)


def at(*places: tuple[int, int, int]) -> np.ndarray:
    mask = np.zeros(SHAPE, bool)
    for place in places:
        mask[place] = True
    return mask


def by_distance_maps(truth: np.ndarray, predicted: np.ndarray) -> tuple[float, float, int, int]:
    """As the challenge's own program computes it."""
    to_truth = distance_transform_edt(~truth, sampling=NM)[predicted]
    to_prediction = distance_transform_edt(~predicted, sampling=NM)[truth]
    far = [int((distances > 30).sum()) for distances in (to_truth, to_prediction)]
    return to_truth.mean(), to_prediction.mean(), far[0], far[1]


def test_by_hand_in_nm_of_each_axis() -> None:
    truth, predicted = at((0, 2, 2), (0, 2, 3)), at((0, 2, 3), (1, 2, 3), (0, 5, 7))
    found = cleft_score(truth, predicted, NM)
    assert found.adgt_nm == pytest.approx((0 + 40 + 20) / 3)  # 3 and 4 voxels of 4 nm away: 20
    assert found.adf_nm == pytest.approx((4 + 0) / 2)
    assert found.nm == pytest.approx((20 + 2) / 2)
    assert (found.false_positives, found.false_negatives) == (0, 0)


def test_identical_masks_score_0() -> None:
    mask = at((0, 1, 1), (2, 3, 3))
    assert cleft_score(mask, mask, NM) == CleftScore(0, 0, 0, 0)
    assert cleft_score(at(), at(), NM) == CleftScore(0, 0, 0, 0)


@given(st.integers(0, 500), st.floats(0.02, 0.9))
def test_it_equals_distance_maps(seed: int, share: float) -> None:
    rng = np.random.default_rng(seed)
    truth, predicted = rng.random(SHAPE) < share, rng.random(SHAPE) < share / 2
    truth[0, 0, 0] = predicted[2, 7, 8] = True
    found = cleft_score(truth, predicted, NM, far_nm=30)
    expected = by_distance_maps(truth, predicted)
    assert (found.adgt_nm, found.adf_nm) == pytest.approx(expected[:2])
    assert (found.false_positives, found.false_negatives) == expected[2:]


def test_voxels_beyond_200_nm_are_counted_as_false() -> None:
    truth, predicted = np.zeros((7, 3, 3), bool), np.zeros((7, 3, 3), bool)
    truth[0, 0, 0] = predicted[0, 0, 0] = predicted[5, 0, 0] = predicted[6, 0, 0] = True
    found = cleft_score(truth, predicted, NM)
    assert found.false_positives == 1  # 240 nm; 200 is not beyond
    assert found.false_negatives == 0


def test_clipping_limits_what_one_stray_voxel_can_do() -> None:
    truth, predicted = at((0, 2, 2)), at((0, 2, 2), (2, 2, 2))
    assert cleft_score(truth, predicted, NM).adgt_nm == 40
    assert cleft_score(truth, predicted, NM, clip_nm=50).adgt_nm == 25
    assert cleft_score(truth, predicted, NM, clip_nm=50, far_nm=70).false_positives == 1


def test_an_empty_prediction_is_infinitely_far_away_and_warns() -> None:
    with pytest.warns(UserWarning, match="the prediction holds no cleft"):
        found = cleft_score(at((0, 0, 0)), at(), NM)
    assert (found.adgt_nm, found.adf_nm, found.nm) == (0, np.inf, np.inf)
    assert (found.false_positives, found.false_negatives) == (0, 1)


def test_an_empty_truth_is_infinitely_far_away_and_warns() -> None:
    with pytest.warns(UserWarning, match="the truth holds no cleft"):
        found = cleft_score(at(), at((0, 0, 0)), NM)
    assert (found.adgt_nm, found.adf_nm, found.false_positives) == (np.inf, 0, 1)


def test_clipped_an_empty_mask_has_a_finite_score() -> None:
    with pytest.warns(UserWarning, match="holds no cleft"):
        assert cleft_score(at((0, 0, 0)), at(), NM, clip_nm=200).nm == 100


def test_what_is_not_known_holds_no_cleft_in_either() -> None:
    truth, predicted = at((0, 1, 1), (1, 1, 1)), at((0, 1, 1), (0, 7, 8))
    known = ~at((1, 1, 1), (0, 7, 8))
    assert cleft_score(truth, predicted, NM, known).nm == 0


def test_the_score_of_several_volumes_is_their_mean() -> None:
    scores = [CleftScore(10, 20, 0, 0), CleftScore(0, 6, 1, 2)]
    assert mean_cleft_score(scores) == (15 + 3) / 2
    with pytest.raises(ValueError, match="at least one volume"):
        mean_cleft_score([])


def test_bad_masks_are_refused() -> None:
    with pytest.raises(ValueError, match="masks of one shape"):
        cleft_score(at((0, 0, 0)), np.ones((1, 2, 2), bool), NM)
    with pytest.raises(ValueError, match="expected positive nm"):
        cleft_score(at(), at(), (40.0, 0.0, 4.0))
    with pytest.raises(ValueError, match="expected positive nm"):
        cleft_score(at(), at(), NM, clip_nm=0)
