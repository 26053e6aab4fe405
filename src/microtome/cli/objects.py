"""`microtome objects`: from a prediction to objects of which people can say whether they are right."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from microtome.cli.parse import int3, names
from microtome.cli.show import progress, result, say

if TYPE_CHECKING:
    from microtome.loop.session import Session
    from microtome.objects.proposals import Proposals
    from microtome.objects.sources import Source
    from microtome.project import Project

objects = typer.Typer(
    name="objects", help="Objects: from a prediction to single ones that people judge.", no_args_is_help=True
)

Folder = Annotated[Path, typer.Argument(metavar="PROJECT", help="The project's folder.", show_default=False)]
Device = Annotated[Literal["auto", "cpu", "cuda"], typer.Option(help="Where networks run.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]


def set_name(text: str | None) -> str | None:
    """The name of a set's folder: 1 is 001."""
    return text.zfill(3) if text and text.isdecimal() else text


SetName = Annotated[
    str | None,
    typer.Option(
        "--proposals", help="Number of the set of proposals.", show_default="the latest", callback=set_name
    ),
]


@objects.command()
def propose(
    folder: Folder,
    class_names: Annotated[
        str,
        typer.Option(
            "--class",
            metavar="NAME[,POST]",
            help="What the objects are; two names are the sides of synapses, pre and post.",
            show_default="the only one",
        ),
    ] = "",
    model: Annotated[
        int | None, typer.Option(help="Number of the model that predicted.", show_default="the latest")
    ] = None,
    prediction: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FILE",
            help="In place of a model's: probabilities or a mask; given three times, pre, post and union.",
            show_default=False,
        ),
    ] = None,
    recall_first: Annotated[
        bool, typer.Option("--recall-first", help="Miss less, and have more to judge: 0.25 and 32 voxels.")
    ] = False,
    threshold: Annotated[
        float | None, typer.Option(help="Least probability of an object's voxels.", show_default="0.5")
    ] = None,
    smallest: Annotated[
        int | None,
        typer.Option(help="Voxels of an object, or of a side of a synapse.", show_default="128"),
    ] = None,
    connectivity: Annotated[int, typer.Option(help="Voxels that touch: 6, by a face, or 26.")] = 6,
    dilation: Annotated[
        str, typer.Option(metavar="Z,Y,X", help="The box that joins the two sides of a synapse.")
    ] = "1,5,5",
    per_section: Annotated[
        bool, typer.Option("--per-section", help="Let objects end with their section.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Find the objects in the prediction of the whole volume. Goes on where it stopped."""
    from microtome.cli.session import opened
    from microtome.objects.sets import ProposalSets
    from microtome.objects.settings import RECALL_FIRST, ProposalSettings

    base = RECALL_FIRST if recall_first else ProposalSettings()
    settings = replace(
        base,
        threshold=base.threshold if threshold is None else threshold,
        smallest=base.smallest if smallest is None else smallest,
        connectivity=connectivity,
        dilation=int3(dilation, "--dilation"),
        per_section=per_section,
    )
    _require_one_source(class_names, model, prediction)
    with progress() as bars, opened(folder, "cpu", bars, work="objects") as session:
        source = _given(session, prediction) if prediction else _predicted(session, names(class_names), model)
        sets = ProposalSets(session.project.root)
        found = sets.proposed(source, settings, least=_least(session.project), progress=bars)
    row = {**_row(found), "folder": str(found.folder)}
    result(row, [_shown(row)], as_json=as_json)


@objects.command("list")
def list_sets(folder: Folder, as_json: Json = False) -> None:
    """The sets of proposals: what each was made from, how many objects it has, and how many were judged."""
    from microtome.objects.decisions import decisions
    from microtome.objects.sets import ProposalSets

    with _opened_for_reading(folder) as project:
        sets, verdicts = ProposalSets(project.root), project.journal.verdicts
        queries = verdicts.queries()
        found = decisions(queries, verdicts.verdicts())
        rows = []
        for name in sets.finished():
            asked = {query.object_key for query in queries if query.proposals == name}
            said = [found[key].correct for key in asked]
            told = {"asked": len(asked), "correct": said.count(True), "incorrect": said.count(False)}
            rows.append({**_row(sets.opened(name)), **told})
    result({"proposals": rows}, [_shown(row) for row in rows], as_json=as_json)
    if not rows:
        say(f"{folder} has no proposed objects: run `microtome objects propose`")


@objects.command()
def table(
    folder: Folder,
    out: Annotated[
        Path,
        typer.Argument(metavar="OUT", help="A new .csv, or .parquet with the extra.", show_default=False),
    ],
    proposals: SetName = None,
    as_json: Json = False,
) -> None:
    """Write the table of a set: box, size, mean probability, centre, orientation."""
    from microtome.objects.sets import ProposalSets
    from microtome.objects.table import write_table

    if out.exists():
        raise ValueError(f"{out} exists already")
    with _opened_for_reading(folder) as project:
        rows = ProposalSets(project.root).opened(proposals).table()
    write_table(rows, out)
    data = {"table": str(out), "objects": len(rows)}
    result(data, [data], as_json=as_json)


def _opened_for_reading(folder: Path) -> "Project":
    from microtome.learn.settings import TABLES
    from microtome.project import open_project

    return open_project(folder, TABLES)


def _require_one_source(class_names: str, model: int | None, prediction: Sequence[str] | None) -> None:
    if prediction and (class_names or model is not None):
        raise typer.BadParameter("expected --prediction, or --class and --model; got both")
    if prediction and len(prediction) not in (1, 3):
        raise typer.BadParameter(
            f"expected one, or three: pre, post and union; got {len(prediction)}", param_hint="--prediction"
        )


def _given(session: "Session", files: Sequence[str]) -> "Source":
    """The prediction in files of the user's."""
    from microtome.objects.sources import OneClass, Polarity
    from microtome.volume import open_volume

    volumes, image = [open_volume(file, session.image.voxel_size_nm) for file in files], session.image
    for file, volume in zip(files, volumes, strict=True):
        if volume.shape != image.shape:
            raise ValueError(
                f"expected a prediction of the image's shape {image.shape}; {file} has {volume.shape}"
            )
    origin = ", ".join(str(Path(file).resolve()) for file in files)
    if len(volumes) == 1:
        return OneClass(volumes[0], origin)
    pre, post, union = volumes
    return Polarity(pre, post, union, origin)


def _predicted(session: "Session", wanted: Sequence[str], model: int | None) -> "Source":
    """The prediction of a model of the project."""
    from microtome.objects.predicted import predicted_source

    project, known = session.project, session.project.config.classes
    folder = project.predictions_dir / Path(project.model(model).path).name
    if not wanted and (len(known) == 1 or session.recipe.train.target == "polarity"):
        wanted = known
    return predicted_source(folder, known, wanted, session.image.shape)


def _least(project: "Project") -> tuple[int, int]:
    """A set and a key above all that people were ever asked about, even if the set is gone."""
    verdicts = project.journal.verdicts
    queries, audits = verdicts.queries(), verdicts.audits()
    names = {query.proposals for query in queries} | {audit.proposals for audit in audits}
    keys = verdicts.judged() | {query.object_key for query in queries}
    return 1 + max(map(int, names), default=0), 1 + max(keys, default=0)


def _row(found: "Proposals") -> dict[str, Any]:
    plan, outcome = found.plan, found.result
    return {
        "proposals": found.folder.name,
        "from": plan.origin,
        "threshold": plan.settings.threshold,
        "smallest": plan.settings.smallest,
        "objects": outcome.objects,
        "known_before": outcome.carried,
    }


def _shown(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row for people: the prediction of a model is `model 2: mitochondrion`, others are files."""
    found = re.fullmatch(r"0*(\d+): (.+)", row["from"])
    return {**row, "from": f"model {found[1]}: {found[2]}" if found else row["from"]}
