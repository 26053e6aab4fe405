"""How well instances are told apart: mitochondria that touch, and neurons between leaky borders.

The watershed of the mitochondria of `vnc`, from their truth as a mask, is compared with scikit-image's of the
whole. The neurons of `flyem` are found from their borders, blurred, with gaps and with false ones inside of
cells, and compared with components of what lies between them. Both are done in blocks and as one.
"""

import os
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import tifffile
from scipy import ndimage
from skimage import segmentation
from skimage.metrics import adapted_rand_error, variation_of_information

from microtome.box import Box, Int3
from microtome.segment.instances import label_instances
from microtome.segment.settings import InstanceSettings
from microtome.volume import VoxelSize, create_volume, open_volume
from record import Figure, record

DATA = Path(os.environ.get("MICROTOME_DATA", Path(__file__).parents[2] / "shared" / "data"))
SEED = 0
MITOCHONDRIA = InstanceSettings(method="watershed", seed_distance_nm=80.0, block=(7, 400, 300))
NEURONS = InstanceSettings(method="boundaries", seed_distance_nm=40.0, merge_below=0.6, block=(64, 256, 256))


def main() -> None:
    figures = {**mitochondria(), **neurons()}
    record("instances", figures, seeds=[SEED])


def mitochondria() -> dict[str, Figure]:
    nm = (45.0, 4.6, 4.6)
    mask = tifffile.imread(DATA / "vnc_sstem" / "mitochondria.tif") > 0
    ids = instances(mask, nm, MITOCHONDRIA)
    distance = ndimage.distance_transform_edt(mask, nm)
    seeds, count = ndimage.label(distance >= MITOCHONDRIA.seed_distance_nm)
    theirs = segmentation.watershed(-distance, seeds, mask=mask)
    of_seed = np.zeros(int(ids.max()) + 1, np.int64)
    of_seed[ids[seeds > 0]] = seeds[seeds > 0]
    differs = float(np.mean(of_seed[ids][theirs > 0] != theirs[theirs > 0]))
    parts = ndimage.label(mask)[1]
    note = f"{parts} components, {count} seeds, {ids.max()} instances of {mask.sum()} voxels"
    equal = np.array_equal(ids, instances(mask, nm, replace(MITOCHONDRIA, block=mask.shape)))
    return {
        "watershed_differing_share": Figure(differs, (differs, differs), 1, f"{note}; those with a seed"),
        "watershed_equals_global": Figure(float(equal), (equal, equal), 1, "blocks of 7 x 400 x 300"),
    }


def neurons() -> dict[str, Figure]:
    nm = (10.0, 10.0, 10.0)
    truth = tifffile.imread(DATA / "flyem_medulla" / "instances.tif").astype(np.int64)
    likely = leaky(truth, SEED)
    ids = instances(likely, nm, NEURONS)
    rand, voi = errors(truth, ids)
    rand_before, voi_before = errors(truth, ndimage.label(likely < 128)[0])
    note = f"{len(np.unique(truth)) - 1} neurons, {ids.max()} found"
    part = likely[:80, :130, :130]
    whole, blocks = (instances(part, nm, replace(NEURONS, block=n)) for n in (part.shape, (37, 64, 100)))
    equal = np.array_equal(whole, blocks)
    return {
        "neurons_rand_error": Figure(rand, (rand, rand), 1, f"{note}; components {rand_before:.3f}"),
        "neurons_variation_of_information": Figure(
            voi, (voi, voi), 1, f"the same; components {voi_before:.2f}"
        ),
        "neurons_equal_global": Figure(float(equal), (equal, equal), 1, f"a part of {part.shape}"),
    }


def leaky(truth: np.ndarray, seed: int) -> np.ndarray:
    """What a network might say of the borders between ids: blurred, with gaps, and some inside of cells."""
    rng = np.random.default_rng(seed)
    border = segmentation.find_boundaries(truth, mode="thick") | (truth == 0)
    likely = np.clip(1.3 * ndimage.gaussian_filter(border.astype(np.float32), 1.0), 0, 1)
    spots = ndimage.gaussian_filter(rng.random(truth.shape, np.float32), 2.0)
    likely[spots > np.quantile(spots, 0.97)] *= np.float32(0.1)
    likely[spots < np.quantile(spots, 0.01)] = np.float32(0.75)
    return (255 * likely).astype(np.uint8)


def errors(truth: np.ndarray, ids: np.ndarray) -> tuple[float, float]:
    """Adapted Rand error and variation of information (bits) where the truth has an id."""
    ids = ids.astype(np.int64)
    rand, _, _ = adapted_rand_error(truth, ids, ignore_labels=(0,))
    return float(rand), float(sum(variation_of_information(truth, ids, ignore_labels=(0,))))


def instances(likely: np.ndarray, nm: VoxelSize, settings: InstanceSettings) -> np.ndarray:
    shape: Int3 = likely.shape
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        create_volume(root / "p.zarr", shape, likely.dtype, nm).write(Box.of(shape), likely)
        label_instances(root / "p.zarr", root / "ids.zarr", settings, root / "work")
        return open_volume(root / "ids.zarr").read(Box.of(shape)).astype(np.int64)


if __name__ == "__main__":
    main()
