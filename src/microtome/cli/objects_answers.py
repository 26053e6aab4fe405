"""`microtome objects`, after verdicts: spreading them, writing what stays, training, audits."""

from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from microtome.cli.objects import Device, Folder, Json, SetName
from microtome.cli.objects_asking import objects
from microtome.cli.parse import int3
from microtome.cli.show import progress, result, say

if TYPE_CHECKING:
    from microtome.objects.shares import Share

People = Annotated[
    int, typer.Option(min=1, max=100, help="Who must have said correct or incorrect of an object.")
]
LABELS = "labels.csv"

__all__ = ["audit", "export", "objects", "propagate", "train"]  # after asking


@objects.command()
def propagate(
    folder: Folder,
    proposals: SetName = None,
    people: People = 1,
    insist: Annotated[
        bool, typer.Option("--insist", help="Also where it is expected to make more objects wrong.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Give every object the label that most answers in its group have, with the error to be expected."""
    from microtome.cli.session import opened
    from microtome.objects.sets import ProposalSets
    from microtome.objects.spreading import spread, write_labels

    with progress() as bars, opened(folder, "cpu", bars, work="objects") as session:
        found = ProposalSets(session.project.root).opened(proposals)
        labels = spread(session.project.journal.verdicts, found, people, insist=insist)
        path = found.folder / LABELS
        write_labels(labels, found, path)
    told = labels.result
    shares = {"error": told.error, "error_of_accepting_all": told.error_of_nothing}
    data = {
        "proposals": found.folder.name,
        "labels": str(path),
        "objects": len(labels.known),
        "answered": int(labels.answered.sum()),
        "correct": int(labels.correct.sum()),
        "incorrect": int((labels.known & ~labels.correct).sum()),
        "unknown": int((~labels.known).sum()),
        **{name: _share(share) for name, share in shares.items()},
        "covered": told.covered,
    }
    words = {name: _in_words(_share(share)) for name, share in shares.items()}
    result(data, [{**data, **words}], as_json=as_json)
    if not labels.known.all():
        say("unknown are objects without an answer that no group of the last round holds: of other sections")
    if told.warning:
        say(told.warning)


@objects.command()
def export(
    folder: Folder,
    out: Annotated[
        Path, typer.Argument(metavar="OUT", help="A new .ome.zarr, .tif or .npy.", show_default=False)
    ],
    which: Annotated[
        Literal["correct", "not-incorrect", "propagated"],
        typer.Option(help="Said to be correct, not said to be incorrect, or correct by `propagate`."),
    ] = "correct",
    proposals: SetName = None,
    people: People = 1,
    insist: Annotated[
        bool, typer.Option("--insist", help="Propagated also where that is expected to hurt.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Write the objects that stay as a label volume: 0, or the id of the object."""
    from microtome.cli.session import opened
    from microtome.objects.exporting import export_labels, kept
    from microtome.objects.sets import ProposalSets

    with progress() as bars, opened(folder, "cpu", bars, reading=True) as session:
        found = ProposalSets(session.project.root).opened(proposals)
        stays = kept(session.project.journal.verdicts, found, which, people, insist=insist)
        export_labels(found, stays, out, bars)
    data = {"proposals": found.folder.name, "labels": str(out), "objects": int(stays.sum())}
    result(data, [data], as_json=as_json)


@objects.command()
def train(
    folder: Folder,
    people: People = 1,
    steps: Annotated[
        int | None, typer.Option(min=1, help="Of training.", show_default="400, or the project's")
    ] = None,
    learning_rate: Annotated[
        float | None, typer.Option(help="Of training.", show_default="0.3 of the project's")
    ] = None,
    initial: Annotated[
        float, typer.Option(min=0, max=0.99, help="Share of what was painted in every batch.")
    ] = 0.25,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Go on training the latest model with what people said of objects."""
    from dataclasses import replace

    from microtome.cli.session import model_row, opened
    from microtome.loop.object_training import judged_objects, train_on_objects
    from microtome.objects.feedback import tuning

    with progress() as bars, opened(folder, device, bars) as session:
        recipe = tuning(session.recipe, steps=steps, learning_rate=learning_rate)
        judged = judged_objects(session, people)
        if not judged:
            raise ValueError(
                "nobody decided on an object yet: give verdicts on the page of `microtome proofread`"
            )
        model = train_on_objects(replace(session, recipe=recipe), judged, initial=initial)
    row = {**model_row(model), **{name: model.metrics["objects"][name] for name in ("correct", "incorrect")}}
    result(row, [row], as_json=as_json)


@objects.command()
def audit(
    folder: Folder,
    n: Annotated[int, typer.Option("-n", min=0, help="Boxes to have in all.")] = 0,
    shape: Annotated[str, typer.Option(metavar="Z,Y,X", help="Voxels of a box.")] = "1,256,256",
    proposals: SetName = None,
    tolerance: Annotated[
        float, typer.Option(min=0, help="Nanometres from an object at which a mark is on it.")
    ] = 20.0,
    as_json: Json = False,
) -> None:
    """Draw boxes in which people look for what was not proposed, and say what those looked at tell."""
    from microtome.box import Box
    from microtome.cli.session import opened
    from microtome.objects.auditing import audited, draw_audits
    from microtome.objects.sets import ProposalSets

    box = int3(shape, "--shape")
    with progress() as bars, opened(folder, "cpu", bars, work="objects") as session:
        verdicts, config = session.project.journal.verdicts, session.project.config
        found = ProposalSets(session.project.root).opened(proposals)
        drawn = draw_audits(
            verdicts, found, n, shape=box, domain=Box.of(config.image.shape), seed=config.seed
        )
        seen = audited(verdicts, found, tolerance)
    data = {
        "proposals": found.folder.name,
        "drawn_now": len(drawn),
        "boxes": seen.boxes,
        "looked_at": seen.done,
        "found": seen.found,
        "missed": seen.missing,
        "recall": _share(seen.recall),
    }
    result(data, [{**data, "recall": _in_words(_share(seen.recall))}], as_json=as_json)


def _in_words(share: list[float] | None) -> str | None:
    if share is None:
        return None
    value, low, high = share
    return f"{value:.3f} ({low:.3f} to {high:.3f})"


def _share(share: "Share") -> list[float] | None:
    """An estimate and its interval; None where nothing is known."""
    return None if isnan(share.value) else [share.value, share.low, share.high]
