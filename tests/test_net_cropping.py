"""What a block need not compute changes nothing that is kept."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from microtome.net.config import NetConfig
from microtome.net.cropping import cuts
from microtome.net.unet import UNet

DEEP = NetConfig(
    widths=(3, 4, 5), kernels=((1, 3, 3), (3, 3, 3), (3, 3, 3)), pools=((1, 2, 2), (2, 2, 2)), dropout=0
)
NETS = (
    NetConfig(widths=(3, 4, 5, 6), dropout=0),
    NetConfig(widths=(3, 4), skip="add", residual=True, dropout=0),
    NetConfig(widths=(3, 4, 5), separable=True, activation="elu", dropout=0),
    NetConfig(widths=(3, 4, 5), kernels=((1, 5, 5), (1, 3, 3), (1, 1, 1)), dropout=0),
    NetConfig(widths=(3,), dropout=0),
    DEEP,
)


def noise(*shape: int) -> torch.Tensor:
    return torch.randn(1, 1, *shape, generator=torch.Generator().manual_seed(0))


def outputs(config: NetConfig, image: torch.Tensor, before: tuple, after: tuple) -> tuple:
    """The wanted part of the outputs, whole and with cuts; and how many voxels were computed."""
    torch.manual_seed(0)
    net = UNet(config, 2).eval()
    cut = cuts(config, before, after)
    with torch.inference_mode():
        whole, part = net(image), net(image, cut)
    gone = [0, 0, *cut[0].skip.before][-3:] if cut else [0, 0, 0]
    wanted = tuple(slice(a, n - b) for a, b, n in zip(before, after, image.shape[2:], strict=True))
    left = tuple(slice(w.start - g, w.stop - g) for w, g in zip(wanted, gone, strict=True))
    return whole[:, :, *wanted], part[:, :, *left], part[0, 0].numel()


@pytest.mark.parametrize("config", NETS)
@settings(max_examples=8, deadline=None)
@given(ends=st.tuples(*[st.integers(0, 22)] * 4), z=st.tuples(st.integers(0, 6), st.integers(0, 6)))
def test_what_is_kept_is_what_it_was(config: NetConfig, ends: tuple, z: tuple) -> None:
    zs = (0, 0) if config.flat else z
    image = noise(16 if not config.flat else 2, 48, 56)
    whole, part, _ = outputs(config, image, (zs[0], *ends[:2]), (zs[1], *ends[2:]))
    torch.testing.assert_close(part, whole)


@pytest.mark.parametrize("config", [config for config in NETS if config.level_pools])
def test_no_more_is_computed_at_the_finest_level_than_two_convolutions_see(config: NetConfig) -> None:
    depth = 1 if config.flat else 2
    *_, computed = outputs(config, noise(depth, 160, 160), (0, 48, 48), (0, 48, 48))
    _, height, width = config.level_kernels[0]
    assert computed == depth * (64 + 4 * (height // 2)) * (64 + 4 * (width // 2))


def test_nothing_is_cut_of_a_net_of_one_level() -> None:
    assert cuts(NetConfig(widths=(3,)), (0, 48, 48), (0, 48, 48)) == ()


def test_nothing_is_cut_where_everything_is_kept() -> None:
    image = noise(16, 32, 32)
    *_, computed = outputs(DEEP, image, (0, 0, 0), (0, 0, 0))
    assert computed == image.numel()


@pytest.mark.parametrize("changes", [{"norm": "instance"}, {"squeeze_excitation": True}])
def test_nothing_is_cut_where_every_voxel_depends_on_all(changes: dict) -> None:
    assert cuts(NetConfig(**changes), (0, 48, 48), (0, 48, 48)) == ()
