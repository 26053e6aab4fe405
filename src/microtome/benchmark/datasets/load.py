"""Image and labels of a data set, as volumes."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Bool

from microtome.benchmark.datasets.cremi import cremi_volumes
from microtome.benchmark.datasets.dataset import ClassSource, Dataset, Part
from microtome.benchmark.datasets.read import read
from microtome.labels import borders
from microtome.project.parse import parse_split
from microtome.volume import ArrayVolume, Volume


def load(
    dataset: Dataset, classes: Sequence[str], folder: Path, *, part: str | None = None
) -> tuple[Volume, Volume]:
    """Image, and uint8 labels: 0 background, then 1, 2, … in the order of `classes`; later ones win overlaps.

    Where nobody looked they are IGNORE. `part` names one of `dataset.parts`; it may be left out where there
    is only one image, for the first.

    Raises:
        ValueError: If a class or part is unknown, a file is not what we know, or shapes differ.
    """
    chosen = dataset.part(part)
    unknown = [name for name in classes if name not in chosen.classes]
    if unknown or not classes:
        named = f"no class {unknown[0]!r}" if unknown else "classes but none were asked for"
        raise ValueError(f"{dataset.name} has {named}; there are {', '.join(chosen.classes)}")
    file, _, inside = chosen.image.partition("::")
    if inside:
        return _load_cremi(dataset, chosen, folder / file)
    image = read(dataset, chosen.image, folder)
    labels = np.zeros(image.shape, np.uint8)
    for value, name in enumerate(classes, start=1):
        where = _where(dataset, chosen.classes[name], folder)
        if where.shape != image.shape:
            raise ValueError(
                f"expected labels of the image's shape {image.shape}; "
                f"{folder / chosen.classes[name].file} has {where.shape}"
            )
        labels[where] = value
    return ArrayVolume(image, dataset.voxel_size_nm), ArrayVolume(labels, dataset.voxel_size_nm)


def _load_cremi(dataset: Dataset, part: Part, path: Path) -> tuple[Volume, Volume]:
    image, labels = cremi_volumes(path, dataset.voxel_size_nm)
    for split in (part.train, part.test):
        if split is not None and not labels.labelled.contains(parse_split(split, image.shape)):
            raise ValueError(f"{path}: expected labels that hold {split}; got some of {labels.labelled}")
    return image, labels


def _where(dataset: Dataset, source: ClassSource, folder: Path) -> Bool[np.ndarray, "z y x"]:
    array = read(dataset, source.file, folder)
    if source.reading == "borders":
        return borders(array)
    return array == source.reading if isinstance(source.reading, int) else array != 0
