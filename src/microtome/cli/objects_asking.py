"""`microtome objects`, after proposals: what objects look like, and which are asked about."""

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from microtome.cli.objects import Device, Folder, Json, SetName, objects, set_name
from microtome.cli.parse import int3
from microtome.cli.show import progress, result, say

if TYPE_CHECKING:
    from microtome.loop.session import Session
    from microtome.objects.features import FeatureSettings
    from microtome.objects.proposals import Proposals
    from microtome.objects.streams import Streams
    from microtome.query.candidates import ModelView
    from microtome.query.strategy import Strategy

__all__ = ["ask", "features", "objects"]  # after proposals


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
        int, typer.Option(min=0, help="Pixels of image seen around an object; grey beyond.")
    ] = 3,
    whole_patch: Annotated[
        bool, typer.Option("--whole-patch", help="All of the patch is seen, as in Lin et al. (2020).")
    ] = False,
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

    settings = _feature_settings(
        small=small, steps=steps, latent=latent, step=step, around=None if whole_patch else around
    )
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
