"""Prediction-error weighting: from a prediction and what was made of it to the weights of a loss."""

from pathlib import Path

import numpy as np
import pytest
import torch

from microtome.box import Box
from microtome.cli.session import opened
from microtome.labels import IGNORE
from microtome.learn.augment import augmented
from microtome.learn.config import AugmentConfig, ErrorWeighting, Recipe, TrainConfig
from microtome.learn.corrections import MOST, emphasis, marks
from microtome.learn.examples import Example, Windows, composed
from microtome.learn.losses import Emphasis, masked_loss, unmarked
from microtome.learn.settings import recipe_from, tables_of
from microtome.learn.train import Trainer
from microtome.loop.simulation import Budget, simulate
from microtome.loop.training import examples_from
from microtome.net.config import NetConfig
from microtome.oracle import CostModel
from microtome.progress import silent

SHARP = ErrorWeighting(strength=100.0, blur=0.0, smallest=2)


def section(text: str) -> np.ndarray:
    """One section of labels: digits are classes, a dot is unlabelled."""
    rows = [[IGNORE if c == "." else int(c) for c in row] for row in text.split()]
    return np.array(rows, dtype=np.uint8)[None]


SHOWN = section("0011 0011 0000 1100")
LABELS = section("1100 11.0 0000 110.")


@pytest.mark.parametrize(
    ("errors", "expected"),
    [("both", "1111 1101 0000 0000"), ("missed", "1100 1100 0000 0000"), ("made-up", "0011 0001 0000 0000")],
)
def test_errors_are_what_differs_where_something_was_said(errors: str, expected: str) -> None:
    config = ErrorWeighting(strength=1, blur=0, smallest=2, errors=errors)  # type: ignore[arg-type]
    np.testing.assert_array_equal(emphasis(SHOWN, LABELS, config), MOST * section(expected))


def test_small_corrections_do_not_count() -> None:
    config = ErrorWeighting(strength=1, blur=0, smallest=4, errors="made-up")
    assert not emphasis(SHOWN, LABELS, config).any()


def test_a_correction_spreads_within_its_section_and_is_largest_where_it_was() -> None:
    shown, labels = np.zeros((3, 21, 21), np.uint8), np.zeros((3, 21, 21), np.uint8)
    labels[1, 9:12, 9:12] = 1
    found = emphasis(shown, labels, ErrorWeighting(strength=1, blur=2.0, smallest=1))
    assert found[1].max() == found[1, 10, 10] == MOST
    assert 0 < found[1, 10, 6] < MOST
    assert not found[[0, 2]].any()


def test_where_nothing_was_corrected_every_weight_is_finite_and_as_ever() -> None:
    """The paper's program divides by the largest error, which is 0 here."""
    found = emphasis(SHOWN, SHOWN, SHARP)
    labels, more = unmarked(torch.from_numpy(marks(SHOWN, found))[None], SHARP)
    assert torch.equal(more.more, torch.ones_like(more.more))
    np.testing.assert_array_equal(labels[0].numpy(), SHOWN)


def test_another_shape_is_refused() -> None:
    with pytest.raises(ValueError, match=r"labels' shape \(1, 4, 4\); got one of \(1, 2, 4\)"):
        emphasis(SHOWN[:, :2], LABELS, SHARP)


def test_a_corrected_voxel_weighs_as_the_paper_says() -> None:
    """max(floor, (1 + 100 E) c): by hand, of two voxels of class weights 1 and 0.01."""
    logits = torch.zeros(1, 2, 1, 1, 3)
    logits[:, 1] = torch.tensor([0.0, 2.0, -1.0])
    labels = torch.tensor([1, 0, IGNORE]).view(1, 1, 1, 3)
    weights = torch.tensor([0.01, 1.0])
    given = Emphasis(torch.tensor([101.0, 1.0, 101.0]).view(1, 1, 1, 3), floor=0.08)
    entropy = -logits.log_softmax(1)
    expected = (101 * entropy[0, 1, 0, 0, 0] + 0.08 * entropy[0, 0, 0, 0, 1]) / (101 + 0.08)
    assert masked_loss(logits, labels, weights, "ce", given).item() == pytest.approx(expected.item())


def test_marks_turn_and_bend_as_labels_do() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, (4, 1, 32, 32), dtype=np.uint8)
    images, raised = labels * 50, rng.integers(0, 256, labels.shape, dtype=np.uint8)
    config = AugmentConfig(elastic=3.0, rotation=30.0)
    _, plain = augmented(images, labels, config, (0.0, 1.0), np.random.default_rng(5))
    _, marked = augmented(images, marks(labels, raised), config, (0.0, 1.0), np.random.default_rng(5))
    found, emphasised = unmarked(marked, ErrorWeighting(strength=255.0))
    assert torch.equal(found, plain)
    assert set(emphasised.more.unique().tolist()) <= set(range(1, 257))
    assert (emphasised.more[found == IGNORE] == 1).all()


