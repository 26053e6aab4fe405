"""Answers that bend a VAE's features."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from microtome.learn.triplet import TripletTraining, fine_tuned, triplet_loss, triplets
from microtome.learn.vae import FittedVAE, VAETraining, fit_vae
from microtome.net.vae import VAEConfig

CONFIG = VAEConfig(latent=8, widths=(16, 16), side=16)
QUICK = TripletTraining(epochs=10, batch=16, learning_rate=3e-3)


def patches(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Noisy patches with a bright spot somewhere; where that is a ring the answer is True."""
    rng = np.random.default_rng(seed)
    answers = np.arange(count) % 2 == 0
    images = rng.normal(120, 12, (count, 16, 16)) + rng.normal(0, 30, (count, 1, 1))
    for image, right in zip(images, answers, strict=True):
        y, x = np.mgrid[:16, :16] - rng.integers(5, 11, (2, 1, 1))
        radius = np.hypot(y, x)
        image[(radius < 5) & ((radius > 2.5) | (not right))] += 80
    return images.clip(0, 255).astype(np.uint8), answers


def within_to_between(vae: FittedVAE, images: np.ndarray, answers: np.ndarray) -> float:
    """Mean distance of pictures with the same answer over that of pictures with different ones."""
    features = vae.encode(images)
    distance = np.linalg.norm(features[:, None] - features, axis=2)
    alike = answers[:, None] == answers
    return float(distance[alike & ~np.eye(len(images), dtype=bool)].mean() / distance[~alike].mean())


def points(*rows: list[float]) -> Tensor:
    return torch.tensor(rows)


@pytest.fixture(scope="module")
def vae() -> FittedVAE:
    return fit_vae(patches(200, 0)[0], CONFIG, VAETraining(steps=100, batch=32, learning_rate=3e-3), seed=0)


# The loss


def test_the_loss_of_distances_3_and_1_is_that_worked_out_by_hand() -> None:
    loss = triplet_loss(points([0.0, 0.0]), points([0.0, 3.0]), points([1.0, 0.0]))
    assert loss.item() == pytest.approx(2 * (math.e**3 / (math.e**3 + math.e)) ** 2)
    assert loss.item() == pytest.approx(1.5516, abs=1e-4)


def test_the_loss_is_that_of_the_two_squares_of_hoffer_and_ailon() -> None:
    x, same, other = torch.randn(3, 7, 5, generator=torch.Generator().manual_seed(0))
    near, far = (x - same).norm(dim=1), (x - other).norm(dim=1)
    share = torch.stack([near, far]).softmax(dim=0)
    expected = (share[0] ** 2 + (1 - share[1]) ** 2).mean()
    torch.testing.assert_close(triplet_loss(x, same, other), expected)


def test_equal_distances_cost_a_half_and_a_far_other_nothing() -> None:
    x = points([0.0, 0.0])
    assert triplet_loss(x, points([0.0, 2.0]), points([2.0, 0.0])).item() == pytest.approx(0.5)
    assert triplet_loss(x, x, points([99.0, 0.0])).item() == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("size", [0.0, 1.0, 1e3, 1e6, 1e15])
@pytest.mark.parametrize("swapped", [False, True])
def test_loss_and_gradient_are_finite_at_any_distance(size: float, swapped: bool) -> None:
    leaves = [torch.zeros(2, 1000), torch.full((2, 1000), size), torch.full((2, 1000), -3 * size)]
    for leaf in leaves:
        leaf.requires_grad_()
    x, first, second = leaves
    loss = triplet_loss(x, second, first) if swapped else triplet_loss(x, first, second)
    loss.backward()
    assert math.isfinite(loss.item())
    assert all(torch.isfinite(leaf.grad).all() for leaf in leaves)  # type: ignore[arg-type]


def test_the_gradient_draws_the_same_nearer_and_pushes_the_other_away() -> None:
    x, same, other = (
        points([0.0, 0.0]),
        points([0.0, 1.0]).requires_grad_(),
        points([1.0, 0.0]).requires_grad_(),
    )
    triplet_loss(x, same, other).backward()
    assert same.grad[0, 1] > 0  # type: ignore[index]
    assert other.grad[0, 0] < 0  # type: ignore[index]


# What is drawn


