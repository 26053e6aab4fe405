"""Classifying small images: training, scores, features and predicted losses."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.optim.optimizer import register_optimizer_step_pre_hook

from microtome.learn.classifier import (
    Classifier,
    ClassifierTraining,
    fit_classifier,
    load_classifier,
    save_classifier,
)
from microtome.learn.weights import Weights
from microtome.net.resnet import ResNetConfig

NET = ResNetConfig(classes=3, width=4, blocks=(1, 1))
QUICK = ClassifierTraining(epochs=8, batch=16, crop=1)
DIRECTIONS = ((0, 1), (1, 0), (1, 1))


def stripes(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Noisy stripes of random colour and phase; their direction, which flips leave as it is, is the class."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 3
    y, x = np.mgrid[:12, :12]
    images = np.empty((count, 3, 12, 12))
    for image, label in zip(images, labels, strict=True):
        dy, dx = DIRECTIONS[label]
        sign = rng.choice((-1, 1))
        wave = np.sin((dy * y + sign * dx * x) * 2 * math.pi / (4 * math.hypot(dy, dx)) + rng.uniform(0, 6))
        image[:] = rng.uniform(60, 190, (3, 1, 1)) + 40 * wave + rng.normal(0, 12, (3, 12, 12))
    return images.clip(0, 255).astype(np.uint8), labels


def same(a: Weights, b: Weights) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return fit_classifier(*stripes(120, 0), NET, QUICK, seed=0)


# Training


def test_directions_of_stripes_are_learnt(classifier: Classifier) -> None:
    images, labels = stripes(90, 1)
    assert (classifier.predict(images).argmax(axis=1) == labels).mean() >= 0.95
    assert classifier.losses[-1] < 0.2 * classifier.losses[0]


def test_the_same_seed_gives_the_same_bits_and_another_seed_others(classifier: Classifier) -> None:
    again = fit_classifier(*stripes(120, 0), NET, QUICK, seed=0)
    assert same(again.weights, classifier.weights)
    assert again.losses == classifier.losses
    assert not same(fit_classifier(*stripes(120, 0), NET, QUICK, seed=1).weights, classifier.weights)


def test_training_leaves_images_and_random_state_alone() -> None:
    images, labels = stripes(20, 0)
    state = torch.random.get_rng_state()
    fit_classifier(images, labels, NET, replace(QUICK, epochs=1), seed=0)
    np.testing.assert_array_equal(images, stripes(20, 0)[0])
    assert torch.equal(state, torch.random.get_rng_state())


def test_the_learning_rate_drops_to_a_tenth_after_four_fifths_of_the_epochs() -> None:
    steps: list[tuple[float, float, float]] = []

    def note(optimiser: torch.optim.Optimizer, *_: object) -> None:
        group = optimiser.param_groups[0]
        steps.append((group["lr"], group["momentum"], group["weight_decay"]))

    hook = register_optimizer_step_pre_hook(note)
    try:
        fit_classifier(*stripes(32, 0), NET, ClassifierTraining(epochs=10, batch=16), seed=0)
    finally:
        hook.remove()
    assert steps == [(0.1, 0.9, 5e-4)] * 16 + [(pytest.approx(0.01), 0.9, 5e-4)] * 4


def test_in_a_cycle_the_learning_rate_rises_and_falls_in_lines() -> None:
    rates: list[float] = []

    def note(optimiser: torch.optim.Optimizer, *_: object) -> None:
        rates.append(optimiser.param_groups[0]["lr"])

    hook = register_optimizer_step_pre_hook(note)
    training = ClassifierTraining(epochs=5, batch=16, learning_rate=0.4, schedule="cycle")
    try:
        fit_classifier(*stripes(32, 0), NET, training, seed=0)
    finally:
        hook.remove()
    falling = [0.4 * (10 - k) / 8 for k in range(2, 10)]
    assert rates == pytest.approx([0.004, 0.2, *falling])


def test_the_defaults_are_those_of_the_paper() -> None:
    training = ClassifierTraining()
    assert (training.epochs, training.batch, training.drop_at * training.epochs) == (200, 64, 160)


def test_epochs_are_reported() -> None:
    calls = []
    fitted = fit_classifier(
        *stripes(20, 0), NET, replace(QUICK, epochs=2), seed=0, progress=lambda *call: calls.append(call)
    )
    assert calls == [
        ("training the classifier", k + 1, 2, f"loss {loss:.3f}") for k, loss in enumerate(fitted.losses)
    ]


@pytest.mark.parametrize("count", [2, 3, 17, 33])
def test_no_batch_is_too_small_for_batch_norm(count: int) -> None:
    images, labels = stripes(count, 0)
    fitted = fit_classifier(
        images[:, :, :2, :2], labels, NET, ClassifierTraining(epochs=1, batch=16, crop=0), seed=0
    )
    assert all(value.isfinite().all() for value in fitted.weights.values())


def test_training_that_diverges_says_so() -> None:
    with pytest.raises(ValueError, match=r"training diverged: the loss is nan after \d+ steps"):
        fit_classifier(*stripes(40, 0), NET, replace(QUICK, learning_rate=1e25), seed=0)


@pytest.mark.parametrize("label", [-1, 3])
def test_labels_that_are_no_class_are_refused(label: int) -> None:
    images, labels = stripes(6, 0)
    labels[2] = label
    with pytest.raises(ValueError, match=r"labels must be 0 … 2; got"):
        fit_classifier(images, labels, NET, QUICK, seed=0)


@pytest.mark.parametrize(("count", "labelled"), [(6, 5), (1, 1), (0, 0)])
def test_images_without_labels_or_too_few_are_refused(count: int, labelled: int) -> None:
    words = f"a label for each of 2 images or more; got {count} images, {labelled} labels"
    with pytest.raises(ValueError, match=words):
        fit_classifier(stripes(count, 0)[0], stripes(labelled, 0)[1], NET, QUICK, seed=0)


@pytest.mark.parametrize(
    "changes",
    [
        {"epochs": 0}, {"batch": 1}, {"crop": -1}, {"learning_rate": 0.0}, {"weight_decay": math.inf},
        {"momentum": 1.0}, {"drop_at": 1.5}, {"loss_head_until": -0.1},
    ],
)  # fmt: skip
def test_training_that_cannot_be_is_refused(changes: dict) -> None:
    with pytest.raises(ValueError, match="; got"):
        replace(QUICK, **changes)


# Prediction


def test_scores_are_probabilities_that_follow_from_the_features(classifier: Classifier) -> None:
    images, _ = stripes(9, 1)
    proba, features = classifier.predict(images), classifier.features(images)
    assert proba.shape == (9, 3)
    assert features.shape == (9, 8)
    logits = features @ classifier.weights["head.weight"].numpy().T + classifier.weights["head.bias"].numpy()
    np.testing.assert_allclose(np.log(proba), torch.from_numpy(logits).log_softmax(dim=1), atol=1e-5)


def test_an_image_gets_the_same_scores_alone(classifier: Classifier, monkeypatch: pytest.MonkeyPatch) -> None:
    images, _ = stripes(9, 1)
    whole = classifier.predict(images)
    monkeypatch.setattr("microtome.learn.classifier.BATCH", 4)
    np.testing.assert_allclose(classifier.predict(images), whole, atol=1e-6)
    np.testing.assert_allclose(classifier.predict(images[3:4]), whole[3:4], atol=1e-6)


def test_no_images_have_no_scores(classifier: Classifier) -> None:
    none = stripes(0, 0)[0]
    assert classifier.predict(none).shape == (0, 3)
    assert classifier.features(none).shape == (0, 8)


def test_images_of_other_channels_are_refused(classifier: Classifier) -> None:
    with pytest.raises(ValueError, match=r"images of 3 channel\(s\), n c y x; got shape \(2, 1, 12, 12\)"):
        classifier.predict(np.zeros((2, 1, 12, 12), np.uint8))


# Predicted losses


def test_images_whose_labels_cannot_be_learnt_are_predicted_the_larger_losses() -> None:
    def confused(count: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Stripes, about half of them dim and of a class that was drawn."""
        images, labels = stripes(count, seed)
        dim = np.random.default_rng(seed).random(count) < 0.5
        images[dim] //= 3
        labels[dim] = np.random.default_rng(seed + 1).integers(3, size=dim.sum())
        return images, labels, dim

    net = replace(NET, loss_head=True)
    images, labels, _ = confused(240, 0)
    classifier = fit_classifier(images, labels, net, replace(QUICK, epochs=10, learning_rate=0.03), seed=0)
    unseen, _, dim = confused(100, 10)
    losses = classifier.predicted_losses(unseen)
    assert losses.shape == (100,)
    assert (losses[dim][:, None] > losses[~dim]).mean() > 0.9