def test_windows_carry_marks_only_if_an_example_is_emphasised() -> None:
    image, labels = np.zeros((1, 20, 20), np.uint8), np.ones((1, 20, 20), np.uint8)
    raised = np.full(labels.shape, 7, np.uint8)
    plain, corrected = Example(image, labels), Example(image, labels, emphasis=raised)
    assert (
        Windows([plain], (1, 32, 32), 2, seed=0).draw(1, 0.5, np.random.default_rng(0))[1].dtype == np.uint8
    )
    _, drawn = Windows([corrected], (1, 32, 32), 2, seed=0).draw(1, 0.5, np.random.default_rng(0))
    assert set(np.unique(drawn).tolist()) == {1 + 256 * 7, IGNORE}  # unknown beside the example


def test_emphasis_goes_with_the_labels_of_a_box_into_every_example_that_sees_it() -> None:
    left, right = Box((0, 0, 0), (1, 8, 8)), Box((0, 0, 8), (1, 8, 16))
    labels = np.zeros((1, 8, 8), np.uint8)
    raised = np.full(labels.shape, 9, np.uint8)
    examples = composed(
        lambda box: np.zeros(box.shape, np.uint8),
        Box.of((1, 8, 16)),
        [(left, labels), (right, labels)],
        (0, 8, 8),
        emphases=[raised, None],
    )
    assert len(examples) == 2
    for example in examples:
        assert example.emphasis is not None
        assert (example.emphasis[:, :, :8] == 9).all()
        assert not example.emphasis[:, :, 8:].any()


def test_a_network_learns_what_was_corrected_where_it_cannot_learn_all() -> None:
    """Grey says nothing of the class; only how often each is taught does, and how much it weighs."""
    image = np.full((1, 64, 64), 100, np.uint8)
    labels = np.zeros((1, 64, 64), np.uint8)
    labels[:, ::2] = 1
    net = NetConfig(widths=(4, 8))
    weights, rate = (1.0, 1.0), 0.03
    config = TrainConfig(
        steps=60, batch=4, window=(1, 32, 32), loss="ce", class_weights=weights, learning_rate=rate
    )
    found = []
    for raised in (None, np.where(labels == 1, MOST, 0).astype(np.uint8)):
        trainer = Trainer(net, 2, config, AugmentConfig(), corrections=SHARP)
        found.append(trainer.fit([Example(image, labels, emphasis=raised)], seed=0, progress=silent))
    assert found[1].losses[-1] < 0.25 < found[0].losses[-1]


def test_settings_of_corrections_are_read_and_written() -> None:
    recipe = recipe_from({"corrections": {"strength": 100.0, "errors": "missed"}})
    assert recipe.corrections == ErrorWeighting(strength=100.0, errors="missed")
    assert recipe_from(tables_of(recipe)) == recipe
    assert "corrections" not in tables_of(Recipe())
    with pytest.raises(ValueError, match="corrections"):
        recipe_from({"corrections": {"strength": -1.0}})
    with pytest.raises(ValueError, match="a loss other than 'dice'"):
        recipe_from({"corrections": {"strength": 1.0}, "train": {"loss": "dice"}})


def test_a_simulation_keeps_what_was_shown_and_learns_from_the_difference(project_folder: Path) -> None:
    with (project_folder / "project.toml").open("a") as file:
        file.write("\n[corrections]\nstrength = 100.0\n")
    with opened(project_folder, "cpu", silent) as session:
        simulate(session, Budget(16), CostModel(draw_seconds=5.0))
        journal = session.project.journal
        corrected = [answer for answer in journal.answers() if answer.method == "corrected"]
        assert corrected
        for answer in corrected:
            assert answer.shown_model is not None
            seen = journal.previews.shown(answer.query_id, answer.shown_model)
            assert seen is not None
            assert seen.classes.shape == answer.labels.shape
        margin, settings = (0, 16, 16), session.recipe.corrections
        answers = list(journal.answers())
        plain = examples_from(session.project, session.image, answers, margin=margin)
        raised = examples_from(session.project, session.image, answers, margin=margin, corrections=settings)
    assert all(example.emphasis is None for example in plain)
    assert any(example.emphasis is not None for example in raised)
