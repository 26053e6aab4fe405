"""From a project's model to the instances of the whole volume and their measurements."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Any, get_args

from microtome.box import Box, hull
from microtome.loop.engines import Say
from microtome.loop.models import Way, predict
from microtome.loop.session import Session
from microtome.memory import give_back
from microtome.predict.store import PredictionStore
from microtome.project import Model, cost_of_model
from microtome.segment.columns import Form, require_form, write_columns
from microtome.segment.contacts import contacts
from microtome.segment.finished import TOLD, tell
from microtome.segment.instances import label_instances
from microtome.segment.precomputed import require_libraries, write_precomputed
from microtome.segment.settings import InstanceSettings
from microtome.segment.tables import InstanceFiles


@dataclass(frozen=True)
class Wanted:
    """What a segmentation is to be."""

    instances: InstanceSettings = field(default_factory=InstanceSettings)
    way: Way = field(default_factory=Way)
    model: int | None = None  # the latest
    box: Box | None = None  # where it is predicted; the whole volume
    name: str | None = None  # of its folder; that of the prediction
    tables: Form = "csv"
    skeletons: bool = False  # length and radius of each instance
    meshes: bool = False  # of each instance


def segment(session: Session, wanted: Wanted, say: Say) -> Path:
    """Predict, label and measure; the folder of what came of it. What is done is not done again.

    For each class there are `<class>.ome.zarr`, the ids, `<class>.csv`, what was measured, and where they are
    wanted `<class>.meshes`; for each pair of classes `<one>-<other>.csv`, where they touch; and
    `segmentation.json`.

    Raises:
        ImportError: If the engine's library is not installed.
        ValueError: If there is no such model, the folder was begun with other settings, or what meshes or
            Parquet need is not installed.
        OSError: If the image cannot be read or the folder not written.
    """
    require_form(wanted.tables)
    if wanted.meshes:
        require_libraries()
    seconds: dict[str, float] = {}
    record = session.project.model(wanted.model)  # the latest may be another one when all is done
    with _timed(seconds, "prediction"):
        store = predict(session, record.id, wanted.box, wanted.way, say)
    folder = session.project.root / "segmentations" / (wanted.name or store.folder.name)
    folder.mkdir(parents=True, exist_ok=True)
    classes = session.project.config.classes
    found = {}
    for name in classes:
        _forget(folder, name, classes)
        with _timed(seconds, f"instances of {name}"):
            found[name] = label_instances(
                store.folder / f"{name}.ome.zarr",
                folder / f"{name}.ome.zarr",
                wanted.instances,
                folder / "work" / name,
                version=store.version(),
                schedule=wanted.way.schedule,
                progress=session.progress,
            )
        _described(session, wanted, InstanceFiles(folder, name), hull(store.done()), seconds)
    for one, other in combinations(classes, 2):
        with _timed(seconds, f"contacts of {one} and {other}"):
            _touching(session, wanted, folder, one, other)
    told = _told(session, wanted, record, store)
    if wanted.box is not None and told["box"] != str(wanted.box):
        say(f"{told['prediction']} holds {told['box']}: all of it is segmented, not {wanted.box} alone")
    told |= {
        "classes": {name: asdict(summary) for name, summary in found.items()},
        "seconds": seconds,
    }
    tell(folder, told)
    return folder


def _told(session: Session, wanted: Wanted, record: Model, store: PredictionStore) -> dict[str, Any]:
    """What a segmentation was made of: of all that the prediction holds, whatever this call asked for."""
    cost, predicted = cost_of_model(session.project.journal, record), store.done()
    return {
        "model": record.id,
        "prediction": str(store.folder.relative_to(session.project.root)),
        "box": str(hull(predicted)),
        "predicted_voxels": sum(box.size for box in predicted),
        "shape": session.image.shape,
        "voxel_size_nm": session.image.voxel_size_nm,
        "settings": asdict(wanted.instances),
        "tables": wanted.tables,
        "labelling": {"answers": cost.answers, "minutes": cost.minutes, "voxels": cost.voxels},
    }


def _described(
    session: Session, wanted: Wanted, files: InstanceFiles, domain: Box, seconds: dict[str, float]
) -> None:
    """Measure instances of a class in a domain, and find lengths and meshes where those are wanted."""
    way, progress = wanted.way, session.progress
    with _timed(seconds, f"measurements of {files.name}"):
        table = files.measured(wanted.tables, way.schedule, progress, domain)
    if wanted.skeletons:
        with _timed(seconds, f"lengths of {files.name}"):
            work = files.folder / "work" / files.name
            files.with_lengths(wanted.tables, table, work, way.schedule, progress)
    if wanted.meshes and not files.meshes.exists():
        with _timed(seconds, f"meshes of {files.name}"):
            write_precomputed(str(files.labels), table.measured, files.meshes, way.schedule, progress)


def _forget(folder: Path, name: str, classes: Sequence[str]) -> None:
    """Where a class has no ids, or no longer, remove what was made of its former ones."""
    files = InstanceFiles(folder, name)
    if files.labels.exists():
        return
    files.forget(folder / "work" / name)
    pairs = ["-".join(pair) for pair in combinations(classes, 2) if name in pair]
    for file in (TOLD, *(f"{pair}.{form}" for pair in pairs for form in get_args(Form))):
        (folder / file).unlink(missing_ok=True)


def _touching(session: Session, wanted: Wanted, folder: Path, one: str, other: str) -> None:
    path = folder / f"{one}-{other}.{wanted.tables}"
    if not path.exists():
        first, second = (str(folder / f"{name}.ome.zarr") for name in (one, other))
        table = contacts(first, second, wanted.way.schedule, session.progress)
        write_columns(table.columns(), path)


@contextmanager
def _timed(seconds: dict[str, float], what: str) -> Iterator[None]:
    """Count the time of a stage, which leaves no memory to the next that it does not use any more."""
    begun = time.perf_counter()
    yield
    give_back()
    seconds[what] = time.perf_counter() - begun
