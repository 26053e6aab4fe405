"""`microtome view`: a project in neuroglancer."""

import threading
import time
import webbrowser
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from microtome.cli.show import announce_page, say


def view(
    folder: Annotated[
        Path, typer.Argument(metavar="PROJECT", help="The project's folder.", show_default=False)
    ],
    model: Annotated[
        int | None,
        typer.Option("--model", help="Number of the model.", show_default="the segmentation's"),
    ] = None,
    segmentation: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Of a folder in segmentations/.", show_default="the latest"),
    ] = None,
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, show_default="8767, or any if that is taken")
    ] = None,
    browser: Annotated[bool, typer.Option(help="Open the page.")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for machines.")] = False,
) -> None:
    """Look at a project in neuroglancer: image, labels, prediction, objects. Stop it with Ctrl+C."""
    from microtome.learn.settings import TABLES
    from microtome.project import open_project
    from microtome.serve.viewing import viewed

    with open_project(folder, TABLES) as project:
        shown = viewed(project, model, segmentation)
    try:
        from microtome.serve.viewer import served
    except ModuleNotFoundError as error:
        raise ImportError(
            "microtome view expects the package neuroglancer: python -m pip install 'microtome[view]'"
        ) from error
    for lacking in shown.missing:
        say(lacking)
    with suppress(KeyboardInterrupt), served(shown, port) as url:
        announce_page(url, as_json=as_json)
        if browser:
            threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()
        while True:
            time.sleep(3600)
    say("the viewer has ended")
