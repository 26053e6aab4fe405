"""NIfTI volumes: .nii mapped into memory, .nii.gz unpacked once into the cache."""

import gzip
import hashlib
import io
import shutil
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pooch
from filelock import FileLock
from jaxtyping import Float32, Shaped
from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import HeaderDataError

from microtome.box import Box, Int3
from microtome.volume.mapped import MappedVolume, require_whole
from microtome.volume.protocol import Volume
from microtome.volume.spec import plain_dtype, stack_shape
from microtome.volume.voxel_size import VoxelSize, chosen_voxel_size, nm_per_unit
from microtome.whole import whole_file


@dataclass(frozen=True, slots=True)
class ScaledVolume:
    """Stored numbers times `slope` plus `inter`, float32; read-only."""

    stored: Volume
    slope: float
    inter: float

    @property
    def shape(self) -> Int3:
        return self.stored.shape

    @property
    def dtype(self) -> np.dtype:
        return np.dtype(np.float32)

    @property
    def voxel_size_nm(self) -> VoxelSize:
        return self.stored.voxel_size_nm

    def read(self, box: Box) -> Float32[np.ndarray, "z y x"]:
        return (self.stored.read(box) * self.slope + self.inter).astype(np.float32)

    def write(self, box: Box, data: Shaped[np.ndarray, "z y x"]) -> None:
        raise io.UnsupportedOperation("NIfTI is read-only")


def open_nifti(path: Path, voxel_size_nm: VoxelSize | None, *, writable: bool = False) -> Volume:
    """The volume of a NIfTI file, its axes turned to z y x as they are stored; read-only.

    A .nii.gz is unpacked to a file in the user's cache the first time, and read from there until it changes.

    Raises:
        ValueError: If the file is damaged or truncated, has a fourth axis longer than 1, or states no voxel
            size and none is given.
        io.UnsupportedOperation: If it is to be written to.
        OSError: If there is no room to unpack it.
    """
    if writable:
        raise io.UnsupportedOperation(f"{path}: NIfTI is only read")
    file = _unpacked(path) if path.suffix.lower() == ".gz" else path
    try:
        image: Any = nibabel.load(file)
        proxy = image.dataobj
    except (ImageFileError, HeaderDataError, OSError, ValueError) as error:
        raise ValueError(f"{path} is no readable NIfTI file: {error}") from error
    shape = stack_shape(_three(proxy.shape)[::-1], str(path))
    stored = np.dtype(proxy.dtype)
    plain_dtype(stored, str(path))
    size_nm = chosen_voxel_size(voxel_size_nm, _stated(image.header), str(path))
    volume = MappedVolume(file, int(proxy.offset), stored, shape, size_nm)
    require_whole(volume)
    scaled = (proxy.slope, proxy.inter) != (1, 0)
    return ScaledVolume(volume, float(proxy.slope), float(proxy.inter)) if scaled else volume


def _three(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Without axes of length 1 after the third."""
    return shape[:3] if all(side == 1 for side in shape[3:]) else shape


def _stated(header: Any) -> VoxelSize | None:  # noqa: ANN401
    factor = nm_per_unit(header.get_xyzt_units()[0])
    if factor is None:
        return None
    x, y, z = (float(side) * factor for side in header["pixdim"][1:4])
    return (z, y, x)


def _unpacked(path: Path) -> Path:
    """The file without gzip, in the cache under the name of what it is made of."""
    state = path.stat()
    made_of = f"{path.resolve()} {state.st_size} {state.st_mtime_ns}"
    folder = Path(pooch.os_cache("microtome")) / "unpacked"
    unpacked = folder / f"{hashlib.sha256(made_of.encode()).hexdigest()[:32]}.nii"
    if unpacked.exists():
        return unpacked
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_suffix(".lock")):  # workers of a cluster may all come at once
        if not unpacked.exists():
            try:
                with whole_file(unpacked) as partial, gzip.open(path) as packed, partial.open("wb") as out:
                    shutil.copyfileobj(packed, out, 2**22)
            except (EOFError, zlib.error, gzip.BadGzipFile) as error:
                raise ValueError(f"{path} is no readable gzip file: {error}") from error
    return unpacked
