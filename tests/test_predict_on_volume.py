import dataclasses

import numpy as np
import pytest

from microtome.box import Box
from microtome.labels import IGNORE
from microtome.learn.config import AugmentConfig, Recipe, TrainConfig
from microtome.learn.train import new_net
from microtome.net.config import NetConfig
from microtome.predict import on_volume
from microtome.predict.model import SegmentationModel
from microtome.predict.on_volume import ModelOnVolume
from microtome.predict.posterior import class_map
from microtome.query.candidates import Candidates, ModelView
from microtome.query.ranked import TopK
from microtome.query.scores import PredictedLoss
from microtome.query.task import TaskDependent
from microtome.volume.array import ArrayVolume

NET = NetConfig(widths=(4, 8), dropout=0.5)
RECIPE = Recipe(
    net=NET,
    train=TrainConfig(steps=3, batch=2, window=(1, 16, 16), learning_rate=1e-2),
    augment=AugmentConfig(elastic=0, rotation=0, scale=0),
)
SHAPE = (2, 32, 48)
BOXES = (Box((0, 0, 0), (1, 16, 16)), Box((1, 7, 20), (2, 19, 45)), Box((1, 16, 32), (2, 32, 48)))


def striped() -> np.ndarray:
    """Dark stripes, four voxels wide, on a bright ground."""
    noise = np.random.default_rng(0).normal(0, 8, SHAPE)
    return (np.where(np.arange(48) // 4 % 2, 80, 170) + noise).clip(0, 255).astype(np.uint8)


def view(net: NetConfig = NET, recipe: Recipe = RECIPE, classes: int = 2) -> ModelOnVolume:
    recipe = dataclasses.replace(recipe, net=net)
    weights = new_net(net, classes, seed=0).state_dict()
    model = SegmentationModel(recipe, classes, members=(weights,), statistics=(125.0, 45.0))
    return ModelOnVolume(model, ArrayVolume(striped(), (1.0, 1.0, 1.0)), samples=1, seed=0)


def labels(box: Box) -> np.ndarray:
    stripes = np.broadcast_to((np.arange(48) // 4 % 2).astype(np.uint8), SHAPE)
    return np.ascontiguousarray(stripes[box.slices])


def test_a_model_on_a_volume_is_a_view() -> None:
    assert isinstance(view(), ModelView)


def test_networks_are_made_once_for_another_sampling(monkeypatch: pytest.MonkeyPatch) -> None:
    one, made = view(), []
    ready = type(one.model.engine).ready
    monkeypatch.setattr(type(one.model.engine), "ready", lambda *words: made.append(1) or ready(*words))
    for box in BOXES:
        one.posterior(box, "dropout")
    assert len(made) == 1


def test_losses_are_those_of_each_box_alone_in_the_order_of_the_boxes() -> None:
    one = view(dataclasses.replace(NET, loss_head=True))
    found = one.losses(BOXES)
    assert found.dtype == np.float64
    expected = [one.model.predicted_losses(one.image.read(box)[None])[0] for box in BOXES]
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert len(set(found.tolist())) == 3


def test_a_strategy_asks_first_where_the_predicted_loss_is_highest() -> None:
    one = view(dataclasses.replace(NET, loss_head=True))
    picks = TopK(PredictedLoss()).select(Candidates(BOXES[:2], 2, one), 2, np.random.default_rng(0))
    assert picks[0].index == one.losses(BOXES[:2]).argmax()


def test_without_a_head_there_are_no_losses() -> None:
    with pytest.raises(ValueError, match=r"^this net predicts no losses: net\.loss_head is off$"):
        view().losses(BOXES)


def test_what_was_taught_is_found_in_other_boxes() -> None:
    find = view().taught(BOXES[0], labels(BOXES[0]), 0)
    found = class_map(find(BOXES[2]))
    assert np.mean(found == labels(BOXES[2])) > 0.9


def test_the_same_seed_teaches_the_same_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(on_volume, "LESSON_STEPS", 5)
    first, same, other = (
        view().taught(BOXES[0], labels(BOXES[0]), seed)(BOXES[2]).mean for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, same)
    assert not np.array_equal(first, other)


def test_teaching_leaves_the_model_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(on_volume, "LESSON_STEPS", 5)
    one = view()
    before = one.model.posterior(striped(), 1, 0).mean
    one.taught(BOXES[0], labels(BOXES[0]), 0)
    np.testing.assert_array_equal(one.model.posterior(striped(), 1, 0).mean, before)


@pytest.mark.parametrize(
    ("label", "classes"),
    [
        (0, 2),
        (1, 3),
        pytest.param(0, 3, marks=pytest.mark.slow),
        pytest.param(1, 2, marks=pytest.mark.slow),
    ],
)
def test_one_class_alone_can_be_taught(label: int, classes: int) -> None:
    box = BOXES[0]
    found = view(classes=classes).taught(box, np.full(box.shape, label, np.uint8), 0)(box)
    assert (class_map(found) == label).all()


def test_nothing_labelled_teaches_nothing() -> None:
    with pytest.raises(ValueError, match="at least one labelled voxel; got none"):
        view().taught(BOXES[0], np.full(BOXES[0].shape, IGNORE, np.uint8), 0)


def test_a_lesson_takes_no_ensemble_and_no_head(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(on_volume, "LESSON_STEPS", 2)
    whole = dataclasses.replace(RECIPE, members=3, snapshots=2, subset=0.5, fine_tune=RECIPE.train)
    one = view(dataclasses.replace(NET, loss_head=True), whole)
    assert one.taught(BOXES[0], labels(BOXES[0]), 0)(BOXES[0]).mean.shape == (2, 1, 16, 16)


def test_task_dependent_choice_runs_on_a_trained_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(on_volume, "LESSON_STEPS", 5)
    candidates = Candidates(BOXES, 2, view(), labelled=(Box((0, 16, 0), (1, 32, 16)),))
    picks = TaskDependent(teachers=2).select(candidates, 2, np.random.default_rng(0))
    assert len({pick.index for pick in picks}) == 2
