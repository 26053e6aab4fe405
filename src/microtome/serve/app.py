"""The web app over one project: the page, the routes behind it, and its errors. No torch here."""

import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Protocol, runtime_checkable

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.types import Lifespan

from microtome.project.judging import StaleError
from microtome.serve.desk import ConflictError, NotFoundError
from microtome.serve.guard import LARGEST_BODY, VOXEL_BYTES, Guard
from microtome.serve.office import Office
from microtome.serve.proofread_office import ProofreadOffice
from microtome.serve.proofread_routes import proofread_router
from microtome.serve.routes import image_router, router

MEDIA_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
LABEL_PAGES = {"/": "index.html", "/dashboard": "dashboard.html"}
PROOFREAD_PAGES = {"/": "proofread.html"}

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Access:
    """Who may come in: the token, the cookie that keeps it, and the names that this server is reached by."""

    token: str
    cookie: str
    hosts: tuple[str, ...]


@runtime_checkable
class Closing(Protocol):
    """What is open behind an app."""

    def close(self) -> None:
        """Close it; once is enough."""


def create_app(office: Office, access: Access, stopping: Callable[[], bool] = lambda: False) -> FastAPI:
    """The labelling app, which closes the office in the end; once `stopping` says so, long answers end."""
    app = _app(office, access, LABEL_PAGES, [router, image_router], 4096 + VOXEL_BYTES * office.largest_box)
    app.state.stopping = stopping
    return app


def create_proofread_app(office: ProofreadOffice, access: Access) -> FastAPI:
    """The proofreading app, which closes the office in the end."""
    return _app(office, access, PROOFREAD_PAGES, [proofread_router, image_router], LARGEST_BODY)


def _app(
    office: Closing,
    access: Access,
    pages: Mapping[str, str],
    routers: Sequence[APIRouter],
    largest_op: int,
) -> FastAPI:
    app = FastAPI(
        title="microtome",
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/openapi.json",
        lifespan=_closing(office),
    )
    app.state.office = office
    for one in routers:
        app.include_router(one)
    _serve_page(app, pages)
    _say_errors(app)
    app.add_middleware(
        Guard, token=access.token, cookie=access.cookie, hosts=access.hosts, largest_op=largest_op
    )
    return app


def _closing(office: Closing) -> Lifespan[FastAPI]:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        office.close()

    return lifespan


def _serve_page(app: FastAPI, pages: Mapping[str, str]) -> None:
    """Serve the pages' files from memory: no part of a request ever becomes the name of a file."""
    held = _page_files()

    def sent(name: str) -> Response:
        if name not in held:
            raise NotFoundError(f"the page has no file {name}")
        content, media_type = held[name]
        return Response(content, media_type=media_type)

    def sender(name: str) -> Callable[[], Response]:
        return lambda: sent(name)

    for path, name in pages.items():
        app.get(path, include_in_schema=False)(sender(name))
    app.get("/static/{name}", include_in_schema=False)(sent)


@cache
def _page_files() -> Mapping[str, tuple[bytes, str]]:
    """The files of every page by their names: what they hold, and its media type."""
    return {
        file.name: (file.read_bytes(), MEDIA_TYPES[file.name[file.name.rindex(".") :]])
        for file in files("microtome.serve").joinpath("page").iterdir()
        if file.name.endswith(tuple(MEDIA_TYPES))
    }


def _say_errors(app: FastAPI) -> None:
    """Say every error in one line."""

    def said(status: int, detail: str, **more: object) -> JSONResponse:
        return JSONResponse({"detail": " ".join(detail.split()), **more}, status_code=status)

    @app.exception_handler(HTTPException)
    async def plain(_: Request, error: HTTPException) -> Response:
        return said(error.status_code, str(error.detail))

    @app.exception_handler(RequestValidationError)
    async def malformed(_: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        return said(422, f"{place}: {first['msg']}")

    @app.exception_handler(NotFoundError)
    async def missing(_: Request, error: NotFoundError) -> Response:
        return said(404, str(error))

    @app.exception_handler(ConflictError)
    async def conflict(_: Request, error: ConflictError) -> Response:
        return said(409, str(error), seq=error.last)

    @app.exception_handler(StaleError)
    async def stale(_: Request, error: StaleError) -> Response:
        return said(409, str(error))

    @app.exception_handler(ValueError)
    async def wrong(_: Request, error: ValueError) -> Response:
        return said(400, str(error))

    @app.exception_handler(OSError)
    async def broken(_: Request, error: OSError) -> Response:
        log.error("%s", error)
        return said(503, "the server cannot read or write one of its files; its own output says which")
