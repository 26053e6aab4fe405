from collections.abc import Callable, Sequence
from itertools import combinations

import numpy as np
import pytest

from microtome.box import Box, grid
from microtome.predict.posterior import Posterior
from microtome.query.candidates import Candidates
from microtome.query.strategy import Selection
from microtome.query.task import Search, TaskDependent, similarity
from models import Predicting

# what networks find that learnt from image 0, and from image 2, of four images
ROWS = np.array([[0.9, 0.6, 0.4, 0.2], [0.5, 0.8, 0.7, 0.1]])
SIDE = 10
BOXES = tuple(grid(Box.of((1, SIDE, 5 * SIDE)), (1, SIDE, SIDE)))
TRUTH = (20, 40, 60, 80, 0)  # voxels of foreground in each box, its first ones


def free_of_all(n: int) -> np.ndarray:
    return ~np.eye(n, dtype=bool)


def quality(search: Search, rows: Sequence[int]) -> tuple[float, float]:
    expected = search.expected(rows)
    return round(float(expected.min()), 9), round(float(expected.mean()), 9)


def random_search(seed: int, m: int, n: int, count: int = 0) -> Search:
    matrix = np.random.default_rng(seed).uniform(0, 1, (m + count, n))
    return Search(matrix[:m], matrix[m:].sum(axis=0), count)


def first_voxels(count: int, classes: int = 2) -> np.ndarray:
    """Certain probabilities of a box whose first voxels are foreground: of the last class."""
    mean = np.zeros((classes, SIDE * SIDE), np.float32)
    mean[0, count:] = mean[-1, :count] = 1
    return mean.reshape(classes, 1, SIDE, SIDE)


def predicting(counts: Sequence[int], classes: int = 2) -> Callable[[Box], Posterior]:
    whole = np.concatenate([first_voxels(count, classes) for count in counts], axis=3)

    def predict(box: Box) -> Posterior:
        piece = whole[:, *box.slices]
        return Posterior(piece, np.zeros(box.shape, np.float32), np.zeros_like(piece))

    return predict


def teach(box: Box, labels: np.ndarray, seed: int) -> Callable[[Box], Posterior]:
    """A network that finds in every box as many voxels as there were in its own."""
    assert seed >= 0
    return predicting([int((labels > 0).sum())] * len(TRUTH))


def select(n: int, candidates: Candidates | None = None, seed: int = 0, **settings: object) -> Selection:
    strategy = TaskDependent(**settings)  # type: ignore[arg-type]
    world = candidates or Candidates(BOXES, 2, Predicting(predicting(TRUTH), teach=teach))
    return strategy.select(world, n, np.random.default_rng(seed))


def test_a_matrix_is_completed_as_worked_out_by_hand() -> None:
    found = similarity(ROWS, [0, 2])
    expected = [[1, 0.6, 0.4, 0.2], [0.6, 1, 0.8, 0.45], [0.5, 0.8, 1, 0.1], [0.2, 0.45, 0.1, 1]]
    np.testing.assert_allclose(found.matrix, expected)
    measured = [[1, 1, 1, 1], [0, 1, 0, 0], [1, 1, 1, 1], [0, 0, 0, 1]]
    np.testing.assert_array_equal(found.measured, np.array(measured, bool))


def test_completed_entries_are_the_best_path_over_a_teacher_and_never_below_one() -> None:
    for seed in range(20):
        rng = np.random.default_rng(seed)
        rows, teachers = rng.uniform(0, 1, (3, 8)), [1, 4, 6]
        found = similarity(rows, teachers)
        np.testing.assert_array_equal(np.diag(found.matrix), np.ones(8))
        others = [i for i in range(8) if i not in teachers]
        for i, j in [(i, j) for i in others for j in others if i != j]:
            paths = [(row[i] + row[j]) / 2 for row in rows]
            assert found.matrix[i, j] == pytest.approx(max(paths))


def test_the_rows_that_were_given_stay_as_they_are() -> None:
    before = ROWS.copy()
    similarity(ROWS, [0, 2])
    np.testing.assert_array_equal(ROWS, before)


