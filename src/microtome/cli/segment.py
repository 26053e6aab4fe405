"""The command that segments a whole volume: prediction, instances, measurements and a report."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from microtome.cli.parse import int3
from microtome.cli.predict import EngineOption, Mask, MostLost, Scheduler
from microtome.cli.show import progress, result, say

if TYPE_CHECKING:
    from microtome.loop.session import Session


def segment(
    folder: Annotated[
        Path, typer.Argument(metavar="PROJECT", help="The project's folder.", show_default=False)
    ],
    model: Annotated[
        int | None, typer.Option("--model", help="Number of the model.", show_default="the latest")
    ] = None,
    box: Annotated[
        str | None, typer.Option(metavar="Z0:Z1[,…]", help="Where.", show_default="the whole volume")
    ] = None,
    method: Annotated[
        Literal["components", "watershed", "boundaries"],
        typer.Option(help="What touches is one; is cut where it is thin; or fills the room between borders."),
    ] = "components",
    threshold: Annotated[float, typer.Option(min=0, max=1, help="Least probability of an object.")] = 0.5,
    smallest: Annotated[int, typer.Option(min=1, help="Voxels of an object; smaller ones are dropped.")] = 1,
    connectivity: Annotated[
        int, typer.Option(help="Voxels touch by faces: 6; by edges and corners too: 26.")
    ] = 6,
    holes: Annotated[int, typer.Option(min=0, help="Fill enclosed holes of at most so many voxels.")] = 0,
    holes_per_section: Annotated[
        bool, typer.Option("--holes-per-section", help="Enclosed within its section is a hole: thick ones.")
    ] = False,
    smoothing: Annotated[
        float, typer.Option(min=0, metavar="NM", help="Smooth the probability first (s.d.).")
    ] = 0.0,
    seed_threshold: Annotated[float, typer.Option(min=0, max=1, help="Least probability in a seed.")] = 0.0,
    seed_distance: Annotated[
        float, typer.Option(min=0, metavar="NM", help="Least distance of a seed from what is around.")
    ] = 0.0,
    drop_unseeded: Annotated[
        bool, typer.Option("--drop-unseeded", help="Drop what a watershed finds no seed in.")
    ] = False,
    merge_below: Annotated[
        float,
        typer.Option(min=0, max=1, help="Merge fragments where a border between them is less likely."),
    ] = 0.5,
    per_section: Annotated[
        bool, typer.Option(help="Fragments between borders end with their section.")
    ] = False,
    block: Annotated[str, typer.Option(metavar="Z,Y,X", help="Voxels searched at a time.")] = "64,256,256",
    name: Annotated[
        str | None, typer.Option(help="Of the folder in segmentations/.", show_default="the model's")
    ] = None,
    tables: Annotated[
        Literal["csv", "parquet"], typer.Option(help="How tables are stored; parquet needs the extra.")
    ] = "csv",
    skeletons: Annotated[
        bool, typer.Option("--skeletons", help="Length and mean radius of each object, into its table.")
    ] = False,
    meshes: Annotated[
        bool, typer.Option("--meshes", help="A mesh of each object, for neuroglancer; needs the extra.")
    ] = False,
    engine: EngineOption = "auto",
    mask: Mask = None,
    scheduler: Scheduler = None,
    most_lost: MostLost = 0.005,
    device: Annotated[Literal["auto", "cpu", "cuda"], typer.Option(help="Where networks run.")] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for machines.")] = False,
) -> None:
    """Segment the volume: objects with ids, measurements in tables, a report. Goes on where it stopped."""
    from microtome.cli.session import box_of, opened, scheduled
    from microtome.loop.models import Way
    from microtome.loop.segmentation import Wanted
    from microtome.loop.segmentation import segment as segment_volume
    from microtome.segment.finished import told_of
    from microtome.segment.settings import InstanceSettings

    settings = InstanceSettings(
        method=method,
        threshold=threshold,
        connectivity=connectivity,
        smallest=smallest,
        holes=holes,
        holes_per_section=holes_per_section,
        keep_unseeded=not drop_unseeded,
        smoothing_nm=smoothing,
        seed_threshold=seed_threshold,
        seed_distance_nm=seed_distance,
        merge_below=merge_below,
        per_section=per_section,
        block=int3(block, "--block", least=1),
    )
    with (
        progress() as bars,
        opened(folder, device, bars, work="predict") as session,
        scheduled(scheduler) as schedule,
    ):
        way = Way(engine, mask, schedule, most_lost)
        place = box_of(box, session.image.shape)
        wanted = Wanted(
            settings, way, model, place, _name(name), tables=tables, skeletons=skeletons, meshes=meshes
        )
        made = segment_volume(session, wanted, say)
        told = dict(told_of(made))
        write_report(session, made, told)
    rows = [{"class": one, **counts} for one, counts in told["classes"].items()]
    result({"segmentation": str(made), "report": str(made / "report.html"), **told}, rows, as_json=as_json)
    say(f"tables, ids and report.html: {made}")


def _name(name: str | None) -> str | None:
    if name is None:
        return None
    plain = name.strip() and Path(name).name == name and name.isprintable()
    if not plain or name.startswith("."):
        raise typer.BadParameter(f"expected the name of a folder; got {name!r}", param_hint="--name")
    return name


def write_report(session: "Session", folder: Path, told: dict[str, Any]) -> None:
    """Write report.html into the folder of a segmentation."""
    from microtome.benchmark.report.segmentation import Class, write_segmentation
    from microtome.segment.tables import InstanceFiles
    from microtome.volume import open_volume

    classes = []
    for name in told["classes"]:
        files = InstanceFiles(folder, name)
        table = files.read(told["tables"])
        measured, lines = table.measured, table.lines
        told_columns = {
            "Surface, µm²": measured.surface_um2,
            "Longest axis, nm": measured.axes_nm[:, 0],
            "Elongation": measured.elongation,
            "Sphericity": measured.sphericity,
        }
        lengths = {} if lines is None else {"Length, nm": lines.length_nm, "Mean radius, nm": lines.radius_nm}
        levels = [open_volume(level) for level in files.levels]
        whole = ~measured.touches_border
        classes.append(Class(name, levels, measured.volume_um3, whole, told_columns, lengths))
    write_segmentation(folder / "report.html", told, classes, session.image, session.project.root.name)
