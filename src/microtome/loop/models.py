"""The models of a project: found in its journal, loaded, and used on any box."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path

import numpy as np

from microtome.box import Box
from microtome.evaluate.overlap import ContingencyTable, contingency, empty_table
from microtome.learn.settings import TABLES
from microtome.loop.engines import EngineName, Say, on_engine, on_exact_engine
from microtome.loop.growing import at_stage, sections_of
from microtome.loop.session import Session
from microtome.predict.blocks import predictions
from microtome.predict.choice import compiled_where_worth
from microtome.predict.filling import Filling, fill, opened_mask
from microtome.predict.int8 import LIMIT
from microtome.predict.model import SegmentationModel, load_model
from microtome.predict.on_volume import ModelOnVolume
from microtome.predict.posterior import Posterior, class_map, entropy
from microtome.predict.sampling import Sampling
from microtome.predict.store import PredictionStore, open_store, prediction_chunks
from microtome.project import Model, open_project
from microtome.project.records import Preview
from microtome.schedule import Schedule, in_turn
from microtome.volume import Volume
from microtome.whole import whole_file


def load(session: Session, record: Model) -> SegmentationModel:
    """The model of a journal's record.

    Raises:
        ValueError: If its folder is missing, damaged, or of another net than the project's.
    """
    recipe = at_stage(session, sections_of(session, record)).recipe
    model = load_model(session.project.root / record.path, recipe, device=session.device)
    return replace(model, sampling=session.sampling)


def view(session: Session, record: Model) -> ModelOnVolume:
    """The recorded model over the project's image, as the query settings sample it.

    Raises:
        ImportError: If the session's engine is not installed.
        ValueError: If the model's folder is damaged, or the engine does not run on the session's device.
    """
    config = session.project.config
    return ModelOnVolume(
        on_exact_engine(session, load(session, record), session.engine, _unsaid),
        session.image,
        samples=config.query.samples,
        seed=config.seed * 1000 + record.round,
        progress=session.progress,
    )


def _unsaid(text: str) -> None:
    """Why an engine was chosen matters where a volume is predicted."""


def preview(model: Model, query_id: int | None, box: Box, posterior: Posterior) -> Preview:
    """What people see of a model's prediction in a box; not in the journal yet."""
    assert model.id is not None, "records of a journal have an id"
    unsure = entropy(posterior.mean) / np.log(len(posterior.mean))
    return Preview(
        model_id=model.id,
        query_id=query_id,
        box=box,
        classes=class_map(posterior),
        uncertainty=np.round(255 * np.clip(unsure, 0, 1)).astype(np.uint8),
        foreground=np.round(255 * np.clip(1 - posterior.mean[0], 0, 1)).astype(np.uint8),
    )


def preview_open(session: Session) -> int:
    """Let the latest model predict the open queries that it has not predicted yet; how many these were.

    Raises:
        ValueError: If there is no model.
        OSError: If the image cannot be read.
    """
    record, journal = session.project.model(), session.project.journal
    assert record.id is not None, "records of a journal have an id"
    known = journal.previews.queries_of(record.id)
    waiting = [query for query in journal.open_queries() if query.id not in known]
    look = view(session, record)
    for k, query in enumerate(waiting, start=1):
        journal.previews.add(preview(record, query.id, query.box, look.posterior(query.box)))
        session.progress("previewing", k, len(waiting), str(query.box))
    return len(waiting)


@dataclass(frozen=True)
class Evaluation:
    """What a model got right in a box."""

    model: int
    box: Box
    table: ContingencyTable  # pooled over the voxels of the box


def evaluate(session: Session, model_id: int | None = None, box: Box | None = None) -> Evaluation:
    """Compare a model, the latest unless named, with the truth in `box`, the test split unless given.

    Raises:
        ValueError: If there is no such model, no truth, or no test split.
    """
    config, record = session.project.config, session.project.model(model_id)
    domain = box or config.test_box
    if domain is None:
        raise ValueError("expected a box to evaluate in: the project has no splits.test and none was given")
    truth, table = session.truth, empty_table(len(config.classes))
    for place, posterior in predictions(
        load(session, record),
        session.image,
        domain,
        samples=config.query.samples,
        seed=config.seed,
        progress=session.progress,
    ):
        table = table + contingency(truth.read(place), class_map(posterior), len(config.classes))
    assert record.id is not None, "records of a journal have an id"
    return Evaluation(record.id, domain, table)


