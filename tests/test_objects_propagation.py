"""Labels for all objects from the answers on a few, and whether they can be trusted."""

from itertools import pairwise

import numpy as np
import pytest

from microtome.objects.propagation import propagated

FIVE = np.arange(5)


def said(*words: str) -> np.ndarray:
    return np.array([c == "+" for word in words for c in word])


def groups_of(*sizes: int) -> np.ndarray:
    return np.repeat(np.arange(len(sizes)), sizes)


def first_of_each(sizes: list[int], count: int) -> np.ndarray:
    starts = np.cumsum([0, *sizes[:-1]])
    return (starts[:, None] + np.arange(count)).ravel()


def test_a_group_gets_what_most_answers_say_and_the_answered_keep_their_own() -> None:
    groups = groups_of(6, 6)
    found = propagated(groups, first_of_each([6, 6], 3), said("++-", "--+"), insist=True)
    assert found.labels.tolist() == [True, True, False, True, True, True] + [False, False, True] + [False] * 3


def test_ties_and_groups_without_an_answer_are_taken_to_be_correct() -> None:
    found = propagated(groups_of(4, 3), np.array([0, 1]), said("+-"), insist=True)
    assert found.labels.tolist() == [True, False, True, True, True, True, True]


def test_the_error_is_that_of_leaving_each_answer_out() -> None:
    # 20 objects, 10 a group, 5 answered: 5 unanswered in each. Group one: 4 yes, 1 no: the no is predicted
    # wrong, 1/5. Group two: 2 yes, 3 no: each yes sees 1 against 3, wrong; each no sees a tie, half:
    # (2 + 1.5) / 5.
    groups = groups_of(10, 10)
    found = propagated(groups, first_of_each([10, 10], 5), said("++++-", "++---"), insist=True)
    assert found.error.value == pytest.approx((0.2 + 0.7) / 2 * 0.5)
    assert found.error_of_nothing.value == pytest.approx((0.2 + 0.6) / 2 * 0.5)
    assert found.gain[0] == pytest.approx(-0.025)


def test_an_answer_weighs_what_its_group_has_unanswered() -> None:
    sizes = [102, 4]
    found = propagated(groups_of(*sizes), first_of_each(sizes, 2), said("++", "--"))
    assert found.error.value == 0
    assert found.error_of_nothing.value == pytest.approx(2 / 106)  # those two of the small group


def test_the_estimates_match_a_slow_count() -> None:
    rng = np.random.default_rng(0)
    groups = rng.integers(0, 9, 200)
    rows = rng.permutation(200)[:60]
    correct = rng.random(60) < np.linspace(0.1, 0.9, 9)[groups[rows]]
    found = propagated(groups, rows, correct, insist=True)
    wrong = nothing = total = 0.0
    for g in range(9):
        votes = correct[groups[rows] == g]
        weight = float((groups == g).sum() - len(votes))
        if len(votes) < 2:
            continue
        for k, vote in enumerate(votes):
            others = np.delete(votes, k)
            share = others.mean()
            miss = 0.5 if share == 0.5 else float((share > 0.5) != vote)
            wrong += weight * miss / len(votes)
            nothing += weight * (not vote) / len(votes)
        total += weight
    assert found.error.value == pytest.approx(wrong / total * 140 / 200)
    assert found.error_of_nothing.value == pytest.approx(nothing / total * 140 / 200)
    assert found.covered == pytest.approx(total / 140)


def test_the_estimate_is_near_the_true_error_where_answers_are_drawn_at_random() -> None:
    errors, inside = [], 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        groups = np.repeat(np.arange(60), 40)
        truth = rng.random(2400) < rng.choice([0.05, 0.95], 60)[groups]
        rows = np.concatenate([rng.permutation(40)[:5] + 40 * g for g in range(60)])
        found = propagated(groups, rows, truth[rows])
        true_error = (found.labels != truth).mean()
        errors.append(found.error.value - true_error)
        inside += found.error.low < true_error < found.error.high
        assert (
            abs(found.error_of_nothing.value - (~truth[np.setdiff1d(np.arange(2400), rows)]).sum() / 2400)
            < 0.03
        )
        assert not found.warning
    assert inside >= 17
    assert -0.005 < np.mean(errors) < 0.02


