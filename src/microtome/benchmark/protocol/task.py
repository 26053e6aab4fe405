"""What the strategies of a study compete on: patches to choose from, and sections to be tested on."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float64, UInt8

from microtome.benchmark.datasets import Dataset, find, load, locate, splits
from microtome.benchmark.protocol.files import expected
from microtome.benchmark.protocol.spec import Files, Spec, digest
from microtome.box import Box, Int3, grid
from microtome.labels import BACKGROUND, IGNORE
from microtome.project.parse import parse_split
from microtome.project.truth import ClassLabels
from microtome.query.candidates import Candidates, Reader
from microtome.query.embedding import appearance
from microtome.volume import (
    ArrayVolume,
    Downsampled,
    DownsampledLabels,
    Volume,
    Windowed,
    intensity_window,
    open_volume,
)


@dataclass(frozen=True, eq=False)
class Scene:
    """An image with its labels, and the boxes of it that count."""

    image: Volume  # uint8
    truth: Reader  # IGNORE where nothing is known
    boxes: tuple[Box, ...]


@dataclass(frozen=True, eq=False)
class Task:
    """Where to choose patches from and where to test; both may lie in one volume, with a guard between."""

    pool: Scene  # its boxes are the candidates
    test: Scene  # its boxes are the sections, or what else is tested on
    classes: int  # background included
    digest: str  # of all that is chosen from and tested on

    def require_something_to_find(self) -> None:
        """Refuse a task on which no strategy could do well or badly.

        Raises:
            ValueError: If a class is nowhere in the candidates, or nowhere in what is tested on.
        """
        for what, scene in (("the patches to choose from", self.pool), ("what is tested on", self.test)):
            for c in range(1, self.classes):
                if not any((scene.truth(box) == c).any() for box in scene.boxes):
                    raise ValueError(f"expected voxels of class {c} in {what}; there are none")

    def candidates(self, free: tuple[int, ...] | None = None, **known: object) -> Candidates:
        """The candidates, all or those of the given numbers, with `known` of them (see `Candidates`)."""
        boxes = self.pool.boxes if free is None else tuple(self.pool.boxes[k] for k in free)
        return Candidates(
            boxes,
            self.classes,
            truth=self.pool.truth,
            image=self.pool.image.read,
            **known,  # type: ignore[arg-type]
        )

    @cached_property
    def looks(self) -> Float64[np.ndarray, "n d"]:
        """Image statistics of every candidate, standardised."""
        return appearance(self.candidates(), self.pool.boxes)

    @cached_property
    def holds(self) -> Bool[np.ndarray, "n c"]:
        """Whether each candidate holds each foreground class."""
        blocks = [self.pool.truth(box) for box in self.pool.boxes]
        return np.array([[(block == c).any() for c in range(1, self.classes)] for block in blocks])

    @cached_property
    def foreground(self) -> Float64[np.ndarray, "n"]:
        """Share of labelled voxels of each candidate that are foreground."""
        blocks = [self.pool.truth(box) for box in self.pool.boxes]
        known = np.array([max(int(np.count_nonzero(block != IGNORE)), 1) for block in blocks])
        inside = np.array([np.count_nonzero((block != IGNORE) & (block != BACKGROUND)) for block in blocks])
        return inside / known


def task_of(spec: Spec, announce: Callable[[str], None]) -> Task:
    """The task of a study, its data in memory.

    Raises:
        ValueError: If the data set, a class or a split is unknown, or no candidate fits.
        FileNotFoundError: If the data are neither here nor to be had.
    """
    data, other = _sources(spec, announce)
    pool_box = _split(spec.splits.train or data.train, data)
    boxes = tuple(grid(pool_box, spec.query_shape))
    if not boxes:
        raise ValueError(f"no patch of {spec.query_shape} fits into {pool_box}")
    where = spec.splits.test or (data.test if other is None else None)
    if where is None and other is None:
        raise ValueError("expected where to test: [splits] test, or another image")
    tested = other or data
    test_box = _split(where, tested)
    if other is None and test_box.overlaps(pool_box):
        raise ValueError(f"expected train and test that share no voxel; got {pool_box} and {test_box}")
    pool, test = data.scene(boxes), tested.scene(_sections(test_box))
    return Task(
        pool,
        test,
        len(spec.classes) + 1,
        digest([data.digest, tested.digest, str(pool.boxes), str(test.boxes)]),
    )


@dataclass(frozen=True, eq=False)
class Source:
    """An image with labels in memory, and the splits it comes with, in voxels after downsampling."""

    image: ArrayVolume
    labels: UInt8[np.ndarray, "z y x"]
    train: str | None = None
    test: str | None = None

    @cached_property
    def digest(self) -> str:
        """SHA-256 of image and labels."""
        whole = hashlib.sha256(str(self.image.shape).encode())
        for array in (self.image.array, self.labels):
            whole.update(np.ascontiguousarray(array).tobytes())
        return whole.hexdigest()

    def scene(self, boxes: tuple[Box, ...]) -> Scene:
        """These boxes of it."""
        return Scene(self.image, lambda box: self.labels[box.slices], boxes)


def _sources(spec: Spec, announce: Callable[[str], None]) -> tuple[Source, Source | None]:
    """What to choose from, and what to test on if that is another image."""
    if spec.files is not None:
        files = spec.files
        data = _from_files(spec, files, files.image, files.labels)
        if files.test_image is None or files.test_labels is None:
            return data, None
        return data, _from_files(spec, files, files.test_image, files.test_labels)
    assert spec.dataset is not None
    data, tested_in = _from_dataset(spec, spec.dataset, announce)
    other = spec.test_dataset or tested_in
    return data, None if other is None else _from_dataset(spec, other, announce)[0]


def _from_dataset(spec: Spec, name: str, announce: Callable[[str], None]) -> tuple[Source, str | None]:
    """The data, and the name of those to test on if they are others."""
    dataset, part = named_part(name)
    own = dataset.part(part)  # an unknown one is refused before anything is downloaded
    image, labels = load(dataset, spec.classes, locate(dataset, announce=announce), part=part)
    train, test = splits(own, image.shape, spec.downsample)
    other = None if own.tested_in is None else f"{dataset.name}/{own.tested_in}"
    return _source(spec, image, labels, train, test), other


def _from_files(spec: Spec, files: Files, image_uri: str, labels_uri: str) -> Source:
    with expected("an image", image_uri):
        image = open_volume(image_uri, files.voxel_size_nm)
    if image.dtype != np.uint8:
        image = Windowed(image, files.window or intensity_window(image))
    values = files.values or tuple(range(1, len(spec.classes) + 1))
    with expected("labels", labels_uri):
        labels = ClassLabels(open_volume(labels_uri, image.voxel_size_nm), values)
    if labels.shape != image.shape:
        raise ValueError(
            f"expected labels of the image's shape {image.shape}; {labels_uri} has {labels.shape}"
        )
    return _source(spec, image, labels, None, None)


def _source(spec: Spec, image: Volume, labels: Volume, train: str | None, test: str | None) -> Source:
    coarse = Downsampled(image, spec.downsample)
    in_memory = ArrayVolume(_all_of(coarse), coarse.voxel_size_nm)
    return Source(in_memory, _all_of(DownsampledLabels(labels, spec.downsample)), train, test)


def _split(text: str | None, source: Source) -> Box:
    return Box.of(source.image.shape) if text is None else parse_split(text, source.image.shape)


def named_part(name: str) -> tuple[Dataset, str | None]:
    """The data set, and the part if one is named, of `dataset` or `dataset/part`.

    Raises:
        ValueError: If no data set is called so.
    """
    name, _, part = name.partition("/")
    return find(name), part or None


def _sections(box: Box) -> tuple[Box, ...]:
    shape: Int3 = (1, box.shape[1], box.shape[2])
    return tuple(grid(box, shape))


def _all_of(volume: Volume) -> UInt8[np.ndarray, "z y x"]:
    return np.ascontiguousarray(volume.read(Box.of(volume.shape)))
