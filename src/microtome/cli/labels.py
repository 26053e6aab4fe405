"""`microtome labels`: labels for paint programs and others, back again, and predictions made clean."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from microtome.cli.parse import numbers
from microtome.cli.show import counted, progress, result, say

if TYPE_CHECKING:
    import numpy as np

    from microtome.predict.cleaning import Foreground
    from microtome.project.exchange import Imported
    from microtome.volume import Volume

labels = typer.Typer(
    name="labels",
    help="Labels: to paint programs and back, as a volume, and predictions made clean.",
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
        said = [one for row in found.answers for one in project.journal.answers_to(row.query_id)]
        others = {one.annotator for one in said} - {annotator}
    rows = _answers(found)
    data = {"answers": rows, "unchanged": found.unchanged, "notes": list(found.notes)}
    result(data, rows, as_json=as_json)
    for note in found.notes:
        say(note)
    added, kept = len(rows), found.unchanged
    say(f"{counted(added, 'answer', 'answers')} added; {counted(kept, 'query', 'queries')} as before")
    if others:
        say(
            f"beside answers of {', '.join(sorted(others))}: voxels are learned as most say, and not where "
            "as many say otherwise; --annotator with that name replaces an answer"
        )
    if rows and minutes is None:
        say("no --minutes: what these answers cost is not known, and the cost figures lack it")


@labels.command()
def clean(
    prediction: Annotated[
        str, typer.Argument(metavar="PREDICTION", help="Probabilities, a mask or labels.", show_default=False)
    ],
    cells: Annotated[
        str,
        typer.Option(metavar="CELLS", help="A mask of filled cells, or their numbers.", show_default=False),
    ],
    out: Annotated[
        Path,
        typer.Option(metavar="OUT", help="A new .ome.zarr, of the type of PREDICTION.", show_default=False),
    ],
    erode: Annotated[float, typer.Option(help="Pixels at the border of a cell that do not count.")] = 5,
    tolerance: Annotated[float, typer.Option(help="Share of a component that may lie outside.")] = 0.01,
    threshold: Annotated[
        float | None, typer.Option(help="Least probability of the class.", show_default="0.5")
    ] = None,
    label: Annotated[
        int | None, typer.Option(help="In place of it: the value of the class in labels.", show_default=False)
    ] = None,
    voxel_size: Annotated[
        str | None, typer.Option(metavar="Z,Y,X", help="Nanometres; needed where the file does not say.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Take out what is predicted wholly inside of cells, such as membranes that are none."""
    from microtome.predict.cleaning import Cleaning, create_cleaned
    from microtome.predict.cleaning import clean as clean_volume
    from microtome.volume import open_volume
    from microtome.volume.appearing import appearing

    if out.suffix.lower() != ".zarr":
        raise typer.BadParameter(f"expected the name of a new .ome.zarr; got {out}", param_hint="--out")
    if threshold is not None and label is not None:
        raise typer.BadParameter("expected --threshold or --label; got both")
    nm = numbers(voxel_size, 3, "--voxel-size") if voxel_size else None
    volume = open_volume(prediction, None if nm is None else (nm[0], nm[1], nm[2]))
    foreground = _foreground(volume, threshold, label)
    with progress() as bars, appearing(out) as partial:
        target, mask = create_cleaned(partial, volume), open_volume(cells, volume.voxel_size_nm)
        rows = list(clean_volume(volume, mask, target, foreground, Cleaning(erode, tolerance), bars))
        before, gone = sum(row.before for row in rows), sum(row.voxels for row in rows)
        if not before:
            hint = "" if label is not None else ": give --threshold, or of labels --label"
            raise ValueError(f"{prediction} holds nothing of the class{hint}")
    total = {"components": sum(row.components for row in rows), "voxels": gone}
    data: dict[str, Any] = {"cleaned": str(out), **total, "of_voxels": before}
    sections = [{"section": row.section, "components": row.components, "voxels": row.voxels} for row in rows]
    result({**data, "sections": sections}, [data], as_json=as_json)
    if gone == before:
        say("nothing is left of the class: are CELLS the insides of cells, and nothing else?")


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


def _foreground(volume: "Volume", threshold: float | None, label: int | None) -> "Foreground":
    """Where a stored block is of the class: by its value, by probability, or wherever it is not 0."""
    from microtome.predict.cleaning import is_mask
    from microtome.segment.probability import at_least

    if label is None and threshold is None and is_mask(volume):
        label = 1
    if label is not None:
        if volume.dtype.kind not in "bui":
            raise ValueError(f"expected labels beside --label; got {volume.dtype}")
        return lambda stored: stored == label
    if volume.dtype.kind in "bf" or volume.dtype == "uint8":
        least = 0.5 if threshold is None else threshold
        if not 0 < least <= 1:
            raise ValueError(f"expected a threshold above 0 and up to 1; got {least}")
        return lambda stored: at_least(stored, least)
    if threshold is not None:
        raise ValueError(f"expected probabilities beside --threshold; got {volume.dtype}")
    return _OnlyLabel()


class _OnlyLabel:
    """Where blocks are not 0, which hold one other value at most, all together."""

    def __init__(self) -> None:
        self._known: set[int] = set()

    def __call__(self, stored: "np.ndarray") -> "np.ndarray":
        mask = stored != 0
        found = stored[mask]
        if found.size:
            self._known |= {int(found.min()), int(found.max())}
        if len(self._known) > 1:
            least, most = min(self._known), max(self._known)
            raise ValueError(f"expected one value beside 0, or --label; got labels {least} to {most}")
        return mask
