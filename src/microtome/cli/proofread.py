"""`microtome proofread`: what is to be judged, then the server of the proofreading page."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from microtome.cli.objects import SetName
from microtome.cli.parse import int3, require_local
from microtome.cli.show import announce_page

if TYPE_CHECKING:
    from microtome.box import Int3
    from microtome.objects.proposals import Proposals
    from microtome.objects.strategies import TwoStream
    from microtome.project import Project


def proofread(
    folder: Annotated[
        Path, typer.Argument(metavar="PROJECT", help="The project's folder.", show_default=False)
    ],
    proposals: SetName = None,
    order: Annotated[
        Literal["cluster", "random"], typer.Option(help="Alike objects together, or as a control at random.")
    ] = "cluster",
    ask_all: Annotated[
        bool, typer.Option("--all", help="Ask for every object of the set, doubtful ones first.")
    ] = False,
    tiles: Annotated[int, typer.Option(min=1, max=400, help="Objects a page.")] = 60,
    repeat: Annotated[int, typer.Option(min=1, max=100, help="Annotators who get each object.")] = 1,
    audits: Annotated[
        int, typer.Option(min=0, help="Random boxes in which people mark what was not proposed.")
    ] = 0,
    audit_shape: Annotated[str, typer.Option(metavar="Z,Y,X", help="Voxels of such a box.")] = "1,256,256",
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, show_default="8766, or the one of the last time")
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen at.")] = "127.0.0.1",
    allow_remote: Annotated[
        bool,
        typer.Option("--allow-remote", help="Let other machines in; the token is all that keeps them out."),
    ] = False,
    browser: Annotated[bool, typer.Option(help="Open the page.")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for machines.")] = False,
) -> None:
    """Open the page on which people say which proposed objects are right. Stop it with Ctrl+C."""
    require_local(host, allow_remote=allow_remote)
    shape = int3(audit_shape, "--audit-shape")

    from microtome.learn.settings import TABLES
    from microtome.objects.sets import ProposalSets
    from microtome.project import open_project
    from microtome.project.sheets import Order
    from microtome.serve.server import address_of, serve_proofreading

    with open_project(folder, TABLES) as project, _only_server(project.root):
        found = ProposalSets(project.root).opened(proposals)
        ask(project, found, every=ask_all, audits=audits, audit_shape=shape)
        project.close()  # the journal is opened again by the thread that works with it
        address, bound = address_of(project.root, host, port, "proofread")
        serve_proofreading(
            project,
            found,
            Order(found.folder.name, order, tiles, repeat),
            address,
            bound,
            announce=partial(announce_page, as_json=as_json),
            browser=browser,
        )


def ask(project: "Project", proposals: "Proposals", *, every: bool, audits: int, audit_shape: "Int3") -> None:
    """Have something to judge: what was asked already, every object if so wished, and so many audits.

    Raises:
        ValueError: If nothing is to be judged, or a box of an audit has no voxels or too many.
    """
    import numpy as np

    from microtome.box import Box
    from microtome.objects.auditing import draw_audits
    from microtome.objects.every import ask_every

    verdicts, name, config = project.journal.verdicts, proposals.folder.name, project.config
    domain = Box.of(config.image.shape)
    draw_audits(verdicts, proposals, audits, shape=audit_shape, domain=domain, seed=config.seed)
    if every:
        rng = np.random.default_rng((config.seed, 4))  # not a stream of patches, training or rounds
        ask_every(verdicts, proposals, _grouping(project, proposals), rng)
    if not verdicts.queries(name) and not verdicts.audits(name):
        raise ValueError(
            f"no object of proposals {name} waits for a verdict: choose some with `microtome objects ask`, "
            "or ask for every one with --all"
        )


def _grouping(project: "Project", proposals: "Proposals") -> "TwoStream | None":
    """What puts alike objects side by side, where features were made of them."""
    from microtome.objects.strategies import Known, TwoStream
    from microtome.objects.streams import kept_streams

    streams = kept_streams(proposals, project.config.image)
    return None if streams is None else TwoStream(Known(streams.masks), Known(streams.images))


@contextmanager
def _only_server(root: Path) -> Iterator[None]:
    """Hold the project's lock of proofreading servers, which the system frees when the process ends."""
    from filelock import FileLock, Timeout

    from microtome.serve.server import kept_address

    try:
        with FileLock(root / "proofread.lock", timeout=0):
            yield
    except Timeout as error:
        there = kept_address(root / "proofread.json")
        at = f"port {there[1]}" if there else "another port"
        raise ValueError(f"{root} is being proofread already: a server runs for it at {at}") from error
