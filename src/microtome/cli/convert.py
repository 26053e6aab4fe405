"""`microtome convert`: a volume in another format, with coarser levels."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from microtome.cli.parse import int3, numbers, window
from microtome.cli.show import progress, result, say, sides

if TYPE_CHECKING:
    from microtome.schedule import Schedule
    from microtome.volume import Volume, VoxelSize
    from microtome.volume.pyramid import Level

PLAUSIBLE_NM = (0.05, 100_000.0)  # from atoms to a tenth of a millimetre: other voxels have another unit


def convert(
    source: Annotated[
        str,
        typer.Argument(metavar="SOURCE", help="A file, a folder or a URL; FILE::PATH for what is inside."),
    ],
    target: Annotated[
        str, typer.Argument(metavar="TARGET", help="NAME.ome.zarr, NAME.precomputed, NAME.tif or NAME.h5.")
    ],
    voxel_size: Annotated[
        str | None, typer.Option(metavar="Z,Y,X", help="Nanometres; needed where the source does not say.")
    ] = None,
    form: Annotated[
        Literal["ngff", "ngff-0.4", "precomputed", "tiff", "hdf5"] | None,
        typer.Option("--format", help="What to write.", show_default="by the suffix of TARGET"),
    ] = None,
    labels: Annotated[
        bool,
        typer.Option("--labels", help="Voxels are classes or ids: coarser levels keep the most frequent."),
    ] = False,
    levels: Annotated[
        int | None, typer.Option(min=1, help="Levels in all.", show_default="until 256 voxels a side")
    ] = None,
    chunks: Annotated[
        str | None,
        typer.Option(metavar="Z,Y,X", help="Voxels a chunk.", show_default="1,256,256 or 32,256,256"),
    ] = None,
    dtype: Annotated[
        Literal["uint8", "uint16", "uint32", "uint64", "float32"] | None,
        typer.Option(help="Type of the voxels.", show_default="as they are"),
    ] = None,
    grey_window: Annotated[
        str | None,
        typer.Option(
            "--window",
            metavar="LOW,HIGH",
            help="Grey values that become 0 and 255 of --dtype uint8.",
            show_default="percentiles 0.1 and 99.9",
        ),
    ] = None,
    box: Annotated[
        str | None, typer.Option(metavar="Z0:Z1[,Y0:Y1,X0:X1]", help="A part of it.", show_default="all")
    ] = None,
    missing: Annotated[
        Literal["zero", "error"], typer.Option(help="What a chunk that is not there means.")
    ] = "zero",
    scheduler: Annotated[
        str | None,
        typer.Option(help="processes, or a Dask scheduler whose workers do it.", show_default="this process"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for machines.")] = False,
) -> None:
    """Write a volume as OME-Zarr or precomputed with all levels, TIFF or HDF5.

    Goes on where it stopped; until it is whole, TARGET is not there.
    """
    from microtome.schedule import in_turn
    from microtome.volume.copying import Conversion
    from microtome.volume.copying import convert as convert_volume

    if grey_window is not None and (labels or dtype != "uint8"):
        raise typer.BadParameter("expected --dtype uint8, and no --labels, with it", param_hint="--window")
    size = numbers(voxel_size, 3, "--voxel-size") if voxel_size else None
    wanted = Conversion(form, labels, levels, int3(chunks, "--chunks") if chunks else None)
    volume = _opened(source, None if size is None else (size[0], size[1], size[2]), missing)
    if box is not None:
        volume, wanted = _part(volume, box, wanted)
    volume = _typed(volume, dtype, window(grey_window) if grey_window else None, labels=labels)
    with progress() as bars, _scheduled(scheduler) if scheduler else nullcontext(in_turn) as schedule:
        made = convert_volume(volume, target, wanted, schedule=schedule, progress=bars, say=say)
    rows = [_row(number, level) for number, level in enumerate(made)]
    result({"target": target, "dtype": volume.dtype.name, "levels": rows}, _shown(rows), as_json=as_json)


def _scheduled(address: str) -> "AbstractContextManager[Schedule]":
    from microtome.cli.session import scheduled  # it takes seconds to load

    return scheduled(address)


def _opened(source: str, given: "VoxelSize | None", missing: Literal["zero", "error"]) -> "Volume":
    """The source; a voxel size that contradicts it, or that hardly is one, is said."""
    from microtome.volume import open_volume
    from microtome.volume.uri import absolute

    volume = open_volume(absolute(source), given, missing=missing)  # workers lie in folders of their own
    found = volume.voxel_size_nm
    if given is not None:
        try:
            stated = open_volume(source).voxel_size_nm
        except ValueError:  # it states none
            stated = given
        if any(abs(a / b - 1) > 0.01 for a, b in zip(given, stated, strict=True)):
            say(f"voxel size {sides(given)} nm as given; {source} says {sides(stated)} nm")
    if not all(PLAUSIBLE_NM[0] <= nm <= PLAUSIBLE_NM[1] for nm in found):
        say(f"voxel size {sides(found)} nm: another unit, perhaps; --voxel-size gives it in nanometres")
    return volume


def _part(volume: "Volume", text: str, wanted: Any) -> tuple["Volume", Any]:  # noqa: ANN401
    """A part of the volume, that keeps its place."""
    from microtome.project.parse import parse_split
    from microtome.volume.views import Cropped

    box = parse_split(text, volume.shape)
    return Cropped(volume, box), replace(wanted, offset=box.start)


def _typed(
    volume: "Volume", dtype: str | None, grey: tuple[float, float] | None, *, labels: bool
) -> "Volume":
    """Grey values go through a window to uint8; all else must fit the type as it is."""
    import numpy as np

    from microtome.volume import Windowed, intensity_window
    from microtome.volume.copying import holds_labels
    from microtome.volume.views import Cast

    if dtype is None or (volume.dtype == dtype and grey is None):
        return volume
    ids = grey is None and holds_labels(volume)
    if dtype != "uint8" or labels or ids or volume.dtype.kind == "b":
        return Cast(volume, np.dtype(dtype))
    if grey is None:
        grey = intensity_window(volume)
        say(f"window {grey[0]:.10g},{grey[1]:.10g}: these grey values become 0 and 255")
    return Windowed(volume, grey)


def _row(number: int, level: "Level") -> dict[str, Any]:
    spec = level.spec
    return {
        "level": number,
        "shape": spec.shape,
        "voxel_nm": spec.voxel_size_nm,
        "chunks": spec.stored_chunks,
    }


def _shown(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**row, **{name: sides(row[name]) for name in ("shape", "voxel_nm", "chunks")}} for row in rows]
