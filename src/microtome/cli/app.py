"""The commands. Each parses words, makes one call, and shows the result; heavy imports wait inside."""

import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import typer

from microtome.cli.convert import convert
from microtome.cli.grow import grow
from microtome.cli.labels import labels
from microtome.cli.mesh import mesh
from microtome.cli.objects_truth import objects
from microtome.cli.parse import int3, names, numbers, require_local, whole_numbers, window
from microtome.cli.predict import Scheduler, predict
from microtome.cli.proofread import proofread
from microtome.cli.restore import restore
from microtome.cli.segment import segment
from microtome.cli.show import announce_page, error, progress, result, say, sides
from microtome.cli.view import view

app = typer.Typer(
    name="microtome",
    help="Segment electron-microscopy volumes with as few minutes of an expert's time as possible.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

STOPPED = 130  # exit code after Ctrl+C

Folder = Annotated[Path, typer.Argument(metavar="PROJECT", help="The project's folder.", show_default=False)]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
Device = Annotated[Literal["auto", "cpu", "cuda"], typer.Option(help="Where networks run.")]
ModelId = Annotated[
    int | None, typer.Option("--model", help="Number of the model.", show_default="the latest")
]


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Folder of the project and its report.")] = Path("demo"),
    seed: Annotated[int, typer.Option(min=0)] = 0,
    strategy: Annotated[str, typer.Option(help="How patches are chosen after the first 8.")] = "bald",
    phantom: Annotated[
        bool, typer.Option("--phantom", help="Use generated data in place of real ones.")
    ] = False,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Run the whole loop on a sample and write a report: the first thing to try."""
    from microtome.cli.demo import Demo
    from microtome.cli.session import resolved_device

    with progress() as bars:
        run = Demo(out, seed, resolved_device(device), strategy, progress=bars, say=say)
        summary = run.run(phantom=phantom)
    result(summary, summary["curve"], as_json=as_json)
    say(f"report: {out / 'report.html'}")


@app.command()
def init(
    folder: Folder,
    image: Annotated[
        str | None,
        typer.Option(help="A volume in any format of docs/formats.md: a file, a folder or a URL."),
    ] = None,
    dataset: Annotated[
        str | None,
        typer.Option(metavar="NAME[/PART]", help="In place of --image: a public data set by name."),
    ] = None,
    voxel_size: Annotated[
        str | None, typer.Option(metavar="Z,Y,X", help="Nanometres; needed where the file does not say.")
    ] = None,
    classes: Annotated[str, typer.Option(metavar="NAME,…", help="What is to be found.")] = "",
    instances: Annotated[
        str, typer.Option(metavar="NAME,…", help="Classes whose objects are told apart.", show_default="none")
    ] = "",
    query_shape: Annotated[
        str, typer.Option(metavar="Z,Y,X", help="Voxels asked for at a time.")
    ] = "1,64,64",
    downsample: Annotated[str, typer.Option(metavar="Z,Y,X", help="Work at a coarser resolution.")] = "1,1,1",
    grey_window: Annotated[
        str | None,
        typer.Option(
            "--window",
            metavar="LOW,HIGH",
            help="Grey values that become 0 and 255, if the image is not uint8.",
            show_default="percentiles 0.1 and 99.9",
        ),
    ] = None,
    labels: Annotated[str | None, typer.Option(help="Known labels, to simulate and evaluate with.")] = None,
    label_values: Annotated[
        str, typer.Option(metavar="N,…", help="Value of each class in --labels.", show_default="1,2,…")
    ] = "",
    train: Annotated[
        str | None,
        typer.Option(
            metavar="Z0:Z1[,Y0:Y1,X0:X1]", help="Where queries may be asked.", show_default="everywhere"
        ),
    ] = None,
    test: Annotated[str | None, typer.Option(metavar="Z0:Z1[,…]", help="Where it is tested.")] = None,
    strategy: Annotated[str, typer.Option(help="How queries are chosen.")] = "bald",
    batch: Annotated[int, typer.Option(min=1, help="Queries a round.")] = 24,
    start: Annotated[int, typer.Option(min=1, help="Queries of the first round.")] = 8,
    start_strategy: Annotated[str, typer.Option(help="How those of the first round are.")] = "cold-start",
    recipe: Annotated[
        str,
        typer.Option(
            help="Network and training: default, demo, roels-saeys, lubrano-dice, lubrano-cross-entropy, "
            "lin, lin-small."
        ),
    ] = "default",
    seed: Annotated[int, typer.Option(min=0)] = 0,
    as_json: Json = False,
) -> None:
    """Make a project for a volume."""
    from microtome.cli.create import NewProject, create

    new = NewProject(
        image=image,
        dataset=dataset,
        voxel_size_nm=numbers(voxel_size, 3, "--voxel-size") if voxel_size else None,
        classes=names(classes),
        instances=names(instances),
        query_shape=int3(query_shape, "--query-shape"),
        downsample=int3(downsample, "--downsample"),
        window=window(grey_window) if grey_window else None,
        labels=labels,
        label_values=whole_numbers(label_values, "--label-values") if label_values else (),
        train=train,
        test=test,
        strategy=strategy,
        batch=batch,
        start=start,
        start_strategy=start_strategy,
        recipe=recipe,
        seed=seed,
    )
    data = create(folder, new, say)
    shown = {**data, "shape": sides(data["shape"]), "voxel_nm": sides(data["voxel_nm"])}
    result(data, [shown], as_json=as_json)


@app.command()
def query(
    folder: Folder,
    count: Annotated[
        int | None,
        typer.Option("-n", "--count", min=1, help="How many.", show_default="query.batch of the project"),
    ] = None,
    scheduler: Scheduler = None,
    engine: Annotated[
        Literal["auto", "torch", "openvino"],
        typer.Option(help="What the model computes on; auto tries which is the fastest here."),
    ] = "torch",
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Choose what to label next and put it into the journal."""
    from microtome.cli.session import opened, query_row, scheduled
    from microtome.loop.asking import ask, batch_size

    with (
        progress() as bars,
        opened(folder, device, bars) as session,
        scheduled(scheduler) as schedule,
    ):
        session = replace(session, schedule=schedule, engine=engine)
        asked = ask(session, count or batch_size(session))
        rows = [query_row(one) for one in asked]
    result({"queries": rows}, rows, as_json=as_json)
    if not rows:
        say("nothing is left to ask: every candidate was asked for already")


@app.command()
def train(folder: Folder, device: Device = "auto", as_json: Json = False) -> None:
    """Train a model on all answers."""
    from microtome.cli.session import model_row, opened
    from microtome.loop.training import train as train_model

    with progress() as bars, opened(folder, device, bars) as session:
        row = model_row(train_model(session))
    result(row, [row], as_json=as_json)


@app.command()
def evaluate(
    folder: Folder,
    model: ModelId = None,
    box: Annotated[
        str | None, typer.Option(metavar="Z0:Z1[,…]", help="Where.", show_default="splits.test")
    ] = None,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Compare a model with the known labels, on the test sections."""
    from microtome.cli.session import box_of, opened, score_rows
    from microtome.loop.models import evaluate as evaluate_model

    with progress() as bars, opened(folder, device, bars, reading=True) as session:
        evaluation = evaluate_model(session, model, box_of(box, session.image.shape))
        rows = score_rows(evaluation.table, session.project.config.classes)
    result({"box": str(evaluation.box), "model": evaluation.model, "scores": rows}, rows, as_json=as_json)


@app.command()
def simulate(
    folder: Folder,
    patches: Annotated[int, typer.Option(min=1, help="Answers to stop at.")] = 104,
    minutes: Annotated[
        float | None, typer.Option(min=0, help="Simulated minutes to stop at.", show_default="no limit")
    ] = None,
    compare: Annotated[
        str | None,
        typer.Option(
            metavar="STRATEGY,…",
            help="Instead, compare strategies on what was answered so far.",
            show_default=False,
        ),
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Repeats of --compare.")] = 10,
    network: Annotated[
        bool, typer.Option("--network", help="Compare with the project's network: hours, not minutes.")
    ] = False,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Run the loop with a simulated annotator until a budget is spent. Goes on where it stopped."""
    if compare is not None:
        _compare(folder, compare, seeds, network=network, device=device, as_json=as_json)
        return
    from microtome.cli.session import opened
    from microtome.cli.status import status_of
    from microtome.loop.simulation import Budget
    from microtome.loop.simulation import simulate as run
    from microtome.oracle import CostModel

    with progress() as bars, opened(folder, device, bars) as session:
        run(session, Budget(patches, minutes if minutes is not None else float("inf")), CostModel())
        data = status_of(session.project)
    result(data, data["rounds"], as_json=as_json)
    if data["answers"] < patches and minutes is None:
        say("nothing is left to ask: every candidate was answered")


def _compare(folder: Path, strategies: str, seeds: int, *, network: bool, device: str, as_json: bool) -> None:
    from microtome.cli.benchmark import compare

    with progress() as bars:
        report, rows = compare(
            folder, names(strategies), seeds=seeds, network=network, device=device, progress=bars, say=say
        )
    result({"report": str(report), "strategies": rows}, rows, as_json=as_json)
    say(f"report: {report}")


@app.command()
def label(
    folder: Folder,
    repeat: Annotated[int, typer.Option(min=1, max=100, help="Annotators who get each query.")] = 1,
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, show_default="8765, or the one of the last time")
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen at.")] = "127.0.0.1",
    allow_remote: Annotated[
        bool,
        typer.Option("--allow-remote", help="Let other machines in; the token is all that keeps them out."),
    ] = False,
    browser: Annotated[bool, typer.Option(help="Open the page.")] = True,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Open the page on which people label, and train while they do. Stop it with Ctrl+C."""
    from microtome.cli.label import label as serve_page

    require_local(host, allow_remote=allow_remote)
    announce = partial(announce_page, as_json=as_json)
    serve_page(folder, host=host, port=port, repeat=repeat, device=device, browser=browser, announce=announce)


@app.command(hidden=True)
def worker(
    folder: Folder, repeat: Annotated[int, typer.Option(min=1, max=100)] = 1, device: Device = "auto"
) -> None:
    """Train and ask for the page of `microtome label`, which starts this itself."""
    from microtome.cli.label import work

    work(folder, repeat=repeat, device=device)


@app.command()
def status(
    folder: Folder,
    cost: Annotated[bool, typer.Option("--cost", help="Minutes by class, round and annotator.")] = False,
    as_json: Json = False,
) -> None:
    """What was asked, answered and trained, and what it cost."""
    from microtome.cli.status import agreement_line, cost_of, open_for_reading, status_of

    with open_for_reading(folder) as project:
        data = status_of(project)
        tables = cost_of(project) if cost else {"rounds": data["rounds"]}
    if as_json:
        result({**data, "cost": tables} if cost else data, [], as_json=True)
        return
    for rows in tables.values():
        result(data, rows, as_json=False)
    if data["agreement"]:
        say(agreement_line(data["agreement"]))
    say(data["summary"])


bench = typer.Typer(
    name="benchmark",
    help="Compare query strategies: paired seeds, baselines, statistics, a report.",
    no_args_is_help=True,
)
app.add_typer(bench)
app.command()(convert)
app.add_typer(objects)
app.command()(grow)
app.command()(predict)
app.command()(segment)
app.add_typer(labels)
app.command()(mesh)
app.command()(proofread)
app.command()(restore)
app.command()(view)


@bench.command("run")
def bench_run(
    spec: Annotated[Path, typer.Argument(metavar="SPEC.toml", help="What is compared.", show_default=False)],
    out: Annotated[Path, typer.Option(help="Folder of the study.")] = Path("study"),
    workers: Annotated[int | None, typer.Option(min=1, help="Processes.", show_default="one a core")] = None,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Run a study. Goes on where it stopped."""
    from microtome.cli.benchmark import run_study

    with progress() as bars:
        data = run_study(spec, out, workers=workers, device=device, progress=bars, say=say)
    result(data, [data], as_json=as_json)


@bench.command("report")
def bench_report(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of the study.", show_default=False)],
    as_json: Json = False,
) -> None:
    """Write the report of a study: a page, its figures and a table."""
    from microtome.benchmark.report.study import write_study_report

    with progress() as bars:
        page = write_study_report(folder, bars)
    data = {"report": str(page), "summary": str(folder / "summary.csv"), "figures": str(folder / "figures")}
    result(data, [data], as_json=as_json)


@app.command()
def doctor(as_json: Json = False) -> None:
    """Check the installation: versions, device, data, disk."""
    from microtome.cli.doctor import checks

    rows = checks()
    result({"checks": rows}, rows, as_json=as_json)
    if any(row["ok"] == "no" for row in rows):
        raise typer.Exit(1)


def main() -> None:
    """Run the command line. Exit code 0, 1 if it failed, 2 if it was used wrongly, 130 if it was stopped."""
    try:
        app()
    except (ValueError, OSError, MemoryError, ImportError) as problem:
        error(str(problem) or "not enough memory")
        sys.exit(1)
    except SystemExit as ending:
        if ending.code == STOPPED:
            error("what was finished is kept; the same command goes on from there (a training begins anew)")
        raise
