import math

import numpy as np
import pytest
import torch
from scipy.ndimage import distance_transform_edt
from torch import Tensor

from microtome.labels import IGNORE
from microtome.learn.config import Loss, TargetName
from microtome.learn.distance import distances_to, signed_distances
from microtome.learn.targets import (
    CLASSES,
    REACH_NM,
    SCALE_NM,
    Distances,
    Polarity,
    Sigmoids,
    Target,
    target_of,
)

NM = (40.0, 4.0, 8.0)
TARGETS: list[tuple[TargetName, int, Loss]] = [
    ("classes", 3, "ce+dice"),
    ("sigmoid", 2, "ce+dice"),
    ("sigmoid", 4, "ce+dice"),
    ("sigmoid", 2, "dice"),
    ("polarity", 3, "ce+dice"),
    ("polarity", 3, "ce"),
    ("distance", 2, "squared"),
    ("distance", 3, "squared"),
]
every_target = pytest.mark.parametrize(("name", "classes", "loss"), TARGETS)


def batch(name: TargetName, classes: int, seed: int = 0) -> tuple[Target, Tensor, Tensor]:
    """A target, outputs of its channels, and labels of which a third is unknown."""
    target, generator = target_of(name, NM), torch.Generator().manual_seed(seed)
    outputs = torch.randn(2, target.channels(classes), 3, 6, 5, generator=generator)
    labels = torch.randint(0, classes, (2, 3, 6, 5), generator=generator)
    labels[torch.rand(labels.shape, generator=generator) < 1 / 3] = IGNORE
    return target, outputs, labels


def probabilities(target: Target, outputs: Tensor) -> Tensor:
    return target.class_logits(outputs).softmax(dim=1)


def logit(*probabilities: float) -> Tensor:
    p = torch.tensor(probabilities)
    return (p / (1 - p)).log()


def row(*labels: int) -> Tensor:
    return torch.tensor(labels).reshape(1, 1, 1, -1)


def channels(*rows: tuple[float, ...]) -> Tensor:
    return torch.tensor(rows).reshape(1, len(rows), 1, 1, -1)


@every_target
def test_a_target_is_a_target(name: TargetName, classes: int, loss: Loss) -> None:
    assert isinstance(target_of(name), Target)


@every_target
def test_classes_are_a_distribution_with_the_background_first(
    name: TargetName, classes: int, loss: Loss
) -> None:
    target, outputs, _ = batch(name, classes)
    proba = probabilities(target, outputs * 20)
    assert proba.shape == (2, classes, 3, 6, 5)
    assert ((proba >= 0) & (proba <= 1)).all()
    torch.testing.assert_close(proba.sum(dim=1), torch.ones(2, 3, 6, 5))


@every_target
def test_only_labelled_voxels_pull(name: TargetName, classes: int, loss: Loss) -> None:
    target, outputs, labels = batch(name, classes)
    outputs.requires_grad_(True)
    target.loss(outputs, labels, None, loss).backward()
    pulled = (outputs.grad != 0).any(dim=1)  # type: ignore[union-attr]
    assert pulled.any()
    assert not (pulled & (labels == IGNORE)).any()
    if name != "distance":  # which leaves voxels alone whose output is in the range that is left
        assert torch.equal(pulled, labels != IGNORE)


@every_target
def test_a_batch_without_labels_costs_nothing_and_pulls_nowhere(
    name: TargetName, classes: int, loss: Loss
) -> None:
    target, outputs, labels = batch(name, classes)
    outputs.requires_grad_(True)
    result = target.loss(outputs, torch.full_like(labels, IGNORE), None, loss)
    result.backward()
    assert result.item() == 0
    assert not outputs.grad.any()  # type: ignore[union-attr]


@every_target
def test_a_window_without_labels_beside_one_with_labels_pulls_nowhere(
    name: TargetName, classes: int, loss: Loss
) -> None:
    target, outputs, labels = batch(name, classes)
    labels[1] = IGNORE
    outputs.requires_grad_(True)
    target.loss(outputs, labels, None, loss).backward()
    assert outputs.grad[0].any()  # type: ignore[index]
    assert not outputs.grad[1].any()  # type: ignore[index]


@every_target
def test_what_is_taught_is_what_is_read(name: TargetName, classes: int, loss: Loss) -> None:
    """Outputs that follow the loss down end in the labels."""
    target, outputs, labels = batch(name, classes)
    outputs.requires_grad_(True)
    optimiser = torch.optim.Adam([outputs], lr=0.3)
    for _ in range(150):
        optimiser.zero_grad()
        target.loss(outputs, labels, None, loss).backward()
        optimiser.step()
    found = target.class_logits(outputs).argmax(dim=1)
    known = labels != IGNORE
    assert torch.equal(found[known], labels[known])