def test_a_head_that_is_detached_from_the_start_changes_no_other_weight() -> None:
    short = replace(QUICK, epochs=2, loss_head_until=0.0)
    plain = fit_classifier(*stripes(40, 0), NET, short, seed=0).weights
    headed = fit_classifier(*stripes(40, 0), replace(NET, loss_head=True), short, seed=0).weights
    assert same(plain, {name: value for name, value in headed.items() if not name.startswith("loss_head.")})
    attached = replace(short, loss_head_until=1.0)
    pulled = fit_classifier(*stripes(40, 0), replace(NET, loss_head=True), attached, seed=0).weights
    assert not torch.equal(pulled["stem.0.weight"], plain["stem.0.weight"])


def test_a_network_without_a_head_predicts_no_losses(classifier: Classifier) -> None:
    with pytest.raises(ValueError, match="predicts no losses"):
        classifier.predicted_losses(stripes(3, 0)[0])


# On disk


def test_a_classifier_that_is_saved_and_loaded_is_the_same(classifier: Classifier, tmp_path: Path) -> None:
    save_classifier(classifier, tmp_path / "classifier")
    loaded = load_classifier(tmp_path / "classifier")
    assert same(loaded.weights, classifier.weights)
    assert (loaded.config, loaded.losses) == (classifier.config, classifier.losses)
    assert (loaded.mean, loaded.deviation) == (classifier.mean, classifier.deviation)
    images, _ = stripes(9, 1)
    np.testing.assert_array_equal(loaded.predict(images), classifier.predict(images))


def test_a_damaged_classifier_is_refused_in_one_line(classifier: Classifier, tmp_path: Path) -> None:
    save_classifier(replace(classifier, config=replace(NET, width=8)), tmp_path / "classifier")
    with pytest.raises(ValueError, match=r"^[^\n]*holds no whole classifier: expected weights stem[^\n]*$"):
        load_classifier(tmp_path / "classifier")
    (tmp_path / "classifier" / "weights.safetensors").unlink()
    with pytest.raises(ValueError, match=r"^[^\n]*holds no whole classifier: [^\n]*No such file[^\n]*$"):
        load_classifier(tmp_path / "classifier")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="PyTorch finds no CUDA device")
def test_a_gpu_predicts_what_a_cpu_does() -> None:
    on_gpu = fit_classifier(*stripes(120, 0), NET, QUICK, seed=0, device="cuda")
    images, labels = stripes(90, 1)
    proba = on_gpu.predict(images)
    assert (proba.argmax(axis=1) == labels).mean() >= 0.95
    np.testing.assert_allclose(replace(on_gpu, device="cpu").predict(images), proba, atol=0.1)  # bfloat16
