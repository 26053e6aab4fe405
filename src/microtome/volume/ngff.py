"""OME-NGFF metadata: which array is meant, what its axes are, and how large a voxel is."""

import json
import math
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError
from yaozarrs import v04, v05

from microtome.volume.voxel_size import VoxelSize, nm_per_unit

Multiscale = v04.Multiscale | v05.Multiscale
Dataset = v04.Dataset | v05.Dataset


@dataclass(frozen=True, slots=True)
class Level:
    """An array and what is said about it: names of all axes, and the positions of those along z, y, x.

    A bare array has no axes, and a voxel size only where all lengths have a unit.
    """

    path: Path
    axes: tuple[str, ...] = ()
    spatial: tuple[int, ...] = ()
    voxel_size_nm: VoxelSize | None = None


def find_level(path: Path, inner: str | None) -> Level:
    """The array at `inner`, or the finest level of the image there.

    Raises:
        ValueError: If there is neither array nor image, or the metadata are not valid OME-NGFF 0.4 or 0.5.
        FileNotFoundError: If there is nothing at `inner`.
    """
    target = path / inner.strip("/") if inner else path
    if not target.exists():
        raise FileNotFoundError(f"{target} does not exist")
    if _is_array(target):
        return _described(target, path)
    image = _image(target)
    if image is None:
        raise ValueError(
            f"{target} holds neither a Zarr array nor OME-NGFF multiscales; name one as {path.name}::NAME"
        )
    dataset = image.datasets[0]
    if not _is_array(target / dataset.path):
        raise ValueError(f"{target}: the metadata name an array {dataset.path!r} that does not exist")
    return _level(target / dataset.path, image, dataset)


def attributes(path: Path) -> dict[str, object] | None:
    """The user attributes of a Zarr group or array; None if the folder is neither.

    Raises:
        ValueError: If the metadata are no JSON object.
    """
    if (path / "zarr.json").is_file():
        found = _json(path / "zarr.json").get("attributes", {})
        return found if isinstance(found, dict) else {}
    if (path / ".zattrs").is_file():
        return _json(path / ".zattrs")
    return {} if (path / ".zgroup").is_file() or (path / ".zarray").is_file() else None


def image_attributes(name: str, voxel_size_nm: VoxelSize, version: str) -> dict[str, dict[str, object]]:
    """The metadata files, by name, of an image with one level called 0.

    Raises:
        ValueError: If `version` is neither 0.4 nor 0.5.
    """
    scale = {"type": "scale", "scale": list(voxel_size_nm)}
    multiscale = {
        "name": name,
        "axes": [{"name": axis, "type": "space", "unit": "nanometer"} for axis in "zyx"],
        "datasets": [{"path": "0", "coordinateTransformations": [scale]}],
    }
    match version:
        case "0.5":
            ome: dict[str, object] = {"version": "0.5", "multiscales": [multiscale]}
            v05.Image.model_validate(ome)
            return {"zarr.json": {"zarr_format": 3, "node_type": "group", "attributes": {"ome": ome}}}
        case "0.4":
            attrs: dict[str, object] = {"multiscales": [{"version": "0.4", **multiscale}]}
            v04.Image.model_validate(attrs)
            return {".zgroup": {"zarr_format": 2}, ".zattrs": attrs}
        case _:
            raise ValueError(f"expected OME-NGFF version 0.4 or 0.5; got {version}")


def _is_array(path: Path) -> bool:
    if (path / "zarr.json").is_file():
        return _json(path / "zarr.json").get("node_type") == "array"
    return (path / ".zarray").is_file()


def _described(array: Path, root: Path) -> Level:
    """The array as the nearest image around it, but not above `root`, describes it."""
    folder = array
    while folder != root:
        folder = folder.parent
        image = _image(folder)
        if image is None:
            continue
        for dataset in image.datasets:
            if folder / dataset.path == array:
                return _level(array, image, dataset)
    return Level(array)


def _image(folder: Path) -> Multiscale | None:
    found = attributes(folder) or {}
    ome = found.get("ome")
    try:
        if isinstance(ome, dict) and "multiscales" in ome:
            return v05.Image.model_validate(ome).multiscales[0]
        return v04.Image.model_validate(found).multiscales[0] if "multiscales" in found else None
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise ValueError(f"{folder}: invalid OME-NGFF metadata at {key!r}: {first['msg']}") from error


def _level(array: Path, image: Multiscale, dataset: Dataset) -> Level:
    names = tuple(axis.name for axis in image.axes)
    spatial = [i for i, axis in enumerate(image.axes) if axis.type == "space"]
    if all(names[i] in ("z", "y", "x") for i in spatial):
        spatial.sort(key=lambda i: "zyx".index(names[i]))
    lengths = [_length_nm(image, dataset, i) for i in spatial]
    known = tuple(length for length in lengths if length is not None)
    return Level(array, names, tuple(spatial), known if len(known) == 3 else None)


def _length_nm(image: Multiscale, dataset: Dataset, axis: int) -> float | None:
    factor = nm_per_unit(image.axes[axis].unit)
    transforms = [*dataset.coordinateTransformations, *(image.coordinateTransformations or ())]
    scales = [transform.scale[axis] for transform in transforms if transform.type == "scale"]
    return None if factor is None else factor * math.prod(scales)


def _json(path: Path) -> dict[str, object]:
    try:
        found = json.loads(path.read_bytes())
    except ValueError as error:
        raise ValueError(f"{path} is no JSON: {error}") from error
    if not isinstance(found, dict):
        raise ValueError(f"{path}: expected a JSON object; got {type(found).__name__}")  # noqa: TRY004
    return found
