"""Decisions as voxels to learn from, and how they are mixed with what was painted."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from judged_objects import PLACES, SHAPE, balls, five
from microtome.box import Box
from microtome.labels import IGNORE
from microtome.learn.config import Recipe, TrainConfig
from microtome.learn.examples import Example, Windows
from microtome.objects import feedback
from microtome.objects.decisions import Decision
from microtome.objects.feedback import Judged, decided_rows, judged_examples, mixed, tuning
from microtome.objects.proposals import Proposals, propose
from microtome.objects.settings import ProposalSettings
from microtome.objects.sources import TwoSides
from microtome.volume import ArrayVolume
from proposing import NM


@pytest.fixture
def found(tmp_path: Path) -> Proposals:
    return five(tmp_path)


@pytest.fixture
def image() -> ArrayVolume:
    return ArrayVolume(np.random.default_rng(0).integers(0, 256, SHAPE, dtype=np.uint8), NM)


def test_a_correct_mask_is_foreground_an_incorrect_one_background_and_the_rest_unknown(
    found: Proposals,
) -> None:
    labels = Judged(found, {0: True, 3: False}).labels(Box.of(SHAPE))
    right, wrong = balls(PLACES[0]) > 0, balls(PLACES[3]) > 0
    assert np.array_equal(labels, np.where(right, 1, np.where(wrong, 0, IGNORE)))


def test_an_example_is_the_grown_box_cut_off_at_the_volume(found: Proposals, image: ArrayVolume) -> None:
    (example,) = judged_examples(Judged(found, {0: True}), image, (1, 5, 9))
    box = found.table().box(0)
    outer = Box((0, 2, 0), (5, 19, 23))
    assert box == Box((1, 7, 7), (4, 14, 14))
    assert np.array_equal(example.image, image.read(outer))
    assert np.array_equal(example.labels, np.where(balls(PLACES[0])[outer.slices] > 0, 1, IGNORE))
    assert example.voxel_size_nm == NM


def test_a_decided_neighbour_in_the_grown_box_is_taught_too(found: Proposals, image: ArrayVolume) -> None:
    decided = {0: True, 1: False}
    examples = judged_examples(Judged(found, decided), image, (0, 0, 40))
    assert [set(np.unique(example.labels)) for example in examples] == [{0, 1, IGNORE}] * 2


def test_examples_come_out_alike_however_they_are_read_together(
    found: Proposals, image: ArrayVolume, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged = Judged(found, {0: True, 1: False, 4: True})
    together = judged_examples(judged, image, (1, 3, 3))
    monkeypatch.setattr(feedback, "CELL", (1, 1, 1))
    alone = judged_examples(judged, image, (1, 3, 3))
    assert {one.labels.tobytes() for one in together} == {one.labels.tobytes() for one in alone}


def test_a_long_object_is_taught_around_its_largest_section(
    found: Proposals, image: ArrayVolume, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feedback, "LONGEST", (1, 3, 4))
    (example,) = judged_examples(Judged(found, {0: True}), image, (0, 0, 0))
    assert example.labels.tolist() == np.ones((1, 3, 4)).tolist()


def test_the_sides_of_a_correct_synapse_are_its_classes(tmp_path: Path) -> None:
    pre, post = np.zeros((2, 4, 20, 20), np.uint8)
    pre[1:3, 5:10, 5:15], post[1:3, 10:15, 5:15] = 200, 200
    source = TwoSides(ArrayVolume(pre, NM), ArrayVolume(post, NM))
    found = propose(source, ProposalSettings(smallest=8), tmp_path / "001")
    labels = Judged(found, {0: True}, (1, 2)).labels(Box.of(pre.shape))
    assert np.array_equal(labels == 1, pre > 0)
    assert np.array_equal(labels == 2, post > 0)
    wrong = Judged(found, {0: False}, (1, 2)).labels(Box.of(pre.shape))
    assert np.array_equal(wrong == 0, (pre | post) > 0)
    with pytest.raises(ValueError, match=r"expected 2 class\(es\) that the objects are; got \(1,\)"):
        Judged(found, {0: True})


def test_rows_and_images_that_do_not_fit_are_refused(found: Proposals) -> None:
    with pytest.raises(ValueError, match="expected rows of 5 objects; got 5"):
        Judged(found, {5: True})
    small = ArrayVolume(np.zeros((8, 40, 40), np.uint8), NM)
    with pytest.raises(ValueError, match="proposals' shape"):
        judged_examples(Judged(found, {0: True}), small, (0, 0, 0))


def test_open_decisions_and_vanished_objects_teach_nothing(found: Proposals) -> None:
    said = {
        1: Decision(1, 1, (("ada", "correct"),)),
        2: Decision(2, 1, (("ada", "unsure"),)),
        3: Decision(3, 1, (("ada", "incorrect"),)),
        99: Decision(99, 1, (("ada", "correct"),)),
    }
    assert decided_rows(found.table(), said) == {0: True, 2: False}


def example(value: int, voxels: int) -> Example:
    labels = np.full((1, 8, 8), IGNORE, np.uint8)
    labels.ravel()[:voxels] = value
    return Example(np.full((1, 8, 8), value, np.uint8), labels)


def test_a_quarter_of_the_windows_is_painted_and_every_object_counts_alike() -> None:
    painted, judged = [example(0, 60), example(0, 4)], [example(1, 50), example(2, 2)]
    windows = Windows(mixed(painted, judged), (1, 8, 8), 3, seed=0)
    images, _ = windows.draw(4000, 0.0, np.random.default_rng(0))
    share = np.bincount(images[:, 0, 0, 0], minlength=3) / 4000
    assert np.allclose(share, (0.25, 0.375, 0.375), atol=0.03)


def test_painted_examples_share_theirs_by_what_is_labelled() -> None:
    weights = [one.weight for one in mixed([example(0, 60), example(0, 20), example(0, 0)], [example(1, 5)])]
    assert weights == pytest.approx([0.1875, 0.0625, 0.75])


@pytest.mark.parametrize(
    ("painted", "judged", "initial"),
    [([], [example(1, 5)], 0.25), ([example(0, 5)], [], 0.25), ([], [], 0.0)],
)
def test_nothing_to_mix_is_refused(painted: list[Example], judged: list[Example], initial: float) -> None:
    with pytest.raises(ValueError, match="examples of either kind"):
        mixed(painted, judged, initial)


def test_without_painted_windows_only_objects_are_drawn() -> None:
    assert [one.weight for one in mixed([example(0, 60)], [example(1, 5)], 0.0)] == [1.0]


@pytest.mark.parametrize("weight", [0.0, -1.0, float("nan"), float("inf")])
def test_a_weight_that_is_none_is_refused(weight: float) -> None:
    with pytest.raises(ValueError, match="an example's weight must be positive"):
        replace(example(1, 5), weight=weight)


def test_a_project_that_fine_tunes_does_so_with_objects() -> None:
    own = TrainConfig(steps=7, learning_rate=0.5, foreground=0.5, reject=0.9)
    tuned = tuning(Recipe(fine_tune=own)).fine_tune
    assert tuned == replace(own, foreground=0.0, reject=0.0)


def test_a_project_that_does_not_fine_tune_goes_on_more_slowly() -> None:
    base = Recipe()
    tuned = tuning(base, steps=9).fine_tune
    assert tuned is not None
    assert tuned.steps == 9
    assert tuned.learning_rate == pytest.approx(0.3 * base.train.learning_rate)
    assert tuning(base, learning_rate=0.1).fine_tune.learning_rate == 0.1  # type: ignore[union-attr]
