"""OME-Zarr images (OME-NGFF 0.4 and 0.5) and bare Zarr arrays."""

import json
from collections.abc import Sequence
from pathlib import Path

from microtome.volume.ngff import find_level, image_attributes
from microtome.volume.places import Missing, Place
from microtome.volume.protocol import Volume
from microtome.volume.spec import VolumeSpec
from microtome.volume.tensors import TensorVolume, as_stack, create_array, open_array
from microtome.volume.voxel_size import VoxelSize, chosen_voxel_size
from microtome.whole import whole_file


def open_ome_zarr(
    place: Place,
    inner: str | None,
    voxel_size_nm: VoxelSize | None,
    *,
    writable: bool = False,
    missing: Missing = "zero",
) -> Volume:
    """The finest level of an image, or the level, image or bare array at `inner` below `place`.

    Axes other than z y x must have length 1.

    Raises:
        ValueError: If metadata or array are damaged or do not fit each other, another axis is longer than 1,
            or no voxel size is stated or given.
        FileNotFoundError: If there is nothing at `inner`.
        OSError: If it cannot be reached.
    """
    level = find_level(place, inner)
    driver = "zarr3" if level.zarr_format == 3 else "zarr"
    store = open_array({"driver": driver}, level.place, writable=writable, missing=missing)
    rank = store.rank
    names = level.axes or tuple(f"number {i}" for i in range(rank - 3)) + tuple("zyx"[-rank:])
    stack = as_stack(store, names, level.spatial or tuple(range(rank))[-3:], level.place)
    size_nm = chosen_voxel_size(voxel_size_nm, level.voxel_size_nm, str(level.place))
    return TensorVolume(level.place, stack, size_nm, writable)


def create_ome_zarr(path: Path, spec: VolumeSpec, *, version: str = "0.5") -> Volume:
    """A new image of zeros with one level called 0, of OME-NGFF `version` 0.5 (Zarr 3) or 0.4 (Zarr 2).

    Raises:
        ValueError: If the version is another.
        OSError: If the folder exists or cannot be written.
    """
    image_attributes(path.name, [spec.voxel_size_nm], version)
    path.mkdir()
    volume = level_volume(path, 0, spec, version)
    # the image's metadata come last, so that a half-created image is none
    describe_image(path, path.name, [spec.voxel_size_nm], version)
    return volume


def level_volume(
    path: Path, level: int, spec: VolumeSpec, version: str, *, keep_zeros: bool = False
) -> TensorVolume:
    """The array of one level, made if it is not there; `describe_image` makes an image of all of them.

    With `keep_zeros`, chunks of nothing but zeros are written too, so that each that is missing is a loss.

    Raises:
        ValueError: If another array is there.
        OSError: If it cannot be written.
    """
    place = Place(str(path / str(level)))
    array = _zarr3_array(spec) if version == "0.5" else _zarr2_array(spec)
    store = create_array({**array, "store_data_equal_to_fill_value": keep_zeros}, place)
    return TensorVolume(place, store, spec.voxel_size_nm, writable=True)


def describe_image(
    path: Path,
    name: str,
    sizes: Sequence[VoxelSize],
    version: str,
    origin_nm: VoxelSize = (0.0, 0.0, 0.0),
    *,
    labels: bool = False,
) -> None:
    """Write the metadata of an image, or of a labels image, whose levels have such voxels.

    Raises:
        OSError: If they cannot be written.
    """
    for file, content in image_attributes(name, sizes, version, origin_nm, labels=labels).items():
        with whole_file(path / file) as partial:
            partial.write_text(json.dumps(content, indent=1), encoding="utf-8")


def _zarr3_array(spec: VolumeSpec) -> dict[str, object]:
    chunks = {"name": "regular", "configuration": {"chunk_shape": spec.stored_chunks}}
    zstd = {"name": "zstd", "configuration": {"level": 1, "checksum": True}}
    blosc = {"name": "blosc", "configuration": {"cname": "zstd", "clevel": 1, "shuffle": "bitshuffle"}}
    metadata = {
        "shape": spec.shape,
        "data_type": spec.dtype.name,
        "chunk_grid": chunks,
        "codecs": [
            {"name": "bytes", "configuration": {"endian": "little"}},
            *([blosc, {"name": "crc32c"}] if _holds_ids(spec) else [zstd]),
        ],
        "dimension_names": ["z", "y", "x"],
        "fill_value": False if spec.dtype.kind == "b" else 0,
    }
    return {"driver": "zarr3", "metadata": metadata}


def _zarr2_array(spec: VolumeSpec) -> dict[str, object]:
    blosc = {"id": "blosc", "cname": "zstd", "clevel": 1, "shuffle": 2}
    metadata = {
        "shape": spec.shape,
        "dtype": spec.dtype.newbyteorder("<").str,
        "chunks": spec.stored_chunks,
        "compressor": blosc if _holds_ids(spec) else {"id": "zstd", "level": 1},
        "dimension_separator": "/",
        "fill_value": False if spec.dtype.kind == "b" else 0,
    }
    return {"driver": "zarr", "metadata": metadata}


def _holds_ids(spec: VolumeSpec) -> bool:
    """Wide integers are instance ids, which shrink far more once their bits are shuffled; images do not."""
    return spec.dtype.kind in "ui" and spec.dtype.itemsize >= 4
