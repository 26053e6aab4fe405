"""`microtome proofread`: what is to be judged, then the server of the proofreading page."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from microtome.cli.parse import int3, require_local
from microtome.cli.show import announce_page

if TYPE_CHECKING:
    from microtome.box import Int3
    from microtome.objects.proposals import Proposals
    from microtome.project import Project

EVERY = "every-object"


def proofread(
    folder: Annotated[
        Path, typer.Argument(metavar="PROJECT", help="The project's folder.", show_default=False)
    ],
    proposals: Annotated[
        str | None, typer.Option(help="Number of the set of proposals.", show_default="the latest")
    ] = None,
    order: Annotated[
        Literal["cluster", "random"], typer.Option(help="Alike objects together, or as a control at random.")
    ] = "cluster",
    ask_all: Annotated[
        bool, typer.Option("--all", help="Ask for every object of the set, not only for chosen ones.")
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
    from microtome.box import Box
    from microtome.objects.auditing import draw_audits

    verdicts, name, config = project.journal.verdicts, proposals.folder.name, project.config
    domain = Box.of(config.image.shape)
    draw_audits(verdicts, proposals, audits, shape=audit_shape, domain=domain, seed=config.seed)
    if every:
        _ask_every(project, proposals)
    if not verdicts.queries(name) and not verdicts.audits(name):
        raise ValueError(
            f"no object of proposals {name} waits for a verdict: choose some with `microtome objects ask`, "
            "or ask for every one with --all"
        )


def _ask_every(project: "Project", proposals: "Proposals") -> None:
    """Ask for each object of which nobody was asked yet, those first of which the model is least sure."""
    from microtome.project.records import JudgeQuery

    verdicts, table, name = project.journal.verdicts, proposals.table(), proposals.folder.name
    known = {query.object_key for query in verdicts.queries(name)} | verdicts.judged()
    rows = [row for row in table.probability.argsort().tolist() if int(table.keys[row]) not in known]
    queries = [
        JudgeQuery(
            round=0,
            proposals=name,
            object_key=int(table.keys[row]),
            box=table.box(row),
            cluster=0,
            strategy=EVERY,
            score=1 - float(table.probability[row]),
            rank=rank,
            reason="every object is asked for; the least sure come first",
        )
        for rank, row in enumerate(rows)
    ]
    verdicts.add_queries(queries)


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
