"""The addresses of the page's server: each checks what came, makes one call, and says what came of it."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any, Protocol, runtime_checkable

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import Response, StreamingResponse

from microtome.box import Box
from microtome.serve.messages import (
    LARGEST,
    Activities,
    Annotator,
    Look,
    NewAnswer,
    NewOp,
    NewSkip,
    Next,
    Plane,
    Train,
    Watch,
)
from microtome.serve.office import Office

MOST_VOXELS = 2**24  # of one request for the image
PULSE = 1.0  # seconds between two looks for something new to send

Json = dict[str, Any]
Id = Annotated[int, Path(ge=1, le=LARGEST)]
Corner = Annotated[int, Query(ge=0, le=LARGEST)]
Name = Annotated[Annotator, Query()]

router = APIRouter(prefix="/api")
image_router = APIRouter(prefix="/api")


@runtime_checkable
class ImageOffice(Protocol):
    """What can be asked for the image."""

    async def read(self, box: Box) -> bytes:
        """The image in a box, a byte a voxel."""


def _office(request: Request) -> Office:
    office: Office = request.app.state.office
    return office


def _image_office(request: Request) -> ImageOffice:
    office: ImageOffice = request.app.state.office
    return office


def _box(z0: Corner, z1: Corner, y0: Corner, y1: Corner, x0: Corner, x1: Corner) -> Box:
    box = Box((z0, y0, x0), (z1, y1, x1))
    if not 0 < box.size <= MOST_VOXELS:
        raise ValueError(f"expected a box of 1 to {MOST_VOXELS} voxels; got {box}")
    return box


Here = Annotated[Office, Depends(_office)]
BoxOfImage = Annotated[Box, Depends(_box)]
ImageHere = Annotated[ImageOffice, Depends(_image_office)]


@router.get("/project")
async def project(office: Here) -> Json:
    """What the page has to know of the project."""
    return await office.at_desk(office.desk.about)


@router.get("/state")
async def state(office: Here) -> Json:
    """What the worker does, and how much there is to do."""
    return await office.state()


@router.post("/next")
async def next_query(message: Next, office: Here) -> Json:
    """Hand out a query."""
    return await office.at_desk(office.desk.next, message.annotator, message.holding)


@router.get("/queries/{query_id}")
async def query(query_id: Id, annotator: Name, office: Here) -> Json:
    """A query, with all steps of the annotator's draft."""
    return await office.at_desk(office.desk.open, query_id, annotator)


@router.post("/queries/{query_id}/ops")
async def add_op(query_id: Id, message: NewOp, office: Here) -> Json:
    """The next step of a draft; acknowledged once it is on the disk."""
    seq = await office.at_desk(office.desk.add_op, query_id, message.annotator, message.op)
    return {"seq": seq}


@router.post("/queries/{query_id}/answer")
async def answer(query_id: Id, message: NewAnswer, office: Here) -> Json:
    """The draft, as it stands, is the answer."""
    return {"answer": await office.at_desk(office.desk.answer, query_id, message)}


@router.post("/queries/{query_id}/skip")
async def skip(query_id: Id, message: NewSkip, office: Here) -> Json:
    """The query is not to be answered."""
    said = (query_id, message.annotator, message.reason, message.reports)
    await office.at_desk(office.desk.skip, *said)
    return {}


@router.get("/queries/{query_id}/labels")
async def labels(query_id: Id, office: Here) -> Response:
    """What most annotators answered, a byte a voxel."""
    return as_bytes((await office.at_desk(office.desk.labels, query_id)).tobytes())


@router.post("/queries/{query_id}/look")
async def look(query_id: Id, message: Look, office: Here) -> Json:
    """An answered query is looked at again: the latest model is to predict it."""
    await office.at_desk(office.desk.look, query_id)
    return {}


@router.get("/queries/{query_id}/weights")
async def weights(query_id: Id, office: Here) -> Response:
    """How much more each voxel will weigh in training: 255 · E, a byte a voxel; and which errors do."""
    response = as_bytes((await office.at_desk(office.desk.weights, query_id)).tobytes())
    response.headers["X-Errors"] = await office.at_desk(office.desk.errors_weighed)
    return response


@router.get("/answered")
async def answered(annotator: Name, office: Here) -> list[Json]:
    """The queries that the annotator answered, to go back to."""
    return await office.at_desk(office.desk.answered, annotator)


@image_router.get("/image")
async def image(box: BoxOfImage, office: ImageHere) -> Response:
    """The image in a box, a byte a voxel, z slowest."""
    return as_bytes(await office.read(box))


@router.get("/previews/{preview_id}/{plane}")
async def preview(preview_id: Id, plane: Plane, office: Here) -> Response:
    """A prediction: the class of each voxel, how unsure it is, or how likely no background."""
    return as_bytes((await office.at_desk(office.desk.preview, preview_id, plane)).tobytes())


@router.post("/activity")
async def activity(message: Activities, office: Here) -> Json:
    """Reports of active time."""
    await office.at_desk(office.desk.report, message.annotator, message.reports)
    return {}


@router.post("/train")
async def train(message: Train, office: Here) -> Json:
    """Training is to begin now."""
    await office.at_desk(office.desk.train)
    return {}


@router.post("/watch")
async def watch(message: Watch, office: Here) -> Json:
    """Sections whose prediction the dashboard is to show."""
    await office.at_desk(office.desk.watch, message.sections)
    return {}


@router.get("/dashboard")
async def dashboard(office: Here) -> Response:
    """How the project gets on."""
    return Response(await office.dashboard(), media_type="application/json")


@router.get("/events")
async def events(request: Request, office: Here) -> StreamingResponse:
    """The dashboard, again whenever something changed, as server-sent events."""
    return StreamingResponse(_news(request, office), media_type="text/event-stream")


async def _news(request: Request, office: Office) -> AsyncIterator[str]:
    sent = ""
    while not request.app.state.stopping():
        text = await office.dashboard()
        if text != sent:
            yield f"event: dashboard\ndata: {text}\n\n"
            sent = text
        else:
            yield ": nothing new\n\n"  # tells the server whether somebody still listens
        await asyncio.sleep(PULSE)


def as_bytes(data: bytes) -> Response:
    """Bytes without a meaning to the browser."""
    return Response(data, media_type="application/octet-stream")
