"""`microtome restore`: filters an image, and says by how much it became better."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from microtome.cli.parse import numbers, whole_numbers
from microtome.cli.show import progress, result, say

if TYPE_CHECKING:
    from microtome.volume import Volume
    from microtome.volume.restore import Restoration

Row = dict[str, Any]


def restore(
    image: Annotated[str, typer.Argument(metavar="IMAGE", help="Any image that `init` takes.")],
    out: Annotated[
        str | None,
        typer.Argument(metavar="[OUT]", help="OME-Zarr, TIFF, HDF5, .npy or a folder.", show_default=False),
    ] = None,
    deflicker: Annotated[
        Literal["mean", "histogram"] | None,
        typer.Option(help="Match the sections' mean and contrast, or all grey values.", show_default="no"),
    ] = None,
    sections: Annotated[int, typer.Option(min=3, help="Over how many sections the median goes.")] = 15,
    destripe: Annotated[
        Literal["y", "x"] | None,
        typer.Option(help="Take out stripes that run along this axis.", show_default="no"),
    ] = None,
    stripe_width: Annotated[int, typer.Option(min=2, help="Voxels; of the widest stripes.")] = 16,
    stripe_length: Annotated[int, typer.Option(min=3, help="Voxels; of the shortest stripes.")] = 1500,
    interpolate: Annotated[
        str | None,
        typer.Option(metavar="Z,…", help="Sections to make up from their neighbours.", show_default="none"),
    ] = None,
    method: Annotated[
        Literal["motion", "linear", "nearest"], typer.Option(help="How they are made up.")
    ] = "motion",
    unsharp: Annotated[
        str | None,
        typer.Option(metavar="RADIUS,AMOUNT", help="Sharpen, by 2,1 for instance.", show_default="no"),
    ] = None,
    median: Annotated[
        int | None, typer.Option(help="Calm by the median of so many voxels squared.", show_default="no")
    ] = None,
    window: Annotated[
        str | None,
        typer.Option(
            metavar="LOW,HIGH",
            help="Percentiles of each section that become black and white.",
            show_default="no",
        ),
    ] = None,
    padding: Annotated[
        float | None, typer.Option(help="The grey value outside of the tissue.", show_default="none")
    ] = None,
    detect: Annotated[
        bool, typer.Option("--detect", help="List sections that look damaged; without a filter, only that.")
    ] = False,
    voxel_size: Annotated[
        str | None, typer.Option(metavar="Z,Y,X", help="Nanometres; needed where the file does not say.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for machines.")] = False,
) -> None:
    """Take flicker and stripes out, make up missing sections, sharpen, and measure the difference.

    Goes on where it stopped.
    """
    from microtome.volume import open_volume
    from microtome.volume.restore import Restoration, Stripes, Unsharp

    wanted = Restoration(
        stripes=Stripes(destripe, stripe_width, stripe_length) if destripe else None,
        matching=deflicker,
        sections=sections,
        missing=whole_numbers(interpolate, "--interpolate") if interpolate else (),
        method=method,
        padding=padding,
        unsharp=Unsharp(*_pair(unsharp, "--unsharp")) if unsharp else None,
        median=median,
        window=_pair(window, "--window") if window else None,
    )
    _require_sense(out, wanted, detect=detect)
    size = numbers(voxel_size, 3, "--voxel-size") if voxel_size else None
    volume = open_volume(image, None if size is None else (size[0], size[1], size[2]))
    if out is None:
        _detect(volume, padding, as_json=as_json)
    else:
        _restore(volume, out, wanted, detect=detect, as_json=as_json)


def _pair(text: str, option: str) -> tuple[float, float]:
    first, second = numbers(text, 2, option)
    return first, second


def _require_sense(out: str | None, wanted: "Restoration", *, detect: bool) -> None:
    filters = "--deflicker, --destripe, --interpolate, --unsharp, --median or --window"
    if out is None and not wanted.empty:
        raise typer.BadParameter("expected a name for the restored image; got none", param_hint="OUT")
    if wanted.empty and out is not None:
        raise typer.BadParameter(f"expected {filters}, as OUT is to be written; got none of them")
    if wanted.empty and not detect:
        raise typer.BadParameter(f"expected {filters}, or --detect; got none of them")


def _detect(volume: "Volume", padding: float | None, *, as_json: bool) -> None:
    from microtome.volume.restore import damage_report

    with progress() as bars:
        found = damage_report(volume, padding, bars)
    result({"damaged": found}, found, as_json=as_json)
    say(_damage(found))


def _restore(volume: "Volume", out: str, wanted: "Restoration", *, detect: bool, as_json: bool) -> None:
    from microtome.volume.restore import restore as restore_volume
    from microtome.volume.restore.writing import Output

    with progress() as bars:
        report: Mapping[str, Any] = restore_volume(volume, out, wanted, detect=detect, progress=bars)
    if as_json:
        result(report, [], as_json=True)
    else:
        for rows in (_before_and_after(report), report["held_out"], report.get("damaged", [])):
            result(report, rows, as_json=False)
    if report["left_alone"]:
        say(f"not deflickered, as they show nothing or look damaged: sections {report['left_alone']}")
    if detect:
        say(_damage(report["damaged"]))
    say(f"report: {Path(Output(out).report)}")


def _before_and_after(report: Mapping[str, Any]) -> list[Row]:
    rows = [
        {"measure": f"flicker of {name}, grey values", **_both(report["flicker"], name)}
        for name in ("brightness", "contrast")
    ]
    rows += [
        {"measure": f"power in stripes along {axis}, %", **_both(report["stripes"], f"along_{axis}", 100)}
        for axis in ("y", "x")
    ]
    return [*rows, {"measure": "mean change, grey values", "before": None, "after": report["change"]["mean"]}]


def _both(pair: Mapping[str, Mapping[str, float | None]], name: str, scale: float = 1.0) -> Row:
    values = {when: pair[when][name] for when in ("before", "after")}
    return {when: None if value is None else scale * value for when, value in values.items()}


def _damage(found: list[Row]) -> str:
    if not found:
        return "no section looks damaged"
    listed = ",".join(str(row["section"]) for row in found)
    return f"look at these sections; nothing was done about them: {listed}"
