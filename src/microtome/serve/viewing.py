"""What a project has to look at: image, labels, one model's prediction, and one segmentation."""

from dataclasses import dataclass, field, replace
from pathlib import Path

from microtome.project import Project
from microtome.project.answered import answered_labels
from microtome.segment.finished import segmentation_of, segmentations, told_of
from microtome.segment.labelled import open_labels
from microtome.segment.tables import InstanceFiles
from microtome.volume import Volume, open_volume


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
    """What there is to show of a project: a segmentation, with the prediction that it was made of.

    It is the one that was written last, of all or of the model, unless it is named. Where there is none,
    there is the prediction of the model, the latest unless named.

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
    made = _segmentation(project, model, segmentation, missing)
    if made is None:
        prediction = _prediction_of(project, model, missing)
    else:
        prediction = _predicted_for(project, made, missing)
    shown = Viewed(project.root.name, classes, image, labels, missing=tuple(missing))
    if prediction is not None:
        shown = replace(
            shown,
            prediction=prediction.name,
            probabilities={name: _opened(prediction, name) for name in classes},
            uncertainty=_opened(prediction, "uncertainty"),
        )
    if made is not None:
        found = {name: _instances(InstanceFiles(made, name)) for name in classes}
        shown = replace(shown, segmentation=made.name, instances=found)
    return shown


def _segmentation(project: Project, model: int | None, name: str | None, missing: list[str]) -> Path | None:
    """The folder of the segmentation of that name or, if any, of the latest, where a model is named of it."""
    if name is not None:
        made = segmentation_of(project.root, name)
        used = told_of(made)["model"]
        if model not in (None, used):
            raise ValueError(f"segmentation {name} is of model {used}; got --model {model}")
        return made
    for made in reversed(segmentations(project.root)):
        used = told_of(made)["model"]
        if model in (None, used):
            latest = project.model().id
            if model is None and latest != used:
                missing.append(f"no segmentation of model {latest} yet: {made.name} is of model {used}")
            return made
    return None


def _predicted_for(project: Project, segmentation: Path, missing: list[str]) -> Path | None:
    """The folder of the prediction that a segmentation was made of; None where it is not there any more."""
    folder = project.predictions_dir / Path(told_of(segmentation)["prediction"]).name
    if folder.is_dir():
        return folder
    missing.append(f"prediction {folder.name}, of which the segmentation was made, is not there any more")
    return None


def _prediction_of(project: Project, model: int | None, missing: list[str]) -> Path | None:
    """The folder of a model's prediction; None where there is none yet, and no model was asked for."""
    if model is None and not project.journal.models():
        missing.append("no model yet: image and labels are all there is to see")
        return None
    record = project.model(model)
    name = Path(record.path).name
    for folder in (project.predictions_dir / name, project.predictions_dir / f"{name}-int8"):
        if folder.is_dir():
            missing.append(f"no segmentation of model {record.id} yet: microtome segment makes it")
            return folder
    lacking = f"no prediction of model {record.id} yet: microtome predict makes it"
    if model is not None:
        raise ValueError(lacking)
    missing.append(lacking)
    return None


def _opened(prediction: Path, name: str) -> Volume:
    return open_volume(prediction / f"{name}.ome.zarr")


def _instances(files: InstanceFiles) -> Instances:
    ids = open_labels(str(files.labels))
    return Instances(ids, files.meshes if (files.meshes / "info").is_file() else None)