def test_the_expected_index_is_the_mean_over_the_chosen() -> None:
    found = similarity(ROWS, [0, 2])
    np.testing.assert_allclose(found.expected([0, 1]), [0.8, 0.8, 0.6, 0.325])
    with pytest.raises(ValueError, match="at least one chosen image; got none"):
        found.expected([])


@pytest.mark.parametrize(("rows", "teachers"), [(ROWS, [0]), (ROWS[:0], [])])
def test_rows_that_do_not_fit_the_teachers_are_refused(rows: np.ndarray, teachers: list[int]) -> None:
    with pytest.raises(ValueError, match="expected a row for each teacher, of at least one; got"):
        similarity(rows, teachers)


def test_the_chosen_set_lifts_the_image_that_fares_worst() -> None:
    matrix = similarity(ROWS, [0, 2]).matrix
    # pairs: 01 .325, 02 .15, 03 .25, 12 .275, 13 .4, 23 .35
    assert set(Search(matrix, np.zeros(4), 0).best(free_of_all(4), 2, 100)) == {1, 3}


def test_of_equally_low_sets_the_one_of_the_higher_mean_is_chosen() -> None:
    rows = np.array([[0.25, 0.5, 0.5], [0.25, 0.5, 0.75], [0.125, 1.0, 1.0]])
    for most in (0, 100):
        assert Search(rows, np.zeros(3), 0).best(free_of_all(3), 1, most) == [1]


@pytest.mark.parametrize("count", [0, 3])
@pytest.mark.parametrize("n", [1, 2, 4])
def test_the_exhaustive_choice_is_the_best_of_all_sets(n: int, count: int) -> None:
    for seed in range(20):
        search = random_search(seed, 7, 10, count)
        found = search.best(free_of_all(7), n, 1000)
        assert quality(search, found) == max(quality(search, rows) for rows in combinations(range(7), n))


def test_swaps_find_the_best_set_where_the_greedy_choice_misses_it() -> None:
    # alone, image 0 is best for all; together, 1 and 2 are
    rows = np.array([[0.5, 0.5, 0.5, 0.5], [1.0, 1.0, 0.25, 0.25], [0.25, 0.25, 1.0, 1.0]])
    search = Search(rows, np.zeros(4), 0)
    assert search.best(free_of_all(3), 1, 0) == [0]
    assert set(search.best(free_of_all(3), 2, 0)) == {1, 2}


def test_swaps_come_close_to_the_best_of_all_sets() -> None:
    reached = []
    for seed in range(30):
        search = random_search(seed, 9, 12)
        low, best = (min(search.expected(search.best(free_of_all(9), 3, most))) for most in (0, 1000))
        assert low <= best + 1e-9
        reached.append(low / best)
    assert np.mean(reached) > 0.95


def test_whether_labelled_images_count_matters() -> None:
    differ = 0
    for seed in range(200):  # 16 images, 3 of them labelled, 2 to choose
        matrix = np.random.default_rng(seed).uniform(0, 1, (16, 16))
        counted = Search(matrix[:13], matrix[13:].sum(axis=0), 3).best(free_of_all(13), 2, 100)
        alone = Search(matrix[:13], np.zeros(16), 0).best(free_of_all(13), 2, 100)
        differ += set(counted) != set(alone)
    assert differ > 170


@pytest.mark.parametrize("most", [0, 1000], ids=["greedy", "exhaustive"])
def test_sets_hold_no_two_that_are_not_free(most: int) -> None:
    free = free_of_all(7)
    free[:4, :4] = False
    for seed in range(20):
        found = random_search(seed, 7, 10).best(free, 3, most)
        assert len(found) == len(set(found)) == 3
        assert sum(row < 4 for row in found) <= 1


def test_dice_of_what_was_taught_is_what_decides() -> None:
    # Dice of the first a and the first b voxels is 2 min(a, b) / (a + b): rows of the lowest index are
    # 20: .4, 40: .667, 60: .5, 80: .4, and 0 for every box but the last, which is empty
    full = Candidates(BOXES[:4], 2, Predicting(predicting(TRUTH), teach=teach))
    (pick,) = select(1, full)
    assert (pick.index, pick.score) == (1, 0.0)
    assert pick.reason == "with it, the lowest Dice index expected of 4 boxes is 0.667"


