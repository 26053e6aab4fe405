"""Instances of a whole volume, found block by block: equal to those found in memory, whatever the blocks."""

import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt64

from microtome.box import Box
from microtome.progress import Progress, silent
from microtome.schedule import Schedule, in_turn
from microtome.segment.agglomeration import agglomerated
from microtome.segment.components import Blocks, Neighbours, layer
from microtome.segment.foreground import Foreground, Probability
from microtome.segment.holes import filled
from microtome.segment.parts import Found
from microtome.segment.plan import InstanceSummary, begin, finish, finished, forget
from microtome.segment.probability import require_probability
from microtome.segment.settings import InstanceSettings
from microtome.segment.stage import Grouped, in_order
from microtome.segment.watershed import watershed
from microtome.segment.work import Work
from microtome.volume import Volume, fingerprint, open_volume
from microtome.volume.copying import add_levels
from microtome.volume.unfinished import Unfinished
from microtome.volume.uri import known_format


def label_instances(
    probability: str | os.PathLike[str],
    target: Path,
    settings: InstanceSettings,
    work_folder: Path,
    *,
    version: str = "",
    schedule: Schedule = in_turn,
    progress: Progress = silent,
) -> InstanceSummary:
    """Write the instances of a stored probability as a new volume of ids, uint64, from 1 without gaps.

    They are numbered in the order of their first voxels; 0 is background. The target is there whole, with
    coarser levels of the most frequent ids, or not at all. A run that was killed is gone on with when it is
    called again with the same arguments, and gives the same; one that is finished gives its summary.
    `version` tells one state of the volume from another, where its maker knows it: a fingerprint looks at
    samples only. Tables and intermediate volumes lie in `work_folder`.

    Raises:
        ValueError: If the volume holds no probabilities, the target is not named .zarr, or the work folder
            was begun with other arguments.
        FileExistsError: If the target is there, but not from this run.
        OSError: If a volume cannot be read or written.
    """
    volume = open_volume(probability)
    require_probability(str(probability), volume)
    if known_format(target) != "zarr":
        raise ValueError(f"expected a target whose name ends in .zarr; got {target}")
    if os.path.lexists(target) and finished(work_folder) is None:
        raise FileExistsError(
            f"{target} exists already, and {work_folder} does not say of what: remove it, or use another name"
        )
    uri, unfinished = os.path.abspath(probability), Unfinished(target)
    if begin(work_folder, {**_plan(uri, volume, target, settings), "version": version}):
        shutil.rmtree(unfinished.folder, ignore_errors=True)  # of another run
    work = Work(volume, Blocks(volume.shape, settings.block), work_folder, schedule, progress)
    if not os.path.lexists(target):
        _finest(work, uri, unfinished, settings)
        add_levels(unfinished, schedule=schedule, progress=progress)
        unfinished.path.rename(target)
    shutil.rmtree(unfinished.folder, ignore_errors=True)
    work.clear()
    summary = finished(work_folder)
    assert summary is not None
    return summary


def _plan(uri: str, volume: Volume, target: Path, settings: InstanceSettings) -> Mapping[str, Any]:
    """All that has to be the same when an interrupted run is gone on with."""
    return {
        "format": 1,
        "probability": uri,
        "fingerprint": fingerprint(volume),
        "voxel_size_nm": volume.voxel_size_nm,
        "target": str(target.absolute()),
        "settings": asdict(settings),
    }


def _finest(work: Work, uri: str, unfinished: Unfinished, settings: InstanceSettings) -> None:
    """Find and write the instances, unless that is done and only coarser levels are missing."""
    if not unfinished.path.exists():
        forget(work.folder)  # what came of a target that was removed
        shutil.rmtree(unfinished.folder, ignore_errors=True)  # with its log
    unfinished.folder.mkdir(exist_ok=True)
    if finished(work.folder) is None:
        finish(work.folder, _written(work, uri, unfinished.path, settings))


def _written(work: Work, uri: str, target: Path, settings: InstanceSettings) -> InstanceSummary:
    """Find the instances and write them into a volume that may have been begun."""
    probability, voxels_filled = Probability(uri, settings.smoothing_nm), 0
    foreground = Foreground(probability, settings.threshold)
    if settings.holes:
        foreground, voxels_filled = filled(work, foreground, settings)
    match settings.method:
        case "components":
            found = _components(work, foreground, settings)
        case "watershed":
            found = watershed(work, foreground, probability, settings)
        case "boundaries":
            found = agglomerated(work, probability, settings)
    ids = _ids(found, settings.smallest)
    work.make(target, np.uint64)
    found.stage.write(found.wholes, ids, target, "writing instances")
    voxels = int(found.wholes.voxels[ids > 0].sum())
    return InstanceSummary(int(ids.max(initial=0)), voxels, voxels_filled)


def _ids(found: Grouped, smallest: int) -> UInt64[np.ndarray, "n"]:
    """Of each whole: that of its group, from 1 in the order of their first voxels; 0 if it is too small."""
    ids = np.zeros(len(found.groups), np.uint64)
    kept = found.groups >= 0
    sizes = np.bincount(found.groups[kept], found.wholes.voxels[kept])
    kept[kept] = sizes[found.groups[kept]] >= smallest
    ids[kept] = in_order(found.groups[kept], found.wholes.first[kept]) + 1
    return ids


def _components(work: Work, foreground: Foreground, settings: InstanceSettings) -> Grouped:
    stage = work.stage("components")
    stage.search(_Components(foreground, settings.neighbours, settings.smallest), "searching instances")
    wholes = stage.wholes(settings.neighbours)
    return Grouped(stage, wholes, np.arange(len(wholes.voxels)))


@dataclass(frozen=True)
class _Components:
    """What touches in a box, without what is too small and ends in it."""

    foreground: Foreground
    neighbours: Neighbours
    smallest: int

    def __call__(self, box: Box) -> Found:
        found = layer(self.foreground(box), self.neighbours, self.smallest)
        return Found(found, found.faces, np.zeros(found.count, np.uint8))
