"""MRC volumes: uncompressed, behind a header that states the voxel size in ångström."""

import io
import struct
from pathlib import Path

import mrcfile
import numpy as np
from mrcfile.utils import data_dtype_from_header, data_shape_from_header

from microtome.volume.mapped import MappedVolume, require_whole
from microtome.volume.protocol import Volume
from microtome.volume.spec import plain_dtype, stack_shape
from microtome.volume.voxel_size import VoxelSize, chosen_voxel_size

NM_PER_ANGSTROM = 0.1
HEADER_BYTES = 1024
IMOD_STAMP = 1146047817  # IMOD's header says whether the bytes of mode 0 are signed; MRC2014's are


def open_mrc(path: Path, voxel_size_nm: VoxelSize | None, *, writable: bool = False) -> Volume:
    """The volume or stack of sections of an MRC file, mapped into memory; read-only.

    Raises:
        ValueError: If the file is damaged or truncated, its axes are not in the order x y z, its numbers are
            complex, or it states no voxel size and none is given.
        io.UnsupportedOperation: If it is to be written to.
    """
    if writable:
        raise io.UnsupportedOperation(f"{path}: MRC is only read")
    try:
        with mrcfile.open(path, header_only=True) as file:
            header = file.header.copy()
        stored, shape = _dtype(header), data_shape_from_header(header)
    except ValueError as error:
        raise ValueError(f"{path} is no readable MRC file: {error}") from error
    axes = tuple(int(header[name]) for name in ("mapc", "mapr", "maps"))
    if axes not in ((1, 2, 3), (0, 0, 0)):
        raise ValueError(f"{path}: expected axes in the order x y z (1, 2, 3); got {axes}")
    plain_dtype(stored, str(path))
    size_nm = chosen_voxel_size(voxel_size_nm, _stated(header), str(path))
    offset = HEADER_BYTES + int(header.nsymbt)
    volume = MappedVolume(path, offset, stored, stack_shape(shape, str(path)), size_nm)
    require_whole(volume)
    return volume


def _dtype(header: np.recarray) -> np.dtype:
    dtype = np.dtype(data_dtype_from_header(header))
    if int(header.mode) != 0:
        return dtype
    stamp, flags = struct.unpack(dtype_order(header) + "ii", bytes(header.extra2)[40:48].ljust(8, b"\0"))
    return np.dtype(np.uint8) if stamp == IMOD_STAMP and not flags & 1 else dtype


def dtype_order(header: np.recarray) -> str:
    """`<` or `>`: the byte order of the file."""
    return ">" if header.mode.dtype.newbyteorder("<") != header.mode.dtype else "<"


def _stated(header: np.recarray) -> VoxelSize | None:
    """The length of the cell over the number of voxels along it; None where a length is 0."""
    cells = [float(header.cella[axis]) for axis in "zyx"]
    samples = [int(header[name]) for name in ("mz", "my", "mx")]
    if min(cells) <= 0 or min(samples) <= 0:
        return None
    z, y, x = (NM_PER_ANGSTROM * cell / n for cell, n in zip(cells, samples, strict=True))
    return (z, y, x)
