"""The scan model: seconds and misses worked out by hand, what it is fitted to, and searches that end."""

from dataclasses import replace

import numpy as np
import pytest

from microtome.benchmark.objects.scan import Looks, ScanModel, fitted, looked, searched

SURE = ScanModel(1.0, 2.0, click_seconds=10.0, page_seconds=100.0, tiles=4, rarity=())
ROWS = np.arange(8)
GROUPS = np.array([0, 0, 1, 1, 1, 1, 1, 1])
WRONG = np.array([False, True, False, False, True, True, True, False])


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_seconds_by_hand() -> None:
    """A page, then the tile; more where the group changes; of the second page all but one are marked."""
    looks = looked(ROWS, GROUPS, WRONG, SURE, rng())
    each = 10 * 2 / 3  # the page as a whole and the right one back, shared by three
    assert looks.seconds == pytest.approx([103, 11, 3, 1, 101 + each, 1 + each, 1 + each, 1])
    assert looks.found.tolist() == WRONG.tolist()


def test_the_order_says_what_is_alike() -> None:
    looks = looked(ROWS[::2], GROUPS, np.zeros(8, bool), SURE, rng())
    assert looks.rows.tolist() == [0, 2, 4, 6]
    assert looks.seconds.tolist() == [103, 3, 1, 1]


def test_an_empty_order_takes_no_time() -> None:
    assert looked(ROWS[:0], GROUPS, WRONG, SURE, rng()).seconds.tolist() == []


def test_rare_errors_are_missed_more_often() -> None:
    """Wolfe et al.: 7 % at one in two, 16 % at one in ten, 30 % at one in a hundred and below."""
    shares = np.array([0.9, 0.5, 0.1, np.sqrt(0.1 * 0.01), 0.01, 0.0])
    missed = ScanModel(1, 1).missed(shares, np.zeros(6))
    assert missed == pytest.approx([0.07, 0.07, 0.16, 0.23, 0.30, 0.30])


def test_sameness_counts_by_its_share_and_misses_stay_probabilities() -> None:
    alike = np.array([0.0, 0.5, 1.0])
    rare = np.full(3, 0.01)
    assert ScanModel(1, 1, sameness=0.5).missed(rare, alike) == pytest.approx([0.30, 0.225, 0.15])
    assert ScanModel(1, 1, sameness=9.0).missed(rare, alike).max() == 1.0
    assert ScanModel(1, 1, rarity=(), sameness=9.0).missed(rare, alike).tolist() == [0, 0, 0]


def test_about_as_many_are_missed_as_is_assumed() -> None:
    wrong = np.arange(60_000) % 10 == 0
    looks = looked(np.arange(len(wrong)), np.zeros(len(wrong), np.int64), wrong, ScanModel(1, 1), rng())
    assert 1 - looks.found.sum() / wrong.sum() == pytest.approx(0.16, abs=0.015)
    assert not (looks.found & ~wrong).any()


@pytest.mark.parametrize(("alike", "mixed"), [(True, 930), (False, 670)])
def test_a_fitted_person_judges_as_many_in_half_an_hour_as_those_of_the_study(
    *, alike: bool, mixed: int
) -> None:
    model = replace(fitted(ScanModel(0, 0)), rarity=())
    n = 6000
    groups = np.zeros(n, np.int64) if alike else np.arange(n)
    wrong = rng().permutation(np.arange(n) < round(n * 211 / 2100))
    seconds = looked(np.arange(n), groups, wrong, model, rng()).seconds.sum()
    assert n / seconds * 1800 == pytest.approx(mixed, rel=0.001)


def test_without_a_gain_in_pace_there_is_no_switch_cost() -> None:
    assert fitted(ScanModel(0, 0), alike=600, different=600).switch_seconds == 0


@pytest.mark.parametrize("alike", [600, 1800])
def test_a_pace_that_does_not_fit_is_refused(alike: float) -> None:
    with pytest.raises(ValueError, match=f"expected a pace for alike tiles of 670 to .*; got {alike}"):
        fitted(ScanModel(0, 0, page_seconds=60.0), alike=alike)


def test_looks_until_so_many_hits() -> None:
    looks = Looks(np.array([3, 1, 2]), np.array([1.0, 2.0, 4.0]), np.array([True, False, True]))
    assert looks.until(looks.found, 1) == (1, 1.0)
    assert looks.until(looks.found, 2) == (3, 7.0)
    assert looks.until(looks.found, 3) is None
    assert looks.until(looks.found, 0) is None


def test_a_search_goes_on_over_what_was_not_marked_until_all_is_found() -> None:
    model = replace(SURE, rarity=((0.5, 0.6),))
    draws = rng()

    def look(left: np.ndarray) -> Looks:
        return looked(np.flatnonzero(left), GROUPS, WRONG, model, draws)

    looks = searched(look(np.ones(8, bool)), look, WRONG)
    assert sorted(looks.rows[looks.found].tolist()) == [1, 4, 5, 6]
    assert len(looks.rows) > 8
    assert (np.bincount(looks.rows, minlength=8)[~WRONG] == len(looks.rows[looks.rows == 0])).all()


def test_a_search_for_what_is_never_found_ends() -> None:
    model = replace(SURE, rarity=((0.01, 0.99),), sameness=99.0)
    groups = np.zeros(8, np.int64)

    def look(left: np.ndarray) -> Looks:
        return looked(np.flatnonzero(left), groups, WRONG, model, rng())

    looks = searched(look(np.ones(8, bool)), look, WRONG)
    assert not looks.found.any()
    assert looks.until(looks.found, 1) is None


@pytest.mark.parametrize(
    "change",
    [
        {"alike_seconds": -1.0},
        {"tiles": 0},
        {"rarity": ((0.5, 0.1), (0.1, 0.2))},
        {"rarity": ((0.5, 1.0),)},
        {"rarity": ((0.0, 0.1),)},
        {"sameness": -0.1},
    ],
)
def test_models_that_make_no_sense_are_refused(change: dict) -> None:
    with pytest.raises(ValueError, match="expected"):
        replace(SURE, **change)
