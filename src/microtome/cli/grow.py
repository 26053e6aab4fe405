"""`microtome grow`: a project that follows the tissue outwards from one section, and what that costs."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from microtome.cli.parse import int3, require_local
from microtome.cli.show import announce_page, progress, result, say, sides

if TYPE_CHECKING:
    from microtome.benchmark.report.growth import Corrected
    from microtome.box import Int3
    from microtome.learn.config import TrainConfig
    from microtome.loop.session import Session
    from microtome.project import Project

ScheduleName = Literal["plain", "paper"]


def grow(
    folder: Annotated[Path, typer.Argument(metavar="PROJECT", show_default=False, help="Its folder.")],
    at: Annotated[
        str | None,
        typer.Option(
            metavar="Z,Y,X", help="Begin at this voxel, or begin again there.", show_default="middle"
        ),
    ] = None,
    schedule: Annotated[
        ScheduleName | None,
        typer.Option(
            help="Networks of a new project: one 2-D net that goes on, or those of Guay (2021).",
            show_default="plain",
        ),
    ] = None,
    table: Annotated[
        bool, typer.Option("--table", help="Only tell what it cost so far, and what the rest may take.")
    ] = False,
    report: Annotated[
        Path | None,
        typer.Option(help="Write that as a page, with pictures, to this file.", show_default=False),
    ] = None,
    simulate: Annotated[
        int | None,
        typer.Option(min=1, help="Boxes, those before counted, that the known truth answers for people."),
    ] = None,
    jitter: Annotated[float, typer.Option(min=0, help="Voxels by which simulated outlines are off.")] = 0.0,
    overlooked: Annotated[
        float, typer.Option(min=0, max=1, help="Share of errors that the simulated annotator misses.")
    ] = 0.0,
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, show_default="8765, or the one of the last time")
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen at.")] = "127.0.0.1",
    allow_remote: Annotated[
        bool,
        typer.Option("--allow-remote", help="Let other machines in; the token is all that keeps them out."),
    ] = False,
    browser: Annotated[bool, typer.Option(help="Open the page.")] = True,
    device: Annotated[Literal["auto", "cpu", "cuda"], typer.Option(help="Where networks run.")] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for machines.")] = False,
) -> None:
    """Grow a segmentation from one section: correct what a network says of the next ones, and train on."""
    from microtome.cli.label import is_served, label

    if report is not None:
        _require_page(report)
    for option, given in (("--jitter", jitter), ("--overlooked", overlooked)):
        if given and simulate is None:
            raise typer.BadParameter("expected --simulate beside it", param_hint=option)
    if table or (report is not None and simulate is None and at is None):
        if at is not None or simulate is not None:
            raise typer.BadParameter("goes with neither --at nor --simulate", param_hint="--table")
        _tell(folder, report, as_json=as_json)
        return
    if report is not None and simulate is None:
        raise typer.BadParameter("goes with --at beside --simulate only", param_hint="--report")
    require_local(host, allow_remote=allow_remote)
    seed = None if at is None else int3(at, "--at", least=0)
    begin(folder, schedule, seed, known=simulate is not None)
    if simulate is not None:
        _simulate(folder, seed, simulate, jitter, overlooked, device)
        _told_to_be_done(folder)
        _tell(folder, report, as_json=as_json)
        return
    if _told_to_be_done(folder):
        return
    if seed is not None:
        _plant(folder, seed)
        if is_served(folder):
            say("the page that is open asks for it next, after the queries that it holds")
            return
    announce = partial(announce_page, as_json=as_json)
    label(folder, host=host, port=port, repeat=1, device=device, browser=browser, announce=announce)


def _require_page(path: Path) -> None:
    """Refuse a report that would take the place of something else than a page."""
    if path.suffix != ".html" or (path.exists() and not path.is_file()) or path.is_symlink():
        raise typer.BadParameter(f"expected the name of a page, FILE.html; got {path}", param_hint="--report")


def begin(
    folder: Path, schedule: ScheduleName | None = None, at: "Int3 | None" = None, *, known: bool = False
) -> None:
    """Make a project grow that has not asked anything yet, by a schedule, else the plain one.

    One that grows and has not asked anything yet may be given another schedule.

    Raises:
        ValueError: If it is no project, it asked before and does not grow or is given a schedule, nothing may
            be asked `at` that voxel, or its labels should be `known` and are not. Nothing is changed then.
        OSError: If project.toml cannot be written.
    """
    from microtome.box import count
    from microtome.learn.settings import TABLES, recipe_from
    from microtome.project import ProjectConfig, open_project
    from microtome.project.config import PAPER_STAGES, PLAIN_STAGES, save_config
    from microtome.project.growth import grows, require_train
    from microtome.project.records import OUTWARD

    with open_project(folder, TABLES) as project:
        if known and project.config.truth is None:
            raise ValueError(f"{folder} has no [truth]: known labels are needed to simulate")
        config, asked = project.config, bool(project.journal.queries())
        if at is not None:
            require_train(config, at)
        stages = PAPER_STAGES if schedule == "paper" else PLAIN_STAGES
        if grows(config):
            if schedule is None or config.grow == stages:
                return
            if asked:
                raise ValueError(f"{folder} grows already, by [[grow]] of its project.toml: edit it there")
        elif asked:
            strategy = project.config.query.strategy
            hint = ": project.toml lacks its [[grow]]" if strategy == OUTWARD else ""
            raise ValueError(f"{folder} asked by {strategy!r} before; growing expects a new project{hint}")
        asking = {"strategy": OUTWARD, "start_strategy": OUTWARD, "start": 1, "sampling": "single"}
        query = project.config.query.model_copy(update=asking)
        going_on = _going_on(recipe_from(config.settings).train)
        own = {} if config.fine_tune == going_on else config.fine_tune
        tuned = own if schedule == "paper" else own or going_on
        changes: dict[str, Any] = {"query": query, "grow": stages, "fine_tune": tuned}
        grown = config.model_copy(update=changes)
        checked = ProjectConfig.model_validate(grown.model_dump(by_alias=True))
        save_config(checked, project.root / "project.toml")
    say(f"{folder} grows from now on: [[grow]] in its project.toml says in which steps")
    domain, shape = checked.train_box, checked.query.shape
    covered = count(domain, shape) * shape[0] * shape[1] * shape[2] / domain.size
    if covered < 1:
        say(
            f"boxes of {sides(shape)} voxels fill {100 * covered:.0f} % of splits.train, and no more is asked"
        )


def _going_on(train: "TrainConfig") -> dict[str, int | float]:
    """How networks go on from the one before: half as long, at a third of the rate."""
    halved = {"epochs": -(-train.epochs // 2)} if train.epochs else {"steps": -(-train.steps // 2)}
    return {**halved, "learning_rate": train.learning_rate / 3}


def _plant(folder: Path, at: "Int3") -> None:
    from microtome.cli.session import opened
    from microtome.progress import silent

    with opened(folder, "cpu", silent, reading=True) as session:
        _planted(session, at)


def _planted(session: "Session", at: "Int3") -> None:
    from microtome.box import Box
    from microtome.loop.asking import plant

    box = plant(session, at)
    z, y, x = at
    if box.contains(Box(at, (z + 1, y + 1, x + 1))):
        say(f"growing begins at {box} (z,y,x)")
    else:
        say(f"{z},{y},{x} cannot be asked for: growing begins at {box}, the nearest box that can")


def _told_to_be_done(folder: Path) -> bool:
    """Whether nothing is left to label, which is then said."""
    from microtome.cli.session import opened
    from microtome.loop.asking import is_done
    from microtome.progress import silent

    with opened(folder, "cpu", silent, reading=True) as session:
        done = is_done(session)
    if done:
        say(f"{folder}: all of splits.train is labelled; `microtome label` still opens its page")
    return done


def _simulate(
    folder: Path, at: "Int3 | None", boxes: int, jitter: float, overlooked: float, device: str
) -> None:
    from dataclasses import replace

    from microtome.cli.session import opened
    from microtome.loop.asking import is_done
    from microtome.loop.drift import WORTH
    from microtome.loop.simulation import Budget, simulate
    from microtome.oracle import CostModel
    from microtome.project.growth import was_planted

    hand = replace(WORTH, jitter=jitter, overlooked=overlooked)
    with progress() as bars, opened(folder, device, bars) as session:
        journal = session.project.journal
        before = len(journal.answer_ids())
        if at is not None and before < boxes and not is_done(session) and not was_planted(journal, at):
            _planted(session, at)
        simulate(session, Budget(boxes), CostModel(), hand=hand, finish=False)
    if before >= boxes:
        say(f"{before} boxes are answered already: --simulate counts all of them, so nothing was done")


def _tell(folder: Path, report: Path | None, *, as_json: bool) -> None:
    from microtome.cli.status import open_for_reading
    from microtome.project.growth import grows
    from microtome.project.growth_cost import told

    with open_for_reading(folder) as project:
        if not grows(project.config):
            raise ValueError(
                f"{project.root} does not grow yet: `microtome grow {project.root}` begins with it"
            )
        data = {"project": str(project.root), **told(project)}
        if not data["iterations"]:
            say(f"{project.root}: nothing is labelled yet, so there is no cost to tell of")
        if report is not None:
            from microtome.benchmark.report.growth import write_growth

            classes = ", ".join(project.config.classes)
            write_growth(report, data, corrected_sections(project), f"{classes}, grown from one section")
    result(data, data["iterations"], as_json=as_json)
    if not as_json:
        for line in _lines(data):
            print(line)
    if report is not None:
        say(f"report: {report}")


def corrected_sections(project: "Project") -> "list[Corrected]":
    """The first section that each model filled in and somebody corrected.

    Raises:
        ValueError: If the image changed, or stored labels are damaged.
    """
    from microtome.benchmark.report.growth import Corrected
    from microtome.learn.corrections import emphasis
    from microtome.learn.settings import recipe_from
    from microtome.learn.stages import staged
    from microtome.project.growth import audits_of, far_answers, sections_in, stage_at

    journal, image = project.journal, project.image()
    far = {query.id for query in audits_of(journal)}
    so_far = journal.answer_ids() - far_answers(journal)
    found: dict[int, Corrected] = {}
    for answer in journal.answers():
        if answer.shown_model is None or answer.query_id in far or answer.shown_model in found:
            continue
        preview = journal.previews.shown(answer.query_id, answer.shown_model)
        if preview is None:
            continue
        query = journal.query(answer.query_id)
        learned = next((set(m.trained_on) for m in journal.models() if answer.id in m.trained_on), so_far)
        stage = stage_at(project.config, sections_in(journal, learned))
        assert stage is not None, "the project grows"
        weighting = staged(recipe_from(project.config.settings), stage).corrections
        shown = preview.within(query.box)
        found[answer.shown_model] = Corrected(
            model=answer.shown_model,
            section=query.box.start[0],
            image=image.read(query.box)[0],
            shown=shown[0],
            labels=answer.labels[0],
            emphasis=emphasis(shown, answer.labels, weighting)[0] if weighting.strength else None,
            strength=weighting.strength,
            pixel_nm=image.voxel_size_nm[2],
        )
    return list(found.values())


def _lines(data: Mapping[str, Any]) -> list[str]:
    lines, ahead = [], data["forecast"]
    if ahead is not None and not ahead["boxes"]:
        lines.append("nothing is left to label")
    elif ahead is not None:
        low, high = ahead["low"], ahead["high"]
        between = "" if low is None else f" ({low:.0f} to {high:.0f})"
        lines.append(
            f"the rest, {ahead['boxes']} boxes of {ahead['megavoxels']:.2f} megavoxels, may take "
            f"{ahead['minutes']:.0f} minutes{between}"
        )
    if data["audits"]:
        last = data["audits"][-1]
        words = (
            f"far away, in {last['box']} (an audit, not counted above), correcting takes {last['ratio']:.1f} "
            "times as long as near by"
        )
        z, y, x = (part.split(":")[0] for part in last["box"].split(","))
        advice = f": plant the next seed there, microtome grow {data['project']} --at {z},{y},{x}"
        lines.append(words + (advice if last["alarm"] else ""))
    return lines
