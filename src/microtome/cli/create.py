"""A new project from the words of `microtome init`: everything is checked before anything is written."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from microtome.benchmark.datasets import find, load, locate, splits
from microtome.benchmark.phantom import PhantomConfig, phantom
from microtome.box import Box, Int3, count, tile
from microtome.cli.names import RECIPES, START_STRATEGIES, STRATEGIES, named
from microtome.learn.settings import tables_of
from microtome.project import ProjectConfig, TruthConfig, create_project
from microtome.project.config import SCHEMA
from microtome.project.parse import validated
from microtome.project.truth import ClassLabels
from microtome.volume import (
    ArrayVolume,
    Volume,
    create_volume,
    fingerprint,
    intensity_window,
    open_volume,
    stated_voxel_size,
)
from microtome.volume.sample import sample_boxes
from microtome.volume.uri import absolute

TRUTH = "truth.ome.zarr"
PHANTOM_IMAGE = "image.ome.zarr"
SAMPLED = 32  # sections of labels that are looked through for unknown values
COPIED: Int3 = (8, 1024, 1024)  # voxels copied at a time


@dataclass(frozen=True)
class NewProject:
    """What `microtome init` was asked for; the image is one of the first three."""

    classes: tuple[str, ...]
    image: str | None = None
    dataset: str | None = None
    phantom: PhantomConfig | None = None
    voxel_size_nm: tuple[float, ...] | None = None
    query_shape: Int3 = (1, 64, 64)
    downsample: Int3 = (1, 1, 1)
    window: tuple[float, float] | None = None
    labels: str | None = None
    label_values: tuple[int, ...] = ()
    train: str | None = None
    test: str | None = None
    strategy: str = "bald"
    batch: int = 24
    start: int = 8
    start_strategy: str = "cold-start"
    instances: tuple[str, ...] = ()
    recipe: str = "default"
    seed: int = 0


def create(folder: Path, new: NewProject, say: Callable[[str], None]) -> dict[str, Any]:
    """Make the project and return what a person wants to know of it.

    Raises:
        ValueError: If the words do not fit the volume or one another.
        OSError: If a file cannot be read or the folder not written.
    """
    named("strategy", new.strategy, STRATEGIES)
    named("start strategy", new.start_strategy, START_STRATEGIES)
    if new.image is not None and not new.image.strip():
        raise ValueError("expected --image: the name of a file or folder; got nothing")
    if not new.classes:
        raise ValueError("expected --classes: the names of what is to be found, with commas between them")
    source = _source(new, say)
    config = _config(new, source)
    with create_project(folder, config, prepare=source.write_into) as project:
        return {
            "project": str(project.root),
            "image": source.uri,
            "shape": config.image.shape,
            "voxel_nm": _working_voxel(config),
            "classes": config.classes,
            "candidates": count(config.train_box, config.query.shape),
        }


@dataclass(frozen=True)
class Source:
    """The image and labels of a new project, and where they will be found."""

    uri: str
    image: Volume
    truth: TruthConfig | None
    copies: Mapping[str, Volume]  # what the project keeps itself, by file name
    train: str | None
    test: str | None

    def write_into(self, folder: Path) -> None:
        """Put what is to be copied into the new project's folder."""
        for name, volume in self.copies.items():
            copy_volume(volume, folder / name)


def copy_volume(volume: Volume, path: Path) -> None:
    """A copy of a volume as OME-Zarr.

    Raises:
        OSError: If it cannot be written.
    """
    z, y, x = (min(a, b) for a, b in zip(volume.shape, (1, 256, 256), strict=True))
    target = create_volume(path, volume.shape, volume.dtype, volume.voxel_size_nm, chunks=(z, y, x))
    for block in tile(Box.of(volume.shape), COPIED, (0, 0, 0)):
        target.write(block.write, volume.read(block.write))


def _source(new: NewProject, say: Callable[[str], None]) -> Source:
    if [new.image, new.dataset, new.phantom].count(None) != 2:
        raise ValueError("expected either --image or --dataset")
    if new.phantom is not None:
        return _from_phantom(new, new.phantom)
    return _from_files(new, say) if new.image is not None else _from_dataset(new, say)


def _from_phantom(new: NewProject, config: PhantomConfig) -> Source:
    made = phantom(config)
    kinds = {
        "mitochondria": made.mitochondria > 0,
        "membranes": made.membranes,
        "synapses": made.synapses > 0,
    }
    unknown = [name for name in new.classes if name not in kinds]
    if unknown:
        raise ValueError(f"the phantom has no class {unknown[0]!r}; there are {', '.join(kinds)}")
    labels = np.zeros(config.shape, np.uint8)
    for value, name in enumerate(new.classes, start=1):
        labels[kinds[name]] = value
    image, truth = ArrayVolume(made.image, made.voxel_size_nm), ArrayVolume(labels, made.voxel_size_nm)
    return Source(
        uri=PHANTOM_IMAGE,
        image=image,
        truth=_copied_truth(truth, len(new.classes)),
        copies={PHANTOM_IMAGE: image, TRUTH: truth},
        train=new.train,
        test=new.test,
    )


