"""A project opened for work: its words turned into the strategy, recipe and device they stand for."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path

from filelock import FileLock, Timeout

from microtome.box import Box, Int3
from microtome.cli.names import SAMPLINGS, START_STRATEGIES, STRATEGIES, named
from microtome.evaluate.overlap import ContingencyTable, pixel_accuracy, scores
from microtome.learn.settings import TABLES, recipe_from
from microtome.learn.stages import staged
from microtome.loop.session import Session
from microtome.progress import Progress
from microtome.project import Model, Project, Query, open_project, parse_split
from microtome.query.outward import Outward
from microtome.query.strategy import Strategy
from microtome.schedule import Schedule, cores, in_turn, on_dask, on_processes


@contextmanager
def opened(
    folder: Path,
    device: str,
    progress: Progress,
    *,
    reading: bool = False,
    work: str = "work",
    wait: float = 0,
) -> Iterator[Session]:
    """The project in `folder`, its journal closed in the end.

    Unless it is for `reading` alone no other process may do the same kind of `work` on it at the same time;
    `wait` seconds are given to one that is ending.

    Raises:
        ValueError: If it is no project, its settings are not as they should be, or somebody works on it.
    """
    with (
        open_project(folder, TABLES) as project,
        nullcontext() if reading else alone(project.root, work, wait),
    ):
        query, recipe = project.config.query, recipe_from(project.config.settings)
        for trained in (recipe, *(staged(recipe, stage) for stage in project.config.grow)):
            trained.require_trainable(len(project.config.classes) + 1)
        _require_same_classes(project)
        yield Session(
            project=project,
            recipe=recipe,
            strategy=_sideways(named("strategy", query.strategy, STRATEGIES), query.sideways),
            start=_sideways(named("start strategy", query.start_strategy, START_STRATEGIES), query.sideways),
            sampling=named("sampling", query.sampling, SAMPLINGS),
            device=resolved_device(device),
            progress=progress,
        )


def _sideways(strategy: Strategy, sections: int) -> Strategy:
    """A strategy that grows, with what the project says of its steps to the side."""
    return replace(strategy, sideways=sections) if isinstance(strategy, Outward) else strategy


def _require_same_classes(project: Project) -> None:
    """Refuse classes other than those the answers were given for."""
    for model in project.journal.models():
        before = tuple(model.metrics["classes"])
        if before != project.config.classes:
            raise ValueError(
                f"project.toml: expected classes {list(before)}, for which answers were given; "
                f"got {list(project.config.classes)}"
            )


@contextmanager
def alone(root: Path, work: str, wait: float = 0) -> Iterator[None]:
    """Hold the project's lock for a kind of work, which the system frees however the process ends.

    Raises:
        ValueError: If another process holds it.
    """
    try:
        with FileLock(root / f"{work}.lock", timeout=wait):
            yield
    except Timeout as error:
        raise ValueError(
            f"another process works on {root} (perhaps `microtome label`); wait until it ends, or stop it"
        ) from error


def resolved_device(word: str) -> str:
    """`cpu` or `cuda`; `auto` is the GPU where there is one.

    Raises:
        ValueError: If a GPU is asked for and there is none.
    """
    if word == "cpu":
        return word
    import torch  # it takes seconds to load

    available = torch.cuda.is_available()
    if word == "cuda" and not available:
        raise ValueError("expected a CUDA device for --device cuda; this machine shows none to PyTorch")
    return "cuda" if word == "cuda" or (word == "auto" and available) else "cpu"


@contextmanager
def scheduled(address: str | None) -> Iterator[Schedule]:
    """Who works through blocks: this process, or the workers of the Dask scheduler at `address`.

    `processes` are as many as there are cores that this one may use, each with one thread.

    Raises:
        OSError: If no scheduler answers there.
    """
    if address is None:
        yield in_turn
    elif address == "processes":
        with on_processes(cores(), _with_one_thread) as schedule:
            yield schedule
    else:
        with on_dask(address) as schedule:
            yield schedule


def _with_one_thread() -> None:
    import torch  # it takes seconds to load

    torch.set_num_threads(1)


def box_of(text: str | None, shape: Int3) -> Box | None:
    """A box from Z0:Z1[,Y0:Y1,X0:X1].

    Raises:
        ValueError: If it is not that, or leaves the volume.
    """
    return None if text is None else parse_split(text, shape)


def query_row(query: Query) -> Mapping[str, object]:
    """A query as a row of a table."""
    return {
        "query": query.id,
        "round": query.round,
        "rank": query.rank + 1,
        "box": str(query.box),
        "score": query.score,
        "reason": query.reason,
    }


def model_row(model: Model) -> Mapping[str, object]:
    """A model as a row of a table."""
    return {
        "model": model.id,
        "round": model.round,
        "answers": len(model.trained_on),
        "seconds": model.seconds,
        "loss": model.metrics["loss"],
        "seed": model.seed,
        "path": model.path,
    }


def score_rows(table: ContingencyTable, classes: tuple[str, ...]) -> list[Mapping[str, object]]:
    """One row a class: every metric, from the one table."""
    return [
        {
            "class": name,
            "jaccard": score.jaccard,
            "dice": score.dice,
            "precision": score.precision,
            "recall": score.recall,
            "voc_score": score.voc_score,
            "pixel_accuracy": pixel_accuracy(table),
            "true_voxels": score.truth_voxels,
            "predicted_voxels": score.predicted_voxels,
        }
        for name, score in scores(table, classes).items()
    ]
