"""`labels.json`: what a folder of exported pictures shows, and what they were made from."""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from microtome.box import Box
from microtome.project.config import ClassName, Fingerprint, Positive, Positive3
from microtome.project.exchange.colours import Colours, class_colours
from microtome.project.folder import Project
from microtome.project.parse import parse_split, validated
from microtome.project.records import Query

MANIFEST = "labels.json"
SCHEMA: Literal[1] = 1
Place = Annotated[str, Field(pattern=r"^\d{1,12}:\d{1,12}(,\d{1,12}:\d{1,12}){2}$")]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ClassColour(_Table):
    """The colour that stands for a class."""

    name: ClassName
    colour: Annotated[str, Field(pattern="^#[0-9a-f]{6}$")]


class ExportedQuery(_Table):
    """A query and what was exported of it: its current answers, or while it is open a preview, or nothing.

    `preview` is also what its answers started from, and `model` whose it was.
    """

    query: Positive
    asked_at: str
    box: Place
    answers: tuple[Positive, ...]
    preview: Positive | None
    model: Positive | None


class ExportedFile(_Table):
    """A picture of the place `box` in one section, which shows these queries."""

    file: Annotated[str, Field(pattern=r"^[a-z0-9_]+\.png$")]
    box: Place
    queries: Annotated[tuple[Positive, ...], Field(min_length=1)]


class Manifest(_Table):
    """The whole of `labels.json`; the k-th of `classes` is class k."""

    microtome_labels: Literal[1] = SCHEMA
    export: Annotated[str, Field(pattern="^[0-9a-f]{32}$")]
    image: Fingerprint
    shape: Positive3
    classes: Annotated[tuple[ClassColour, ...], Field(min_length=1, max_length=254)]
    queries: tuple[ExportedQuery, ...]
    files: tuple[ExportedFile, ...]

    @property
    def colours(self) -> Colours:
        """The colours of classes 1, 2, … in this order."""
        rows = [list(bytes.fromhex(one.colour[1:])) for one in self.classes]
        return np.array(rows, dtype=np.uint8)

    def place(self, one: ExportedQuery | ExportedFile) -> Box:
        """Where a query or a picture lies.

        Raises:
            ValueError: If the box is empty or leaves the volume.
        """
        return parse_split(one.box, self.shape)


def named_colours(names: Sequence[str]) -> tuple[ClassColour, ...]:
    """A colour for each class."""
    colours = ("#" + bytes(colour).hex() for colour in class_colours(len(names)).tolist())
    return tuple(ClassColour(name=name, colour=colour) for name, colour in zip(names, colours, strict=True))


def write_manifest(manifest: Manifest, folder: Path) -> None:
    """Write `labels.json` into a folder.

    Raises:
        OSError: If it cannot be written.
    """
    (folder / MANIFEST).write_text(manifest.model_dump_json(indent=1) + "\n", encoding="utf-8")


def read_manifest(folder: Path, project: Project) -> Manifest:
    """What was exported from this project into a folder.

    Raises:
        ValueError: If there is no export, it is damaged, or of another project, image or classes.
        OSError: If it cannot be read.
    """
    path = folder / MANIFEST
    if not path.is_file():
        raise ValueError(f"{folder} holds no exported labels: no {MANIFEST} in it")
    manifest = validated(Manifest, _json(path), str(path))
    config = project.config
    if (manifest.image, manifest.shape) != (config.image.fingerprint, config.image.shape):
        raise ValueError(f"{path}: exported from another image than that of {project.root}")
    _require_places(manifest, path)
    names = tuple(one.name for one in manifest.classes)
    if names != config.classes:
        raise ValueError(f"{path}: expected the classes {list(config.classes)}; got {list(names)}")
    _require_queries(manifest, {query.id: query for query in project.journal.queries()}, path)
    models = {model.id for model in project.journal.models()}
    for one in manifest.queries:
        if one.model is not None and one.model not in models:
            raise ValueError(f"{path}: exported from another project: this one has no model {one.model}")
    _require_files(manifest, path)
    return manifest


def _json(path: Path) -> dict[str, object]:
    try:
        found = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is no JSON: {error}") from error
    if not isinstance(found, dict):
        raise ValueError(f"{path}: expected a JSON object; got {type(found).__name__}")  # noqa: TRY004
    return found


def _require_places(manifest: Manifest, path: Path) -> None:
    places: list[ExportedQuery | ExportedFile] = [*manifest.queries, *manifest.files]
    for one in places:
        try:
            manifest.place(one)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error


def _require_queries(manifest: Manifest, known: dict[int | None, Query], path: Path) -> None:
    for one in manifest.queries:
        query = known.get(one.query)
        if query is None or (query.created_at, query.box) != (one.asked_at, manifest.place(one)):
            raise ValueError(f"{path}: exported from another project: this one did not ask query {one.query}")


def _require_files(manifest: Manifest, path: Path) -> None:
    """Refuse files that do not show each section of each query once."""
    sections: Counter[tuple[int, int]] = Counter()
    names = [one.file for one in manifest.files]
    boxes = {one.query: manifest.place(one) for one in manifest.queries}
    for one in manifest.files:
        box = manifest.place(one)
        for query in one.queries:
            inner, z = boxes.get(query), box.start[0]
            if box.shape[0] != 1 or inner is None or not box.contains(section(inner, z)):
                raise ValueError(f"{path}: {one.file} cannot show query {query}")
            sections[query, z] += 1
    expected = {(query, z): 1 for query, box in boxes.items() for z in range(box.start[0], box.stop[0])}
    if sections != expected or len(set(names)) < len(names) or len(boxes) < len(manifest.queries):
        raise ValueError(f"{path}: expected each section of each query in one file")


def section(box: Box, z: int) -> Box:
    """The part of the plane z that lies above or below a box, or in it."""
    return Box((z, *box.start[1:]), (z + 1, *box.stop[1:]))
