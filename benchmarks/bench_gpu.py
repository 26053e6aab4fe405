"""Prediction on a GPU from Zarr to Zarr, against the bare forward passes of the same blocks.

Both take turns within one process; the figure is the median of the ratios of the rounds. The bare passes are
of the same compiled network in bfloat16, over images that lie on the GPU, as large as those that blocks read.
"""

import argparse
import statistics
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from microtome.benchmark.phantom import PhantomConfig, phantom
from microtome.box import Box, Int3
from microtome.learn.config import Recipe
from microtome.learn.train import new_net
from microtome.predict.blocks import block_shape, prediction_blocks
from microtome.predict.filling import Filling, fill
from microtome.predict.gpu import Classify
from microtome.predict.model import SegmentationModel
from microtome.predict.network import HALF, TorchEngine, TorchNetwork
from microtome.predict.store import PredictionStore, open_store, prediction_chunks
from microtome.progress import silent
from microtome.volume import Volume, create_volume, open_volume
from record import median_of, record

SEED, ROUNDS, SECTIONS = 0, 5, 64
SIDE, TILES = 1024, 4  # voxels of the phantom in y and x, and how often it is laid side by side
NM = (40.0, 4.0, 4.0)
WARM = 4  # sections that are predicted before


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--sections", type=int, default=SECTIONS)
    parser.add_argument("--folder", type=Path, help="on the disk that is read and written")
    words = parser.parse_args()
    if not torch.cuda.is_available():
        print("end_to_end_vs_bare_gpu is measured on a CUDA device; PyTorch finds none here")
        return
    with tempfile.TemporaryDirectory(dir=words.folder) as folder:
        compare(Path(folder), words.sections, words.rounds)


def compare(folder: Path, sections: int, rounds: int) -> None:
    """Measure by turns, and record."""
    model, image = _model(), _image(folder, sections)
    classify = model.networks[0]
    assert isinstance(classify, TorchNetwork), "the engine is PyTorch"
    if classify.faster is None:
        raise SystemExit("end_to_end_vs_bare_gpu is measured on a compiled network; it was not compiled here")
    whole = Box.of(image.shape)
    _end_to_end(model, folder, "warm", Box((0, 0, 0), (WARM, *image.shape[1:])))
    times: dict[str, list[float]] = {"ours": [], "bare": []}
    for k in range(rounds):
        times["ours"].append(_end_to_end(model, folder, str(k), whole))
        times["bare"].append(_bare(classify.faster, model, image.shape))
    megavoxels = {
        name: np.prod(image.shape) / 1e6 / statistics.median(taken) for name, taken in times.items()
    }
    ratios = [bare / ours for ours, bare in zip(times["ours"], times["bare"], strict=True)]
    note = (
        f"{image.shape}, default net, compiled; {megavoxels['ours']:.0f} megavoxels a second "
        f"from Zarr to Zarr, {megavoxels['bare']:.0f} bare"
    )
    record("gpu", {"end_to_end_vs_bare_gpu": median_of(ratios, note)}, seeds=[SEED])


def _end_to_end(model: SegmentationModel, folder: Path, name: str, domain: Box) -> float:
    """Seconds of predicting `domain` into a new store."""
    image, store = _opened(folder), _store(model, folder, name)
    filling = Filling(model, lambda: image, store, 1, SEED)
    began = time.perf_counter()
    fill(filling, domain, progress=silent)
    return time.perf_counter() - began


def _bare(classify: Classify, model: SegmentationModel, shape: Int3) -> float:
    """Seconds of the forward passes alone."""
    net = model.recipe.net
    blocks = prediction_blocks(shape, Box.of(shape), block_shape(net, shape), net)
    shapes = [tuple(model.padded(np.zeros(block.read.shape, np.uint8)).shape) for block in blocks]
    images = {one: torch.randn(one, device=model.device, dtype=HALF) for one in set(shapes)}
    with torch.inference_mode():
        for image in images.values():
            classify(image)
        torch.cuda.synchronize()
        began = time.perf_counter()
        for one in shapes:
            classify(images[one])
        torch.cuda.synchronize()
    return time.perf_counter() - began


def _model() -> SegmentationModel:
    """The default net, with batch norms that have seen something."""
    recipe = Recipe()
    net = new_net(recipe.net, 2, seed=SEED).train()
    for _ in range(3):
        net(torch.randn(8, 1, 1, 128, 128))
    untrained = SegmentationModel(recipe, 2, device="cuda", engine=TorchEngine(compiles=True))
    return replace(untrained, members=(dict(net.state_dict()),), statistics=(128.0, 50.0))


def _image(folder: Path, sections: int) -> Volume:
    tissue = phantom(PhantomConfig(shape=(1, SIDE, SIDE), seed=SEED)).image
    section = np.tile(tissue, (1, TILES, TILES))
    shape = (sections, *section.shape[1:])
    volume = create_volume(folder / "image.ome.zarr", shape, np.dtype(np.uint8), NM, chunks=(1, 512, 512))
    for z in range(sections):
        volume.write(Box((z, 0, 0), (z + 1, *shape[1:])), np.roll(section, z, axis=2))
    return volume


def _opened(folder: Path) -> Volume:
    return open_volume(folder / "image.ome.zarr")


def _store(model: SegmentationModel, folder: Path, name: str) -> PredictionStore:
    image = _opened(folder)
    chunks = prediction_chunks(model.recipe.net, image.shape)
    return open_store(folder / name, ["object"], image.shape, image.voxel_size_nm, chunks)


if __name__ == "__main__":
    main()
