"""Neuroglancer's precomputed images and segmentations."""

from pathlib import Path
from typing import Literal

import numpy as np

from microtome.box import Int3
from microtome.volume.ngff import json_object
from microtome.volume.places import Missing, Place
from microtome.volume.protocol import Volume
from microtome.volume.spec import VolumeSpec
from microtome.volume.tensors import TensorVolume, as_stack, create_array, open_array
from microtome.volume.voxel_size import VoxelSize, chosen_voxel_size

Kind = Literal["image", "segmentation"]
DTYPES = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "float32")
METADATA = "info"
AXES = ("x", "y", "z", "channel")
STACK = (2, 1, 0)


def open_precomputed(
    place: Place,
    key: str | None,
    voxel_size_nm: VoxelSize | None,
    *,
    writable: bool = False,
    missing: Missing = "zero",
) -> Volume:
    """The scale called `key`, or the finest; its first voxel is 0 0 0, whatever offset the file states.

    Raises:
        ValueError: If it is damaged, or has several channels.
        FileNotFoundError: If there is nothing, or no scale of that name.
        OSError: If it cannot be reached.
    """
    info = json_object(place, METADATA)
    if info is None:
        raise FileNotFoundError(f"{place} holds no file {METADATA!r}" + " that may be read" * place.remote)
    keys, sizes = _scales(info, place)
    if key is not None and key not in keys:
        raise FileNotFoundError(f"{place} has no scale {key!r}; it has {', '.join(keys)}")
    index = keys.index(key) if key is not None else 0
    spec = {"driver": "neuroglancer_precomputed", "scale_index": index}
    store = open_array(spec, place, writable=writable, missing=missing)
    stack = as_stack(store, AXES, STACK, place)
    return TensorVolume(place, stack, chosen_voxel_size(voxel_size_nm, sizes[index], str(place)), writable)


def create_precomputed(path: Path, spec: VolumeSpec) -> Volume:
    """A new image of zeros with one scale.

    Raises:
        ValueError: If the format has no such type.
        OSError: If the folder exists or cannot be written.
    """
    require_precomputed(spec.dtype)
    path.mkdir()
    return scale_volume(path, spec, "image")


def require_precomputed(dtype: np.dtype) -> None:
    """Check a type.

    Raises:
        ValueError: If the format does not have it.
    """
    if dtype.name not in DTYPES:
        raise ValueError(f"precomputed has the types {', '.join(DTYPES)}; got {dtype}")


def scale_volume(
    path: Path, spec: VolumeSpec, kind: Kind, offset: Int3 = (0, 0, 0), *, keep_zeros: bool = False
) -> TensorVolume:
    """The array of one scale, made and put into the file `info` if it is not there.

    With `keep_zeros`, chunks of nothing but zeros are written too, so that each that is missing is a loss.

    Raises:
        ValueError: If another array is there.
        OSError: If it cannot be written.
    """
    place = Place(str(path))
    ids = kind == "segmentation" and spec.dtype.name in ("uint32", "uint64")
    encoding: dict[str, object] = {"encoding": "raw"}
    if ids:
        encoding = {"encoding": "compressed_segmentation", "compressed_segmentation_block_size": [8, 8, 8]}
    scale = {
        "size": spec.shape[::-1],
        "resolution": spec.voxel_size_nm[::-1],
        "chunk_size": spec.stored_chunks[::-1],
        "voxel_offset": offset[::-1],
        **encoding,
    }
    multiscale = {"type": kind, "data_type": spec.dtype.name, "num_channels": 1}
    driver = {"driver": "neuroglancer_precomputed", "store_data_equal_to_fill_value": keep_zeros}
    store = create_array({**driver, "multiscale_metadata": multiscale, "scale_metadata": scale}, place)
    stack = as_stack(store, AXES, STACK, place)
    return TensorVolume(place, stack, spec.voxel_size_nm, writable=True)


def _scales(info: dict[str, object], place: Place) -> tuple[list[str], list[VoxelSize]]:
    keys, sizes = [], []
    scales = info.get("scales")
    for scale in scales if isinstance(scales, list) else ():
        match scale:
            case {
                "key": str(key),
                "resolution": [int() | float() as x, int() | float() as y, int() | float() as z],
            }:
                keys.append(key)
                sizes.append((float(z), float(y), float(x)))
            case _:
                raise ValueError(
                    f"{place / METADATA}: expected scales with a key and a resolution; got {scale}"
                )
    if not keys:
        raise ValueError(f"{place / METADATA} lists no scales")
    return keys, sizes