@every_target
def test_weights_of_classes_are_used(name: TargetName, classes: int, loss: Loss) -> None:
    target, outputs, labels = batch(name, classes)
    outputs.requires_grad_(True)
    weights = torch.zeros(classes)
    weights[1] = 2
    target.loss(outputs, labels, weights, "squared" if loss == "squared" else "ce").backward()
    pulled = (outputs.grad != 0).any(dim=1)  # type: ignore[union-attr]
    assert pulled.any()
    assert not (pulled & (labels != 1)).any()


def test_the_classes_of_a_softmax_are_its_channels() -> None:
    outputs = torch.randn(1, 3, 1, 2, 2)
    assert CLASSES.class_logits(outputs) is outputs


def test_one_sigmoid_is_the_probability_of_its_class() -> None:
    outputs = logit(0.25, 0.9).reshape(1, 1, 1, 1, 2)
    expected = channels((0.75, 0.1), (0.25, 0.9))
    torch.testing.assert_close(probabilities(Sigmoids(), outputs), expected)


def test_several_sigmoids_are_read_as_if_a_voxel_had_one_class_at_most() -> None:
    outputs = logit(0.5, 0.75).reshape(1, 2, 1, 1, 1)
    # neither: .5 x .25, the first alone: .5 x .25, the second alone: .5 x .75
    expected = channels((0.2,), (0.2,), (0.6,))
    torch.testing.assert_close(probabilities(Sigmoids(), outputs), expected)


def test_what_is_neither_side_of_a_synapse_is_background() -> None:
    outputs = torch.stack([logit(0.75, 0.2), logit(0.5, 0.9), logit(0.4, 0.8)]).reshape(1, 3, 1, 1, 2)
    odds = [(3, 1), (0.25, 9)]
    pre = [0.4 * odds[0][0] / sum(odds[0]), 0.8 * odds[1][0] / sum(odds[1])]
    expected = channels((0.6, 0.2), tuple(pre), (0.4 - pre[0], 0.8 - pre[1]))
    torch.testing.assert_close(probabilities(Polarity(), outputs), expected)


def test_channels_that_say_the_labels_of_a_synapse_are_read_as_these_labels() -> None:
    labels = row(0, 1, 2, 1, 0)
    sure = torch.where(torch.stack([labels == 1, labels == 2, labels > 0], dim=1), 30.0, -30.0)
    expected = (labels.unsqueeze(1) == torch.arange(3).reshape(1, 3, 1, 1, 1)).float()
    torch.testing.assert_close(probabilities(Polarity(), sure), expected)
    assert Polarity().loss(sure, labels, None, "ce+dice").item() == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("classes", [2, 4])
def test_polarity_is_of_two_classes(classes: int) -> None:
    with pytest.raises(ValueError, match=f"two classes, pre and post; got {classes - 1}"):
        Polarity().channels(classes)


def test_the_probability_of_a_distance_is_half_of_one_plus_its_tanh() -> None:
    outputs = torch.tensor([-1.0, 0.0, 0.5]).reshape(1, 1, 1, 1, 3)
    expected = (1 + outputs.tanh()) / 2
    torch.testing.assert_close(probabilities(Distances(), outputs)[:, 1:], expected)


def test_distances_cannot_be_taught_without_a_voxel_size() -> None:
    target, outputs, labels = Distances(), torch.zeros(1, 1, 1, 1, 3), row(0, 1, 0)
    with pytest.raises(ValueError, match="expects examples with a voxel size in nm; got none"):
        target.loss(outputs, labels, None, "squared")


def test_the_loss_of_distances_is_the_one_worked_out_by_hand() -> None:
    labels = row(0, 0, 1, 1, 0, 0)  # one section, one line: 8 nm a voxel
    outputs = torch.tensor([-0.5, -0.25, 0.25, 0.0, -0.125, -3.0]).reshape(1, 1, 1, 1, 6)
    t = [math.tanh(x) for x in outputs.flatten().tolist()]
    one, two = math.tanh(8 / SCALE_NM), math.tanh(16 / SCALE_NM)
    # of the voxels at the ends the border may be the row's own: at most 16 nm, at least 8
    missed = [t[0] + two, t[1] + one, t[2] - one, t[3] - one, t[4] + one, t[5] + two]
    weights = [1, 1, 2, 2, 1, 1]  # two of six are inside
    expected = sum(w * m * m for w, m in zip(weights, missed, strict=True)) / 6
    assert Distances(NM).loss(outputs, labels, None, "squared").item() == pytest.approx(expected)


