import re

import pytest
import torch

from microtome.net.resnet import ResNet, ResNetConfig

SMALL = ResNetConfig(classes=4, width=4, blocks=(1, 2), loss_head=True)


def images(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def test_the_default_is_resnet_18_for_small_images() -> None:
    net = ResNet(ResNetConfig(classes=10))
    layers = [name for name, p in net.named_parameters() if p.ndim in (2, 4) and "shortcut" not in name]
    assert len(layers) == 18
    assert sum(p.numel() for p in net.parameters()) == 11_173_962  # as others count it
    assert net.stem[0].stride == (1, 1)  # type: ignore[comparison-overlap]


def test_each_stage_but_the_first_halves_the_side() -> None:
    net, x = ResNet(SMALL), images(2, 3, 8, 8)
    first = net.stages[0](net.stem(x))
    assert first.shape == (2, 4, 8, 8)
    assert net.stages[1](first).shape == (2, 8, 4, 4)


@pytest.mark.parametrize("side", [5, 8, 33])
def test_images_of_any_size_get_logits_from_features(side: int) -> None:
    net, x = ResNet(SMALL).eval(), images(3, 3, side, side)
    features = net.features(x)
    assert features.shape == (3, 8)
    torch.testing.assert_close(net(x), features @ net.head.weight.T + net.head.bias)
    logits, losses = net.with_loss(x, detached=True)
    torch.testing.assert_close(logits, net(x))
    assert losses.shape == (3,)


def test_a_block_adds_its_input() -> None:
    block = ResNet(SMALL).eval().stages[1][1]  # type: ignore[index]
    x = images(2, 8, 6, 6)
    torch.testing.assert_close(block(x), torch.relu(x + block.convs(x)))


def test_only_when_it_is_not_detached_the_head_pulls_at_the_network() -> None:
    for detached in (True, False):
        net = ResNet(SMALL)
        net.with_loss(images(3, 3, 8, 8), detached=detached)[1].square().sum().backward()
        pulled = {name.split(".")[0] for name, p in net.named_parameters() if p.grad is not None}
        assert pulled == ({"loss_head"} if detached else {"stem", "stages", "loss_head"})


def test_the_other_weights_are_the_same_with_a_head_and_without() -> None:
    def weights(config: ResNetConfig) -> dict:
        with torch.random.fork_rng():
            torch.manual_seed(0)
            return ResNet(config).state_dict()

    headed, plain = weights(SMALL), weights(ResNetConfig(classes=4, width=4, blocks=(1, 2)))
    assert plain.keys() == {name for name in headed if not name.startswith("loss_head.")}
    assert all(torch.equal(plain[name], headed[name]) for name in plain)


def test_a_network_without_a_head_predicts_no_losses() -> None:
    with pytest.raises(ValueError, match="predicts no losses: loss_head is off"):
        ResNet(ResNetConfig(classes=2, width=4)).with_loss(images(1, 3, 8, 8), detached=True)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"classes": 1}, "at least 2 classes, 1 channel and a width of 1; got 1, 3 and 64"),
        ({"channels": 0}, "got 10, 0 and 64"),
        ({"width": 0}, "got 10, 3 and 0"),
        ({"blocks": ()}, "every stage needs at least 1 block; got ()"),
        ({"blocks": (2, 0)}, "every stage needs at least 1 block; got (2, 0)"),
    ],
)
def test_a_network_that_cannot_be_is_refused(changes: dict, words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        ResNetConfig(**({"classes": 10} | changes))
