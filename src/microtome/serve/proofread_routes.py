"""The addresses of the proofreading page's server: each checks what came, and makes one call."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from microtome.serve.messages import Activities, Confirm, NewMarks, NewVerdicts, Next, Reopen
from microtome.serve.proofread_office import ProofreadOffice
from microtome.serve.routes import BoxOfImage, Id, Json, Name, as_bytes

proofread_router = APIRouter(prefix="/api")


def _office(request: Request) -> ProofreadOffice:
    office: ProofreadOffice = request.app.state.office
    return office


Here = Annotated[ProofreadOffice, Depends(_office)]


@proofread_router.get("/project")
async def project(office: Here) -> Json:
    """What the page has to know of the project and its proposals."""
    return await office.at_desk(office.desk.about)


@proofread_router.get("/state")
async def state(office: Here) -> Json:
    """How far the proposals have come."""
    return await office.standing()


@proofread_router.post("/next")
async def next_sheet(message: Next, office: Here) -> Json:
    """Hand out a sheet."""
    return await office.at_desk(office.desk.next, message.annotator, message.holding)


@proofread_router.get("/closed")
async def closed(annotator: Name, office: Here) -> list[int]:
    """The sheets that the annotator confirmed, to go back to."""
    return await office.at_desk(office.desk.closed, annotator)


@proofread_router.get("/sheets/{sheet_id}")
async def sheet(sheet_id: Id, annotator: Name, office: Here) -> Json:
    """A sheet, with what its annotator said on it."""
    return await office.at_desk(office.desk.open, sheet_id, annotator)


@proofread_router.get("/sheets/{sheet_id}/tiles")
async def tiles(sheet_id: Id, office: Here) -> Response:
    """The pictures of a sheet's objects: grey values, a byte each, and then masks, four pixels a byte."""
    return as_bytes(await office.tiles(sheet_id))


@proofread_router.post("/sheets/{sheet_id}/verdicts")
async def judge(sheet_id: Id, message: NewVerdicts, office: Here) -> Json:
    """Verdicts that were chosen; acknowledged once they are on the disk."""
    await office.at_desk(office.desk.judge, sheet_id, message)
    return {}


@proofread_router.post("/sheets/{sheet_id}/marks")
async def mark(sheet_id: Id, message: NewMarks, office: Here) -> Json:
    """Missed objects in an audit's box; acknowledged once they are on the disk."""
    await office.at_desk(office.desk.mark, sheet_id, message)
    return {}


@proofread_router.post("/sheets/{sheet_id}/confirm")
async def confirm(sheet_id: Id, message: Confirm, office: Here) -> Json:
    """The sheet is done; acknowledged once every verdict is on the disk."""
    await office.at_desk(office.desk.confirm, sheet_id, message)
    return {}


@proofread_router.post("/sheets/{sheet_id}/reopen")
async def reopen(sheet_id: Id, message: Reopen, office: Here) -> Json:
    """The sheet was confirmed by mistake."""
    await office.at_desk(office.desk.reopen, sheet_id, message)
    return {}


@proofread_router.get("/objects/{key}/stack")
async def stack(key: Id, office: Here) -> Response:
    """All sections of an object's tile, as in a sheet's tiles."""
    return as_bytes(await office.stack(key))


@proofread_router.get("/objects/{key}/mask")
async def mask(key: Id, office: Here) -> Response:
    """An object in the region of its enlarged view, a byte a voxel, z slowest."""
    return as_bytes(await office.mask(key))


@proofread_router.get("/objects")
async def objects(box: BoxOfImage, office: Here) -> Response:
    """Every object in a box, a byte a voxel, z slowest; 0 where there is none."""
    return as_bytes(await office.all_in(box))


@proofread_router.post("/activity")
async def activity(message: Activities, office: Here) -> Json:
    """Reports of active time."""
    await office.at_desk(office.desk.report, message.annotator, message.reports)
    return {}
