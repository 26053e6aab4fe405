"""Which pictures of an export were changed in a paint program, and what they say now."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from microtome.box import Box
from microtome.labels import BACKGROUND, IGNORE, annotated
from microtome.project.exchange.colours import Colours, classes_of
from microtome.project.exchange.exporting import ANNOTATED, CORRECTED
from microtome.project.exchange.manifest import ExportedFile, ExportedQuery, Manifest
from microtome.project.exchange.png import read_mask, read_png
from microtome.project.exchange.sheets import Labels, Sheets, shown_part, stitched


@dataclass(frozen=True, eq=False)
class Change:
    """What somebody made of a query, where it differs from what they had before."""

    query: ExportedQuery
    labels: Labels
    voxels: int
    file: Path  # the first that shows it


def changes_in(folder: Path, sheets: Sheets) -> tuple[list[Change], list[str]]:
    """The queries whose pictures changed, and notes on the pictures.

    Raises:
        ValueError: If a picture is not as it was exported or has colours of no class, or nothing is labelled
            any more in a query that changed.
        OSError: If a file is missing or cannot be read.
    """
    manifest, notes = sheets.manifest, _strangers(folder, sheets.manifest)
    boxes = {one.query: manifest.place(one) for one in manifest.queries}
    found = {query: np.full(box.shape, IGNORE, dtype=np.uint8) for query, box in boxes.items()}
    differs = dict.fromkeys(boxes, 0)
    files: dict[int, Path] = {}
    for sheet in manifest.files:
        picture, soft = _read(folder, sheet, manifest)
        exported, place = sheets.labels(sheet), manifest.place(sheet)
        notes += _notes(sheet, soft, _beside(place, [boxes[query] for query in sheet.queries], picture))
        for query in sheet.queries:
            now, then = (shown_part(boxes[query], place, one) for one in (picture, exported))
            found[query][place.start[0] - boxes[query].start[0]] = now
            differs[query] += int(np.count_nonzero(now != then))
            files.setdefault(query, folder / CORRECTED / sheet.file)
    changed = [one for one in manifest.queries if differs[one.query]]
    return [Change(one, found[one.query], differs[one.query], files[one.query]) for one in changed], notes


def _read(folder: Path, sheet: ExportedFile, manifest: Manifest) -> tuple[UInt8[np.ndarray, "y x"], int]:
    """The labels that two pictures say together, and how many pixels are of soft edges."""
    _, y, x = manifest.place(sheet).shape
    path = folder / CORRECTED / sheet.file
    classes, soft = _classes(path, read_png(path, (y, x)), manifest.colours)
    known = read_mask(folder / ANNOTATED / sheet.file, (y, x)) | (classes != BACKGROUND)
    return np.where(known, classes, np.uint8(IGNORE)), soft


def _classes(path: Path, picture: np.ndarray, colours: Colours) -> tuple[UInt8[np.ndarray, "y x"], int]:
    try:
        return classes_of(picture, colours)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def _strangers(folder: Path, manifest: Manifest) -> list[str]:
    known = {one.file for one in manifest.files}
    names = sorted(path.name for path in (folder / CORRECTED).glob("*") if path.name not in known)
    return [f"{CORRECTED}/{name} was not exported, and not read" for name in names]


def _beside(place: Box, boxes: Sequence[Box], picture: UInt8[np.ndarray, "y x"]) -> int:
    """How many pixels are painted where nothing was asked."""
    asked = stitched(place, [(box, np.zeros(box.shape, dtype=np.uint8)) for box in boxes])[0]
    return int(np.count_nonzero(annotated(picture) & (picture != BACKGROUND) & ~annotated(asked)))


def _notes(sheet: ExportedFile, soft: int, beside: int) -> list[str]:
    notes = []
    if soft:
        notes.append(
            f"{CORRECTED}/{sheet.file}: {soft} pixels of soft edges became the nearest class, or none"
        )
    if beside:
        notes.append(
            f"{CORRECTED}/{sheet.file}: {beside} pixels are painted beside the queries, and not taken"
        )
    return notes
