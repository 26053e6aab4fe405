"""Orders of all proposals: by hand, and each a permutation."""

import numpy as np
import pytest

from microtome.benchmark.objects.orders import by_suspicion, said_wrong, unsure_first
from microtome.objects.clustering import Clusters
from microtome.objects.every import doubt

GROUPS = np.array([0, 1, 0, 2, 1, 2])
CLUSTERS = Clusters(GROUPS, np.array([2.0, 1.0, 1.0, 0.0, 0.0, 5.0]), np.zeros((6, 1)))


def test_the_least_probable_come_first_and_equals_in_turn() -> None:
    assert unsure_first(np.array([0.9, 0.6, 0.6, 0.55])).tolist() == [3, 1, 2, 0]


def test_suspected_groups_come_first_and_their_middles_in_them() -> None:
    assert by_suspicion(CLUSTERS, np.array([0.1, 0.9, 0.5])).tolist() == [4, 1, 3, 5, 2, 0]


def test_groups_of_equal_suspicion_come_in_the_order_of_the_product() -> None:
    assert by_suspicion(CLUSTERS, np.zeros(3)).tolist() == CLUSTERS.in_order(np.arange(6)).tolist()


def test_a_suspicion_for_each_group_is_needed() -> None:
    with pytest.raises(ValueError, match="expected a number for each of 3 groups; got 2"):
        by_suspicion(CLUSTERS, np.zeros(2))


def test_doubt_by_hand() -> None:
    found = doubt(CLUSTERS, np.array([1.0, 0.5, 0.8, 0.6, 0.7, 0.6]))
    assert found == pytest.approx([0.1, 0.4, 0.4])


def test_groups_without_answers_are_suspected_as_much_as_all_are() -> None:
    """Of four answers one says wrong: (0 + ¼) / 3, (1 + ¼) / 3, and ¼."""
    wrong = np.array([False, True, False, False])
    assert said_wrong(CLUSTERS, np.array([0, 1, 2, 4]), wrong) == pytest.approx([1 / 12, 5 / 12, 1 / 4])


def test_without_answers_nothing_is_suspected() -> None:
    with pytest.raises(ValueError, match="expected answers"):
        said_wrong(CLUSTERS, np.zeros(0, np.int64), np.zeros(0, bool))
