import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microtome.predict.posterior import Posterior, PosteriorSum
from microtome.query.uncertainty import (
    Uncertainty,
    deviation,
    entropy,
    least_confidence,
    margin,
    mutual_information,
)

EVERY = [entropy, least_confidence, margin, mutual_information, deviation]
every_uncertainty = pytest.mark.parametrize("uncertainty", EVERY, ids=lambda u: u.__name__)


def posterior(*samples: tuple[float, ...]) -> Posterior:
    """One voxel, predicted so often."""
    total = PosteriorSum(len(samples[0]), (1, 1, 1))
    for sample in samples:
        total.add(np.array(sample, np.float32).reshape(-1, 1, 1, 1))
    return total.posterior()


def random_posterior(m: int, classes: int, seed: int) -> Posterior:
    total = PosteriorSum(classes, (2, 3, 4))
    for proba in np.random.default_rng(seed).dirichlet(np.full(classes, 0.3), (m, 2, 3, 4)):
        total.add(np.ascontiguousarray(proba.transpose(3, 0, 1, 2), np.float32))
    return total.posterior()


@pytest.mark.parametrize(
    ("uncertainty", "proba", "expected"),
    [
        (entropy, (0.5, 0.5), math.log(2)),
        (entropy, (0.25, 0.75), 0.5623351),
        (entropy, (1.0, 0.0), 0.0),
        (entropy, (1 / 3,) * 3, math.log(3)),
        (least_confidence, (0.5, 0.5), 0.5),
        (least_confidence, (0.25, 0.75), 0.25),
        (least_confidence, (1.0, 0.0), 0.0),
        (least_confidence, (0.2, 0.5, 0.3), 0.5),
        (margin, (0.5, 0.5), 1.0),
        (margin, (0.25, 0.75), 0.5),
        (margin, (1.0, 0.0), 0.0),
        (margin, (0.4, 0.4, 0.2), 1.0),
        (margin, (0.1, 0.6, 0.3), 0.7),
    ],
)
def test_of_one_sample_it_is_the_number_worked_out_by_hand(
    uncertainty: Uncertainty, proba: tuple, expected: float
) -> None:
    assert uncertainty(posterior(proba)).item() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("samples", [[(0.5, 0.5)], [(0.3, 0.7)] * 4, [(0.2, 0.3, 0.5)] * 2])
@pytest.mark.parametrize("uncertainty", [mutual_information, deviation])
def test_samples_that_agree_say_0_however_unsure_they_are(uncertainty: Uncertainty, samples: list) -> None:
    assert uncertainty(posterior(*samples)).item() == pytest.approx(0, abs=2e-7)


def test_mutual_information_of_opposites_is_all_of_the_entropy() -> None:
    assert mutual_information(posterior((1.0, 0.0), (0.0, 1.0))).item() == pytest.approx(math.log(2))


def test_mutual_information_is_positive_where_samples_differ() -> None:
    found = mutual_information(posterior((0.75, 0.25), (0.25, 0.75))).item()
    assert found == pytest.approx(math.log(2) - 0.5623351, abs=1e-6)


def test_the_deviation_of_opposites_is_a_half() -> None:
    assert deviation(posterior((1.0, 0.0), (0.0, 1.0))).item() == pytest.approx(0.5)


def test_the_deviation_is_the_mean_over_the_classes() -> None:
    found = deviation(posterior((0.5, 0.5, 0.0), (0.3, 0.5, 0.2))).item()
    assert found == pytest.approx((0.1 + 0 + 0.1) / 3, abs=1e-4)


def test_entropy_is_that_of_the_mean_prediction() -> None:
    assert entropy(posterior((1.0, 0.0), (0.0, 1.0))).item() == pytest.approx(math.log(2))


@every_uncertainty
@given(st.integers(1, 4), st.integers(2, 7), st.integers(0, 50))
def test_it_is_one_finite_value_a_voxel_within_its_range(
    uncertainty: Uncertainty, m: int, classes: int, seed: int
) -> None:
    most = {
        entropy: math.log(classes),
        mutual_information: math.log(classes),
        least_confidence: 1 - 1 / classes,
        margin: 1.0,
        deviation: 0.5,
    }
    found = uncertainty(random_posterior(m, classes, seed))
    assert (found.shape, found.dtype) == ((2, 3, 4), np.float32)
    assert found.min() >= 0
    assert found.max() <= most[uncertainty] + 1e-6


@every_uncertainty
def test_the_posterior_stays_as_it_was(uncertainty: Uncertainty) -> None:
    one, same = random_posterior(3, 3, 0), random_posterior(3, 3, 0)
    uncertainty(one)
    np.testing.assert_array_equal(one.mean, same.mean)
    np.testing.assert_array_equal(one.entropy_of_samples, same.entropy_of_samples)
    np.testing.assert_array_equal(one.deviation, same.deviation)
