"""A short training of the 3-D net of Lin et al.: on tissue, and on planted synapses with two sides."""

import dataclasses
import os
from pathlib import Path

import numpy as np
import pytest

from microtome.box import Box
from microtome.learn.config import AugmentConfig, Recipe, TargetName, lin, lin_small
from microtome.learn.examples import Example
from microtome.predict.model import SegmentationModel
from microtome.progress import silent
from microtome.volume import Downsampled, DownsampledLabels, open_volume

SHARED = Path(__file__).parents[2] / "shared" / "data"
VNC = Path(os.environ.get("MICROTOME_DATA", SHARED)) / "vnc_sstem"
NM = (45.0, 4.6, 4.6)
COARSER = (1, 4, 4)


def short(target: TargetName, steps: int) -> Recipe:
    """`lin_small` with a narrow net, in seconds."""
    recipe = lin_small(target)
    net = dataclasses.replace(
        recipe.net, widths=(8, 12, 16), kernels=recipe.net.kernels[:3], pools=recipe.net.pools[:2]
    )
    train = dataclasses.replace(recipe.train, steps=steps, window=(6, 32, 32), learning_rate=1e-2)
    return dataclasses.replace(recipe, net=net, train=train, augment=AugmentConfig(elastic=0))


def tissue() -> tuple[np.ndarray, np.ndarray, tuple[float, float, float]]:
    """Sections, their mitochondria, and the size of a voxel."""
    if not VNC.is_dir():
        pytest.skip(f"{VNC} is not here; set MICROTOME_DATA to test with real data")
    image = Downsampled(open_volume(VNC / "image.tif", NM), COARSER)
    labels = DownsampledLabels(open_volume(VNC / "mitochondria.tif", NM), COARSER)
    box = Box((0, 0, 0), (20, 160, 160))
    return image.read(box), (labels.read(box) > 0).astype(np.uint8), image.voxel_size_nm


@pytest.mark.slow
@pytest.mark.parametrize("target", ["sigmoid", "distance"])
def test_mitochondria_are_predicted_better_than_by_any_constant(target: TargetName) -> None:
    image, truth, voxel_size_nm = tissue()
    known = Example(image[:14], truth[:14], voxel_size_nm)
    model = SegmentationModel(short(target, 100), 2).fit([known], seed=0, progress=silent)
    found = model.posterior(image[14:], 1, 0).mean[1]
    inside, outside = found[truth[14:] == 1], found[truth[14:] == 0]
    error = (((1 - inside) ** 2).mean() + (outside**2).mean()) / 2  # both sides weigh alike, as in training
    assert error < 0.75 * 0.25  # no constant has less than a quarter


def synapses(seed: int) -> Example:
    """Bright boxes beside dark ones, in pairs: class 1 is pre, class 2 post."""
    rng = np.random.default_rng(seed)
    image, labels = rng.normal(128, 10, (6, 64, 64)), np.zeros((6, 64, 64), np.uint8)
    for y, x in rng.integers(0, 48, (6, 2)):
        labels[1:5, y : y + 10, x : x + 7] = 1
        labels[1:5, y : y + 10, x + 7 : x + 14] = 2
    image += np.array([0, 60, -60])[labels]
    return Example(image.clip(0, 255).astype(np.uint8), labels)


def test_both_sides_of_synapses_are_learnt() -> None:
    recipe = short("polarity", 40)
    model = SegmentationModel(recipe, 3).fit([synapses(0), synapses(1)], seed=0, progress=silent)
    unseen = synapses(2)
    mean = model.posterior(unseen.image, 1, 0).mean
    assert (mean.argmax(axis=0) == unseen.labels).mean() > 0.9
    for side in (1, 2):
        inside = mean[:, unseen.labels == side].mean(axis=1)
        assert inside.argmax() == side


def test_the_recipe_is_the_papers() -> None:
    recipe = lin("polarity")
    assert recipe.net.widths == (32, 64, 128, 256, 256)
    assert (recipe.net.multiple, recipe.net.flat) == ((1, 16, 16), False)
    assert (recipe.train.window, recipe.train.batch, recipe.train.steps) == ((8, 256, 256), 8, 50_000)
    assert recipe.train.warm_up * recipe.train.steps == 1000
    assert (recipe.train.reject, recipe.train.reject_below) == (0.95, 1000)
