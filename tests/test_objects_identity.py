"""Keys that objects keep from one set to the next."""

from collections.abc import Sequence

import numpy as np
import pytest

from microtome.objects import identity
from microtome.objects.identity import carried, with_new_keys
from microtome.objects.table import ObjectTable
from microtome.volume import ArrayVolume

NM = (40.0, 4.0, 4.0)


def table_of(labels: np.ndarray, keys: Sequence[int] = ()) -> ObjectTable:
    places = [np.argwhere(labels == label) for label in range(1, int(labels.max()) + 1)]
    n = len(places)
    return ObjectTable(
        np.arange(1, n + 1),
        np.array(keys or range(1, n + 1), np.int64),
        np.array([at.min(axis=0) for at in places], np.int64).reshape(n, 3),
        np.array([at.max(axis=0) + 1 for at in places], np.int64).reshape(n, 3),
        np.array([len(at) for at in places], np.int64),
        np.ones(n),
        np.array([at.mean(axis=0) for at in places], np.float64).reshape(n, 3),
        np.tile([1.0, 0.0, 0.0], (n, 1)),
        np.array([at[0, 0] for at in places], np.int64),
    )


def keys(
    old: np.ndarray, new: np.ndarray, given: Sequence[int] = (), next_key: int = 100, least: float = 0.5
) -> list[int]:
    volumes = [ArrayVolume(labels.astype(np.uint32), NM) for labels in (old, new)]
    before, after = table_of(old, given), table_of(new)
    kept = carried(volumes[0], before, volumes[1], after, least=least)
    return with_new_keys(kept, next_key).tolist()


def row(*labels: int) -> np.ndarray:
    return np.array([[labels]])


def test_half_of_the_union_is_enough_and_less_is_not() -> None:
    assert keys(row(1, 1, 1, 1, 0), row(1, 1, 0, 0, 0), [7]) == [7]
    assert keys(row(1, 1, 1, 1, 0), row(1, 0, 0, 0, 0), [7]) == [100]
    assert keys(row(1, 1, 1, 1, 0), row(0, 0, 1, 1, 1), [7]) == [100]


def test_of_the_parts_of_a_split_object_the_greater_overlap_keeps_the_key() -> None:
    assert keys(row(1, 1, 1, 1, 1, 1), row(1, 1, 0, 2, 2, 2), [7], least=0.3) == [100, 7]


def test_of_merged_objects_the_greater_overlap_gives_the_key() -> None:
    assert keys(row(1, 1, 0, 2, 2, 2, 2), row(1, 1, 1, 1, 1, 1, 1), [7, 8]) == [8]


def test_of_equal_overlaps_the_first_wins() -> None:
    assert keys(row(1, 1, 2, 2), row(1, 1, 1, 1), [7, 8]) == [7]
    assert keys(row(1, 1, 1, 1), row(1, 1, 2, 2), [7]) == [7, 100]


def test_everything_kept_is_everything_the_same() -> None:
    labels = np.random.default_rng(0).permutation(np.arange(60).reshape(3, 4, 5) % 7)
    assert keys(labels, labels, [9, 3, 5, 2, 8, 4]) == [9, 3, 5, 2, 8, 4]


def test_new_objects_get_the_next_keys_in_order() -> None:
    assert keys(row(0, 0, 1, 0, 0), row(1, 0, 2, 0, 3), [4], next_key=5) == [5, 4, 6]
    assert keys(row(1, 0), row(0, 0), [4]) == []
    assert keys(row(0, 0), row(1, 0), next_key=1) == [1]


def test_known_keys_are_kept_and_carried_to_no_second_object() -> None:
    labels = [ArrayVolume(row(*values).astype(np.uint32), NM) for values in ((1, 1, 2, 2), (1, 1, 2, 2))]
    before, after = table_of(row(1, 1, 2, 2), [7, 8]), table_of(row(1, 1, 2, 2))
    assert carried(labels[0], before, labels[1], after, np.array([0, 5])).tolist() == [7, 5]
    assert carried(labels[0], before, labels[1], after, np.array([8, 0])).tolist() == [8, 0]


@pytest.mark.parametrize("seed", range(4))
def test_blocks_change_nothing(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(seed)
    old = np.repeat(rng.integers(0, 9, (4, 5, 6)), 3, axis=2)
    old.flat[:8] = range(1, 9)
    new = np.where(rng.random(old.shape) < 0.8, old, 0)
    new.flat[:8] = range(1, 9)
    whole = keys(old, new)
    monkeypatch.setattr(identity, "BLOCK", (3, 2, 4))
    assert keys(old, new) == whole
    for label in range(1, 9):
        overlap = ((old == label) & (new == label)).sum() / ((old == label) | (new == label)).sum()
        assert (whole[label - 1] == label) == (overlap >= 0.5)


def test_wrong_calls_are_refused() -> None:
    with pytest.raises(ValueError, match=r"least overlap in \(0, 1\]; got 0"):
        keys(row(1), row(1), least=0)
    with pytest.raises(ValueError, match="next key above 7, which is given; got 7"):
        with_new_keys(np.array([7, 0]), 7)
    with pytest.raises(ValueError, match=r"one shape; got \(1, 1, 1\) and \(1, 1, 2\)"):
        keys(row(1), row(1, 1))
    volume = ArrayVolume(row(2).astype(np.uint32), NM)
    with pytest.raises(ValueError, match=r"expected ids in 1\.\.1; got 2"):
        carried(volume, table_of(row(1)), volume, table_of(row(1)))
