"""`microtome objects` where the truth is known: how good a set is, and whole rounds, simulated."""

from dataclasses import asdict, replace
from math import isfinite
from typing import Annotated, Literal

import typer

from microtome.cli.objects import Device, Folder, Json, SetName
from microtome.cli.objects_answers import objects
from microtome.cli.parse import int3
from microtome.cli.show import progress, result

__all__ = ["evaluate", "objects", "simulate"]  # after all others: the whole group


@objects.command()
def evaluate(
    folder: Folder,
    proposals: SetName = None,
    box: Annotated[
        str | None, typer.Option(metavar="Z0:Z1[,…]", help="Where.", show_default="splits.test")
    ] = None,
    as_json: Json = False,
) -> None:
    """Compare a set with the true objects: recall and precision from IoU ½ on, and distances in nm (CREMI).

    The box is held in memory; at its faces objects are cut.
    """
    from microtome.cli.session import box_of, opened
    from microtome.loop.object_training import object_classes
    from microtome.objects.scores import scored
    from microtome.objects.sets import ProposalSets

    with progress() as bars, opened(folder, "cpu", bars, reading=True) as session:
        where = box_of(box, session.image.shape) or session.project.config.test_box
        if where is None:
            raise ValueError("the project has no splits.test: say where with --box")
        found = ProposalSets(session.project.root).opened(proposals)
        scores = scored(found, session.truth, object_classes(session, found), where)
    counts, distances = scores.instances, scores.distances
    row = {
        "proposals": found.folder.name,
        "box": str(where),
        "true": counts.true,
        "proposed": counts.predicted,
        "matched": counts.matched,
        "recall": counts.recall,
        "precision": counts.precision,
        "f1": counts.f1,
        "average_precision": scores.average_precision,
        "adgt_nm": _finite(distances.adgt_nm),
        "adf_nm": _finite(distances.adf_nm),
        "cremi_nm": _finite(distances.nm),
    }
    result(row, [row], as_json=as_json)


@objects.command()
def simulate(
    folder: Folder,
    n: Annotated[int, typer.Option("-n", min=1, help="Objects asked about in a round.")] = 1280,
    rounds: Annotated[int, typer.Option(min=1)] = 2,
    strategy: Annotated[str, typer.Option(help="How objects are chosen.")] = "two-stream",
    clusters: Annotated[
        str, typer.Option(metavar="N,M,Q", help="Groups by masks, by images in each, objects of each.")
    ] = "64,4,5",
    rule: Annotated[
        Literal["covers-half", "iou"],
        typer.Option(help="When the annotator says correct: half of the truth covered, or IoU ½."),
    ] = "covers-half",
    tune: Annotated[
        Literal["images", "masks", "both"] | None,
        typer.Option(help="Let networks of features learn from each round's answers."),
    ] = None,
    threshold: Annotated[float, typer.Option(help="Least probability of an object's voxels.")] = 0.5,
    smallest: Annotated[int, typer.Option(help="Voxels of an object, or of a side of a synapse.")] = 128,
    per_section: Annotated[
        bool, typer.Option("--per-section", help="Let objects end with their section.")
    ] = False,
    small: Annotated[
        bool, typer.Option("--small", help="Small networks of features, for a machine without a GPU.")
    ] = False,
    feature_steps: Annotated[
        int | None,
        typer.Option(min=1, help="Of training each network of features.", show_default="10000; small: 2000"),
    ] = None,
    steps: Annotated[
        int | None, typer.Option(min=1, help="Of training the model.", show_default="400, or the project's")
    ] = None,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Ask, answer by the known truth, train and propose again; how often models accept the right objects.

    The project needs a first model, known labels, and a test split. It goes on where it stopped.
    """
    from microtome.cli.names import named
    from microtome.cli.object_names import object_strategies
    from microtome.cli.session import alone, opened
    from microtome.loop.object_rounds import ObjectSimulation, RoundPlan
    from microtome.objects.features import SMALL, FeatureSettings
    from microtome.objects.settings import ProposalSettings

    features = SMALL if small else FeatureSettings()
    if feature_steps is not None:
        features = replace(features, training=replace(features.training, steps=feature_steps))
    plan = RoundPlan(
        strategy=named("strategy", strategy, object_strategies(int3(clusters, "--clusters"))),
        name=strategy,
        each=n,
        rounds=rounds,
        proposals=ProposalSettings(threshold=threshold, smallest=smallest, per_section=per_section),
        features=features,
        tune=tune,
        steps=steps,
        rule=rule,
    )
    with (
        progress() as bars,
        opened(folder, device, bars) as session,
        alone(session.project.root, "predict"),
    ):
        rows = [asdict(score) for score in ObjectSimulation(session, plan).run()]
    result({"strategy": strategy, "rounds": rows}, rows, as_json=as_json)


def _finite(nm: float) -> float | None:
    """A distance; None where there was nothing to be near to."""
    return nm if isfinite(nm) else None
