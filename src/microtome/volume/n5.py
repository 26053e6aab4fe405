"""N5 data sets, whose axes lie on disk as x y z."""

from collections.abc import Mapping, Sequence

from microtome.volume.ngff import json_object
from microtome.volume.places import Missing, Place, choice_of
from microtome.volume.protocol import Volume
from microtome.volume.tensors import TensorVolume, as_stack, open_array
from microtome.volume.voxel_size import VoxelSize, chosen_voxel_size, nm_per_unit

Attributes = Mapping[str, object]
METADATA = "attributes.json"
FINEST = "s0"  # what Paintera, BigDataViewer and COSEM call the finest level of a group


def open_n5(
    place: Place,
    inner: str | None,
    voxel_size_nm: VoxelSize | None,
    *,
    writable: bool = False,
    missing: Missing = "zero",
) -> Volume:
    """The data set at `inner` below `place`, or the finest level of the group there.

    Its voxel size is `transform`, `pixelResolution` or `resolution` of the data set or of a group around it,
    nm unless a unit is stated. Axes are x y z unless `axes` names them; a fourth must have length 1.

    Raises:
        ValueError: If it is damaged, no data set, has other axes, or states no voxel size and none is given.
        FileNotFoundError: If there is nothing at `inner`.
        OSError: If it cannot be reached.
    """
    target = place / inner if inner else place
    array, attributes = _data_set(place, target)
    store = open_array({"driver": "n5"}, array, writable=writable, missing=missing)
    names = _names(attributes, store.rank)
    stack = as_stack(store, names, [names.index(axis) for axis in "zyx" if axis in names], array)
    stated = _stated(array, attributes, place) if voxel_size_nm is None else None
    return TensorVolume(array, stack, chosen_voxel_size(voxel_size_nm, stated, str(array)), writable)


def _data_set(place: Place, target: Place) -> tuple[Place, Attributes]:
    found = json_object(target, METADATA)
    if found is not None and "dimensions" in found:
        return target, found
    finest = json_object(target / FINEST, METADATA)
    if finest is not None and "dimensions" in finest:
        return target / FINEST, finest
    if found is None and (target.remote or not target.path.exists()):
        raise FileNotFoundError(f"{target} does not exist" + " or may not be read" * target.remote)
    raise ValueError(f"{target} holds no N5 data set; {choice_of(place, target, METADATA)}")


def _names(attributes: Attributes, rank: int) -> tuple[str, ...]:
    stated = attributes.get("axes")
    if isinstance(stated, list) and {"x", "y"} <= set(map(str, stated)):
        return tuple(map(str, stated))
    return ("x", "y", "z")[:rank] + tuple(f"number {i}" for i in range(3, rank))


def _stated(array: Place, attributes: Attributes, root: Place) -> VoxelSize | None:
    """What the data set says; else what a group says of its finest level, times the factors."""
    own = _lengths(attributes, array)
    if own is not None:
        return own
    factors = _numbers(attributes.get("downsamplingFactors", [1, 1, 1]), array)
    folder = array
    while folder != root:
        folder = folder.parent
        lengths = _lengths(json_object(folder, METADATA) or {}, folder)
        if lengths is not None:
            z, y, x = (a * b for a, b in zip(lengths, reversed(factors), strict=True))
            return (z, y, x)
    return None


def _lengths(attributes: Attributes, where: Place) -> VoxelSize | None:
    transform, pixel = attributes.get("transform"), attributes.get("pixelResolution")
    match (transform, pixel):
        case ({"axes": list(axes), "scale": scale, "units": list(units)}, _) if len(units) == 3:
            return _size(scale, units, [str(axis) for axis in axes], where)
        case (_, {"dimensions": lengths, **rest}):
            return _size(lengths, [rest.get("unit", "nm")] * 3, "xyz", where)
    lengths = pixel or attributes.get("resolution")
    stated = attributes.get("units", attributes.get("unit", "nm"))
    units = stated if isinstance(stated, list) and len(stated) == 3 else [stated] * 3
    return None if lengths is None else _size(lengths, units, "xyz", where)


def _size(lengths: object, units: Sequence[object], axes: Sequence[str], where: Place) -> VoxelSize | None:
    factors = [nm_per_unit(str(unit)) for unit in units]
    if None in factors or sorted(axes) != ["x", "y", "z"]:
        return None
    values = dict(zip(axes, zip(_numbers(lengths, where), factors, strict=True), strict=True))
    z, y, x = (length * (factor or 0) for length, factor in (values[axis] for axis in "zyx"))
    return (z, y, x)


def _numbers(value: object, where: Place) -> tuple[float, float, float]:
    match value:
        case [int() | float() as x, int() | float() as y, int() | float() as z]:
            return (float(x), float(y), float(z))
    raise ValueError(f"{where / METADATA}: expected three numbers x, y, z; got {value}")
