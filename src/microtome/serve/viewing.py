"""What a project has to look at: image, labels, one model's prediction, and one segmentation."""

import json
from dataclasses import dataclass, field, replace
from pathlib import Path

from microtome.project import Project
from microtome.project.answered import answered_labels
from microtome.segment.labelled import open_labels
from microtome.volume import Volume, open_volume

TOLD = "segmentation.json"  # what `segment` writes last
MESHES = ".meshes"  # <class>.meshes beside <class>.ome.zarr


@dataclass(frozen=True, eq=False)
class Instances:
    """The objects of a class: their ids, and a folder of their meshes where there is one."""

    ids: Volume
    meshes: Path | None


@dataclass(frozen=True, eq=False)
class Viewed:
    """The volumes of a project that are shown, all over the same image."""

    title: str
    classes: tuple[str, ...]
    image: Volume
    labels: Volume | None  # as AnsweredLabels says
    prediction: str | None = None  # the name of its folder
    probabilities: dict[str, Volume] = field(default_factory=dict)  # of each class; uint8
    uncertainty: Volume | None = None  # uint8
    segmentation: str | None = None  # the name of its folder
    instances: dict[str, Instances] = field(default_factory=dict)  # of each class
    missing: tuple[str, ...] = ()  # what there is not to show, in words


def viewed(project: Project, model: int | None = None, segmentation: str | None = None) -> Viewed:
    """What there is to show of a project: of a model, the latest unless named or of the named segmentation.

    A segmentation that is not named is the one called like the prediction.

    Raises:
        FileNotFoundError: If a part of a prediction or a segmentation is missing.
        ValueError: If there is no such model or segmentation, the model that was named was not used to
            predict, or it is not the segmentation's.
        OSError: If a volume cannot be opened.
    """
    image, classes, missing = project.image(), project.config.classes, list[str]()
    labels = answered_labels(project, image)
    if labels is None:
        missing.append("no labels yet: nothing was answered")
    if segmentation is not None:
        prediction = _predicted_for(project, segmentation, model, missing)
    else:
        prediction = _prediction_of(project, model, missing)
        segmentation = _segmentation_of(project, prediction, missing)
    shown = Viewed(project.root.name, classes, image, labels, missing=tuple(missing))
    if prediction is not None:
        shown = replace(
            shown,
            prediction=prediction.name,
            probabilities={name: _opened(prediction, name) for name in classes},
            uncertainty=_opened(prediction, "uncertainty"),
        )
    if segmentation is not None:
        folder = project.root / "segmentations" / segmentation
        found = {name: _instances(folder, name) for name in classes}
        shown = replace(shown, segmentation=segmentation, instances=found)
    return shown


def segmentations(project: Project) -> list[str]:
    """The names of the segmentations that are finished."""
    return sorted(path.parent.name for path in project.root.glob(f"segmentations/*/{TOLD}"))


def _prediction_of(project: Project, model: int | None, missing: list[str]) -> Path | None:
    """The folder of a model's prediction; None where there is none yet, and no model was asked for."""
    if model is None and not project.journal.models():
        missing.append("no model yet: image and labels are all there is to see")
        return None
    record = project.model(model)
    name = Path(record.path).name
    for folder in (project.predictions_dir / name, project.predictions_dir / f"{name}-int8"):
        if folder.is_dir():
            return folder
    lacking = f"no prediction of model {record.id} yet: microtome predict makes it"
    if model is not None:
        raise ValueError(lacking)
    missing.append(lacking)
    return None


def _segmentation_of(project: Project, prediction: Path | None, missing: list[str]) -> str | None:
    """The segmentation that is called like a prediction; None where there is none."""
    if prediction is None or prediction.name in segmentations(project):
        return None if prediction is None else prediction.name
    missing.append(f"no segmentation {prediction.name} yet: microtome segment makes it")
    return None


def _predicted_for(project: Project, segmentation: str, model: int | None, missing: list[str]) -> Path | None:
    """The folder of the prediction that a segmentation was made of; None where it is not there any more."""
    known = segmentations(project)
    if segmentation not in known:
        listed = ", ".join(known) or "none yet"
        raise ValueError(f"expected one of the project's segmentations ({listed}); got {segmentation}")
    path = project.root / "segmentations" / segmentation / TOLD
    try:
        told = json.loads(path.read_bytes())
        used, folder = told["model"], project.predictions_dir / Path(told["prediction"]).name
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is damaged: expected what microtome segment writes") from error
    if model not in (None, used):
        raise ValueError(f"segmentation {segmentation} is of model {used}; got --model {model}")
    if folder.is_dir():
        return folder
    missing.append(f"prediction {folder.name}, of which the segmentation was made, is not there any more")
    return None


def _opened(prediction: Path, name: str) -> Volume:
    return open_volume(prediction / f"{name}.ome.zarr")


def _instances(folder: Path, name: str) -> Instances:
    meshes = folder / f"{name}{MESHES}"
    return Instances(
        open_labels(str(folder / f"{name}.ome.zarr")), meshes if (meshes / "info").is_file() else None
    )
