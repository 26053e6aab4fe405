"""The command that predicts a volume."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from microtome.cli.show import progress, result, say

EngineOption = Annotated[
    Literal["auto", "torch", "openvino", "openvino-int8"],
    typer.Option("--engine", help="What computes; auto tries for ten seconds which is the fastest here."),
]
Mask = Annotated[
    str | None,
    typer.Option(metavar="URI", help="Volume that is 0 where nothing is, also a coarser one."),
]
Scheduler = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS|processes",
        help="Dask scheduler whose workers do it, or its file; or a process for each core.",
        show_default="this process",
    ),
]
MostLost = Annotated[
    float, typer.Option(min=0, max=1, help="Jaccard that openvino-int8 may lose before it is refused.")
]


def predict(
    folder: Annotated[
        Path, typer.Argument(metavar="PROJECT", help="The project's folder.", show_default=False)
    ],
    model: Annotated[
        int | None, typer.Option("--model", help="Number of the model.", show_default="the latest")
    ] = None,
    box: Annotated[
        str | None, typer.Option(metavar="Z0:Z1[,…]", help="Where.", show_default="the whole volume")
    ] = None,
    engine: EngineOption = "auto",
    mask: Mask = None,
    scheduler: Scheduler = None,
    most_lost: MostLost = 0.005,
    device: Annotated[Literal["auto", "cpu", "cuda"], typer.Option(help="Where networks run.")] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for machines.")] = False,
) -> None:
    """Predict the volume into OME-Zarr: each class and the uncertainty. Goes on where it stopped."""
    from microtome.cli.session import box_of, opened, scheduled
    from microtome.loop.models import Way
    from microtome.loop.models import predict as predict_volume

    with (
        progress() as bars,
        opened(folder, device, bars, work="predict") as session,
        scheduled(scheduler) as schedule,
    ):
        way = Way(engine, mask, schedule, most_lost)
        store = predict_volume(session, model, box_of(box, session.image.shape), way, say)
        data = {"prediction": str(store.folder), "images": [*store.classes, "uncertainty"]}
    result(data, [data], as_json=as_json)
