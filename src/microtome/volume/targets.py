"""What a volume can be converted to: OME-NGFF and precomputed with all levels, TIFF and HDF5 with one."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

from microtome.box import Int3
from microtome.volume.open import create_volume, open_volume
from microtome.volume.protocol import Volume
from microtome.volume.pyramid import Level
from microtome.volume.unfinished import Unfinished
from microtome.volume.uri import parsed
from microtome.volume.voxel_size import VoxelSize

Format = Literal["ngff", "ngff-0.4", "precomputed", "tiff", "hdf5"]
FORMATS: tuple[Format, ...] = ("ngff", "ngff-0.4", "precomputed", "tiff", "hdf5")
IN_FILES: tuple[Format, ...] = ("ngff", "ngff-0.4", "precomputed")
"""Each chunk is a file of its own, so that several processes can write, and each level is an array."""

_BY_KIND: dict[str, Format] = {"zarr": "ngff", "precomputed": "precomputed", "tiff": "tiff", "hdf5": "hdf5"}


@runtime_checkable
class Target(Protocol):
    """A new image on disk, level by level."""

    def level(self, number: int, level: Level) -> Volume:
        """The array of a level to write to, made if it is not there, with the levels before it."""
        ...

    def finish(self, levels: Sequence[Level]) -> None:
        """Write what is left once all levels are filled."""
        ...


@dataclass(frozen=True, slots=True)
class Ngff:
    """OME-NGFF `version`; chunks of zeros are stored too, so that each that is missing is a loss."""

    path: Path
    version: str
    offset: Int3

    def level(self, number: int, level: Level) -> Volume:
        from microtome.volume.ome_zarr import level_volume

        self.path.mkdir(exist_ok=True)
        return level_volume(self.path, number, level.spec, self.version, keep_zeros=True)

    def finish(self, levels: Sequence[Level]) -> None:
        from microtome.volume.ome_zarr import describe_image

        sizes = [level.spec.voxel_size_nm for level in levels]
        z, y, x = (nm * voxels for nm, voxels in zip(sizes[0], self.offset, strict=True))
        describe_image(self.path, self.path.name, sizes, self.version, (z, y, x))


@dataclass(frozen=True, slots=True)
class Precomputed:
    """An image or a segmentation of neuroglancer; chunks of zeros are stored too."""

    path: Path
    labels: bool
    offset: Int3
    finest_nm: VoxelSize

    def level(self, number: int, level: Level) -> Volume:
        from microtome.volume.precomputed import scale_volume

        kind: Literal["image", "segmentation"] = "segmentation" if self.labels else "image"
        sizes = zip(self.offset, self.finest_nm, level.spec.voxel_size_nm, strict=True)
        z, y, x = (voxels // round(coarse / fine) for voxels, fine, coarse in sizes)
        return scale_volume(self.path, level.spec, kind, (z, y, x), keep_zeros=True)

    def finish(self, levels: Sequence[Level]) -> None:
        """All is in the file `info` already."""


@dataclass(frozen=True, slots=True)
class OneFile:
    """A TIFF or an HDF5 file; what was killed while it was made, or while HDF5 wrote, is made anew."""

    unfinished: Unfinished
    inner: str | None

    def level(self, number: int, level: Level) -> Volume:
        uri = str(self.unfinished.path) + (f"::{self.inner}" if self.inner else "")
        spec = level.spec
        if self.unfinished.path.exists():
            try:
                return open_volume(uri, spec.voxel_size_nm, writable=True)
            except ValueError:
                self.unfinished.clear()
        chunks = spec.chunks if self.unfinished.path.suffix not in (".tif", ".tiff", ".btf") else None
        return create_volume(uri, spec.shape, spec.dtype, spec.voxel_size_nm, chunks=chunks)

    def finish(self, levels: Sequence[Level]) -> None:
        """The file holds all it needs."""


def target_format(uri: str, wanted: Format | None) -> Format:
    """What is asked for, or what the name's suffix stands for.

    Raises:
        ValueError: If the name has no suffix of these, or that of another format.
    """
    found = wanted if wanted in IN_FILES else _BY_KIND.get(parsed(uri).format)
    if "::" in uri and found != "hdf5":
        raise ValueError(f"{uri}: expected no path inside of a new volume, unless it is HDF5")
    if found is None or (wanted is not None and wanted != found):
        expected = wanted or ".ome.zarr, .precomputed, .tif or .h5, or --format"
        raise ValueError(f"{uri}: expected the suffix of {expected}")
    return found


def new_target(
    unfinished: Unfinished, inner: str | None, form: Format, base: Level, offset: Int3, *, labels: bool
) -> Target:
    """Where to write in that format.

    Raises:
        ValueError: If the format lacks the type.
    """
    match form:
        case "ngff" | "ngff-0.4":
            return Ngff(unfinished.path, "0.5" if form == "ngff" else "0.4", offset)
        case "precomputed":
            from microtome.volume.precomputed import require_precomputed

            require_precomputed(base.spec.dtype)
            return Precomputed(unfinished.path, labels, offset, base.spec.voxel_size_nm)
        case _:
            return OneFile(unfinished, inner)
