"""Rounds of asking about images and learning from them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from microtome.benchmark.images.asking import Seen, Strategy, TwoStream, at_random, core_set, learning_loss
from microtome.benchmark.images.course import Course, Schedule
from microtome.benchmark.images.image_set import ImageSet
from microtome.benchmark.images.settings import PAPER, SMALL, Settings
from microtome.benchmark.protocol.cells import Cells
from microtome.learn.classifier import ClassifierTraining, fit_classifier
from microtome.learn.vae import VAETraining
from microtome.net.vae import VAEConfig

TINY = Settings(
    side=8,
    width=4,
    blocks=(1, 1),
    training=ClassifierTraining(schedule="cycle", batch=8, crop=1),
    vae=VAEConfig(latent=4, widths=(16, 16), side=8),
    vae_training=VAETraining(steps=4, batch=8),
    steps=20,
)
SCHEDULE = Schedule(start=12, each=10, rounds=3)
STRATEGIES: dict[str, Strategy] = {
    "random": at_random,
    "two-stream": TwoStream(5),
    "core-set": core_set,
    "learning-loss": learning_loss,
}


def shades(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Noisy grey images, dark, medium and bright: their classes."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(3, size=count)
    grey = 60 + 60 * labels[:, None, None, None] + rng.normal(0, 15, (count, 1, 8, 8))
    return grey.clip(0, 255).astype(np.uint8), labels


@pytest.fixture(scope="module")
def found() -> ImageSet:
    return ImageSet(*shades(60, 0), *shades(30, 1), ("dark", "medium", "bright"))


def run(found: ImageSet, path: Path, seed: int = 0, **strategies: Strategy) -> Cells:
    cells = Cells(path)
    Course(found, TINY, SCHEDULE, seed).run(strategies or STRATEGIES, cells)
    return cells


@pytest.fixture(scope="module")
def cells(found: ImageSet, tmp_path_factory: pytest.TempPathFactory) -> Cells:
    return run(found, tmp_path_factory.mktemp("course") / "cells.jsonl")


def measured(cells: Cells) -> list[dict]:
    """Cells without what a clock says."""
    timed = ("training_seconds", "asking_seconds", "date")
    return [{k: v for k, v in cell.items() if k not in timed} for cell in cells.values()]


@pytest.fixture(scope="module")
def seen(found: ImageSet) -> Seen:
    labelled = np.arange(0, 60, 5)
    classifier = fit_classifier(
        found.images[labelled], found.labels[labelled], TINY.net(3, 1), TINY.training_on(12), seed=0
    )
    means = found.images.reshape(60, -1)[:, :4].astype(np.float32)
    return Seen(found.images, labelled, classifier, lambda: means)


def test_every_strategy_is_measured_in_every_round_with_as_many_labels(cells: Cells) -> None:
    told = [(cell["strategy"], cell["round"], cell["labelled"]) for cell in cells.values()]
    assert sorted(told) == sorted((name, k, 12 + 10 * k) for name in STRATEGIES for k in range(3))


def test_strategies_of_a_seed_begin_alike_and_then_differ(cells: Cells) -> None:
    first = [cell for cell in cells.values() if cell["round"] == 0]
    assert len({cell["accuracy"] for cell in first}) == len({cell["loss"] for cell in first}) == 1
    assert len({tuple(sorted(cell["asked"])) for cell in first}) == len(STRATEGIES)


def test_no_image_is_asked_about_twice(cells: Cells) -> None:
    for name in STRATEGIES:
        asked = [cell["asked"] for cell in cells.values() if cell["strategy"] == name]
        assert [len(rows) for rows in asked] == [10, 10, 10]
        assert len({row for rows in asked for row in rows}) == 30


def test_labels_are_counted_by_class(found: ImageSet, cells: Cells) -> None:
    for cell in cells.values():
        assert sum(cell["by_class"]) == cell["labelled"]


def test_grey_levels_are_learnt(cells: Cells) -> None:
    assert max(cell["accuracy"] for cell in cells.values()) >= 0.8


def test_a_killed_course_goes_on_to_the_same_cells(found: ImageSet, cells: Cells, tmp_path: Path) -> None:
    lines = cells.path.read_text().splitlines(keepends=True)
    path = tmp_path / "cells.jsonl"
    path.write_text("".join(lines[:6]) + lines[6][:100])
    assert measured(run(found, path)) == measured(cells)


def test_what_is_there_is_not_computed_again(found: ImageSet, cells: Cells) -> None:
    before = cells.path.read_bytes()
    run(found, cells.path)
    assert cells.path.read_bytes() == before


def test_a_strategy_alone_is_measured_as_beside_others(found: ImageSet, cells: Cells, tmp_path: Path) -> None:
    alone = run(found, tmp_path / "alone.jsonl", random=at_random)
    assert measured(alone) == [cell for cell in measured(cells) if cell["strategy"] == "random"]


def test_another_seed_begins_with_other_images(found: ImageSet) -> None:
    starts = [Course(found, TINY, SCHEDULE, seed)._start for seed in (0, 0, 1)]
    np.testing.assert_array_equal(starts[0], starts[1])
    assert set(starts[0]) != set(starts[2])


def test_a_round_may_be_added_later(found: ImageSet, cells: Cells, tmp_path: Path) -> None:
    path = tmp_path / "cells.jsonl"
    path.write_bytes(cells.path.read_bytes())
    longer = Cells(path)
    Course(found, TINY, replace(SCHEDULE, rounds=4), 0).run({"random": at_random}, longer)
    assert len(longer) == len(cells) + 1
    assert list(longer.values())[-1]["labelled"] == 42


def test_other_settings_are_other_cells(found: ImageSet) -> None:
    keys = [Course(found, settings, SCHEDULE, 0).key("random", 1) for settings in (TINY, SMALL)]
    assert keys[0] != keys[1]


def test_more_labels_than_images_are_refused(found: ImageSet) -> None:
    with pytest.raises(ValueError, match="expected at least 62 images to learn from, for 6 rounds; got 60"):
        Course(found, TINY, replace(SCHEDULE, rounds=6), 0)


@pytest.mark.parametrize("odd", [{"start": 1}, {"each": 0}, {"rounds": 0}])
def test_a_schedule_without_images_or_rounds_is_refused(odd: dict) -> None:
    with pytest.raises(ValueError, match="expected a start of at least 2 images"):
        replace(SCHEDULE, **odd)


@pytest.mark.parametrize("strategy", STRATEGIES.values(), ids=STRATEGIES)
@pytest.mark.parametrize("n", [1, 7, 48, 100])
def test_a_strategy_chooses_distinct_candidates(strategy: Strategy, seen: Seen, n: int) -> None:
    rows = strategy(seen, n, np.random.default_rng(0))
    assert len(rows) == min(n, 48) == len(set(rows.tolist()))
    assert not set(rows) & set(seen.labelled)
    np.testing.assert_array_equal(rows, strategy(seen, n, np.random.default_rng(0)))


def test_learning_loss_asks_about_the_largest_predicted_losses(seen: Seen) -> None:
    rows = learning_loss(seen, 6, np.random.default_rng(0))
    losses = seen.classifier.predicted_losses(seen.images)
    assert losses[rows].min() >= losses[np.setdiff1d(seen.candidates, rows)].max() - 1e-6


def test_core_set_asks_first_about_the_image_farthest_from_labelled_ones(seen: Seen) -> None:
    features = seen.classifier.features(seen.images).astype(np.float64)
    away = np.linalg.norm(features[:, None] - features[seen.labelled], axis=2).min(axis=1)
    assert away[core_set(seen, 1, np.random.default_rng(0))[0]] == pytest.approx(away.max(), rel=1e-5)


def test_settings_of_the_paper_are_those_of_its_protocol() -> None:
    training, net = PAPER.training, PAPER.net(10, 3)
    assert (net.width, net.blocks, PAPER.vae.latent) == (64, (2, 2, 2, 2), 32)
    assert (training.epochs, training.batch, training.learning_rate) == (200, 64, 0.1)
    assert PAPER.training_on(1000) == PAPER.training_on(5000) == training


def test_small_settings_take_as_many_steps_on_few_images_as_on_many() -> None:
    for count in (10, 1000, 3000, 5000):
        training = SMALL.training_on(count)
        assert training.epochs * max(count // training.batch, 1) == pytest.approx(SMALL.steps, rel=0.03)