@dataclass(frozen=True)
class Way:
    """How a volume is predicted."""

    engine: EngineName = "auto"
    mask: str | None = None  # URI of a volume that is 0 where there is nothing to predict
    schedule: Schedule = in_turn
    most_lost: float = LIMIT  # of Jaccard, in 8 bits


def predict(
    session: Session,
    model_id: int | None = None,
    box: Box | None = None,
    way: Way | None = None,
    say: Say = print,
) -> PredictionStore:
    """Predict `box`, the whole volume unless given, into the project's store; what is done is not done again.

    In 8 bits it is another store, as it says something else.

    Raises:
        ImportError: If the engine's library is not installed.
        ValueError: If there is no such model, the engine does not suit it, the mask does not fit, the store
            was predicted otherwise, or what is read is damaged.
        OSError: If image or mask cannot be read, or the store not written.
    """
    way = way or Way()
    config, record, image = session.project.config, session.project.model(model_id), session.image
    domain = box or Box.of(image.shape)
    mask = None if way.mask is None else opened_mask(way.mask, image)
    name = Path(record.path).name + ("-int8" if way.engine == "openvino-int8" else "")
    folder = session.project.predictions_dir / name
    model = on_engine(session, load(session, record), way.engine, folder / "int8", say, way.most_lost)
    model = compiled_where_worth(model, domain.size)
    if way.schedule is in_turn:
        model = replace(model, engine=model.engine.shared())
    store = open_store(
        folder,
        config.classes,
        image.shape,
        image.voxel_size_nm,
        prediction_chunks(model.recipe.net, image.shape),
    )
    _require_same(store, _how(model.sampling, session, mask is not None))
    filling = Filling(
        model, partial(image_of, session.project.root), store, config.query.samples, config.seed, mask
    )
    if not fill(filling, domain, progress=session.progress, schedule=way.schedule):
        say(f"{store.folder} holds all of {domain} already: nothing was left to predict.")
    return store


def _how(sampling: Sampling, session: Session, masked: bool) -> dict[str, object]:
    """What has to be the same when a prediction is gone on with."""
    config = session.project.config
    drawn: dict[str, object] = {}
    if sampling in ("flips", "dropout"):
        drawn["samples"] = config.query.samples
    if sampling == "dropout":
        drawn["seed"] = config.seed
    return {"sampling": sampling, **drawn, "mask": masked}


def _require_same(store: PredictionStore, how: Mapping[str, object]) -> None:
    """Refuse to go on with what was predicted otherwise; keep how it is predicted where it begins."""
    kept = store.folder / "sampling.json"
    if not (store.done() and kept.exists()):
        with whole_file(kept) as partial_file:
            partial_file.write_text(json.dumps(how))
        return
    try:
        found = json.loads(kept.read_bytes())
        before = {name: found.get(name, False) for name in how}
    except (ValueError, AttributeError) as error:
        raise ValueError(
            f"{kept} is damaged: expected JSON; {error}; remove {store.folder} to predict anew"
        ) from error
    if before != how:
        raise ValueError(
            f"{store.folder} was predicted with {_words(before)}; now it would be with {_words(how)}: "
            "say the same (project.toml, --mask), or remove the folder to predict anew"
        )


def _words(how: Mapping[str, object]) -> str:
    """`sampling flips, samples 4, no mask`."""
    words = [f"{name} {value}" for name, value in how.items() if name != "mask"]
    return ", ".join([*words, "a mask" if how["mask"] else "no mask"])


@lru_cache(4)
def image_of(root: Path) -> Volume:
    """The image of the project in a folder, opened once in a process: also on another machine."""
    return open_project(root, TABLES).image()
