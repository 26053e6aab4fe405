import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import rel_entr

from microtome.box import Box
from microtome.predict.posterior import Posterior, PosteriorSum, class_map, entropy

SHAPE = (2, 3, 4)


def samples(m: int, classes: int = 3, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.dirichlet(np.full(classes, 0.5), (m, *SHAPE)).transpose(0, 4, 1, 2, 3).astype(np.float32)


def summed(proba: np.ndarray) -> Posterior:
    total = PosteriorSum(proba.shape[1], proba.shape[2:])
    for one in proba:
        total.add(np.ascontiguousarray(one))
    return total.posterior()


def voxel(*proba: float) -> np.ndarray:
    return np.array(proba, np.float32).reshape(-1, 1, 1, 1)


@given(st.integers(1, 6), st.integers(2, 4), st.integers(0, 99))
def test_the_sums_say_what_numpy_says_of_all_samples(m: int, classes: int, seed: int) -> None:
    proba = samples(m, classes, seed).astype(np.float64)
    found = summed(proba.astype(np.float32))
    logs = np.log(proba, where=proba > 0, out=np.zeros_like(proba))
    np.testing.assert_allclose(found.mean, proba.mean(axis=0), atol=1e-6)
    np.testing.assert_allclose(found.entropy_of_samples, -(proba * logs).sum(axis=1).mean(axis=0), atol=1e-5)
    np.testing.assert_allclose(found.deviation, proba.std(axis=0), atol=1e-6)


def test_equal_samples_do_not_deviate() -> None:
    one = samples(1)[0]
    found = summed(np.stack([one] * 7))
    np.testing.assert_array_equal(found.deviation, np.zeros_like(one))


def test_entropy_of_the_mean_less_mean_entropy_is_the_mean_divergence_from_the_mean() -> None:
    proba = samples(5).astype(np.float64)
    found = summed(proba.astype(np.float32))
    divergence = rel_entr(proba, proba.mean(axis=0)).sum(axis=1).mean(axis=0)
    np.testing.assert_allclose(entropy(found.mean) - found.entropy_of_samples, divergence, atol=1e-5)


def test_small_deviations_are_not_lost_in_rounding() -> None:
    proba = np.stack([np.full((2, *SHAPE), 0.5 + step, np.float32) for step in (0, 2e-6, 4e-6)])
    np.testing.assert_allclose(summed(proba).deviation, proba.astype(np.float64).std(axis=0), rtol=0.05)


def test_no_samples_say_nothing() -> None:
    with pytest.raises(ValueError, match="at least one sample; got none"):
        PosteriorSum(2, (1, 1, 1)).posterior()


@pytest.mark.parametrize(
    ("proba", "nats"),
    [
        ((0.5, 0.5), math.log(2)),
        ((1.0, 0.0), 0.0),
        ((0.25,) * 4, math.log(4)),
        ((0.0, 0.5, 0.5), math.log(2)),
    ],
)
def test_entropy_is_the_number_worked_out_by_hand(proba: tuple, nats: float) -> None:
    assert entropy(voxel(*proba)).item() == pytest.approx(nats)


@pytest.mark.parametrize(
    ("proba", "label"),
    [
        ((0.5, 0.5), 1),
        ((0.51, 0.49), 0),
        ((0.2, 0.4, 0.4), 2),
        ((0.4, 0.4, 0.2), 1),
        ((0.4, 0.2, 0.4), 2),
        ((0.1, 0.8, 0.1), 1),
    ],
)
def test_the_class_is_the_likeliest_and_of_equal_ones_the_later(proba: tuple, label: int) -> None:
    one = Posterior(voxel(*proba), np.zeros((1, 1, 1), np.float32), voxel(*proba))
    assert class_map(one).tolist() == [[[label]]]


def test_a_crop_holds_the_voxels_of_the_box() -> None:
    whole, box = summed(samples(3)), Box((0, 1, 2), (2, 3, 3))
    piece = whole.crop(box)
    np.testing.assert_array_equal(piece.mean, whole.mean[:, 0:2, 1:3, 2:3])
    np.testing.assert_array_equal(piece.entropy_of_samples, whole.entropy_of_samples[0:2, 1:3, 2:3])
    np.testing.assert_array_equal(piece.deviation, whole.deviation[:, 0:2, 1:3, 2:3])


@given(st.integers(1, 5), st.integers(2, 4), st.integers(0, 99))
def test_the_largest_probability_of_each_object_counts_and_background_is_the_rest(
    m: int, classes: int, seed: int
) -> None:
    proba = samples(m, classes, seed)
    total = PosteriorSum(classes, proba.shape[2:], largest=True)
    for one in proba:
        total.add(np.ascontiguousarray(one))
    mean = total.posterior().mean
    np.testing.assert_allclose(mean.sum(axis=0), 1, atol=1e-6)
    assert (mean >= 0).all()
    most = proba.max(axis=0)[1:]
    room = most.sum(axis=0) <= 1
    np.testing.assert_allclose(mean[1:][:, room], most[:, room], atol=1e-6)
    if classes == 2:
        np.testing.assert_allclose(mean[1], most[0], atol=1e-6)