def test_background_alone_is_taught_as_far_as_it_is_known() -> None:
    """Nothing is inside; 8 nm beyond each end of the row nobody knows."""
    target, labels = Distances(NM), row(0, 0, 0)
    near, middle = math.tanh(8 / SCALE_NM), math.tanh(16 / SCALE_NM)
    fits = torch.atanh(-torch.tensor([near, middle, 1 - 1e-6])).reshape(1, 1, 1, 1, 3)
    assert target.loss(fits, labels, None, "squared").item() == pytest.approx(0, abs=1e-9)
    assert target.loss(fits + 0.1, labels, None, "squared").item() > 1e-4


# ---- distances


def test_the_signed_distance_of_a_slab_is_the_one_worked_out_by_hand() -> None:
    inside = torch.zeros(1, 1, 12, 30, 3, dtype=torch.bool)
    inside[:, :, :, 10:20] = True  # 10 voxels of 4 nm
    low, high = signed_distances(inside, torch.ones_like(inside), (400.0, 4.0, 400.0), REACH_NM)
    line = [-4 * (10 - y) for y in range(10)]
    line += [4 * min(y - 9, 20 - y) for y in range(10, 20)]
    line += [-4 * (y - 19) for y in range(20, 30)]
    edge = [-min(-d, 4 * (y + 1), 4 * (30 - y)) if d < 0 else d for y, d in enumerate(line)]
    assert low[0, 0, 5, :, 1].tolist() == line
    assert high[0, 0, 5, :, 1].tolist() == edge


def test_distances_follow_the_size_of_voxels_on_every_axis() -> None:
    inside = torch.zeros(1, 1, 7, 7, 7, dtype=torch.bool)
    inside[0, 0, 3, 3, 3] = True
    low, _ = signed_distances(inside, torch.ones_like(inside), NM, 1000.0)
    assert low[0, 0, 2, 3, 3] == -40
    assert low[0, 0, 3, 1, 3] == -8
    assert low[0, 0, 3, 3, 6] == -24
    assert low[0, 0, 2, 0, 3].item() == pytest.approx(-math.hypot(40, 12))
    assert low[0, 0, 3, 3, 3] == 4  # inside, to its nearest neighbour


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("reach", [30.0, 100.0, 1e4])
def test_distances_equal_those_of_scipy_up_to_their_reach(seed: int, reach: float) -> None:
    voxels = np.random.default_rng(seed).random((2, 5, 13, 16)) < 0.01
    expected = np.stack([distance_transform_edt(~one, sampling=NM) for one in voxels])
    expected[expected > reach] = np.inf
    np.testing.assert_allclose(distances_to(torch.from_numpy(voxels), NM, reach).numpy(), expected, rtol=1e-6)


def test_without_a_voxel_everything_is_infinitely_far() -> None:
    assert distances_to(torch.zeros(2, 3, 4, dtype=torch.bool), NM, REACH_NM).isinf().all()


@pytest.mark.parametrize("shape", [(5, 12, 12), (1, 16, 16)])
def test_the_true_distance_lies_in_the_range_that_partial_labels_leave(shape: tuple) -> None:
    rng = np.random.default_rng(0)
    whole = rng.random((shape[0] + 8 * (shape[0] > 1), shape[1] + 8, shape[2] + 8)) < 0.05
    true = np.where(
        whole, distance_transform_edt(whole, sampling=NM), -distance_transform_edt(~whole, sampling=NM)
    )
    z = 4 * (shape[0] > 1)
    cut = (slice(z, z + shape[0]), slice(4, 4 + shape[1]), slice(4, 4 + shape[2]))
    known = torch.from_numpy(rng.random(shape) < 0.9)[None, None]
    low, high = signed_distances(torch.from_numpy(whole[cut])[None, None], known, NM, 1e4)
    seen = known[0, 0].numpy()
    assert (low[0, 0].numpy()[seen] <= true[cut][seen] + 1e-3).all()
    assert (high[0, 0].numpy()[seen] >= true[cut][seen] - 1e-3).all()
    exact = (low == high)[0, 0].numpy() & seen
    assert 0 < exact.sum() < seen.sum()
    np.testing.assert_allclose(low[0, 0].numpy()[exact], true[cut][exact], rtol=1e-6)
