"""proposals.json: what objects were proposed from and how, and, once all are written, what came of it."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from microtome.box import Int3
from microtome.objects.settings import ProposalSettings
from microtome.objects.sources import Source
from microtome.volume import VoxelSize
from microtome.whole import partial_of, whole_file

NAME = "proposals.json"
VERSION = 1


@dataclass(frozen=True)
class Plan:
    """All that has to be the same when an interrupted run is gone on with."""

    settings: ProposalSettings
    origin: str  # of the source
    shape: Int3
    voxel_size_nm: VoxelSize
    volumes: Mapping[str, str]  # name and type of each
    previous: str | None  # name of the set whose keys are carried on


@dataclass(frozen=True)
class Result:
    """What is known when all is written."""

    sha256: str  # of the prediction
    labels_sha256: str  # of the label volumes
    objects: int
    carried: int  # of these had their key before
    next_key: int  # the lowest that no object of the project ever had


@dataclass(frozen=True)
class Manifest:
    """A plan, and its result if it was carried out."""

    plan: Plan
    result: Result | None = None


@dataclass(frozen=True)
class _File:
    version: int
    plan: Plan
    result: Result | None


def plan_of(source: Source, settings: ProposalSettings, previous: str | None = None) -> Plan:
    """The plan for a source."""
    volume = next(iter(source.volumes.values()))
    types = {name: part.dtype.name for name, part in source.volumes.items()}
    return Plan(settings, source.origin, volume.shape, volume.voxel_size_nm, types, previous)


def begun(folder: Path, plan: Plan) -> Manifest:
    """The manifest of a folder in which this plan is carried out, or now begins to be.

    Raises:
        ValueError: If the folder holds something else, or the manifest is damaged.
        OSError: If it cannot be read or written.
    """
    if (folder / NAME).exists():
        manifest = read_manifest(folder)
        if manifest.plan != plan:
            raise ValueError(
                f"{folder} was begun from another prediction or with other settings: use those, or remove it"
            )
        return manifest
    folder.mkdir(parents=True, exist_ok=True)
    if any(entry != partial_of(folder / NAME) for entry in folder.iterdir()):
        raise ValueError(f"expected a new or an empty folder for proposals; {folder} is not empty")
    return _written(folder, Manifest(plan))


def finished(folder: Path, manifest: Manifest, result: Result) -> Manifest:
    """The manifest with its result, on disk.

    Raises:
        OSError: If it cannot be written.
    """
    return _written(folder, replace(manifest, result=result))


def withdraw(folder: Path) -> None:
    """Remove the manifest of what came to nothing, and the folder if nothing else is in it.

    Raises:
        OSError: If it cannot be removed.
    """
    (folder / NAME).unlink()
    if not any(folder.iterdir()):
        folder.rmdir()


def read_manifest(folder: Path) -> Manifest:
    """The manifest in a folder.

    Raises:
        FileNotFoundError: If there is none.
        ValueError: If it is damaged, or made by another version.
    """
    path = folder / NAME
    if not path.is_file():
        raise FileNotFoundError(f"{folder} holds no proposals: no {NAME} in it")
    text = path.read_bytes()
    try:
        found = TypeAdapter(_File).validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"]) or "the file"
        raise ValueError(f"{path} describes no proposals: {key}: {first['msg']}") from error
    if found.version != VERSION:
        raise ValueError(f"{path}: expected version {VERSION}; got {found.version}")
    if json.loads(text) != json.loads(json.dumps(asdict(found))):
        raise ValueError(f"{path}: expected the keys that microtome writes, all of them and no others")
    return Manifest(found.plan, found.result)


def _written(folder: Path, manifest: Manifest) -> Manifest:
    with whole_file(folder / NAME) as partial, partial.open("w", encoding="utf-8") as file:
        json.dump(asdict(_File(VERSION, manifest.plan, manifest.result)), file, indent=1)
    return manifest
