"""Pictures of labels for paint programs: what is answered, and what waits with a prediction to correct."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from uuid import uuid4

import numpy as np

from microtome.box import Box, Int3
from microtome.labels import annotated
from microtome.progress import Progress, silent
from microtome.project.exchange.colours import painted
from microtome.project.exchange.manifest import (
    ExportedFile,
    ExportedQuery,
    Manifest,
    named_colours,
    section,
    write_manifest,
)
from microtome.project.exchange.png import write_png
from microtome.project.exchange.sheets import Sheets
from microtome.project.folder import Project
from microtome.project.journal import Journal
from microtome.project.parse import parse_split
from microtome.project.records import Query
from microtome.volume import Volume
from microtome.volume.appearing import appearing

IMAGE, RAW, CORRECTED, ANNOTATED = "image", "raw", "corrected", "annotated"


def export_pictures(
    project: Project, out: Path, *, whole_sections: bool = False, progress: Progress = silent
) -> Manifest:
    """Write a new folder of PNG files and `labels.json`, whole or not at all; return what the latter says.

    There is one picture of each query and section, or with `whole_sections` of each section: in `image` what
    is to be seen, in `raw` what a model predicted, in `corrected` the labels, and in `annotated` white where
    transparent means background and not unlabelled.

    Raises:
        ValueError: If there is nothing to export, or the image changed since the project was made.
        OSError: If there is something of that name, or it cannot be written.
    """
    image, queries = project.image(), _queries(project.journal)
    if not queries:
        raise ValueError(f"{project.root} has neither answers nor open queries to export")
    files = _sections(queries, image.shape) if whole_sections else _pieces(queries, image.shape)
    manifest = Manifest(
        export=uuid4().hex,
        image=project.config.image.fingerprint,
        shape=image.shape,
        classes=named_colours(project.config.classes),
        queries=tuple(queries),
        files=tuple(files),
    )
    with appearing(out) as folder:
        for name in (IMAGE, RAW, CORRECTED, ANNOTATED):
            (folder / name).mkdir(parents=True)
        sheets = Sheets(manifest, project.journal)
        for k, sheet in enumerate(manifest.files, start=1):
            _write(sheet, sheets, image, folder)
            progress("exporting", k, len(manifest.files), sheet.file)
        write_manifest(manifest, folder)
    return manifest


def _write(sheet: ExportedFile, sheets: Sheets, image: Volume, folder: Path) -> None:
    colours = sheets.manifest.colours
    labels, raw = sheets.labels(sheet), sheets.raw(sheet)
    write_png(folder / IMAGE / sheet.file, image.read(sheets.manifest.place(sheet))[0])
    write_png(folder / CORRECTED / sheet.file, painted(labels, colours))
    write_png(folder / ANNOTATED / sheet.file, np.where(annotated(labels), np.uint8(255), np.uint8(0)))
    if raw is not None:
        write_png(folder / RAW / sheet.file, painted(raw, colours))


def _queries(journal: Journal) -> list[ExportedQuery]:
    """Those that are answered or open, by place."""
    waiting = {query.id for query in journal.open_queries()}
    found = []
    for query in sorted(journal.queries(), key=lambda query: (query.box, query.id)):
        exported = _exported(journal, query)
        if exported.answers or query.id in waiting:
            found.append(exported)
    return found


def _exported(journal: Journal, query: Query) -> ExportedQuery:
    assert query.id is not None, "records of a journal have an id"
    assert query.created_at is not None, "and a time"
    answers = journal.answers_to(query.id)
    shown = [answer.shown_model for answer in answers if answer.shown_model is not None]
    if answers:
        preview = journal.previews.shown(query.id, shown[-1]) if shown else None
    else:
        preview = journal.previews.of_query(query.id)
    return ExportedQuery(
        query=query.id,
        asked_at=query.created_at,
        box=str(query.box),
        answers=tuple(answer.id for answer in answers if answer.id is not None),
        preview=None if preview is None else preview.id,
        model=preview.model_id if preview else shown[-1] if shown else None,
    )


def _pieces(queries: Sequence[ExportedQuery], shape: Int3) -> Iterator[ExportedFile]:
    """A file for each section of each query."""
    digits = [max(3, len(str(side))) for side in shape]
    pieces = []
    for one in queries:
        box = parse_split(one.box, shape)
        for z in range(box.start[0], box.stop[0]):
            place = "_".join(
                f"{axis}{at:0{n}d}" for axis, at, n in zip("zyx", (z, *box.start[1:]), digits, strict=True)
            )
            name = f"{place}_query{one.query:04d}.png"
            pieces.append(ExportedFile(file=name, box=str(section(box, z)), queries=(one.query,)))
    yield from sorted(pieces, key=lambda piece: piece.file)


def _sections(queries: Sequence[ExportedQuery], shape: Int3) -> Iterator[ExportedFile]:
    """A file for each section that a query lies in."""
    shown: dict[int, list[int]] = {}
    for one in queries:
        box = parse_split(one.box, shape)
        for z in range(box.start[0], box.stop[0]):
            shown.setdefault(z, []).append(one.query)
    digits = max(3, len(str(shape[0])))
    for z, ids in sorted(shown.items()):
        yield ExportedFile(
            file=f"z{z:0{digits}d}.png", box=str(section(Box.of(shape), z)), queries=tuple(ids)
        )
