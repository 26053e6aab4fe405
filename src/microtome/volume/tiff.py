"""TIFF stacks: plain ones as a memory map, all others section by section."""

import io
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import tifffile
from jaxtyping import Shaped

from microtome.box import Box, Int3
from microtome.volume.mapped import MappedVolume, require_whole
from microtome.volume.protocol import Volume, require_fitting, require_inside
from microtome.volume.recent import RecentSections
from microtome.volume.space import require_room, reserve
from microtome.volume.spec import VolumeSpec, plain_dtype
from microtome.volume.tiff_layout import Page, damage_named, tiff_stack
from microtome.volume.tiff_metadata import stated_voxel_size
from microtome.volume.tiff_tiles import in_tiles, read_tiles
from microtome.volume.voxel_size import VoxelSize, chosen_voxel_size
from microtome.whole import naming

BIG = 2**32 - 2**25  # bytes of voxels; a TIFF counts them, and what is said of them, in 32 bits
OME_DTYPES = ("uint8", "uint16", "uint32", "int8", "int16", "int32", "float32", "float64")


@dataclass(frozen=True, slots=True, eq=False)
class PagedTiffVolume:
    """A compressed or tiled TIFF of which only the pages or tiles that a box touches are decoded; read-only.

    `pages` know where their data lie; the file is opened for each page and closed again.
    """

    path: Path
    pages: Sequence[Page]
    shape: Int3
    dtype: np.dtype
    voxel_size_nm: VoxelSize
    recent: RecentSections = field(default_factory=RecentSections)
    one_thread: threading.RLock = field(default_factory=threading.RLock)

    def read(self, box: Box) -> Shaped[np.ndarray, "z y x"]:
        require_inside(self, box)
        result = np.empty(box.shape, self.dtype)
        for i, z in enumerate(range(box.start[0], box.stop[0])):
            if in_tiles(self.pages[z]):
                result[i] = self._decoded_tiles(z, box)
            else:
                result[i] = self.recent.get(z, self._decoded)[box.slices[1:]]
        return result

    def write(self, box: Box, data: Shaped[np.ndarray, "z y x"]) -> None:
        require_fitting(self, box, data)
        raise io.UnsupportedOperation(f"{self.path} is compressed or tiled, so it is read-only")

    def _decoded(self, z: int) -> np.ndarray:
        with self._opened(z) as page:
            return page.asarray().reshape(self.shape[1:])

    def _decoded_tiles(self, z: int, box: Box) -> np.ndarray:
        with self._opened(z) as page:
            return read_tiles(page, box, self.dtype)

    @contextmanager
    def _opened(self, z: int) -> Iterator[Page]:
        page = self.pages[z]
        with self.one_thread, damage_named(self.path):  # pages share a place in the file
            page.parent.filehandle.open()
            with closing(page.parent.filehandle):
                yield page

    def __reduce__(self) -> tuple[object, ...]:
        return open_tiff, (self.path, self.voxel_size_nm)


def open_tiff(path: Path, voxel_size_nm: VoxelSize | None, *, writable: bool = False) -> Volume:
    """A TIFF, BigTIFF, ImageJ or OME-TIFF stack; only its directory is read.

    Raises:
        ValueError: If the file is damaged or shorter than announced, has channels or several stacks, states
            no voxel size and none is given, or is to be written but compressed.
    """
    with damage_named(path), tifffile.TiffFile(path) as tif:
        stack = tiff_stack(tif)
        plain_dtype(stack.dtype, str(path))
        stated = stated_voxel_size(tif) if voxel_size_nm is None else None
    size_nm = chosen_voxel_size(voxel_size_nm, stated, str(path))
    if stack.offset is not None:
        mapped = MappedVolume(path, stack.offset, stack.dtype, stack.shape, size_nm, writable)
        require_whole(mapped)
        return mapped
    if writable:
        raise io.UnsupportedOperation(f"{path} is compressed or tiled, so it cannot be written to")
    return PagedTiffVolume(path, stack.pages, stack.shape, stack.dtype.newbyteorder("="), size_nm)


def create_tiff(path: Path, spec: VolumeSpec) -> Volume:
    """A new uncompressed TIFF of zeros with the voxel size in OME-XML; a BigTIFF from 4 GB on.

    Raises:
        ValueError: If OME has no name for the type.
        OSError: If the file cannot be written, or the disk has no room for it.
    """
    if spec.dtype.name not in OME_DTYPES:
        hint = "; --dtype uint32 holds ids below 2³²" if spec.dtype.name == "uint64" else ""
        raise ValueError(
            f"expected one of the types of OME-TIFF {', '.join(OME_DTYPES)}; got {spec.dtype}{hint}"
        )
    sizes = {f"PhysicalSize{axis}": nm for axis, nm in zip("ZYX", spec.voxel_size_nm, strict=True)}
    units = {f"PhysicalSize{axis}Unit": "nm" for axis in "ZYX"}
    metadata = {"axes": "ZYX", **sizes, **units}
    size = Box.of(spec.shape).size * spec.dtype.itemsize
    require_room(path, size)
    with naming(path):
        tifffile.memmap(
            path,
            shape=spec.shape,
            dtype=spec.dtype,
            bigtiff=size >= BIG,
            ome=True,
            photometric="minisblack",
            metadata=metadata,
        )
    reserve(path)
    return open_tiff(path, spec.voxel_size_nm, writable=True)
