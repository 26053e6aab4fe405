"""The engine that predicts a project's volume: by name, the fastest, or calibrated in 8 bits."""

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Literal

from microtome.box import Box
from microtome.loop.session import ExactEngineName, Session
from microtome.predict.choice import PIECE_DEEP, PIECE_FLAT, fastest
from microtome.predict.int8 import LIMIT, TILES, Image, calibrate, measured_loss, require_small
from microtome.predict.model import SegmentationModel
from microtome.predict.network import TORCH
from microtome.predict.openvino import OpenVinoEngine, openvino
from microtome.project.growth import lessons
from microtome.volume.sample import sample_boxes

EngineName = Literal["auto", "torch", "openvino", "openvino-int8"]
TESTED = 64  # answers, the latest, that the loss of 8 bits is measured on

Say = Callable[[str], None]


def on_engine(
    session: Session, model: SegmentationModel, name: EngineName, kept: Path, say: Say, limit: float = LIMIT
) -> SegmentationModel:
    """The model on that engine; says why it was chosen, and what 8 bits lose.

    Calibrated networks are kept in the folder `kept`, so that what goes on later says the same.

    Raises:
        ImportError: If the engine's library is not installed.
        ValueError: If the engine does not run on the session's device, or loses more than `limit` of Jaccard.
        OSError: If the image cannot be read or the folder not written.
    """
    if name == "openvino-int8":
        return _in_8_bits(session, model, kept, say, limit)
    return on_exact_engine(session, model, name, say)


def on_exact_engine(
    session: Session, model: SegmentationModel, name: ExactEngineName, say: Say
) -> SegmentationModel:
    """The model on an engine that says what PyTorch does, up to rounding; says why it was chosen.

    Raises:
        ImportError: If the engine's library is not installed.
        ValueError: If the image changed since the project was made.
    """
    match name:
        case "torch":
            return replace(model, engine=TORCH)
        case "openvino":
            openvino()
            return replace(model, engine=OpenVinoEngine())
        case "auto":
            choice = fastest(model, math.prod(session.image.shape))
            say(f"Engine {choice.reason}.")
            return replace(model, engine=choice.engine)


def _in_8_bits(
    session: Session, model: SegmentationModel, kept: Path, say: Say, limit: float
) -> SegmentationModel:
    image, piece = session.image, PIECE_FLAT if model.recipe.net.flat else PIECE_DEEP
    seed = session.project.config.seed
    places = sample_boxes(image.shape, piece, TILES, seed)
    small = calibrate(model, [image.read(box) for box in places], kept)
    tested = list(_labelled(session)) or [
        (image.read(box), None) for box in sample_boxes(image.shape, piece, TILES, seed + 1)
    ]
    loss = measured_loss(replace(model, engine=OpenVinoEngine()), small, tested, seed)
    say(f"Engine openvino-int8: {loss} ({len(tested)} pieces).")
    require_small(loss, limit)
    return small


def _labelled(session: Session) -> Iterator[tuple[Image, Image | None]]:
    """The latest answers in which there is an object, each with its image."""
    journal = session.project.journal
    answers = [answer for answer in lessons(journal) if (answer.labels % 255).any()]
    for answer in answers[-TESTED:]:
        box: Box = journal.query(answer.query_id).box
        yield session.image.read(box), answer.labels