def test_labelled_boxes_are_learnt_from_already() -> None:
    asked = Candidates(BOXES[1:4], 2, Predicting(predicting(TRUTH), teach=teach), labelled=BOXES[:1])
    # teachers are the open ones; with 20 labelled, of 40, 60 and 80 the last lifts the lowest most
    means = {count: [(dice(20, j) + dice(count, j)) / 2 for j in TRUTH[:4]] for count in TRUTH[1:4]}
    best = max(means, key=lambda count: min(means[count]))
    (pick,) = select(1, asked)
    assert asked.boxes[pick.index] == BOXES[TRUTH.index(best)]
    assert pick.reason == f"with it, the lowest Dice index expected of 4 boxes is {min(means[best]):.3f}"
    (alone,) = select(1, asked, with_labelled=False)
    assert asked.boxes[alone.index] == BOXES[1]
    assert alone.index != pick.index


def dice(a: int, b: int) -> float:
    return 2 * min(a, b) / (a + b)


def test_all_objects_count_as_one_class() -> None:
    def other_class(box: Box, labels: np.ndarray, seed: int) -> Callable[[Box], Posterior]:
        assert labels.max() == 2
        return lambda asked: _swapped(teach(box, labels, seed)(asked))

    def _swapped(posterior: Posterior) -> Posterior:
        mean = np.stack([posterior.mean[0], posterior.mean[1], np.zeros_like(posterior.mean[0])])
        return Posterior(mean, posterior.entropy_of_samples, np.zeros_like(mean))

    world = Candidates(BOXES[:4], 3, Predicting(predicting(TRUTH, classes=3), teach=other_class))
    assert select(1, world)[0].reason.endswith("of 4 boxes is 0.667")


def test_a_box_without_objects_teaches_nothing_and_trains_no_network() -> None:
    taught: list[Box] = []

    def remembering(box: Box, labels: np.ndarray, seed: int) -> Callable[[Box], Posterior]:
        taught.append(box)
        return teach(box, labels, seed)

    select(2, Candidates(BOXES, 2, Predicting(predicting(TRUTH), teach=remembering)))
    assert sorted(taught) == list(BOXES[:4])
    taught.clear()
    picks = select(2, Candidates(BOXES, 2, Predicting(predicting([0] * 5), teach=remembering)))
    assert taught == []
    assert picks[0].reason.endswith("of 5 boxes is 1.000")


def test_as_many_networks_are_trained_as_there_are_teachers() -> None:
    seeds: list[int] = []

    def remembering(box: Box, labels: np.ndarray, seed: int) -> Callable[[Box], Posterior]:
        seeds.append(seed)
        return teach(box, labels, seed)

    select(1, Candidates(BOXES[:4], 2, Predicting(predicting(TRUTH), teach=remembering)), teachers=3)
    assert len(seeds) == len(set(seeds)) == 3


def test_what_the_pool_does_not_give_is_drawn_at_random() -> None:
    picks = select(4, pool=2)
    assert [pick.reason for pick in picks[2:]] == ["drawn at random"] * 2
    assert all("lowest Dice index" in pick.reason for pick in picks[:2])
    assert len({pick.index for pick in picks}) == 4


def test_neighbours_are_predicted_together_and_scattered_boxes_one_by_one() -> None:
    seen: list[Box] = []

    def predict(box: Box) -> Posterior:
        seen.append(box)
        mean = np.zeros((2, *box.shape), np.float32)
        mean[0] = 1
        return Posterior(mean, np.zeros(box.shape, np.float32), np.zeros_like(mean))

    select(1, Candidates(BOXES, 2, Predicting(predict)))
    assert seen == [Box((0, 0, 0), (1, SIDE, 5 * SIDE))]
    seen.clear()
    scattered = (Box((0, 0, 0), (1, 8, 8)), Box((0, 500, 500), (1, 508, 508)))
    select(1, Candidates(scattered, 2, Predicting(predict)))
    assert sorted(seen) == list(scattered)


def test_without_a_model_nothing_can_be_chosen() -> None:
    with pytest.raises(ValueError, match="expects a trained model; there is none yet"):
        select(1, Candidates(BOXES, 2))
