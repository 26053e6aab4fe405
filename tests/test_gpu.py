"""The same work on a GPU: run with `pytest -m gpu` where there is one."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from compiling import compiling
from microtome.benchmark.phantom import PhantomConfig, phantom
from microtome.box import Box
from microtome.learn.config import AugmentConfig, Recipe, TrainConfig
from microtome.learn.examples import Example
from microtome.net.config import NetConfig
from microtome.predict.blocks import block_shape, prediction_blocks
from microtome.predict.filling import Filling, fill
from microtome.predict.model import SegmentationModel
from microtome.predict.store import open_store
from microtome.progress import silent
from microtome.volume import ArrayVolume

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="PyTorch finds no CUDA device"),
]

RECIPE = Recipe(
    net=NetConfig(widths=(8, 16)),
    train=TrainConfig(steps=60, batch=8, window=(1, 64, 64)),
    augment=AugmentConfig(elastic=0),
)


def _examples() -> list[Example]:
    tissue = phantom(PhantomConfig(shape=(2, 128, 128), seed=0))
    return [Example(tissue.image, (tissue.mitochondria > 0).astype(np.uint8))]


def test_a_model_learns_on_the_gpu() -> None:
    untrained = SegmentationModel(RECIPE, 2, device="cuda")
    model = untrained.fit(_examples(), seed=0, progress=silent)
    assert model.losses[-1] < model.losses[0]
    assert all(weights.device.type == "cpu" for weights in model.members[0].values())


@pytest.mark.parametrize("sampling", ["single", "flips", "dropout"])
def test_the_gpu_predicts_what_the_cpu_does(sampling: str) -> None:
    (example,) = _examples()
    model = SegmentationModel(RECIPE, 2, sampling="single").fit([example], seed=0, progress=silent)
    on_cpu = replace(model, sampling=sampling).posterior(example.image, 4, 0)
    on_gpu = replace(model, sampling=sampling, device="cuda").posterior(example.image, 4, 0)
    np.testing.assert_allclose(on_gpu.mean, on_cpu.mean, atol=0.01)  # bfloat16, in which a CPU is 0.003 away


def test_threads_with_streams_of_their_own_say_what_one_says() -> None:
    (example,) = _examples()
    model = SegmentationModel(RECIPE, 2, device="cuda").fit([example], seed=0, progress=silent)
    pictures = [np.roll(example.image[:1], k, axis=2) for k in range(64)]
    expected = [model.mean(picture, 1, 0) for picture in pictures]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda picture: model.mean(picture, 1, 0), pictures))
    np.testing.assert_array_equal(found, expected)


def test_blocks_in_the_works_side_by_side_are_stored_as_one_by_one(tmp_path: Path) -> None:
    (example,) = _examples()
    model = SegmentationModel(RECIPE, 2, device="cuda").fit([example], seed=0, progress=silent)
    image = ArrayVolume(np.tile(example.image, (8, 2, 2)), (1.0, 1.0, 1.0))
    whole = Box.of(image.shape)
    stores = {
        name: open_store(tmp_path / name, ["object"], image.shape, image.voxel_size_nm, (1, 128, 128))
        for name in ("side by side", "one by one")
    }
    filling = Filling(model, lambda: image, stores["side by side"], 1, 0)
    assert filling.stages.computing > 1
    fill(filling, whole, progress=silent)
    sides = block_shape(RECIPE.net, image.shape)
    for block in prediction_blocks(image.shape, whole, sides, RECIPE.net):
        replace(filling, store=stores["one by one"]).stages(block)
    for one, other in zip(*(store.volumes() for store in stores.values()), strict=True):
        np.testing.assert_array_equal(one.read(whole), other.read(whole))


def test_a_compiled_network_says_what_it_says_uncompiled() -> None:
    found = compiling("cuda")
    assert found["warnings"] == []
    assert found["graphs"] == {"flat": 1, "deep": 1}
    assert found["apart"] < 2e-3  # bfloat16, in which each is 5e-4 away from float32
