"""Arrays that tensorstore reads and writes, seen as volumes: Zarr, N5 and precomputed, here or remote."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import tensorstore
from jaxtyping import Shaped

from microtome.box import Box, Int3
from microtome.volume.places import ANSWER_SECONDS, CONTEXT, Missing, Place, failures_named, seconds_for
from microtome.volume.protocol import require_fitting, require_inside
from microtome.volume.spec import plain_dtype, stack_shape
from microtome.volume.voxel_size import VoxelSize

CACHE_BYTES = 128 * 2**20  # of decoded chunks that a process keeps, of all volumes that it reads


@dataclass(frozen=True, slots=True, eq=False)
class TensorVolume:
    """An array seen as z y x. Writes that share a chunk must not run at the same time."""

    place: Place
    store: tensorstore.TensorStore
    voxel_size_nm: VoxelSize
    writable: bool = False

    def __post_init__(self) -> None:
        stack_shape(self.store.shape, str(self.place))
        plain_dtype(self.dtype, str(self.place))

    @property
    def shape(self) -> Int3:
        z, y, x = self.store.shape
        return (z, y, x)

    @property
    def dtype(self) -> np.dtype:
        return np.dtype(self.store.dtype.numpy_dtype)

    @property
    def sections_together(self) -> int:
        """Of a chunk."""
        chunk = self.store.chunk_layout.read_chunk.shape
        return (chunk and chunk[0]) or 1

    def read(self, box: Box) -> Shaped[np.ndarray, "z y x"]:
        require_inside(self, box)
        seconds = seconds_for(self.place, box.size * self.dtype.itemsize)
        with failures_named(self.place):
            return np.asarray(self.store[box.slices].read().result(timeout=seconds), self.dtype)

    def write(self, box: Box, data: Shaped[np.ndarray, "z y x"]) -> None:
        require_fitting(self, box, data)
        if not self.writable:
            raise io.UnsupportedOperation(f"{self.place} was opened read-only")
        with failures_named(self.place):
            self.store[box.slices].write(data).result()


def open_array(
    spec: Mapping[str, object], place: Place, *, writable: bool = False, missing: Missing = "zero"
) -> tensorstore.TensorStore:
    """The array that `spec` (driver, and what it needs) stands for at `place`.

    Raises:
        ValueError: If it is damaged.
        OSError: If it cannot be reached.
        io.UnsupportedOperation: If it is to be written to, and remote.
    """
    if writable and place.remote:
        raise io.UnsupportedOperation(f"{place} is remote, so it is read-only")
    options: dict[str, object] = {"kvstore": place.kvstore}
    if not writable:  # what is written to has chunks that were not written yet
        options["fill_missing_data_reads"] = missing == "zero"
    if place.remote:  # to ask whether a chunk is as it was takes as long as a small one
        options["recheck_cached_data"] = "open"
    context = _context(0 if writable else CACHE_BYTES)
    with failures_named(place):
        found = tensorstore.open({**spec, **options}, open=True, read=True, write=writable, context=context)
        return found.result(timeout=ANSWER_SECONDS if place.remote else None)


@cache
def _context(cache_bytes: int) -> tensorstore.Context:
    """Shared by what a process opens, so that all of it keeps no more than that."""
    return tensorstore.Context({**CONTEXT, "cache_pool": {"total_bytes_limit": cache_bytes}})


def create_array(spec: Mapping[str, object], place: Place) -> tensorstore.TensorStore:
    """The array of that description at `place`, made if it is not there.

    Raises:
        ValueError: If another array is there, or the format cannot hold it.
        OSError: If it cannot be written.
    """
    with failures_named(place):
        return tensorstore.open({**spec, "kvstore": place.kvstore}, open=True, create=True).result()


def as_stack(
    store: tensorstore.TensorStore, names: Sequence[str], spatial: Sequence[int], where: Place
) -> tensorstore.TensorStore:
    """The array as z y x, from voxel 0 on: its axes at the positions `spatial`, the others dropped.

    Raises:
        ValueError: If its axes are not those of `names`, or one that is dropped is longer than 1.
    """
    if len(names) != store.rank:
        raise ValueError(
            f"{where}: expected the axes {', '.join(names)}; got an array of shape {store.shape}"
        )
    for i, (name, length) in enumerate(zip(names, store.shape, strict=True)):
        if i not in spatial and length != 1:
            raise ValueError(f"{where}: expected axis {name!r} to have length 1; got {length}")
    if len(spatial) < 2:
        raise ValueError(f"{where}: expected two or three axes; got an array of shape {store.shape}")
    from_0 = store[tensorstore.d[:].translate_to[0]]
    kept = from_0[tuple(slice(None) if i in spatial else 0 for i in range(store.rank))]
    ordered = kept.transpose([sorted(spatial).index(i) for i in spatial])
    return ordered if len(spatial) == 3 else ordered[tensorstore.newaxis]
