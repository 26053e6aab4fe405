"""A small project with answers, open queries and predictions to exchange with a paint program."""

from pathlib import Path

import imagecodecs
import numpy as np

from microtome.box import Box
from microtome.labels import IGNORE
from microtome.project import (
    Answer,
    ImageConfig,
    Model,
    Project,
    ProjectConfig,
    Query,
    QueryConfig,
    SplitsConfig,
    create_project,
)
from microtome.project.records import Preview
from microtome.volume import fingerprint, open_volume

NM = (40.0, 4.0, 4.0)
SHAPE = (3, 16, 20)
ORANGE, BLUE = (230, 159, 0), (86, 180, 233)

ANSWERED = Box((0, 0, 0), (1, 8, 10))
DEEP = Box((1, 4, 4), (3, 12, 10))  # open, with a prediction that reaches beyond it
BLANK = Box((0, 8, 0), (1, 16, 10))  # open, without a prediction


def image() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, SHAPE, dtype=np.uint8)


def config(folder: Path, **changes: object) -> ProjectConfig:
    path = folder / "image.npy"
    np.save(path, image())
    plain = {
        "classes": ("mito", "vesicle"),
        "seed": 0,
        "image": ImageConfig(
            uri="../image.npy",
            voxel_size_nm=NM,
            shape=SHAPE,
            fingerprint=fingerprint(open_volume(path, NM)),
        ),
        "query": QueryConfig(shape=(1, 8, 10)),
        "splits": SplitsConfig(train="0:3"),
    }
    return ProjectConfig(**{**plain, **changes})


def new_project(folder: Path, **changes: object) -> Project:
    """Without queries."""
    return create_project(folder / "p", config(folder, **changes))


def labels(box: Box, seed: int = 0) -> np.ndarray:
    """Blocks of background, both classes, and unlabelled voxels."""
    rng = np.random.default_rng((*box.start, seed))
    return rng.choice(np.array([0, 1, 2, IGNORE], dtype=np.uint8), box.shape)


def asked(project: Project, *boxes: Box) -> list[int]:
    queries = [
        Query(round=0, box=box, strategy="random", score=0.0, rank=rank, reason="by chance")
        for rank, box in enumerate(boxes)
    ]
    return [query.id for query in project.journal.add_queries(queries)]  # type: ignore[misc]


def answered(project: Project, query: int, annotator: str = "ada", **changes: object) -> Answer:
    box = project.journal.query(query).box
    plain = {"labels": labels(box), "active_seconds": 30.0, "method": "scratch"}
    return project.journal.add_answer(
        Answer(query_id=query, annotator=annotator, **{**plain, **changes})  # type: ignore[arg-type]
    )


def predicted(project: Project, query: int) -> Preview:
    """The prediction of a new model, which reaches a voxel beyond the query's box."""
    model = project.journal.add_model(Model(round=0, seed=0, path="models/001", seconds=1.0))
    box = project.journal.query(query).box.grown((0, 1, 1)).intersection(Box.of(SHAPE))
    classes = labels(box) % 3  # IGNORE is 255, and no prediction
    assert model.id is not None
    return project.journal.previews.add(
        Preview(
            model_id=model.id, query_id=query, box=box, classes=classes, uncertainty=np.zeros_like(classes)
        )
    )


def full_project(folder: Path, **changes: object) -> Project:
    """Query 1 is answered by ada, 2 is open with a prediction, 3 is open without one."""
    project = new_project(folder, **changes)
    first, deep, _ = asked(project, ANSWERED, DEEP, BLANK)
    answered(project, first)
    predicted(project, deep)
    return project


def png(path: Path) -> np.ndarray:
    return imagecodecs.png_decode(path.read_bytes())


def write(path: Path, picture: np.ndarray) -> None:
    path.write_bytes(imagecodecs.png_encode(np.ascontiguousarray(picture)))


def paint(path: Path, where: tuple[slice | int, slice | int], colour: tuple[int, ...] | None) -> None:
    """Paint as a program does that drops the colours of transparent pixels; None erases."""
    picture = png(path).copy()
    picture[where] = (0, 0, 0, 0) if colour is None else (*colour, 255)
    picture[picture[..., 3] == 0] = 0
    write(path, picture)
