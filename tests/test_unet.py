import dataclasses
import math

import pytest
import torch

from microtome.box import Int3
from microtome.learn.train import new_net
from microtome.net.config import NetConfig
from microtome.net.unet import UNet

FLAT = NetConfig(widths=(4, 8))
THIN = NetConfig(widths=(4, 8), kernels=((1, 3, 3), (3, 3, 3)))
DEEP = NetConfig(widths=(4, 8), kernels=((3, 3, 3),) * 2, pools=((2, 2, 2),))
THREE_LEVELS = NetConfig(widths=(2, 3, 4), kernels=((1, 3, 3), (3, 3, 3), (3, 3, 3)), pools=((1, 2, 2),) * 2)
WIDE = NetConfig(widths=(2, 4), kernels=((1, 5, 3), (1, 1, 3)), pools=((1, 3, 4),))
FIELDS: dict[str, NetConfig] = {
    "residual": dataclasses.replace(FLAT, residual=True),
    "separable": dataclasses.replace(FLAT, separable=True),
    "squeeze_excitation": dataclasses.replace(FLAT, squeeze_excitation=True),
    "instance norm": dataclasses.replace(FLAT, norm="instance"),
    "no norm": dataclasses.replace(FLAT, norm="none"),
    "leaky_relu": dataclasses.replace(FLAT, activation="leaky_relu"),
    "elu": dataclasses.replace(FLAT, activation="elu"),
    "dropout": dataclasses.replace(FLAT, dropout=0.5),
    "added skips": dataclasses.replace(FLAT, skip="add"),
    "everything, deep": dataclasses.replace(
        DEEP,
        residual=True,
        separable=True,
        squeeze_excitation=True,
        norm="instance",
        activation="elu",
        skip="add",
    ),
}


