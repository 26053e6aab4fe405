"""A sheet of objects, or an audit, as the page knows it."""

from collections.abc import Sequence
from typing import Any

from microtome.box import Box, Int3
from microtome.project import Journal
from microtome.project.records import JudgeQuery, Sheet
from microtome.serve.proofread_source import ObjectSource
from microtome.serve.told import box_json

AROUND: Int3 = (2, 48, 48)  # voxels of context on each side of an audit's box


def sheet_json(
    sheet: Sheet, queries: Sequence[JudgeQuery], journal: Journal, source: ObjectSource, volume: Int3
) -> dict[str, Any]:
    """A sheet with its objects and what was said of them; without their pictures."""
    said = journal.sheets.said(sheet.id)
    return {
        "id": sheet.id,
        "sorting": sheet.sorting,
        "closed": sheet.closed,
        "tiles": [_tile(query, said.get(query.id or 0), source) for query in queries],
        "audit": None if sheet.audit_id is None else _audit(sheet, sheet.audit_id, journal, volume),
    }


def _tile(query: JudgeQuery, verdict: str | None, source: ObjectSource) -> dict[str, Any]:
    facts = source.facts(query.object_key)
    return {
        "query": query.id,
        "object": query.object_key,
        "id": facts.id,
        "verdict": verdict,
        "round": query.round,
        "cluster": query.cluster,
        "strategy": query.strategy,
        "reason": query.reason,
        "box": box_json(facts.box),
        "region": box_json(source.region(query.object_key)),
        "voxels": facts.voxels,
        "probability": facts.probability,
        "section": facts.section,
        "first": facts.first,
        "last": facts.last,
        "nm": facts.nm,
        "close": facts.close,
    }


def _audit(sheet: Sheet, audit_id: int, journal: Journal, volume: Int3) -> dict[str, Any]:
    box = journal.verdicts.audit(audit_id).box
    return {
        "id": audit_id,
        "box": box_json(box),
        "view": box_json(box.grown(AROUND).intersection(Box.of(volume))),
        "points": journal.sheets.points(sheet),
    }
