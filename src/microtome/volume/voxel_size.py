"""The size of a voxel: lengths in the units that files use, and who has the last word."""

import math
from collections.abc import Sequence

VoxelSize = tuple[float, float, float]
"""Nanometres along z, y, x."""

NM_PER_UNIT = {
    **dict.fromkeys(("pm", "picometer", "picometre"), 1e-3),
    **dict.fromkeys(("\u00c5", "\u212b", "angstrom"), 0.1),  # the letter and the sign Å
    **dict.fromkeys(("nm", "nanometer", "nanometre"), 1.0),
    **dict.fromkeys(
        ("um", "\u00b5m", "\u03bcm", "micrometer", "micrometre", "micron"), 1e3
    ),  # micro sign and mu
    **dict.fromkeys(("mm", "millimeter", "millimetre"), 1e6),
    **dict.fromkeys(("cm", "centimeter", "centimetre"), 1e7),
    **dict.fromkeys(("m", "meter", "metre"), 1e9),
}


def nm_per_unit(unit: str | None) -> float | None:
    """The nanometres in one `unit`; None for an unknown unit such as pixels."""
    name = (unit or "").strip()
    if name in NM_PER_UNIT:
        return NM_PER_UNIT[name]
    return NM_PER_UNIT.get(name.lower().removesuffix("s")) if len(name) > 2 else None


def checked_voxel_size(sizes: Sequence[float], where: str) -> VoxelSize:
    """Three positive lengths as a voxel size.

    Raises:
        ValueError: If there are not three, or one is not positive and finite; names `where`.
    """
    if len(sizes) != 3 or not all(math.isfinite(size) and size > 0 for size in sizes):
        listed = ", ".join(str(size) for size in sizes)
        raise ValueError(f"{where}: expected a voxel size of three positive numbers z, y, x; got ({listed})")
    return (float(sizes[0]), float(sizes[1]), float(sizes[2]))


def chosen_voxel_size(given: VoxelSize | None, stated: VoxelSize | None, where: str) -> VoxelSize:
    """What the caller gave, else what the file states.

    Raises:
        ValueError: If nobody said it, or it is not positive.
    """
    if given is not None:
        return checked_voxel_size(given, "voxel_size_nm")
    if stated is None:
        raise ValueError(f"voxel size is not in {where}: give it as z,y,x in nm (--voxel-size)")
    return checked_voxel_size(stated, where)
