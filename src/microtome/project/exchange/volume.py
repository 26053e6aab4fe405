"""All labels of a project as one volume of the image's shape, `IGNORE` where nothing was said."""

import itertools
import json
from collections import defaultdict
from pathlib import Path

import numpy as np

from microtome.box import Box, Int3, tile
from microtome.evaluate.agreement import majority
from microtome.labels import IGNORE
from microtome.progress import Progress, silent
from microtome.project.config import ProjectConfig
from microtome.project.exchange.colours import class_colours
from microtome.project.exchange.sheets import stitched
from microtome.project.folder import Project
from microtome.volume import VolumeSpec, create_volume
from microtome.volume.appearing import appearing
from microtome.volume.uri import known_format

_BLOCK = 2**23  # voxels, about; whole chunks


def export_volume(project: Project, out: Path, progress: Progress = silent) -> int:
    """Write what most annotators answered into a new volume, uint8, block by block; whole or not at all.

    OME-Zarr names the classes and their colours, as a labels image of OME-NGFF. Return how many queries were
    written.

    Raises:
        ValueError: If there is no answer yet, or the format cannot hold labels.
        OSError: If there is something of that name, or it cannot be written.
    """
    config = project.config
    boxes = {query.id: query.box for query in project.journal.queries()}
    answered = sorted({effort.query_id for effort in project.journal.efforts()})
    if not answered:
        raise ValueError(f"{project.root} has no answers to export")
    shape = config.image.shape
    voxel = zip(config.image.voxel_size_nm, config.image.downsample, strict=True)
    z_nm, y_nm, x_nm = (side * factor for side, factor in voxel)
    spec = VolumeSpec(shape, np.dtype(np.uint8), (z_nm, y_nm, x_nm))
    block = _block_shape(spec)
    touching = _by_block({query: boxes[query] for query in answered}, block)
    with appearing(out) as partial:
        volume = create_volume(partial, shape, spec.dtype, spec.voxel_size_nm)
        blocks = list(tile(Box.of(shape), block, (0, 0, 0)))
        for k, (place, there) in enumerate(
            ((one.write, touching[_cell(one.write, block)]) for one in blocks), 1
        ):
            said = ((boxes[query], _said(project, query)) for query in there)
            volume.write(place, stitched(place, said))
            progress("writing labels", k, len(blocks), str(place))
        if known_format(out) == "zarr":
            _describe(partial, config)
    return len(answered)


def _said(project: Project, query: int) -> np.ndarray:
    return majority([answer.labels for answer in project.journal.answers_to(query)])


def _block_shape(spec: VolumeSpec) -> Int3:
    z, y, x = spec.stored_chunks
    side = max(1, int(np.sqrt(_BLOCK / (z * y * x))))
    return z, y * side, x * side


def _by_block(boxes: dict[int, Box], block: Int3) -> defaultdict[Int3, list[int]]:
    """The queries that reach into each block, by the block's number on each axis."""
    found = defaultdict[Int3, list[int]](list)
    for query, box in boxes.items():
        ranges = (range(a // n, -(-b // n)) for a, b, n in zip(box.start, box.stop, block, strict=True))
        for z, y, x in itertools.product(*ranges):
            found[z, y, x].append(query)
    return found


def _cell(place: Box, block: Int3) -> Int3:
    z, y, x = (start // n for start, n in zip(place.start, block, strict=True))
    return z, y, x


def _describe(path: Path, config: ProjectConfig) -> None:
    """Make the image a labels image (OME-NGFF 0.5): names and colours of its values."""
    from yaozarrs import v05

    names = {0: "background", **dict(enumerate(config.classes, start=1)), IGNORE: "unlabelled"}
    colours = {
        value: [*colour, 255] for value, colour in enumerate(class_colours(len(config.classes)).tolist(), 1)
    }
    colours |= {0: [40, 40, 56, 255], IGNORE: [0, 0, 0, 0]}
    found = json.loads((path / "zarr.json").read_text(encoding="utf-8"))
    found["attributes"]["ome"]["image-label"] = {
        "version": "0.5",
        "colors": [{"label-value": value, "rgba": colours[value]} for value in names],
        "properties": [{"label-value": value, "class": name} for value, name in names.items()],
    }
    v05.LabelImage.model_validate(found["attributes"]["ome"])
    (path / "zarr.json").write_text(json.dumps(found, indent=1), encoding="utf-8")
