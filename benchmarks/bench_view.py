"""How long the parts of a picture take that neuroglancer asks `microtome view` for, one after the other."""

import argparse
import json
import tempfile
import time
import urllib.request
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np

from microtome.box import Box, Int3, grid
from microtome.serve.viewer import served
from microtome.serve.viewing import Instances, Viewed
from microtome.volume import Volume, create_volume
from record import Figure, median_of, record, tell

DEPTH, SIDE = 64, 2048  # voxels: of a layer of cubes, which each turn has for itself; of a section
TILE: Int3 = (DEPTH, 512, 512)
NM = (45.0, 9.2, 9.2)
REPEATS = 5
SEED = 0
LAYERS = {"image": "image", "ids": "cells: objects 001"}
PARTS = {  # coarser by; voxels at that resolution; how many side by side
    "tile": ((1, 1, 1), (1, 512, 512), 1),
    "section_at_an_eighth": ((1, 8, 8), (1, 256, 256), 1),
    "across": ((1, 1, 1), (128, 1, 512), 1),
    "section_at_an_eighth_by_cubes": ((1, 8, 8), (DEPTH, 64, 64), 16),
}


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("--repeats", type=int, default=REPEATS)
    words.add_argument("--try", action="store_true", dest="tried", help="Print, do not record.")
    given = words.parse_args()
    shape: Int3 = (DEPTH * max(2, given.repeats), SIDE, SIDE)
    figures: dict[str, Figure] = {}
    with tempfile.TemporaryDirectory() as folder:
        image, ids = volumes(Path(folder), shape)
        found = {"cells": Instances(ids, None)}
        shown = Viewed("bench", ("cells",), image, None, segmentation="001", instances=found)
        with served(shown) as url:
            for kind, layer in LAYERS.items():
                source = source_of(url, layer)
                for part, (factors, size, n) in PARTS.items():
                    turns = [
                        boxes_of(shape, factors, size, n, k / given.repeats) for k in range(given.repeats)
                    ]
                    took = [seconds(source, factors, boxes) for boxes in turns]
                    figures[f"view_{part}_{kind}_seconds"] = median_of(took, f"{n} of {size}, {shape} voxels")
    if given.tried:
        tell(figures)
    else:
        record("view", figures, seeds=[SEED])


def volumes(folder: Path, shape: Int3) -> tuple[Volume, Volume]:
    """Noise and ids of 4096 voxels each, as OME-Zarr."""
    noise = np.random.default_rng(SEED).normal(128, 25, TILE).clip(0, 255).astype(np.uint8)
    runs = (np.arange(noise.size, dtype=np.uint64) // 4096).reshape(TILE)
    image = create_volume(folder / "image.ome.zarr", shape, noise.dtype, NM)
    ids = create_volume(folder / "ids.ome.zarr", shape, runs.dtype, NM)
    for box in grid(Box.of(shape), TILE):
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


def boxes_of(shape: Int3, factors: Int3, size: Int3, n: int, turn: float) -> list[Box]:
    """`n` different boxes side by side in one layer of them; another layer, or place in it, for every turn.

    Turns go from 0 to 1, as layers and places do.
    """
    coarse = Box((0, 0, 0), tuple(side // f for side, f in zip(shape, factors, strict=True)))
    layers = [list(boxes) for _, boxes in groupby(grid(coarse, size), key=lambda box: box.start[0])]
    layer = layers[int(turn * len(layers))]
    first = int(turn * len(layer))
    return [layer[(first + i) % len(layer)] for i in range(n)]


def seconds(source: str, factors: Int3, boxes: Sequence[Box]) -> float:
    """How long these boxes take, one after the other."""
    began = time.perf_counter()
    for box in boxes:
        places = "/".join(",".join(map(str, corner)) for corner in (box.start, box.stop))
        with urllib.request.urlopen(f"{source}/{','.join(map(str, factors))}/{places}") as answer:
            answer.read()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
