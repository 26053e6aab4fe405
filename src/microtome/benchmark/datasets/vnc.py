"""The VNC data set from its repository: folders of sections to stacks."""

import zipfile
from pathlib import Path

import imageio.v3 as iio
import numpy as np
from jaxtyping import Shaped

from microtome.benchmark.datasets.dataset import Arrays


def vnc_arrays(archive: zipfile.ZipFile) -> Arrays:
    """Our files of the VNC data set from its repository's zip: folders of sections to stacks.

    Three mitochondria sections are 1-bit images (1, 7, 18): a mask is what is not 0, never what exceeds 127.
    """
    root = archive.namelist()[0].split("/")[0] + "/stack1"
    image = _stack(archive, f"{root}/raw", "{:02d}.tif")
    classes = _stack(archive, f"{root}/labels", "labels{:08d}.png")
    masks = {
        f"{name}.tif": _stack(archive, f"{root}/{name}", "{:02d}.png") != 0
        for name in ("membranes", "mitochondria", "synapses")
    }
    inside_a_cell = classes == 255  # what is white there is the cells, not their membranes
    if masks["membranes.tif"][inside_a_cell].mean() > 0.5:
        masks["membranes.tif"] = ~masks["membranes.tif"]
    return {"image.tif": image} | {name: mask.astype(np.uint8) for name, mask in masks.items()}


def _stack(archive: zipfile.ZipFile, folder: str, pattern: str) -> Shaped[np.ndarray, "z y x"]:
    names = [f"{folder}/{pattern.format(z)}" for z in range(20)]
    sections = [iio.imread(archive.read(name), extension=Path(name).suffix) for name in names]
    return np.stack([section[..., 0] if section.ndim == 3 else section for section in sections])
