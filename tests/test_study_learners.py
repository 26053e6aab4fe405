"""The learners of both tiers are models as strategies know them, and repeatable."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch

from microtome.benchmark.protocol import heads
from microtome.benchmark.protocol.filters import SIGMAS, FilterBank, bank
from microtome.benchmark.protocol.heads import HeadLearner
from microtome.benchmark.protocol.learners import Learner, UNetLearner
from microtome.benchmark.protocol.task import Task
from microtome.box import Box
from microtome.labels import IGNORE
from microtome.learn.config import AugmentConfig, Recipe, TrainConfig
from microtome.net.config import NetConfig
from microtome.predict.posterior import class_map
from microtome.query.candidates import ModelView
from studies import small_task

TASK = small_task()
RECIPE = Recipe(
    net=NetConfig(widths=(4, 8), dropout=0.1, loss_head=True),
    train=TrainConfig(steps=6, batch=2, window=(1, 32, 32)),
    augment=AugmentConfig(elastic=0),
)
LEARNERS = {"heads": HeadLearner(2), "U-Net": UNetLearner(RECIPE, 2, "flips", 2)}
both = pytest.mark.parametrize("learner", LEARNERS.values(), ids=LEARNERS)


@pytest.fixture(scope="module", autouse=True)
def few_steps() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(heads, "STEPS", 100)
        yield


@pytest.fixture(scope="module")
def of_heads(few_steps: None) -> ModelView:
    return fitted(HeadLearner(2))


def fitted(learner: Learner, task: Task = TASK, seed: int = 0, every: int = 5) -> ModelView:
    boxes = task.pool.boxes[::every]
    return learner.fit(task.pool, [(box, task.pool.truth(box)) for box in boxes], seed).on(task.pool)


@both
def test_the_same_patches_and_seed_give_the_same_model(learner: Learner) -> None:
    box = TASK.pool.boxes[1]
    first, again, other = fitted(learner), fitted(learner), fitted(learner, seed=1)
    np.testing.assert_array_equal(first.posterior(box).mean, again.posterior(box).mean)
    assert not np.array_equal(first.posterior(box).mean, other.posterior(box).mean)


@both
def test_it_tells_strategies_all_that_they_may_ask(learner: Learner) -> None:
    view, boxes = fitted(learner), TASK.pool.boxes[:3]
    assert isinstance(view, ModelView)
    posterior = view.posterior(boxes[0], "dropout")
    np.testing.assert_allclose(posterior.mean.sum(axis=0), 1, atol=1e-5)
    assert (posterior.deviation >= 0).all()
    for rows in (view.features(boxes), view.gradients(boxes)):
        assert rows.shape[0] == 3
        assert np.isfinite(rows).all()
    assert view.losses(boxes).shape == (3,)
    taught = view.taught(boxes[0], TASK.pool.truth(boxes[0]), 0)
    assert taught(boxes[1]).mean.shape == (2, *boxes[1].shape)


@both
def test_nothing_labelled_is_refused(learner: Learner) -> None:
    box = TASK.pool.boxes[0]
    with pytest.raises(ValueError, match="label"):
        learner.fit(TASK.pool, [(box, np.full(box.shape, IGNORE, np.uint8))], 0)


def test_heads_learn_to_tell_foreground_from_background() -> None:
    view = fitted(HeadLearner(2), every=2)
    predicted, truth = class_map(view.posterior(TASK.test.boxes[0])), TASK.test.truth(TASK.test.boxes[0])
    overlap = np.count_nonzero((predicted == 1) & (truth == 1))
    assert overlap / np.count_nonzero((predicted == 1) | (truth == 1)) > 0.3


def test_heads_sampled_by_dropout_are_other_than_their_ensemble_and_repeatable(of_heads: ModelView) -> None:
    view, box = of_heads, TASK.test.boxes[0]
    ensemble, dropped = view.posterior(box), view.posterior(box, "dropout")
    assert np.abs(ensemble.mean - dropped.mean).max() > 1e-4
    assert dropped.deviation.max() > 1e-3
    np.testing.assert_allclose(dropped.mean.sum(axis=0), 1, atol=1e-5)
    np.testing.assert_array_equal(fitted(HeadLearner(2)).posterior(box, "dropout").mean, dropped.mean)


def test_members_see_shared_voxels_as_they_see_their_own(of_heads: ModelView) -> None:
    weights = of_heads.heads.weights
    x = torch.randn(7, weights.hidden.shape[1], generator=torch.Generator().manual_seed(0))
    expected = weights.activations(x.expand(len(weights.hidden), -1, -1))
    torch.testing.assert_close(weights.shared_activations(x), expected)


def test_gradients_are_those_of_the_cross_entropy_at_the_last_layer(of_heads: ModelView) -> None:
    view, box = of_heads, TASK.pool.boxes[3]
    hidden = view._hidden(box).numpy()
    out, bias = view.heads.weights.out[0].numpy(), view.heads.weights.out_bias[0].numpy()
    logits = hidden @ out + bias
    proba = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    likeliest = np.eye(2)[proba.argmax(axis=1)]
    expected = np.einsum("nc,nh->ch", proba - likeliest, hidden) / len(hidden)
    np.testing.assert_allclose(view.gradients([box])[0], expected.ravel(), atol=1e-5)


def test_a_box_has_the_features_that_its_voxels_have_in_the_whole_section() -> None:
    whole = bank(TASK.pool.image.array[1], SIGMAS)
    box = Box((1, 16, 32), (2, 40, 50))
    found = FilterBank(TASK.pool.image).at(box)
    np.testing.assert_array_equal(found[0], whole[16:40, 32:50])
    assert whole.shape[-1] == 1 + 7 * len(SIGMAS)


def test_a_flat_image_has_no_edges() -> None:
    features = bank(np.full((20, 20), 51, np.uint8), (1.0, 3.0))
    np.testing.assert_allclose(features[..., [0, 1, 8]], 0.2, atol=1e-6)
    rest = np.delete(features, [0, 1, 8], axis=-1)
    np.testing.assert_allclose(rest, 0, atol=1e-5)


def test_a_ridge_has_a_strong_eigenvalue_across_it() -> None:
    section = np.zeros((40, 40), np.uint8)
    section[:, 20] = 255
    features = bank(section, (1.6,))
    assert features[20, 20, 5] == pytest.approx(features[20, 20, 3], rel=0.1)  # all curvature is across
    assert abs(features[20, 20, 4]) < 0.1 * abs(features[20, 20, 5])
