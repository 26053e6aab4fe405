import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from microtome.box import Box, Int3
from microtome.learn.config import Recipe
from microtome.learn.train import new_net
from microtome.net.config import NetConfig
from microtome.predict.blocks import (
    DEEP_BLOCK,
    block_shape,
    predicted,
    prediction_blocks,
    predictions,
    region_posterior,
)
from microtome.predict.model import SegmentationModel
from microtome.progress import silent
from microtome.volume import ArrayVolume

FLAT = NetConfig(widths=(4, 8))
DEEP = NetConfig(widths=(4, 8), kernels=((3, 3, 3),) * 2, pools=((2, 2, 2),))
THIN = NetConfig(widths=(2, 3, 4), kernels=((1, 3, 3), (3, 3, 3), (1, 3, 3)), pools=((1, 2, 2),) * 2)
NETS = {"flat": FLAT, "deep": DEEP, "thin": THIN}
NM = (40.0, 4.0, 4.0)
SHAPE = (7, 53, 45)

volume = ArrayVolume(np.random.default_rng(0).integers(0, 256, SHAPE).astype(np.uint8), NM)


def model(net: NetConfig, classes: int = 3) -> SegmentationModel:
    unet = new_net(net, classes, seed=0).train()
    unet(torch.randn(4, 1, 4, 8, 8, generator=torch.Generator().manual_seed(0)))  # batch norms see something
    return SegmentationModel(Recipe(net=net), classes, members=(unet.state_dict(),), statistics=(127.0, 70.0))


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize(
    ("domain", "shape"),
    [
        (Box.of(SHAPE), (3, 16, 16)),
        (Box.of(SHAPE), (2, 11, 13)),
        (Box((1, 3, 5), (6, 50, 31)), (3, 17, 20)),
        (Box((2, 21, 21), (3, 24, 22)), (1, 64, 64)),
    ],
    ids=["lattice", "odd blocks", "odd domain", "small domain"],
)
def test_block_by_block_is_the_same_as_the_whole_volume(name: str, domain: Box, shape: Int3) -> None:
    one = model(NETS[name])
    whole = one.posterior(volume.array, 1, 0).crop(domain)
    found = np.full((3, *domain.shape), np.nan, np.float32)
    for block in prediction_blocks(SHAPE, domain, shape, NETS[name]):
        piece = predicted(one, volume, block, samples=1, seed=0)
        found[:, *block.write.relative_to(domain).slices] = piece.mean
    np.testing.assert_allclose(found, whole.mean, atol=1e-5)


@settings(deadline=None)
@given(
    st.tuples(*[st.integers(1, 24)] * 3),
    st.tuples(*[st.integers(2, 12)] * 3),
    st.sampled_from(list(NETS.values())),
    st.data(),
)
def test_read_boxes_lie_on_the_lattice_and_hold_all_the_net_sees(
    volume: Int3, shape: Int3, net: NetConfig, data: st.DataObject
) -> None:
    start = tuple(data.draw(st.integers(0, n - 1)) for n in volume)
    stop = tuple(data.draw(st.integers(a + 1, n)) for a, n in zip(start, volume, strict=True))
    written = np.zeros(volume, int)
    for block in prediction_blocks(volume, Box(start, stop), shape, net):
        written[block.write.slices] += 1
        assert Box.of(volume).contains(block.read)
        assert block.read.contains(block.write.grown(net.receptive_radius).intersection(Box.of(volume)))
        for a, b, n, m in zip(block.read.start, block.read.stop, volume, net.multiple, strict=True):
            assert a % m == 0
            assert b % m == 0 or b == n
    expected = np.zeros(volume, int)
    expected[Box(start, stop).slices] = 1
    np.testing.assert_array_equal(written, expected)


def test_a_domain_that_leaves_the_volume_is_refused() -> None:
    with pytest.raises(ValueError, match="the domain must lie in the volume 0:7,0:53,0:45; got 0:8,0:1,0:1"):
        prediction_blocks(SHAPE, Box.of((8, 1, 1)), (1, 8, 8), FLAT)


def test_flat_nets_predict_section_by_section() -> None:
    assert block_shape(FLAT, SHAPE)[0] == 1
    assert block_shape(DEEP, SHAPE)[0] > 1


def test_a_section_is_whole_or_cut_into_nearly_equal_parts() -> None:
    assert block_shape(FLAT, (9, 1024, 500)) == (1, 1024, 500)
    assert block_shape(FLAT, (9, 1300, 4096)) == (1, 512, 1024)
    assert block_shape(FLAT, (9, 300, 9000)) == (1, 300, 1536)


def test_blocks_of_few_sections_are_wider() -> None:
    thin, thick = block_shape(DEEP, (1, 900, 900)), block_shape(DEEP, (99, 900, 900))
    assert thick == DEEP_BLOCK
    assert thin[0] == 1
    assert thin[1] == thin[2] > thick[1]


def test_a_region_is_put_together_from_its_blocks() -> None:
    one, region = model(FLAT), Box((1, 4, 5), (4, 30, 40))
    told: list[tuple[int, int]] = []

    def progress(task: str, done: int, total: int, note: str = "") -> None:
        told.append((done, total))

    found = region_posterior(one, volume, region, samples=1, seed=0, progress=progress)
    whole = one.posterior(volume.array, 1, 0).crop(region)
    np.testing.assert_allclose(found.mean, whole.mean, atol=1e-5)
    np.testing.assert_allclose(found.entropy_of_samples, whole.entropy_of_samples, atol=1e-4)
    np.testing.assert_allclose(found.deviation, whole.deviation, atol=1e-3)
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_predictions_partition_the_domain() -> None:
    region = Box((1, 4, 5), (3, 30, 40))
    boxes = [b for b, _ in predictions(model(FLAT), volume, region, samples=1, seed=0, progress=silent)]
    assert boxes == [Box((1, 4, 5), (2, 30, 40)), Box((2, 4, 5), (3, 30, 40))]