def images(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def parameters(net: UNet) -> dict[str, torch.Size]:
    return {name: value.shape for name, value in net.state_dict().items()}


@pytest.mark.parametrize(
    ("config", "shape"),
    [(FLAT, (3, 6, 8)), (THIN, (3, 6, 8)), (DEEP, (4, 6, 8)), (THREE_LEVELS, (3, 8, 4)), (WIDE, (1, 6, 8))],
)
def test_logits_have_a_channel_a_class_and_the_shape_of_the_image(config: NetConfig, shape: Int3) -> None:
    logits = new_net(config, 3, seed=0)(images(2, 1, *shape))
    assert logits.shape == (2, 3, *shape)


@pytest.mark.parametrize(
    ("config", "shape"), [(FLAT, (3, 3, 4)), (THIN, (3, 3, 4)), (DEEP, (2, 3, 4)), (WIDE, (4, 2, 2))]
)
def test_the_bottleneck_lies_on_the_coarse_grid(config: NetConfig, shape: Int3) -> None:
    z, y, x = (side * pool for side, pool in zip(shape, config.multiple, strict=True))
    deep = new_net(config, 3, seed=0).bottleneck(images(2, 1, z, y, x))
    assert deep.shape == (2, config.widths[-1], *shape)


def test_only_nets_that_do_not_cross_z_are_flat() -> None:
    assert [config.flat for config in (FLAT, WIDE, THIN, DEEP)] == [True, True, False, False]


def test_input_sides_are_multiples_of_the_product_of_the_pools() -> None:
    assert [c.multiple for c in (FLAT, DEEP, THREE_LEVELS, WIDE)] == [
        (1, 2, 2),
        (2, 2, 2),
        (1, 4, 4),
        (1, 3, 4),
    ]


def test_a_flat_net_gives_a_stack_what_it_gives_each_section() -> None:
    net = new_net(FLAT, 2, seed=0).eval()
    stack = images(2, 1, 5, 8, 8)
    one_by_one = torch.cat([net(stack[:, :, z : z + 1]) for z in range(5)], dim=2)
    torch.testing.assert_close(net(stack), one_by_one, rtol=0, atol=1e-6)


@pytest.mark.parametrize("config", FIELDS.values(), ids=FIELDS)
def test_every_field_runs_and_all_its_parameters_learn(config: NetConfig) -> None:
    net = new_net(config, 2, seed=0)
    before = {name: value.detach().clone() for name, value in net.named_parameters()}
    optimiser = torch.optim.SGD(net.parameters(), lr=0.1)
    for seed in range(3):
        optimiser.zero_grad()
        (net(images(4, 1, 2, 8, 8, seed=seed)) * images(4, 2, 2, 8, 8, seed=seed + 9)).mean().backward()
        optimiser.step()
    assert [name for name, value in net.named_parameters() if torch.equal(value, before[name])] == []


@pytest.mark.parametrize(
    "name", ["residual", "separable", "squeeze_excitation", "instance norm", "no norm", "added skips"]
)
def test_fields_that_add_or_take_away_layers_change_the_parameters(name: str) -> None:
    assert parameters(UNet(FIELDS[name], 2)) != parameters(UNet(FLAT, 2))


@pytest.mark.parametrize("name", ["leaky_relu", "elu", "instance norm", "residual"])
def test_fields_change_what_the_net_computes(name: str) -> None:
    image = images(1, 1, 1, 8, 8)
    plain, other = new_net(FLAT, 2, seed=0).eval(), new_net(FIELDS[name], 2, seed=0).eval()
    assert not torch.allclose(plain(image), other(image))


@pytest.mark.parametrize("base", [FLAT, THREE_LEVELS], ids=["flat", "three levels"])
def test_added_skips_spare_the_kernels_for_the_second_half_of_the_channels(base: NetConfig) -> None:
    plain, added = UNet(base, 2), UNet(dataclasses.replace(base, skip="add"), 2)
    spared = sum(p.numel() for p in plain.parameters()) - sum(p.numel() for p in added.parameters())
    levels = zip(base.widths[:-1], base.level_kernels, strict=False)
    assert spared == sum(width * width * math.prod(kernel) for width, kernel in levels)


def test_an_added_skip_is_a_sum() -> None:
    """With the way up silenced the finest level sees what went down, unchanged."""
    net = new_net(dataclasses.replace(FLAT, skip="add"), 2, seed=0).eval()
    for parameter in net.rise.parameters():
        torch.nn.init.zeros_(parameter)
    image = images(1, 1, 1, 8, 8)
    expected = net.head(net.up[0](net.down[0](image[:, :, 0])))
    torch.testing.assert_close(net(image)[:, :, 0], expected)


def test_separable_convolutions_have_the_parameters_counted_by_hand() -> None:
    flat = UNet(NetConfig(widths=(4, 8), separable=True), 2)
    second = flat.down[1].second  # type: ignore[union-attr]
    assert sum(p.numel() for p in second.parameters()) == 8 * 9 + 8 * 8 + 2 * 8  # depthwise, pointwise, norm


@pytest.mark.parametrize(
    "config",
    [
        FLAT,
        THIN,
        DEEP,
        THREE_LEVELS,
        WIDE,
        NetConfig(widths=(4,)),
        dataclasses.replace(THIN, residual=True),
        dataclasses.replace(THIN, skip="add"),
    ],
    ids=["flat", "thin", "deep", "three levels", "wide", "one level", "residual", "added skips"],
)
def test_the_receptive_radius_is_the_one_measured_by_gradients(config: NetConfig) -> None:
    config = dataclasses.replace(config, norm="none", activation="elu", dropout=0)
    net = new_net(config, 2, seed=0).double().eval()
    for pool in net.pool:  # a mean has a gradient everywhere; a maximum only where it was found
        step = pool[0].kernel_size  # type: ignore[index, union-attr]
        pool[0] = torch.nn.AvgPool2d(step) if config.flat else torch.nn.AvgPool3d(step)  # type: ignore[operator]
    assert measured_radius(net, config) == config.receptive_radius


def measured_radius(net: UNet, config: NetConfig) -> Int3:
    radius = torch.zeros(3, dtype=torch.int64)
    for axis in range(3):
        m, r = config.multiple[axis], config.receptive_radius[axis]
        middle = -(-(r + 2) // m) * m
        shape = [n if a == axis else k for a, (n, k) in enumerate(zip([2 * middle + m] * 3, config.multiple))]  # noqa: B905
        for at in range(middle, middle + m):  # every place in a cell of the coarsest level
            image = torch.randn(1, 1, *shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
            image.requires_grad_(True)
            net(image).select(2 + axis, at).square().sum().backward()
            seen = image.grad[0, 0].abs().movedim(axis, 0).flatten(1).sum(dim=1).nonzero()[:, 0]  # type: ignore[index]
            radius[axis] = max(int(radius[axis]), int((seen - at).abs().max()))
    z, y, x = radius.tolist()
    return z, y, x


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"widths": ()}, "widths must be positive"),
        ({"widths": (4, 0)}, "widths must be positive"),
        ({"dropout": 1.0}, r"dropout must be in \[0, 1\)"),
        ({"dropout": -0.1}, r"dropout must be in \[0, 1\)"),
        ({"widths": (4, 8), "kernels": ((1, 3, 3),)}, "kernels must have 2 entries for 2 levels; got 1"),
        ({"widths": (4, 8), "pools": ((1, 2, 2),) * 2}, "pools must have 1 entries for 2 levels; got 2"),
        ({"widths": (4,), "kernels": ((1, 2, 3),)}, "kernels must be odd"),
        ({"widths": (4,), "kernels": ((1, -1, 3),)}, "kernels must be odd and positive"),
        ({"widths": (4, 8), "pools": ((1, 0, 2),)}, "pools must be at least 1"),
    ],
)
def test_impossible_nets_are_refused(settings: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        NetConfig(**settings)
