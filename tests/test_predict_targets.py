"""What models predict whose channels are not classes: the same things in the same form."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from microtome.box import Box, Int3
from microtome.learn.config import Recipe, TargetName, TrainConfig
from microtome.learn.targets import target_of
from microtome.learn.train import Weights, new_net
from microtome.net.config import NetConfig
from microtome.predict.blocks import predicted, prediction_blocks
from microtome.predict.model import SegmentationModel, load_model, save_model
from microtome.predict.sampling import Sampling
from microtome.predict.windows import blended
from microtome.volume import ArrayVolume

NET = NetConfig(
    widths=(4, 6, 8),
    kernels=((1, 3, 3), (3, 3, 3), (3, 3, 3)),
    pools=((1, 2, 2),) * 2,
    activation="elu",
    dropout=0,
    residual=True,
    skip="add",
)
SHAPE = (9, 44, 52)
NM = (40.0, 4.0, 4.0)
TARGETS: list[tuple[TargetName, int]] = [("sigmoid", 2), ("sigmoid", 3), ("polarity", 3), ("distance", 2)]
every_target = pytest.mark.parametrize(("target", "classes"), TARGETS)
image = np.random.default_rng(0).integers(0, 256, SHAPE).astype(np.uint8)


def weights(net: NetConfig, channels: int) -> Weights:
    """Weights with batch norms that have seen something."""
    unet = new_net(net, channels, seed=0).train()
    unet(torch.randn(4, 1, 4, 8, 8, generator=torch.Generator().manual_seed(0)))
    return unet.state_dict()


def model(
    target: TargetName, classes: int, net: NetConfig = NET, sampling: Sampling = "single"
) -> SegmentationModel:
    train = TrainConfig(target=target, loss="squared" if target == "distance" else "ce+dice")
    member = weights(net, target_of(target).channels(classes))
    return SegmentationModel(Recipe(net=net, train=train), classes, sampling, "cpu", (member,), (127.0, 70.0))


def by_hand(one: SegmentationModel, piece: np.ndarray) -> np.ndarray:
    """Class probabilities of the net, its batch norms not folded, of an image whose sides fit it."""
    target = target_of(one.recipe.train.target)
    net = new_net(one.recipe.net, target.channels(one.classes), seed=9).eval()
    net.load_state_dict(one.members[0])
    with torch.inference_mode():
        outputs = net((torch.from_numpy(piece.copy()).float()[None, None] - 127) / 70)
    return target.class_logits(outputs).softmax(dim=1)[0].numpy()


@every_target
def test_a_posterior_is_of_classes(target: TargetName, classes: int) -> None:
    one = model(target, classes)
    found = one.posterior(image, 1, 0)
    assert found.mean.shape == (classes, *SHAPE)
    np.testing.assert_allclose(found.mean.sum(axis=0), np.ones(SHAPE), atol=1e-5)
    np.testing.assert_allclose(found.mean, by_hand(one, image), atol=1e-5)


@every_target
def test_block_by_block_is_the_same_as_the_whole_volume(target: TargetName, classes: int) -> None:
    one, domain = model(target, classes), Box((1, 3, 5), (8, 41, 50))
    whole = one.posterior(image, 1, 0).crop(domain)
    found = np.full((classes, *domain.shape), np.nan, np.float32)
    for block in prediction_blocks(SHAPE, domain, (3, 16, 20), NET):
        piece = predicted(one, ArrayVolume(image, NM), block, samples=1, seed=0)
        found[:, *block.write.relative_to(domain).slices] = piece.mean
    np.testing.assert_allclose(found, whole.mean, atol=1e-5)


def test_blocks_of_a_net_with_squeeze_excitation_come_close_to_the_whole() -> None:
    """It weighs channels by their means over all that it sees."""
    one = model("sigmoid", 2, dataclasses.replace(NET, squeeze_excitation=True))
    wide = np.tile(image, (1, 2, 2))
    whole, found = one.posterior(wide, 1, 0).mean[1], np.empty(wide.shape, np.float32)
    for block in prediction_blocks(wide.shape, Box.of(wide.shape), (6, 44, 52), one.recipe.net):
        piece = predicted(one, ArrayVolume(wide, NM), block, samples=1, seed=0)
        found[block.write.slices] = piece.mean[1]
    assert 0 < np.abs(found - whole).max() < 0.02


@pytest.mark.parametrize("samples", [2, 4, 8])
def test_flips_are_the_mean_over_mirror_images_of_a_net_that_crosses_z(samples: int) -> None:
    piece, one = image[:, :40, :40], model("polarity", 3, sampling="flips")
    turned = {
        2: [((), 0), ((1, 2), 0)],
        4: [((), 0), ((1, 2), 0), ((2,), 0), ((1,), 0)],
        8: [(axes, swap) for swap in (0, 1) for axes in ((), (1, 2), (2,), (1,))],
    }[samples]
    passes = []
    for axes, swap in turned:
        x = piece.transpose(0, 2, 1) if swap else piece
        y = np.flip(by_hand(one, np.flip(x, axes)), [axis + 1 for axis in axes])
        passes.append(y.transpose(0, 1, 3, 2) if swap else y)
    found = one.posterior(piece, samples, 0)
    np.testing.assert_allclose(found.mean, np.mean(passes, axis=0), atol=1e-5)
    np.testing.assert_allclose(found.deviation, np.std(passes, axis=0), atol=1e-4)


@pytest.mark.parametrize(("window", "overlap"), [((9, 24, 24), (0, 12, 12)), ((5, 24, 28), (3, 8, 16))])
def test_overlapping_windows_of_a_net_that_crosses_z_blend_into_classes(window: Int3, overlap: Int3) -> None:
    """Windows that share what the net sees are nearly the whole image; what they share sums to 1."""
    one = model("polarity", 3)
    whole = by_hand(one, image)

    def engine(images: torch.Tensor) -> torch.Tensor:
        pieces = (images[:, 0] * 70 + 127).numpy()
        return torch.from_numpy(np.stack([by_hand(one, piece) for piece in pieces]))

    found = blended(engine, (torch.from_numpy(image).float() - 127) / 70, window, overlap)
    np.testing.assert_allclose(found.sum(axis=0), np.ones(SHAPE), atol=1e-5)
    assert (
        np.abs(found - whole).mean() < 0.2 * np.abs(whole - whole.mean(axis=(1, 2, 3), keepdims=True)).mean()
    )


@every_target
def test_gradients_are_those_of_a_last_layer_of_classes(target: TargetName, classes: int) -> None:
    one, piece = model(target, classes), image[:4, :16, :16]
    proba = by_hand(one, piece)
    net = new_net(NET, target_of(target).channels(classes), seed=9).eval()
    net.load_state_dict(one.members[0])
    with torch.inference_mode():
        hidden = net.last_layer((torch.from_numpy(piece).float()[None, None] - 127) / 70)[0][0].numpy()
    error = proba - (proba.argmax(axis=0) == np.arange(classes)[:, None, None, None])
    expected = np.einsum("czyx,wzyx->cw", error, hidden) / piece.size
    np.testing.assert_allclose(one.gradients(piece[None])[0], expected.ravel(), atol=1e-4)


@every_target
def test_saving_and_loading_is_identity(target: TargetName, classes: int, tmp_path: Path) -> None:
    one = model(target, classes)
    save_model(one, tmp_path / "m")
    again = load_model(tmp_path / "m", one.recipe)
    np.testing.assert_array_equal(again.posterior(image, 1, 0).mean, one.posterior(image, 1, 0).mean)


def test_a_model_is_not_read_as_one_of_another_target(tmp_path: Path) -> None:
    one = model("polarity", 3)
    save_model(one, tmp_path / "m")
    other = dataclasses.replace(one.recipe, train=TrainConfig())  # three channels as well
    with pytest.raises(
        ValueError, match=r"made with train\.target .polarity., the project now has 'classes'"
    ):
        load_model(tmp_path / "m", other)
