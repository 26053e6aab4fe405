"""`microtome labels`: labels for paint programs and others, and back again."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from microtome.cli.show import progress, result, say

if TYPE_CHECKING:
    from microtome.project.exchange import Imported

labels = typer.Typer(
    name="labels",
    help="Labels: to paint programs and back, and as a volume.",
    no_args_is_help=True,
)

Folder = Annotated[Path, typer.Argument(metavar="PROJECT", help="The project's folder.", show_default=False)]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
VOLUMES = (".zarr", ".tif", ".tiff")


@labels.command("export")
def export_labels(
    folder: Folder,
    out: Annotated[
        Path,
        typer.Argument(
            metavar="OUT", help="A new .ome.zarr or .tif; a folder with --png.", show_default=False
        ),
    ],
    png: Annotated[bool, typer.Option("--png", help="Pictures for a paint program.")] = False,
    whole_sections: Annotated[
        bool, typer.Option("--whole-sections", help="One picture a section, not one a query.")
    ] = False,
    predict: Annotated[
        bool, typer.Option("--predict", help="First let the latest model predict the open queries.")
    ] = False,
    device: Annotated[Literal["auto", "cpu", "cuda"], typer.Option(help="Where it does.")] = "auto",
    as_json: Json = False,
) -> None:
    """Write the labels: as one volume, or as pictures to paint on in GIMP, Krita or Photoshop."""
    from microtome.cli.status import open_for_reading
    from microtome.project.exchange import export_pictures, export_volume

    if not png and out.suffix.lower() not in VOLUMES:
        raise typer.BadParameter(f"expected .ome.zarr or .tif, or --png; got {out}", param_hint="OUT")
    for option, given in (("--whole-sections", whole_sections), ("--predict", predict)):
        if given and not png:
            raise typer.BadParameter("expected --png beside it", param_hint=option)
    if predict:
        _predict(folder, device)
    with progress() as bars, open_for_reading(folder) as project:
        if png:
            found = export_pictures(project, out, whole_sections=whole_sections, progress=bars)
            answered = sum(bool(one.answers) for one in found.queries)
            waiting = len(found.queries) - answered
            data = {"folder": str(out), "files": len(found.files), "answered": answered, "open": waiting}
        else:
            data = {"labels": str(out), "answered": export_volume(project, out, bars)}
    result(data, [data], as_json=as_json)


def _predict(folder: Path, device: str) -> None:
    from microtome.cli.session import opened
    from microtome.loop.models import preview_open

    with progress() as bars, opened(folder, device, bars, reading=True) as session:
        preview_open(session)


@labels.command("import")
def import_labels(
    folder: Folder,
    pictures: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="What `export --png` wrote.", show_default=False)
    ],
    annotator: Annotated[str, typer.Option(help="Who painted.", show_default=False)],
    png: Annotated[
        bool, typer.Option("--png", help="Pictures; nothing else can be imported so far.")
    ] = False,
    minutes: Annotated[
        float | None, typer.Option(min=0, help="How long it took.", show_default="not known")
    ] = None,
    as_json: Json = False,
) -> None:
    """Make answers of the pictures that were changed since they were exported, or imported last."""
    from microtome.cli.status import open_for_reading
    from microtome.project.exchange import import_pictures

    if not png:
        raise typer.BadParameter("expected it: nothing but pictures can be imported", param_hint="--png")
    with open_for_reading(folder) as project:
        found = import_pictures(project, pictures, annotator, minutes or 0.0)
    rows = _answers(found)
    data = {"answers": rows, "unchanged": found.unchanged, "notes": list(found.notes)}
    result(data, rows, as_json=as_json)
    for note in found.notes:
        say(note)
    say(f"{len(rows)} answers added; {found.unchanged} queries as they were")
    if rows and minutes is None:
        say("no --minutes: what these answers cost is not known, and the cost figures lack it")


def _answers(found: "Imported") -> list[dict[str, object]]:
    return [
        {
            "query": answer.query_id,
            "answer": answer.id,
            "supersedes": answer.supersedes,
            "method": answer.method,
            "changed_voxels": changed,
            "seconds": answer.active_seconds,
        }
        for answer, changed in zip(found.answers, found.changed_voxels, strict=True)
    ]
