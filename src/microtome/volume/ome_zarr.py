"""OME-Zarr images (OME-NGFF 0.4 and 0.5) and bare Zarr arrays, through tensorstore."""

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorstore
from jaxtyping import Shaped

from microtome.box import Box, Int3
from microtome.volume.ngff import Level, find_level, image_attributes
from microtome.volume.protocol import Volume, require_fitting, require_inside
from microtome.volume.spec import VolumeSpec, plain_dtype, stack_shape
from microtome.volume.voxel_size import VoxelSize, chosen_voxel_size


@dataclass(frozen=True, slots=True, eq=False)
class OmeZarrVolume:
    """A Zarr array seen as z y x. Writes that share a chunk must not run at the same time."""

    path: Path
    store: tensorstore.TensorStore
    dtype: np.dtype
    voxel_size_nm: VoxelSize
    writable: bool = False

    @property
    def shape(self) -> Int3:
        z, y, x = self.store.shape
        return (z, y, x)

    def read(self, box: Box) -> Shaped[np.ndarray, "z y x"]:
        require_inside(self, box)
        with _damage_named(self.path):
            return np.asarray(self.store[box.slices].read().result(), self.dtype)

    def write(self, box: Box, data: Shaped[np.ndarray, "z y x"]) -> None:
        require_fitting(self, box, data)
        if not self.writable:
            raise io.UnsupportedOperation(f"{self.path} was opened read-only")
        self.store[box.slices].write(data).result()


def open_ome_zarr(
    path: Path, inner: str | None, voxel_size_nm: VoxelSize | None, *, writable: bool = False
) -> Volume:
    """The finest level of an image, or the level, image or bare array at `inner` below `path`.

    Axes other than z y x must have length 1.

    Raises:
        ValueError: If metadata or array are damaged or do not fit each other, another axis is longer than 1,
            or no voxel size is stated or given.
        FileNotFoundError: If there is nothing at `inner`.
    """
    level = find_level(path, inner)
    with _damage_named(level.path):
        driver = "zarr3" if (level.path / "zarr.json").exists() else "zarr"
        store = tensorstore.open(
            {"driver": driver, "kvstore": _files(level.path)}, open=True, read=True, write=writable
        ).result()
        dtype = np.dtype(store.dtype.numpy_dtype)
    where = str(level.path)
    stack = _stack(store, level)
    stack_shape(stack.shape, where)
    size_nm = chosen_voxel_size(voxel_size_nm, level.voxel_size_nm, where)
    return OmeZarrVolume(level.path, stack, plain_dtype(dtype, where), size_nm, writable)


def create_ome_zarr(path: Path, spec: VolumeSpec, *, version: str = "0.5") -> Volume:
    """A new image of zeros with one level called 0, of OME-NGFF `version` 0.5 (Zarr 3) or 0.4 (Zarr 2).

    Raises:
        ValueError: If the version is another.
        OSError: If the folder exists or cannot be written.
    """
    metadata = image_attributes(path.name, spec.voxel_size_nm, version)
    path.mkdir()
    new_array = _zarr3_array(spec) if version == "0.5" else _zarr2_array(spec)
    tensorstore.open({**new_array, "kvstore": _files(path / "0")}, create=True).result()
    # the image's metadata come last, so that a half-created image is none
    for name, content in metadata.items():
        (path / name).write_text(json.dumps(content, indent=1), encoding="utf-8")
    return open_ome_zarr(path, None, None, writable=True)


def _files(path: Path) -> dict[str, str]:
    return {"driver": "file", "path": f"{path.resolve()}/"}


@contextmanager
def _damage_named(path: Path) -> Iterator[None]:
    try:
        yield
    except (ValueError, NotImplementedError) as error:
        reason = str(error).split(" [tensorstore_spec=")[0]
        raise ValueError(f"{path} is no readable Zarr array: {reason}") from error


def _stack(store: tensorstore.TensorStore, level: Level) -> tensorstore.TensorStore:
    """The array as z y x: its spatial axes in order, the others dropped."""
    names = level.axes or tuple(f"number {i}" for i in range(store.rank - 3)) + tuple("zyx"[-store.rank :])
    spatial = level.spatial or tuple(range(store.rank))[-3:]
    if len(names) != store.rank:
        raise ValueError(
            f"{level.path}: expected the axes {', '.join(names)}; got an array of shape {store.shape}"
        )
    for i, (name, length) in enumerate(zip(names, store.shape, strict=True)):
        if i not in spatial and length != 1:
            raise ValueError(f"{level.path}: expected axis {name!r} to have length 1; got {length}")
    if len(spatial) < 2:
        raise ValueError(f"{level.path}: expected two or three axes; got an array of shape {store.shape}")
    kept = store[tuple(slice(None) if i in spatial else 0 for i in range(store.rank))]
    ordered = kept.transpose([sorted(spatial).index(i) for i in spatial])
    return ordered if len(spatial) == 3 else ordered[tensorstore.newaxis]


def _zarr3_array(spec: VolumeSpec) -> dict[str, object]:
    chunks = {"name": "regular", "configuration": {"chunk_shape": spec.stored_chunks}}
    zstd = {"name": "zstd", "configuration": {"level": 1}}
    blosc = {"name": "blosc", "configuration": {"cname": "zstd", "clevel": 1, "shuffle": "bitshuffle"}}
    metadata = {
        "shape": spec.shape,
        "data_type": spec.dtype.name,
        "chunk_grid": chunks,
        "codecs": [
            {"name": "bytes", "configuration": {"endian": "little"}},
            blosc if _holds_ids(spec) else zstd,
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
