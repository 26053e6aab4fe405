"""How long the parts of a picture take that neuroglancer asks `microtome view` for, one after the other."""

import argparse
import json
import tempfile
import time
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np

from microtome.box import Box, Int3, grid
from microtome.serve.viewer import served
from microtome.serve.viewing import Instances, Viewed
from microtome.volume import Volume, create_volume
from record import Figure, median_of, record

SHAPE: Int3 = (128, 2048, 2048)
TILE: Int3 = (64, 512, 512)
NM = (45.0, 9.2, 9.2)
REPEATS = 5
SEED = 0
LAYERS = {"image": "image", "ids": "cells: objects 001"}
PARTS = {  # coarser by; voxels at that resolution; how many side by side
    "tile": ((1, 1, 1), (1, 512, 512), 1),
    "section_at_an_eighth": ((1, 8, 8), (1, 256, 256), 1),
    "across": ((1, 1, 1), (128, 1, 512), 1),
    "section_at_an_eighth_by_cubes": ((1, 8, 8), (64, 64, 64), 16),
}


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("--repeats", type=int, default=REPEATS)
    repeats = words.parse_args().repeats
    figures: dict[str, Figure] = {}
    with tempfile.TemporaryDirectory() as folder:
        image, ids = volumes(Path(folder))
        found = {"cells": Instances(ids, None)}
        shown = Viewed("bench", ("cells",), image, None, segmentation="001", instances=found)
        with served(shown) as url:
            for kind, layer in LAYERS.items():
                source = source_of(url, layer)
                for part, (factors, shape, n) in PARTS.items():
                    took = [seconds(source, factors, shape, n, k) for k in range(repeats)]
                    figures[f"view_{part}_{kind}_seconds"] = median_of(
                        took, f"{n} of {shape}, {SHAPE} voxels"
                    )
    record("view", figures, seeds=[SEED])


def volumes(folder: Path) -> tuple[Volume, Volume]:
    """Noise and ids of 4096 voxels each, as OME-Zarr."""
    noise = np.random.default_rng(SEED).normal(128, 25, TILE).clip(0, 255).astype(np.uint8)
    runs = (np.arange(noise.size, dtype=np.uint64) // 4096).reshape(TILE)
    image = create_volume(folder / "image.ome.zarr", SHAPE, noise.dtype, NM)
    ids = create_volume(folder / "ids.ome.zarr", SHAPE, runs.dtype, NM)
    for box in grid(Box.of(SHAPE), TILE):
        image.write(box, noise)
        ids.write(box, runs)
    return image, ids


def source_of(url: str, name: str) -> str:
    """Where the chunks of a layer are."""
    parts = urlsplit(url)
    token = parts.path.split("/")[2]
    with urllib.request.urlopen(url.replace("/v/", "/events/")[:-1] + "?c=bench&gc=&gs=") as stream:
        events = (json.loads(line[6:]) for line in stream if line.startswith(b"data: "))
        state = next(event["s"] for event in events if event["k"] == "s")
    layer = next(layer for layer in state["layers"] if layer["name"] == name)
    sources = layer["source"] if isinstance(layer["source"], list) else [layer["source"]]
    key = sources[0]["url"].removeprefix("python://volume/")
    assert key.startswith(token)
    return f"{parts.scheme}://{parts.netloc}/neuroglancer/npz/{key}"


def seconds(source: str, factors: Int3, shape: Int3, n: int, k: int) -> float:
    """How long `n` chunks take, which are others for every `k`."""
    coarse = Box((0, 0, 0), tuple(side // f for side, f in zip(SHAPE, factors, strict=True)))
    boxes = list(grid(coarse, shape))
    began = time.perf_counter()
    for i in range(n):
        box = boxes[(k * n + i) * max(1, len(boxes) // 7) % len(boxes)]
        places = "/".join(",".join(map(str, corner)) for corner in (box.start, box.stop))
        with urllib.request.urlopen(f"{source}/{','.join(map(str, factors))}/{places}") as answer:
            answer.read()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
