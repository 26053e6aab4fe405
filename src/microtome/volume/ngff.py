"""OME-NGFF metadata: which array is meant, what its axes are, and how large a voxel is."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import ValidationError
from yaozarrs import v04, v05

from microtome.volume.places import Place, choice_of
from microtome.volume.voxel_size import VoxelSize, nm_per_unit

Multiscale = v04.Multiscale | v05.Multiscale
Dataset = v04.Dataset | v05.Dataset


@dataclass(frozen=True, slots=True)
class Level:
    """An array and what is said about it: names of all axes, and the positions of those along z, y, x.

    A bare array has no axes, and a voxel size only where all lengths have a unit.
    """

    place: Place
    zarr_format: int
    axes: tuple[str, ...] = ()
    spatial: tuple[int, ...] = ()
    voxel_size_nm: VoxelSize | None = None


def find_level(place: Place, inner: str | None) -> Level:
    """The array at `inner`, or the finest level of the image there.

    Raises:
        ValueError: If there is neither array nor image, or the metadata are not valid OME-NGFF 0.4 or 0.5.
        FileNotFoundError: If there is nothing at `inner`.
        OSError: If it cannot be reached.
    """
    target = place / inner if inner else place
    array = _array_format(target)
    if array is not None:
        return _described(target, place, array)
    found = attributes(target)
    if found is None and (target.remote or not target.path.exists()):
        raise FileNotFoundError(f"{target} does not exist" + " or may not be read" * target.remote)
    image = _image(found or {}, target)
    if image is None:
        choice = choice_of(place, target, "zarr.json", ".zarray", ".zgroup")
        raise ValueError(f"{target} holds neither a Zarr array nor OME-NGFF multiscales; {choice}")
    dataset = image.datasets[0]
    finest = _array_format(target / dataset.path)
    if finest is None:
        raise ValueError(f"{target}: the metadata name an array {dataset.path!r} that does not exist")
    return _level(target / dataset.path, finest, image, dataset)


def attributes(place: Place) -> dict[str, object] | None:
    """The user attributes of a Zarr group or array; None if the folder is neither.

    Raises:
        ValueError: If the metadata are no JSON object.
    """
    document = json_object(place, "zarr.json")
    if document is not None:
        found = document.get("attributes", {})
        return found if isinstance(found, dict) else {}
    old = json_object(place, ".zattrs")
    if old is not None:
        return old
    return None if place.read(".zgroup") is None and place.read(".zarray") is None else {}


def image_attributes(
    name: str,
    sizes: Sequence[VoxelSize],
    version: str,
    origin_nm: VoxelSize = (0.0, 0.0, 0.0),
    *,
    labels: bool = False,
) -> dict[str, dict[str, object]]:
    """The metadata files, by name, of an image with levels 0, 1, … of such voxels, the finest first.

    The corner of all levels lies in the same place; `origin_nm` is the centre of the first voxel of level 0.
    One of `labels` says so.

    Raises:
        ValueError: If `version` is neither 0.4 nor 0.5.
    """
    multiscale: dict[str, object] = {
        "name": name,
        "axes": [{"name": axis, "type": "space", "unit": "nanometer"} for axis in "zyx"],
        "datasets": [
            {"path": str(level), "coordinateTransformations": _transforms(size, sizes[0], origin_nm)}
            for level, size in enumerate(sizes)
        ],
    }
    about: dict[str, object] = {"image-label": {"version": version}} if labels else {}
    match version:
        case "0.5":
            ome: dict[str, object] = {"version": "0.5", "multiscales": [multiscale], **about}
            (v05.LabelImage if labels else v05.Image).model_validate(ome)
            return {"zarr.json": {"zarr_format": 3, "node_type": "group", "attributes": {"ome": ome}}}
        case "0.4":
            attrs: dict[str, object] = {"multiscales": [{"version": "0.4", **multiscale}], **about}
            (v04.LabelImage if labels else v04.Image).model_validate(attrs)
            return {".zgroup": {"zarr_format": 2}, ".zattrs": attrs}
        case _:
            raise ValueError(f"expected OME-NGFF version 0.4 or 0.5; got {version}")


def _transforms(size: VoxelSize, finest: VoxelSize, origin: VoxelSize) -> list[dict[str, object]]:
    # coordinates are of voxels' centres, and that of a larger voxel lies further inside
    centre = [round(o + (a - b) / 2, 6) for o, a, b in zip(origin, size, finest, strict=True)]
    scale: dict[str, object] = {"type": "scale", "scale": list(size)}
    return [scale, {"type": "translation", "translation": centre}] if any(centre) else [scale]


def json_object(place: Place, file: str) -> dict[str, object] | None:
    """What a file of metadata says; None if there is no such file.

    Raises:
        ValueError: If it is no JSON object.
    """
    text = place.read(file)
    if text is None:
        return None
    try:
        found = json.loads(text)
    except ValueError as error:
        raise ValueError(f"{place / file} is no JSON: {error}") from error
    if not isinstance(found, dict):
        raise ValueError(f"{place / file}: expected a JSON object; got {type(found).__name__}")  # noqa: TRY004
    return found


def _array_format(place: Place) -> int | None:
    """The version of Zarr of an array; None if there is none."""
    document = json_object(place, "zarr.json")
    if document is not None:
        return 3 if document.get("node_type") == "array" else None
    return None if place.read(".zarray") is None else 2


def _described(array: Place, root: Place, zarr_format: int) -> Level:
    """The array as the nearest image around it, but not above `root`, describes it."""
    folder = array
    while folder != root:
        folder = folder.parent
        image = _image(attributes(folder) or {}, folder)
        if image is None:
            continue
        for dataset in image.datasets:
            if folder / dataset.path == array:
                return _level(array, zarr_format, image, dataset)
    return Level(array, zarr_format)


def _image(found: dict[str, object], folder: Place) -> Multiscale | None:
    ome = found.get("ome")
    try:
        if isinstance(ome, dict) and "multiscales" in ome:
            return v05.Image.model_validate(ome).multiscales[0]
        return v04.Image.model_validate(found).multiscales[0] if "multiscales" in found else None
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise ValueError(f"{folder}: invalid OME-NGFF metadata at {key!r}: {first['msg']}") from error


def _level(array: Place, zarr_format: int, image: Multiscale, dataset: Dataset) -> Level:
    names = tuple(axis.name for axis in image.axes)
    spatial = [i for i, axis in enumerate(image.axes) if axis.type == "space"]
    if all(names[i] in ("z", "y", "x") for i in spatial):
        spatial.sort(key=lambda i: "zyx".index(names[i]))
    lengths = [_length_nm(image, dataset, i) for i in spatial]
    known = tuple(length for length in lengths if length is not None)
    return Level(array, zarr_format, names, tuple(spatial), known if len(known) == 3 else None)


def _length_nm(image: Multiscale, dataset: Dataset, axis: int) -> float | None:
    factor = nm_per_unit(image.axes[axis].unit)
    transforms = [*dataset.coordinateTransformations, *(image.coordinateTransformations or ())]
    scales = [transform.scale[axis] for transform in transforms if transform.type == "scale"]
    return None if factor is None else factor * math.prod(scales)
