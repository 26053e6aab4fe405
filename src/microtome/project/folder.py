"""The project folder: configuration, journal, models and predictions, and the volumes that it works on."""

import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import TracebackType

from microtome.box import Int3
from microtome.project.config import ProjectConfig, load_config, save_config
from microtome.project.journal import Journal, create_journal, open_journal
from microtome.project.records import Model
from microtome.project.truth import ClassLabels
from microtome.volume import Downsampled, DownsampledLabels, Volume, Windowed, fingerprint, open_volume
from microtome.volume.places import Missing

CONFIG_NAME = "project.toml"
JOURNAL_NAME = "journal.sqlite"
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


@dataclass(frozen=True, eq=False)
class Project:
    """An open project; close it, or use it in a `with` statement, if its journal was used."""

    root: Path
    config: ProjectConfig

    def __enter__(self) -> "Project":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def journal_path(self) -> Path:
        """For another thread or process, which opens its own connection."""
        return self.root / JOURNAL_NAME

    @property
    def models_dir(self) -> Path:
        """Where trained networks lie."""
        return self.root / "models"

    @property
    def predictions_dir(self) -> Path:
        """Where predicted volumes lie."""
        return self.root / "predictions"

    @cached_property
    def journal(self) -> Journal:
        """The journal, opened when first asked for.

        Raises:
            ValueError: If there is none, or it is no journal, or made by a newer microtome.
            OSError: If it cannot be opened.
        """
        return open_journal(self.journal_path)

    def model(self, model_id: int | None = None) -> Model:
        """The journal's record of a model: the latest, or the one of that id.

        Raises:
            ValueError: If there is none.
        """
        models = self.journal.models()
        if not models:
            raise ValueError("expected a model of the project; it has none yet: train one first")
        chosen = [model for model in models if model_id in (None, model.id)]
        if not chosen:
            known = ", ".join(str(model.id) for model in models)
            raise ValueError(f"expected one of the project's models ({known}); got {model_id}")
        return chosen[-1]

    def close(self) -> None:
        """Close the journal if it was opened."""
        if "journal" in self.__dict__:
            self.journal.close()
            del self.__dict__["journal"]

    def image(self) -> Volume:
        """The image, uint8 and downsampled as the project says.

        Raises:
            ValueError: If the image changed since the project was made, or is not uint8 and has no window.
            OSError: If it cannot be read.
        """
        image = self.config.image
        volume = self._opened(image.uri, image.fingerprint, image.missing)
        if image.window is not None:
            volume = Windowed(volume, image.window)
        if volume.dtype != "uint8":
            raise ValueError(f"{image.uri} is {volume.dtype}, not uint8: project.toml must give image.window")
        if image.downsample != (1, 1, 1):
            volume = Downsampled(volume, image.downsample)
        _require_shape(image.uri, volume.shape, image.shape)
        return volume

    def truth(self) -> Volume | None:
        """The known classes, uint8 and downsampled like the image; None where the project has none.

        Reading from it raises ValueError where the file holds a value that the project does not name.

        Raises:
            ValueError: If the labels changed since the project was made, or do not fit the image.
            OSError: If they cannot be read.
        """
        truth = self.config.truth
        if truth is None:
            return None
        volume: Volume = ClassLabels(self._opened(truth.uri, truth.fingerprint), truth.values)
        if self.config.image.downsample != (1, 1, 1):
            volume = DownsampledLabels(volume, self.config.image.downsample)
        _require_shape(truth.uri, volume.shape, self.config.image.shape)
        return volume

    def _opened(self, uri: str, expected: str, missing: Missing = "zero") -> Volume:
        size = self.config.image.voxel_size_nm
        volume = open_volume(resolved_uri(self.root, uri), size, missing=missing)
        found = fingerprint(volume)
        if found != expected:
            raise ValueError(f"{uri} changed since `microtome init`: expected {expected}, got {found}")
        return volume


def create_project(
    root: Path, config: ProjectConfig, *, prepare: Callable[[Path], None] | None = None
) -> Project:
    """A new project folder, made in one go: it is there whole, or not at all.

    `prepare` may put files of its own into the folder before it gets its name.

    Raises:
        ValueError: If `root` is a file, a folder that is not empty, or the current folder.
        OSError: If the folder cannot be written.
    """
    root = root.resolve()
    _require_free(root)
    root.parent.mkdir(parents=True, exist_ok=True)
    with _temporary_folder(root.with_name(f".{root.name}.{os.getpid()}.partial")) as partial:
        project = Project(partial, config)
        project.models_dir.mkdir()
        project.predictions_dir.mkdir()
        create_journal(project.journal_path).close()
        if prepare is not None:
            prepare(partial)
        save_config(config, partial / CONFIG_NAME)
        _sync_folder(partial)
        partial.rename(root)
        _sync_folder(root.parent)
    return Project(root, config)


def open_project(root: Path, allowed: Mapping[str, frozenset[str]]) -> Project:
    """The project in a folder; `allowed` names the keys of its tables of settings.

    Raises:
        ValueError: If the folder holds no project, or its project.toml is not as it should be.
        OSError: If it cannot be read.
    """
    path = root / CONFIG_NAME
    if not path.is_file():
        raise ValueError(f"{root} is not a microtome project: no {CONFIG_NAME} in it")
    return Project(root.resolve(), load_config(path, allowed))


def resolved_uri(root: Path, uri: str) -> str:
    """A URI as it stands, but a relative path taken from `root`; what follows the path is kept."""
    return uri if _SCHEME.match(uri) else os.path.join(root, uri)


def _require_free(root: Path) -> None:
    if (root / CONFIG_NAME).exists():
        raise ValueError(f"{root} already holds a project")
    if root.exists() and not root.is_dir():
        raise ValueError(f"expected the name of a new folder; {root} is a file")
    if root.is_dir() and any(root.iterdir()):
        raise ValueError(f"expected a new or an empty folder; {root} is not empty")
    if root == Path.cwd():
        raise ValueError(f"expected the name of a new folder; {root} is the current one")


def _require_shape(uri: str, found: Int3, expected: Int3) -> None:
    if found != expected:
        raise ValueError(f"{uri} has shape {found} after downsampling; project.toml says {expected}")


@contextmanager
def _temporary_folder(path: Path) -> Iterator[Path]:
    """A folder that is removed in the end, unless it was renamed."""
    path.mkdir()
    try:
        yield path
    finally:
        if path.exists():
            shutil.rmtree(path)


def _sync_folder(path: Path) -> None:
    """Make the names in a folder durable; Windows, which cannot open folders, does so by itself."""
    if os.name == "posix":
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
