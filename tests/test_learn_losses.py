import math

import pytest
import torch
from torch import Tensor

from microtome.labels import IGNORE
from microtome.learn.losses import (
    CHANNEL_SMOOTH,
    MARGIN,
    SMOOTH,
    balanced,
    channel_loss,
    class_weights,
    image_losses,
    masked_loss,
    range_loss,
    ranking_loss,
)

LOSSES = ["ce+dice", "ce", "dice"]
ONES = torch.ones(3)


def batch(seed: int = 0) -> tuple[Tensor, Tensor]:
    """Logits of three classes and labels, a third of them unknown."""
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(2, 3, 1, 4, 5, generator=generator)
    labels = torch.randint(0, 3, (2, 1, 4, 5), generator=generator)
    labels[torch.rand(labels.shape, generator=generator) < 1 / 3] = IGNORE
    return logits, labels


def voxels(*labels: int) -> Tensor:
    return torch.tensor(labels).reshape(1, 1, 1, -1)


def logits_of(*probabilities: float) -> Tensor:
    """Logits of two classes such that the foreground has these probabilities."""
    p = torch.tensor(probabilities)
    return torch.stack([1 - p, p]).log().reshape(1, 2, 1, 1, -1)


every_loss = pytest.mark.parametrize("loss", LOSSES)


@every_loss
def test_unlabelled_voxels_have_no_gradient_and_labelled_ones_have(loss: str) -> None:
    logits, labels = batch()
    logits.requires_grad_(True)
    masked_loss(logits, labels, ONES, loss).backward()  # type: ignore[arg-type]
    pulled = (logits.grad != 0).any(dim=1)  # type: ignore[union-attr]
    assert torch.equal(pulled, labels != IGNORE)


@every_loss
def test_what_is_predicted_at_unlabelled_voxels_does_not_matter(loss: str) -> None:
    logits, labels = batch()
    other = torch.where((labels == IGNORE)[:, None], batch(seed=1)[0] * 50, logits)
    assert torch.equal(masked_loss(logits, labels, ONES, loss), masked_loss(other, labels, ONES, loss))  # type: ignore[arg-type]


@every_loss
def test_a_batch_without_labels_costs_nothing_and_pulls_nowhere(loss: str) -> None:
    logits = batch()[0].requires_grad_(True)
    result = masked_loss(logits, torch.full((2, 1, 4, 5), IGNORE), ONES, loss)  # type: ignore[arg-type]
    result.backward()
    assert result.item() == 0
    assert torch.equal(logits.grad, torch.zeros_like(logits))  # type: ignore[arg-type]


def test_cross_entropy_is_the_mean_over_labelled_voxels() -> None:
    loss = masked_loss(logits_of(0.5, 0.25, 0.9), voxels(1, 0, IGNORE), torch.ones(2), "ce")
    assert loss.item() == pytest.approx(-(math.log(0.5) + math.log(0.75)) / 2)


def test_cross_entropy_is_weighted_by_the_class_of_the_label() -> None:
    loss = masked_loss(logits_of(0.5, 0.25), voxels(1, 0), torch.tensor([1.0, 3.0]), "ce")
    assert loss.item() == pytest.approx(-(3 * math.log(0.5) + math.log(0.75)) / 4)


def test_dice_equals_a_number_worked_out_by_hand() -> None:
    loss = masked_loss(logits_of(0.5, 0.25, 0.25, 0.9), voxels(1, 1, 0, IGNORE), torch.ones(2), "dice")
    assert loss.item() == pytest.approx(1 - (2 * 0.75 + SMOOTH) / (1 + 2 + SMOOTH))


def test_dice_sums_over_the_whole_batch() -> None:
    apart = torch.cat([logits_of(0.5, 0.25), logits_of(0.125, 0.75)])
    together = logits_of(0.5, 0.25, 0.125, 0.75)
    labels = torch.cat([voxels(1, 1), voxels(0, 0)])
    assert masked_loss(apart, labels, torch.ones(2), "dice").item() == pytest.approx(
        masked_loss(together, voxels(1, 1, 0, 0), torch.ones(2), "dice").item()
    )