def test_groups_that_say_nothing_of_the_answer_are_refused_and_can_be_insisted_on() -> None:
    rng = np.random.default_rng(1)
    groups, truth = np.repeat(np.arange(40), 50), rng.random(2000) < 0.7
    rows = np.concatenate([rng.permutation(50)[:5] + 50 * g for g in range(40)])
    with pytest.raises(ValueError, match=r"expected to make \d+\.\d % more objects wrong than accepting all"):
        propagated(groups, rows, truth[rows])
    found = propagated(groups, rows, truth[rows], insist=True)
    assert found.warning
    assert (found.labels == truth).mean() < truth.mean() + 0.3 * 0.1  # worse than the answers alone


def test_a_giant_group_that_decides_everything_is_warned_of() -> None:
    # of 1000 objects 900 are in one group, of which 2 of 5 answers say correct: nothing to rely on
    sizes = [900, 50, 50]
    rows = first_of_each(sizes, 5)
    with pytest.raises(ValueError, match="more objects wrong"):
        propagated(groups_of(*sizes), rows, said("++---", "+++++", "+++++"))


def test_a_gain_that_may_be_none_is_warned_of() -> None:
    found = propagated(groups_of(30, 30), first_of_each([30, 30], 5), said("+++++", "-----"))
    assert found.gain[0] > 0
    assert "but may make more" in found.warning


def test_everything_correct_needs_no_warning() -> None:
    found = propagated(groups_of(9, 9, 9), first_of_each([9, 9, 9], 3), said("+++", "+++", "+++"))
    assert found.error.value == found.error_of_nothing.value == 0
    assert found.error.high > 0.2  # three groups prove little
    assert not found.warning


def test_single_answers_are_propagated_but_prove_nothing() -> None:
    found = propagated(groups_of(5, 5), np.array([0, 5]), said("+-"))
    assert found.labels.tolist() == [True] * 5 + [False] * 5
    assert np.isnan(found.error.value)
    assert found.covered == 0
    assert "nobody knows" in found.warning


def test_with_every_object_answered_nothing_is_wrong() -> None:
    found = propagated(groups_of(2, 1), np.array([0, 1, 2]), said("+-+"))
    assert found.labels.tolist() == [True, False, True]
    assert (found.error.value, found.gain, found.warning) == (0, (0, 0, 0), "")


def test_without_objects_there_are_no_labels() -> None:
    empty = np.zeros(0, np.int64)
    assert propagated(empty, empty, np.zeros(0, bool)).labels.shape == (0,)


def test_more_groups_of_the_same_kind_narrow_the_interval() -> None:
    widths = []
    for count in (10, 40, 160):
        groups = np.repeat(np.arange(count), 20)
        rows = first_of_each([20] * count, 5)
        correct = np.tile(said("+++++", "-----", "++++-", "+----", "+++++"), count // 5)
        found = propagated(groups, rows, correct)
        widths.append(found.error.high - found.error.low)
    assert all(later < 0.7 * before for before, later in pairwise(widths))


@pytest.mark.parametrize(
    ("rows", "correct", "message"),
    [
        ([0, 1], [True], "got 1 for 2"),
        ([0, 7], [True, True], r"rows in 0\.\.3; got 0\.\.7"),
        ([-1], [True], r"got -1\.\.-1"),
        ([2, 2], [True, False], "one row twice"),
    ],
)
def test_bad_answers_are_refused(rows: list[int], correct: list[bool], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        propagated(groups_of(2, 2), np.array(rows), np.array(correct))
