"""Small files of the layout of CREMI's, made by the tests."""

from pathlib import Path

import h5py
import numpy as np

from microtome.benchmark.datasets.cremi import NO_CLEFT, UNKNOWN

VOXEL = (40.0, 4.0, 4.0)
START = (2, 3, 5)  # of the labels in the image
RAW = np.random.default_rng(3).integers(0, 255, (10, 24, 30), np.uint8)
CLEFTS = np.full((6, 16, 18), NO_CLEFT)
CLEFTS[:5, 4:9, 3:12] = 7
CLEFTS[4:, 10:12, 4:9] = 0  # an id like any other
CLEFTS[5, 0, 0] = UNKNOWN
IDS = np.array([11, 5, 8, 2], np.uint64)
TYPES = ["presynaptic_site", "postsynaptic_site", "postsynaptic_site", "presynaptic_site"]
LOCATIONS = np.array([[0.0, 8.0, 4.0], [40.0, 8.0, 9.9], [80.0, 10.1, 0.0], [200.0, 0.0, 4.0]])
PAIRS = np.array([[11, 5], [2, 8], [11, 8]], np.uint64)


def write_cremi(path: Path, *, padded: bool = True) -> Path:
    """A whole file; without padding the image is what is labelled."""
    region = tuple(slice(a, a + n) for a, n in zip(START, CLEFTS.shape, strict=True))
    offset = np.multiply(START, VOXEL)
    with h5py.File(path, "w") as file:
        file["volumes/raw"] = RAW if padded else RAW[region]
        file["volumes/labels/clefts"] = CLEFTS
        file["volumes/labels/neuron_ids"] = np.arange(CLEFTS.size, dtype=np.uint64).reshape(CLEFTS.shape)
        file["annotations/ids"] = IDS
        file["annotations/types"] = TYPES
        file["annotations/locations"] = LOCATIONS
        file["annotations/presynaptic_site/partners"] = PAIRS
        file["annotations/comments/target_ids"] = IDS[:1]
        file["annotations/comments/comments"] = ["not sure"]
        for name in ("volumes/raw", "volumes/labels/clefts", "volumes/labels/neuron_ids"):
            file[name].attrs["resolution"] = VOXEL
        for name in ("volumes/labels/clefts", "volumes/labels/neuron_ids", "annotations"):
            if padded:
                file[name].attrs["offset"] = offset
    return path
