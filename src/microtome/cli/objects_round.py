"""`microtome objects`, after proposals: features, asking, propagating, audits."""

from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from microtome.cli.objects import Folder, Json, SetName, objects, set_name
from microtome.cli.parse import int3
from microtome.cli.show import progress, result, say

if TYPE_CHECKING:
    from microtome.loop.session import Session
    from microtome.objects.features import FeatureSettings
    from microtome.objects.proposals import Proposals
    from microtome.objects.shares import Share
    from microtome.objects.streams import Streams
    from microtome.query.candidates import ModelView
    from microtome.query.strategy import Strategy

Device = Annotated[Literal["auto", "cpu", "cuda"], typer.Option(help="Where networks run.")]
People = Annotated[
    int, typer.Option(min=1, max=100, help="Who must have said correct or incorrect of an object.")
]
LABELS = "labels.csv"


@objects.command()
def features(
    folder: Folder,
    proposals: SetName = None,
    small: Annotated[
        bool, typer.Option("--small", help="Small networks and coarse patches, for a machine without a GPU.")
    ] = False,
    steps: Annotated[
        int | None, typer.Option(min=1, help="Of training each network.", show_default="10000; small: 2000")
    ] = None,
    latent: Annotated[
        int | None,
        typer.Option(min=1, help="Numbers that describe an image.", show_default="1000; small: 64"),
    ] = None,
    step: Annotated[int, typer.Option(min=1, help="Voxels of a patch's pixel, in y and x.")] = 1,
    around: Annotated[
        int | None,
        typer.Option(
            min=0, help="Pixels of image seen around an object; grey beyond.", show_default="all of the patch"
        ),
    ] = None,
    networks_of: Annotated[
        str | None,
        typer.Option(
            metavar="SET", help="Encode by that set's networks in place of new ones.", callback=set_name
        ),
    ] = None,
    tune: Annotated[
        Literal["images", "masks", "both"] | None,
        typer.Option(help="Let networks learn from the answers first: active clustering."),
    ] = None,
    anew: Annotated[
        bool, typer.Option("--anew", help="Replace finished features, of whatever settings.")
    ] = False,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Describe each object by two networks, of its mask and of its image. Goes on where it stopped."""
    from microtome.cli.session import opened
    from microtome.loop.object_features import feature_maker, kept_networks
    from microtome.objects.sets import ProposalSets

    settings = _feature_settings(small=small, steps=steps, latent=latent, step=step, around=around)
    with progress() as bars, opened(folder, device, bars, work="objects") as session:
        sets = ProposalSets(session.project.root)
        found, networks = sets.opened(proposals), None
        if networks_of or tune:
            networks = kept_networks(session, sets.opened(networks_of or proposals), settings, tune)
        streams = feature_maker(session, found, settings).made(networks, anew=anew or tune is not None)
    data = {
        "proposals": found.folder.name,
        "objects": len(streams.masks),
        "mask_features": streams.masks.shape[1],
        "image_features": streams.images.shape[1],
        "networks": "new" if networks is None else networks.origin,
    }
    result(data, [data], as_json=as_json)


@objects.command()
def ask(
    folder: Folder,
    n: Annotated[int, typer.Option("-n", min=1, help="Objects of the round.")] = 1280,
    strategy: Annotated[str, typer.Option(help="How they are chosen.")] = "two-stream",
    clusters: Annotated[
        str, typer.Option(metavar="N,M,Q", help="Groups by masks, by images in each, objects of each.")
    ] = "64,4,5",
    standardise: Annotated[
        bool, typer.Option("--standardise", help="Scale every feature to the same deviation.")
    ] = False,
    proposals: SetName = None,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Choose the next objects that people are asked about, and put those that look alike side by side."""
    from microtome.cli.names import named
    from microtome.cli.object_names import TWO_STREAM, object_strategies, two_stream
    from microtome.cli.session import opened
    from microtome.objects.asking import ObjectAsking
    from microtome.objects.sets import ProposalSets
    from microtome.objects.streams import kept_streams

    groups = int3(clusters, "--clusters")
    make = named("strategy", strategy, object_strategies(groups, standardise=standardise))
    with progress() as bars, opened(folder, device, bars, work="objects") as session:
        _ = session.image  # opening it refuses one that changed
        found = ProposalSets(session.project.root).opened(proposals)
        streams = kept_streams(found, session.project.config.image)
        grouping = None if streams is None else two_stream(streams, groups, standardise=standardise)
        if grouping is not None and strategy == TWO_STREAM:
            chosen: Strategy = grouping  # so that it makes its groups once
        else:
            chosen = make(found.table(), lambda: _required(streams, session, found))
        asking = ObjectAsking(
            session.project.journal.verdicts,
            found,
            chosen,
            strategy,
            session.project.config.seed,
            session.project.config.train_box,
            _view(session),
            grouping,
        )
        asked = asking.ask(n)
    data = {
        "proposals": found.folder.name,
        "asked": len(asked),
        "round": asked[0].round if asked else None,
        "strategy": strategy,
        "groups": len({query.cluster for query in asked}),
    }
    result(data, [data], as_json=as_json)
    if not asked:
        say(f"nothing is left to ask: every object in splits.train {session.project.config.train_box} was")
    elif len(asked) < n:
        say(f"asked about all {len(asked)} that are left in splits.train: -n asks about fewer")
    if asked and streams is None:
        say("without features alike objects are not side by side: run `microtome objects features` first")


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


def _required(streams: "Streams | None", session: "Session", found: "Proposals") -> "Streams":
    from microtome.objects.streams import origin_of, read_streams

    return streams or read_streams(found, origin_of(found, session.project.config.image))


def _view(session: "Session") -> "ModelView | None":
    """The latest model, which loads torch; None where there is none."""
    latest = session.project.journal.latest_model()
    if latest is None:
        return None
    from microtome.loop.models import view

    return view(session, latest)


def _feature_settings(
    *, small: bool, steps: int | None, latent: int | None, step: int, around: int | None
) -> "FeatureSettings":
    from dataclasses import replace

    from microtome.objects.features import SMALL, FeatureSettings

    base = SMALL if small else FeatureSettings()
    return replace(
        base,
        images=base.images if latent is None else replace(base.images, latent=latent),
        training=base.training if steps is None else replace(base.training, steps=steps),
        step=step,
        around=around,
    )


def _in_words(share: list[float] | None) -> str | None:
    if share is None:
        return None
    value, low, high = share
    return f"{value:.3f} ({low:.3f} to {high:.3f})"


def _share(share: "Share") -> list[float] | None:
    """An estimate and its interval; None where nothing is known."""
    return None if isnan(share.value) else [share.value, share.low, share.high]
