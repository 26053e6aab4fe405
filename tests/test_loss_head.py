"""The head that predicts losses: alone, on the U-Net, in training and in prediction."""

import dataclasses

import numpy as np
import pytest
import torch

from microtome.labels import IGNORE
from microtome.learn.config import AugmentConfig, Recipe, TrainConfig
from microtome.learn.examples import Example
from microtome.learn.train import Trained, Trainer, Weights, new_net
from microtome.net.config import NetConfig
from microtome.net.inference import folded
from microtome.net.loss_head import LossHead
from microtome.net.unet import UNet
from microtome.predict.model import SegmentationModel
from microtome.progress import silent

FLAT = NetConfig(widths=(4, 8), dropout=0.5, loss_head=True)
DEEP = NetConfig(
    widths=(2, 3, 4), kernels=((1, 3, 3), (3, 3, 3), (3, 3, 3)), pools=((1, 2, 2),) * 2, loss_head=True
)
TRAIN = TrainConfig(steps=10, batch=4, window=(1, 16, 16))
every_net = pytest.mark.parametrize("config", [FLAT, DEEP], ids=["flat", "deep"])


def images(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def without_head(weights: Weights) -> Weights:
    return {name: value for name, value in weights.items() if not name.startswith("loss_head.")}


def fit(net: NetConfig, examples: list[Example], **changes: object) -> Trained:
    config = dataclasses.replace(TRAIN, **changes)  # type: ignore[arg-type]
    return Trainer(net, 2, config, AugmentConfig()).fit(examples, seed=0, progress=silent)


def discs(seed: int, noise: float, side: int = 32) -> Example:
    """Dark discs on a bright ground, class 1, under noise of that deviation."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side]
    mask = np.zeros((side, side), bool)
    for cy, cx in rng.integers(4, side - 4, (4, 2)):
        mask |= (y - cy) ** 2 + (x - cx) ** 2 < 25
    image = np.where(mask, 90, 160) + rng.normal(0, noise, mask.shape)
    return Example(image.clip(0, 255).astype(np.uint8)[None], mask.astype(np.uint8)[None])


EXAMPLES = [discs(seed, 10) for seed in range(3)]


def test_a_head_is_layers_of_128_units_a_level_and_one_number() -> None:
    head = LossHead((3, 5))
    assert sum(p.numel() for p in head.parameters()) == (3 + 1) * 128 + (5 + 1) * 128 + (2 * 128 + 1)
    levels = [images(4, 3), images(4, 5)]
    first, second = (layer[0] for layer in head.levels)  # type: ignore[index]
    hidden = torch.cat([first(levels[0]).relu(), second(levels[1]).relu()], dim=1)
    torch.testing.assert_close(head(levels), (hidden @ head.last.weight[0]) + head.last.bias)


@every_net
def test_every_image_gets_a_number_that_does_not_depend_on_the_others(config: NetConfig) -> None:
    net, batch = new_net(config, 2, seed=0).eval(), images(3, 1, 2, 8, 8)
    logits, losses = net.with_loss(batch, detached=False)
    assert losses.shape == (3,)
    torch.testing.assert_close(logits, net(batch))
    alone = torch.cat([net.with_loss(one[None], detached=True)[1] for one in batch])
    torch.testing.assert_close(losses, alone)


@every_net
def test_the_other_weights_of_a_new_net_are_the_same_with_a_head_and_without(config: NetConfig) -> None:
    plain = new_net(dataclasses.replace(config, loss_head=False), 2, seed=3).state_dict()
    headed = without_head(new_net(config, 2, seed=3).state_dict())
    assert list(plain) == list(headed)
    assert all(torch.equal(plain[name], headed[name]) for name in plain)


@every_net
def test_only_when_it_is_not_detached_the_head_pulls_at_the_net(config: NetConfig) -> None:
    for detached in (True, False):
        net = new_net(config, 2, seed=0)
        net.with_loss(images(3, 1, 2, 8, 8), detached=detached)[1].square().sum().backward()
        pulled = {name.split(".")[0] for name, p in net.named_parameters() if p.grad is not None}
        assert pulled == ({"loss_head"} if detached else {"down", "rise", "up", "loss_head"})


@every_net
def test_a_folded_net_predicts_the_same_losses(config: NetConfig) -> None:
    net = new_net(config, 2, seed=0).train()
    net(3 + 2 * images(2, 1, 2, 8, 8))
    net.eval()
    batch = images(3, 1, 2, 8, 8, seed=1)
    with torch.inference_mode():
        expected, found = (one.with_loss(batch, detached=True)[1] for one in (net, folded(net)))
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_a_net_without_a_head_predicts_no_losses() -> None:
    with pytest.raises(ValueError, match=r"^this net predicts no losses: net.loss_head is off$"):
        UNet(NetConfig(widths=(2, 4)), 2).with_loss(images(1, 1, 1, 8, 8), detached=True)


@pytest.mark.parametrize("ema", [0.0, 0.9])
def test_a_head_that_never_pulls_leaves_training_bit_for_bit_as_it_is(ema: float) -> None:
    plain = fit(dataclasses.replace(FLAT, loss_head=False), EXAMPLES, ema=ema)
    headed = fit(FLAT, EXAMPLES, ema=ema, loss_head_until=0.0)
    rest = without_head(headed.snapshots[-1])
    assert list(rest) == list(plain.snapshots[-1])
    assert all(torch.equal(rest[name], value) for name, value in plain.snapshots[-1].items())
    assert headed.losses == plain.losses


def test_a_head_that_never_pulls_learns_all_the_same() -> None:
    start = new_net(FLAT, 2, seed=0).state_dict()
    after = fit(FLAT, EXAMPLES, loss_head_until=0.0).snapshots[-1]
    names = [name for name in after if name.startswith("loss_head.")]
    assert len(names) == 6
    assert not any(torch.equal(after[name], start[name]) for name in names)


def test_until_its_share_of_training_is_over_the_head_pulls() -> None:
    nets = [without_head(fit(FLAT, EXAMPLES, loss_head_until=u).snapshots[-1]) for u in (0.0, 0.6, 1.0)]
    names = [name for name in nets[0] if name.endswith("weight") and nets[0][name].ndim == 4]
    for one, other in ((0, 1), (1, 2)):
        assert not any(
            torch.equal(nets[one][name], nets[other][name]) for name in names if "head" not in name
        )


def test_the_share_is_counted_in_steps() -> None:
    # of 10 steps, 5 begin before 0.5 of training is over, and 5 as well before 0.41
    fits = {u: fit(FLAT, EXAMPLES, loss_head_until=u).snapshots[-1] for u in (0.41, 0.5, 0.51)}
    assert all(torch.equal(fits[0.41][name], value) for name, value in fits[0.5].items())
    assert not all(torch.equal(fits[0.51][name], value) for name, value in fits[0.5].items())


def test_windows_without_labels_do_not_hinder_training() -> None:
    labels = np.full((1, 32, 32), IGNORE, np.uint8)
    labels[0, 3, 3] = 1
    trained = fit(FLAT, [Example(EXAMPLES[0].image, labels)], batch=1)
    assert all(value.isfinite().all() for value in trained.snapshots[-1].values())


def test_noisy_images_are_ranked_above_clean_ones() -> None:
    examples = [discs(seed, noise) for seed in range(8) for noise in (5, 90)]
    train = TrainConfig(steps=80, batch=8, window=(1, 32, 32), learning_rate=1e-2)
    net = NetConfig(widths=(4, 8), dropout=0, loss_head=True)
    recipe = Recipe(net, train, AugmentConfig(elastic=0, rotation=0, noise=0, blur=0))
    model = SegmentationModel(recipe, 2).fit(examples, seed=0, progress=silent)
    clean, noisy = (
        model.predicted_losses(np.stack([discs(100 + seed, noise).image for seed in range(10)]))
        for noise in (5, 90)
    )
    assert np.mean(noisy[:, None] > clean) > 0.95