def test_dice_is_the_mean_over_the_foreground_classes() -> None:
    proba = torch.tensor([[0.25, 0.5], [0.5, 0.25], [0.25, 0.25]])  # class by voxel
    loss = masked_loss(proba.log().reshape(1, 3, 1, 1, 2), voxels(1, 0), ONES, "dice")
    first, second = (2 * 0.5 + 1) / (0.75 + 1 + 1), (0 + 1) / (0.5 + 0 + 1)
    assert loss.item() == pytest.approx(1 - (first + second) / 2)


def test_the_default_loss_is_the_sum_of_both() -> None:
    logits, labels = batch()
    both, ce, dice = (masked_loss(logits, labels, ONES, loss).item() for loss in LOSSES)  # type: ignore[arg-type]
    assert both == pytest.approx(ce + dice)


def test_a_perfect_prediction_costs_nothing() -> None:
    labels = voxels(0, 1, 1)
    logits = torch.where(labels[:, None] == torch.arange(2).reshape(1, 2, 1, 1, 1), 100.0, -100.0)
    assert masked_loss(logits, labels, torch.ones(2), "ce+dice").item() == pytest.approx(0, abs=1e-6)


def channels(*rows: tuple) -> Tensor:
    """One window of these channels by voxel."""
    return torch.tensor(rows).reshape(1, len(rows), 1, 1, -1)


def test_entropy_of_channels_is_the_weighted_mean_over_voxels_with_a_weight() -> None:
    outputs = channels((0.5, 0.25, 0.9), (0.125, 0.5, 0.1)).logit()
    truth, weights = (
        channels((True, False, True), (False, True, False)),
        channels((19.0, 1.0, 0.0), (1, 2, 0)),
    )
    expected = -(19 * math.log(0.5) + math.log(0.75) + math.log(0.875) + 2 * math.log(0.5)) / 4
    assert channel_loss(outputs, truth, weights, "ce").item() == pytest.approx(expected)


def test_dice_of_channels_is_the_mean_over_windows_and_channels() -> None:
    first, second = (0.5, 0.25, 0.9), (0.125, 0.5, 0.1)
    outputs = torch.cat([channels(first), channels(second)]).logit()
    truth = torch.cat([channels((True, False, True)), channels((False, False, False))])
    weights = torch.cat([channels((1.0, 1.0, 0.0)), channels((1.0, 3.0, 1.0))])
    overlap = (2 * 0.5 + CHANNEL_SMOOTH) / (0.75 + 1 + CHANNEL_SMOOTH)
    nothing = CHANNEL_SMOOTH / (0.725 + CHANNEL_SMOOTH)
    expected = 1 - (overlap + nothing) / 2
    assert channel_loss(outputs, truth, weights, "dice").item() == pytest.approx(expected, abs=1e-6)
    assert CHANNEL_SMOOTH == 100


def test_the_loss_of_channels_is_the_sum_of_both() -> None:
    generator = torch.Generator().manual_seed(0)
    outputs = torch.randn(2, 3, 2, 4, 4, generator=generator)
    truth, weights = outputs > 1, torch.rand(2, 1, 2, 4, 4, generator=generator)
    both, ce, dice = (channel_loss(outputs, truth, weights, loss).item() for loss in LOSSES)  # type: ignore[arg-type]
    assert both == pytest.approx(ce + dice)


@pytest.mark.parametrize(
    ("true", "false", "weights"),
    [(1, 3, (3, 1)), (3, 1, (1, 3)), (2, 2, (1, 1)), (1, 99, (19, 1)), (99, 1, (1, 19)), (1, 19, (19, 1))],
)
def test_the_rarer_side_of_a_channel_weighs_more_up_to_nineteen_to_one(
    true: int, false: int, weights: tuple
) -> None:
    truth = channels((True,) * true + (False,) * false + (True, False))
    known = channels((True,) * (true + false) + (False, False))
    found = balanced(truth, known).flatten().tolist()
    assert found == pytest.approx([weights[0]] * true + [weights[1]] * false + [0, 0])


@pytest.mark.parametrize("alike", [True, False])
def test_a_channel_of_one_side_alone_is_not_weighted(alike: bool) -> None:
    truth = channels((alike,) * 5)
    assert balanced(truth, torch.ones_like(truth)).flatten().tolist() == [1] * 5


def test_windows_and_channels_are_balanced_by_themselves() -> None:
    one = channels((True, False, False, False), (True, True, False, False))
    known = torch.ones(2, 1, 1, 1, 4, dtype=torch.bool)
    known[1, ..., 3] = False
    found = balanced(torch.cat([one, ~one]), known).reshape(2, 2, 4).tolist()
    assert found[0] == [pytest.approx([3, 1, 1, 1]), [1, 1, 1, 1]]
    assert found[1] == [pytest.approx([2, 1, 1, 0]), pytest.approx([1, 1, 2, 0])]