@pytest.mark.parametrize(("right", "wrong"), [(30, 3), (2, 2), (3, 100)])
def test_triplets_are_balanced_and_of_different_pictures(right: int, wrong: int) -> None:
    answers = np.random.default_rng(1).permutation(np.arange(right + wrong) < right)
    x, same, other = triplets(answers, 2000, np.random.default_rng(0))
    assert answers[x].sum() == 1000
    np.testing.assert_array_equal(answers[x], answers[same])
    np.testing.assert_array_equal(answers[x], ~answers[other])
    assert (x != same).all()
    assert set(x) | set(same) | set(other) == set(range(right + wrong))


def test_a_single_picture_of_a_kind_stands_for_its_other() -> None:
    answers = np.array([False, True, False])
    x, same, _ = triplets(answers, 50, np.random.default_rng(0))
    assert (same[x == 1] == 1).all()
    assert (same[x != 1] != x[x != 1]).all()


# Fine-tuning


def test_answers_draw_their_pictures_together_those_unseen_too(vae: FittedVAE) -> None:
    seen, unseen = patches(160, 1), patches(80, 2)
    tuned = fine_tuned(vae, *seen, QUICK, seed=0)
    # over five seeds 0.34 to 0.35 of what it was for those seen, and 0.36 to 0.47 for the others
    assert within_to_between(tuned, *seen) < 0.5 * within_to_between(vae, *seen)
    assert within_to_between(tuned, *unseen) < 0.7 * within_to_between(vae, *unseen)
    assert tuned.losses[-1] < 0.5 * tuned.losses[0]


def test_without_weight_the_answers_do_not_matter(vae: FittedVAE) -> None:
    images, answers = patches(40, 1)
    alone = replace(QUICK, weight=0.0)
    one = fine_tuned(vae, images, answers, alone, seed=0)
    assert within_to_between(one, images, answers) > 0.9 * within_to_between(vae, images, answers)
    heavy = fine_tuned(vae, images, answers, QUICK, seed=0)
    assert within_to_between(heavy, images, answers) < 0.8 * within_to_between(one, images, answers)


def test_the_same_seed_gives_the_same_bits_and_the_vae_stays_as_it_was(vae: FittedVAE) -> None:
    images, answers = patches(20, 1)
    before = vae.encode(images)
    short = replace(QUICK, epochs=1)
    one, again, other = (
        fine_tuned(vae, images, answers, short, seed=seed).encode(images) for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one, other)
    np.testing.assert_array_equal(vae.encode(images), before)
    assert not np.array_equal(one, before)


def test_epochs_are_reported(vae: FittedVAE) -> None:
    images, answers = patches(20, 1)
    calls = []
    tuned = fine_tuned(
        vae, images, answers, replace(QUICK, epochs=2), seed=0, progress=lambda *call: calls.append(call)
    )
    assert calls == [
        ("fine-tuning the VAE", epoch + 1, 2, f"loss {loss:.4f}") for epoch, loss in enumerate(tuned.losses)
    ]


def test_two_answers_are_enough(vae: FittedVAE) -> None:
    images, answers = patches(2, 1)
    tuned = fine_tuned(vae, images, answers, replace(QUICK, epochs=2), seed=0)
    assert np.isfinite(tuned.encode(images)).all()


@pytest.mark.parametrize(("answer", "word"), [(True, "correct"), (False, "incorrect")])
def test_answers_of_one_kind_are_refused(vae: FittedVAE, answer: bool, word: str) -> None:
    images, _ = patches(3, 1)
    with pytest.raises(ValueError, match=f"^triplets need answers of both kinds; got 3, all {word}$"):
        fine_tuned(vae, images, np.full(3, answer), QUICK, seed=0)


def test_answers_must_be_as_many_as_pictures(vae: FittedVAE) -> None:
    images, answers = patches(4, 1)
    with pytest.raises(ValueError, match="expected an answer for each of 4 pictures; got 3"):
        fine_tuned(vae, images, answers[:3], QUICK, seed=0)


def test_pictures_of_another_size_are_refused(vae: FittedVAE) -> None:
    with pytest.raises(ValueError, match=r"multiple of 16; got shape \(2, 12, 12\)"):
        fine_tuned(vae, np.zeros((2, 12, 12), np.uint8), np.array([True, False]), QUICK, seed=0)


@pytest.mark.parametrize(
    "changes", [{"epochs": 0}, {"batch": 0}, {"learning_rate": 0.0}, {"weight": -1.0}, {"weight": math.nan}]
)
def test_fine_tuning_that_cannot_be_is_refused(changes: dict) -> None:
    with pytest.raises(ValueError, match="must be"):
        replace(QUICK, **changes)
