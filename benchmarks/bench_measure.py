"""Measuring a thousand instances in 17 million voxels, against scikit-image's table with surfaces of meshes.

Both in one process, by turns. scikit-image is given all that it needs in memory, ours reads a file by blocks.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
from scipy import ndimage
from skimage.measure import marching_cubes, mesh_surface_area, regionprops_table

from microtome.box import Box, Int3
from microtome.progress import silent
from microtome.schedule import in_turn
from microtome.segment.measure import MeasurementTable, measure
from microtome.volume import create_volume
from record import Figure, median_of, record

R = TypeVar("R")

SHAPE: Int3 = (64, 512, 512)
NM = (45.0, 4.6, 4.6)
OBJECTS = 1000
REPEATS = 5
SEED = 0


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("--repeats", type=int, default=REPEATS)
    repeats = words.parse_args().repeats
    labels = instances(SHAPE, OBJECTS, np.random.default_rng(SEED))
    with tempfile.TemporaryDirectory() as folder:
        uri = str(Path(folder) / "labels.tif")
        create_volume(uri, SHAPE, labels.dtype, NM).write(Box.of(SHAPE), labels)
        ours, theirs, plain = [], [], []
        for _ in range(repeats):
            table, seconds = timed(lambda: measure(uri, in_turn, silent))
            ours.append(seconds)
            peer, seconds = timed(lambda: with_surfaces(labels))
            theirs.append(seconds)
            plain.append(timed(lambda: moments(labels))[1])
    require_same(table, peer)
    figures = told(len(table), float((labels > 0).mean()), ours, theirs, plain)
    record("measure", figures, seeds=[SEED])


def told(
    objects: int, filled: float, ours: list[float], theirs: list[float], plain: list[float]
) -> dict[str, Figure]:
    megavoxels = np.prod(SHAPE) / 1e6
    what = f"{objects} objects, {filled:.0%} of {SHAPE} uint16 voxels of {NM} nm, from a TIFF"
    return {
        "measure_megavoxels_per_second": median_of([megavoxels / seconds for seconds in ours], what),
        "measure_vs_skimage": median_of(
            [peer / own for peer, own in zip(theirs, ours, strict=True)],
            "regionprops_table (area, bbox, centroid, inertia_tensor_eigvals) and surfaces of marching cubes",
        ),
        "measure_vs_skimage_without_surfaces": median_of(
            [peer / own for peer, own in zip(plain, ours, strict=True)],
            "the same table without surfaces, which ours still has",
        ),
    }


def timed(call: Callable[[], R]) -> tuple[R, float]:
    began = time.perf_counter()
    result = call()
    return result, time.perf_counter() - began


def instances(shape: Int3, n: int, rng: np.random.Generator) -> np.ndarray:
    """Ellipsoids of 80 to 240 nm half an axis at any place, later ones cut off by earlier ones."""
    labels = np.zeros(shape, np.uint16)
    for label in range(1, n + 1):
        half = rng.uniform(80, 240, 3) / NM
        centre = rng.uniform(0, shape)
        box = Box(
            tuple(np.maximum(centre - half, 0).astype(int).tolist()),
            tuple(np.minimum(centre + half + 1, shape).astype(int).tolist()),
        )
        places = np.ogrid[box.slices]
        inside = sum(((p - c) / h) ** 2 for p, c, h in zip(places, centre, half, strict=True)) <= 1
        part = labels[box.slices]
        part[inside & (part == 0)] = label
    return labels


def moments(labels: np.ndarray) -> dict[str, np.ndarray]:
    names = ("label", "area", "bbox", "centroid", "inertia_tensor_eigvals")
    return regionprops_table(labels, properties=names, spacing=NM)


def with_surfaces(labels: np.ndarray) -> dict[str, np.ndarray]:
    table = moments(labels)
    found = ndimage.find_objects(labels)
    table["surface"] = np.array([surface(labels[found[k - 1]] == k) for k in table["label"]])
    return table


def surface(mask: np.ndarray) -> float:
    vertices, triangles, *_ = marching_cubes(np.pad(mask, 1).astype(np.float32), 0.5, spacing=NM)
    return float(mesh_surface_area(vertices, triangles))


def require_same(table: MeasurementTable, peer: dict[str, np.ndarray]) -> None:
    """The same objects, volumes and places: scikit-image counts from the middle of the first voxel."""
    centroids = np.stack([peer[f"centroid-{k}"] for k in range(3)], axis=1) + np.array(NM) / 2
    same = np.array_equal(table.ids, peer["label"]) and np.allclose(table.centroid_nm, centroids)
    if not (same and np.allclose(table.volume_um3 * 1e9, peer["area"])):
        raise RuntimeError("expected the same objects, volumes and places of both; they differ")


if __name__ == "__main__":
    main()