def test_an_unlabelled_window_has_no_weights() -> None:
    truth = channels((True, False))
    assert balanced(truth, torch.zeros_like(truth)).flatten().tolist() == [0, 0]


def test_what_lies_in_its_range_costs_nothing_and_pulls_nowhere() -> None:
    outputs = channels((-0.5, 0.0, 0.5, 0.5)).requires_grad_(True)
    low, high = channels((-1.0, 0.25, -1.0, 0.0)), channels((0.0, 0.25, 0.25, 1.0))
    result = range_loss(outputs, low, high, channels((1.0, 2.0, 4.0, 0.0)))
    result.backward()
    assert result.item() == pytest.approx((2 * 0.25**2 + 4 * 0.25**2) / 3)
    assert (outputs.grad != 0).flatten().tolist() == [False, True, True, False]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("counts", "weights"),
    [
        ((80.0, 20.0), (1.0, 4.0)),
        ((80.0, 40.0, 4.0), (1.0, 2.0, 5.0)),
        ((20.0, 80.0), (4.0, 1.0)),
        ((100.0, 0.0), (1.0, 5.0)),
        ((1.0, 0.0), (1.0, 1.0)),
    ],
)
def test_class_weights_balance_the_classes_up_to_five_to_one(counts: tuple, weights: tuple) -> None:
    assert class_weights(torch.tensor(counts)).tolist() == list(weights)


def test_the_loss_of_an_image_is_the_mean_cross_entropy_of_its_labelled_voxels() -> None:
    logits = torch.cat([logits_of(0.5, 0.25, 0.9), logits_of(0.5, 0.25, 0.125)])
    labels = torch.cat([voxels(1, 0, IGNORE), voxels(IGNORE, IGNORE, 1)])
    expected = [-(math.log(0.5) + math.log(0.75)) / 2, -math.log(0.125)]
    assert image_losses(logits, labels).tolist() == pytest.approx(expected)


def test_an_image_without_labels_has_no_loss() -> None:
    found = image_losses(torch.cat([logits_of(0.5)] * 2), torch.cat([voxels(IGNORE), voxels(0)]))
    assert found.isnan().tolist() == [True, False]


def test_ranking_losses_are_those_worked_out_by_hand() -> None:
    true, guess = torch.tensor([3.0, 1.0, 2.0]), torch.tensor([0.5, 2.0, 0.25])
    # 0 > 1: 1 - (0.5 - 2) = 2.5; 0 > 2: 1 - (0.5 - 0.25) = 0.75; 2 > 1: 1 - (0.25 - 2) = 2.75
    assert ranking_loss(guess, true).item() == pytest.approx((2.5 + 0.75 + 2.75) / 3)


def test_an_order_with_a_wide_margin_costs_nothing() -> None:
    assert ranking_loss(torch.tensor([5.0, 1.0, 3.0]), torch.tensor([0.3, 0.1, 0.2])).item() == 0


def test_images_of_the_same_loss_cost_the_margin_and_pull_nowhere() -> None:
    guess = torch.tensor([4.0, 1.0], requires_grad=True)
    result = ranking_loss(guess, torch.tensor([2.0, 2.0]))
    result.backward()
    assert result.item() == MARGIN
    assert guess.grad.tolist() == [0, 0]  # type: ignore[union-attr]


def test_images_without_labels_are_in_no_pair() -> None:
    guess = torch.tensor([1.0, 9.0, 2.0], requires_grad=True)
    result = ranking_loss(guess, torch.tensor([2.0, math.nan, 1.0]))
    result.backward()
    assert result.item() == 2
    assert guess.grad.tolist() == [-1, 0, 1]  # type: ignore[union-attr]


@pytest.mark.parametrize("losses", [[1.0], [1.0, math.nan], [math.nan, math.nan]])
def test_without_a_pair_nothing_is_ranked(losses: list) -> None:
    guess = torch.ones(len(losses), requires_grad=True)
    result = ranking_loss(guess, torch.tensor(losses))
    result.backward()
    assert result.item() == 0
    assert not guess.grad.any()  # type: ignore[union-attr]
