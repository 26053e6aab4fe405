import pytest
from hypothesis import given
from hypothesis import strategies as st

from microtome.predict.sampling import SYMMETRIES, Pass, Sampling, passes


@given(st.integers(1, 5), st.integers(1, 30), st.integers(0, 99))
def test_single_predicts_once_a_member(members: int, samples: int, seed: int) -> None:
    assert passes("single", members, samples, seed) == tuple(Pass(k) for k in range(members))


@given(st.integers(2, 5), st.integers(1, 30), st.integers(0, 99))
def test_an_ensemble_predicts_once_a_member(members: int, samples: int, seed: int) -> None:
    assert passes("ensemble", members, samples, seed) == tuple(Pass(k) for k in range(members))
    assert passes("maximum", members, samples, seed) == tuple(Pass(k) for k in range(members))


@given(st.sampled_from(["flips", "dropout"]), st.integers(1, 5), st.integers(1, 8))
def test_samples_are_shared_evenly_by_the_members(sampling: Sampling, members: int, samples: int) -> None:
    found = passes(sampling, members, samples, 0)
    each = [sum(one.member == k for one in found) for k in range(members)]
    assert each == [-(-samples // members)] * members


def test_flips_take_every_symmetry_once_the_identity_first() -> None:
    assert passes("flips", 1, 8, 0) == tuple(Pass(0, symmetry=turn) for turn in SYMMETRIES)
    assert sorted(SYMMETRIES) == list(range(8))
    assert passes("flips", 1, 1, 0) == (Pass(0),)


@given(st.integers(1, 4), st.integers(1, 40), st.integers(0, 20))
def test_no_two_dropout_passes_share_their_masks(members: int, samples: int, seed: int) -> None:
    found = [one.dropout for s in (seed, seed + 1) for one in passes("dropout", members, samples, s)]
    assert None not in found
    assert len(set(found)) == len(found)


def test_the_same_seed_gives_the_same_passes() -> None:
    assert passes("dropout", 2, 6, 5) == passes("dropout", 2, 6, 5)


@pytest.mark.parametrize("sampling", ["single", "flips", "dropout", "ensemble", "maximum"])
def test_no_samples_are_refused(sampling: Sampling) -> None:
    with pytest.raises(ValueError, match="samples must be at least 1; got 0"):
        passes(sampling, 2, 0, 0)


def test_more_flips_than_there_are_are_refused() -> None:
    with pytest.raises(ValueError, match="8 flips and quarter turns; got samples 9"):
        passes("flips", 1, 9, 0)


def test_one_member_is_no_ensemble() -> None:
    with pytest.raises(ValueError, match="2 members or more; got 1"):
        passes("ensemble", 1, 5, 0)
