import dataclasses

import pytest
import torch

from microtome.learn.train import new_net
from microtome.net.config import NetConfig
from microtome.net.cropping import cuts
from microtome.net.inference import Masks, channels_last, dropout_masks, folded
from microtome.net.unet import UNet

FLAT = NetConfig(widths=(4, 8), dropout=0.5)
DEEP = NetConfig(widths=(4, 8), kernels=((1, 3, 3), (3, 3, 3)), pools=((2, 2, 2),), dropout=0.5)


def net_with_history(config: NetConfig) -> UNet:
    """A net whose batch norms have seen images, so that folding them is not the identity."""
    net = new_net(config, 3, seed=0).train()
    for seed in range(5):
        net(3 + 2 * image(seed))
    return net.eval()


def image(seed: int = 0) -> torch.Tensor:
    return torch.randn(2, 1, 4, 8, 8, generator=torch.Generator().manual_seed(seed))


def buffers(net: UNet) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in net.state_dict().items()}


def masks(net: UNet, seed: int) -> Masks:
    return dropout_masks(net.config, image().shape, torch.Generator().manual_seed(seed))


def sampled(net: UNet, seed: int) -> torch.Tensor:
    with torch.inference_mode():
        return net.unfolded(net.dropped(*net.undropped(image()), masks(net, seed)), image())


def by_torch(net: UNet, seed: int) -> torch.Tensor:
    """With PyTorch's own dropout, its random numbers from the same seed."""
    layers = [module for module in net.modules() if isinstance(module, torch.nn.Dropout)]
    with torch.inference_mode(), torch.random.fork_rng():
        torch.manual_seed(seed)
        for layer in layers:
            layer.train()
        found = net(image())
    net.eval()
    return found


every_net = pytest.mark.parametrize(
    "config",
    [
        FLAT,
        DEEP,
        dataclasses.replace(FLAT, separable=True, residual=True, squeeze_excitation=True),
        dataclasses.replace(DEEP, separable=True),
        dataclasses.replace(FLAT, norm="instance"),
        dataclasses.replace(FLAT, norm="none"),
    ],
    ids=["flat", "deep", "all fields", "separable deep", "instance", "none"],
)


@every_net
def test_a_folded_net_gives_the_same_logits(config: NetConfig) -> None:
    net = net_with_history(config)
    with torch.inference_mode():
        torch.testing.assert_close(folded(net)(image()), net(image()), rtol=1e-4, atol=1e-5)


def test_folding_leaves_no_batch_norm_and_the_net_as_it_was() -> None:
    net = net_with_history(FLAT).train()
    before = buffers(net)
    copy = folded(net)
    assert [m for m in copy.modules() if isinstance(m, torch.nn.BatchNorm2d)] == []
    assert net.training
    assert not copy.training
    torch.testing.assert_close(net.state_dict(), before, rtol=0, atol=0)


@every_net
def test_two_seeds_of_dropout_masks_differ(config: NetConfig) -> None:
    net = net_with_history(config)
    assert not torch.allclose(sampled(net, 1), sampled(net, 2))


@every_net
def test_the_same_seed_gives_the_same_masks(config: NetConfig) -> None:
    net = net_with_history(config)
    assert torch.equal(sampled(net, 1), sampled(net, 1))


@pytest.mark.parametrize("config", [FLAT, DEEP])
def test_masks_drop_what_dropout_would(config: NetConfig) -> None:
    net = channels_last(net_with_history(config))
    torch.testing.assert_close(sampled(net, 5), by_torch(net, 5))


def test_masks_keep_the_mean_of_an_activation() -> None:
    net = net_with_history(FLAT)
    drawn = torch.cat([level.flatten() for seed in range(50) for level in masks(net, seed)])
    assert set(drawn.unique().tolist()) == {0.0, 2.0}
    assert float(drawn.mean()) == pytest.approx(1, abs=0.02)


THREE = NetConfig(widths=(4, 6, 8), dropout=0.5)


@pytest.mark.parametrize(
    "config",
    [
        FLAT,
        DEEP,
        THREE,
        dataclasses.replace(THREE, skip="add", separable=True, residual=True, norm="none"),
        dataclasses.replace(DEEP, separable=True, residual=True, squeeze_excitation=True),
        dataclasses.replace(FLAT, norm="instance"),
    ],
    ids=["flat", "deep", "three levels", "added", "all fields deep", "instance"],
)
@pytest.mark.parametrize("part", [False, True], ids=["whole", "a part of it"])
def test_masks_of_ones_drop_nothing(config: NetConfig, part: bool) -> None:
    net = folded(net_with_history(config))
    ones = [torch.ones_like(level) for level in masks(net, 0)]
    away = cuts(config, (0, 2, 1), (0, 1, 2)) if part else ()
    with torch.inference_mode():
        found = net.unfolded(net.dropped(*net.undropped(image(), away), ones, away), image())
        torch.testing.assert_close(found, net(image(), away), rtol=1e-4, atol=1e-5)


def test_sampling_leaves_the_statistics_of_batch_norm_alone() -> None:
    net = net_with_history(FLAT)
    before = buffers(net)
    for seed in range(3):
        sampled(net, seed)
    torch.testing.assert_close(net.state_dict(), before, rtol=0, atol=0)


def test_sampling_leaves_the_random_state_of_the_process_alone() -> None:
    net = net_with_history(FLAT)
    before = torch.get_rng_state()
    sampled(net, 7)
    assert torch.equal(torch.get_rng_state(), before)


def test_the_masks_do_not_depend_on_the_random_state_of_the_process() -> None:
    net = net_with_history(FLAT)
    first = sampled(net, 7)
    with torch.random.fork_rng():
        torch.manual_seed(99)
        assert torch.equal(sampled(net, 7), first)


def test_the_memory_layout_does_not_change_the_weights() -> None:
    net = net_with_history(FLAT)
    before = buffers(net)
    torch.testing.assert_close(channels_last(net).state_dict(), before, rtol=0, atol=0)
