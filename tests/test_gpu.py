"""The same work on a GPU: run with `pytest -m gpu` where there is one."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from microtome.benchmark.phantom import PhantomConfig, phantom
from microtome.learn.config import AugmentConfig, Recipe, TrainConfig
from microtome.learn.examples import Example
from microtome.net.config import NetConfig
from microtome.predict.model import SegmentationModel
from microtome.progress import silent

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
    if sampling != "dropout":  # the two draw different masks
        np.testing.assert_allclose(on_gpu.mean, on_cpu.mean, atol=0.05)  # bfloat16
    assert on_gpu.mean.shape == on_cpu.mean.shape