def _require_known(labels: Volume, values: tuple[int, ...]) -> None:
    """Refuse labels whose sample holds a value that no class has; the rest is checked when it is read."""
    known = ClassLabels(labels, values)
    for box in sample_boxes(labels.shape, (1, 1024, 1024), SAMPLED, seed=0):
        known.read(box)


def _copied_truth(labels: Volume, classes: int) -> TruthConfig:
    return TruthConfig(uri=TRUTH, values=tuple(range(1, classes + 1)), fingerprint=fingerprint(labels))


def _from_files(new: NewProject, say: Callable[[str], None]) -> Source:
    assert new.image is not None
    image = open_volume(new.image, _voxel_size(new))
    stated = None if new.voxel_size_nm is None else stated_voxel_size(new.image)
    if stated is not None and not np.allclose(stated, image.voxel_size_nm):
        say(f"{new.image} says that a voxel is {stated} nm; the project takes {image.voxel_size_nm}")
    truth = None
    if new.labels is not None:
        labels = open_volume(new.labels, image.voxel_size_nm)
        if labels.shape != image.shape:
            raise ValueError(
                f"expected labels of the image's shape {image.shape}; {new.labels} has {labels.shape}"
            )
        values = new.label_values or tuple(range(1, len(new.classes) + 1))
        _require_known(labels, values)
        truth = TruthConfig(uri=absolute(new.labels), values=values, fingerprint=fingerprint(labels))
    return Source(absolute(new.image), image, truth, {}, new.train, new.test)


def _from_dataset(new: NewProject, say: Callable[[str], None]) -> Source:
    assert new.dataset is not None
    name, _, part = new.dataset.partition("/")
    dataset = find(name)
    chosen = dataset.part(part or None)
    folder = locate(dataset, announce=say)
    image, labels = load(dataset, new.classes, folder, part=part or None)
    train, test = splits(chosen, image.shape, new.downsample)
    say(f"{dataset.title}; licence {dataset.licence}; please cite {dataset.citation}")
    if chosen.tested_in is not None and new.test is None:
        say(
            f"{new.dataset} is tested in another image, {dataset.name}/{chosen.tested_in}, but a project has "
            "one: to evaluate, give --train and --test in it, or run a study with `microtome benchmark run`"
        )
    return Source(
        uri=str(folder / chosen.image),
        image=image,
        truth=_copied_truth(labels, len(new.classes)),
        copies={TRUTH: labels},
        train=new.train or train,
        test=new.test or test,
    )


def _config(new: NewProject, source: Source) -> ProjectConfig:
    image = source.image
    window = new.window
    if window is None and image.dtype != np.uint8:
        window = intensity_window(image, seed=new.seed)
    shape = tuple(side // factor for side, factor in zip(image.shape, new.downsample, strict=True))
    if 0 in shape:
        raise ValueError(f"expected --downsample to leave voxels of {image.shape}; got {new.downsample}")
    raw = {
        "schema": SCHEMA,
        "classes": new.classes,
        "seed": new.seed,
        "image": {
            "uri": source.uri,
            "voxel_size_nm": image.voxel_size_nm,
            "downsample": new.downsample,
            "shape": shape,
            "window": window,
            "fingerprint": fingerprint(image),
        },
        "truth": None if source.truth is None else source.truth.model_dump(),
        "instances": new.instances,
        "query": {
            "shape": new.query_shape,
            "batch": new.batch,
            "start": new.start,
            "strategy": new.strategy,
            "start_strategy": new.start_strategy,
        },
        "splits": {"train": source.train or f"0:{shape[0]}", "test": source.test},
        **tables_of(named("recipe", new.recipe, RECIPES)()),
    }
    return validated(ProjectConfig, raw, "this project cannot be made")


def _voxel_size(new: NewProject) -> tuple[float, float, float] | None:
    if new.voxel_size_nm is None:
        return None
    z, y, x = new.voxel_size_nm
    if min(z, y, x) <= 0:
        raise ValueError(f"expected --voxel-size in nm, all positive; got {new.voxel_size_nm}")
    return z, y, x


def _working_voxel(config: ProjectConfig) -> tuple[float, ...]:
    return tuple(a * b for a, b in zip(config.image.voxel_size_nm, config.image.downsample, strict=True))
