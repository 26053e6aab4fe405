"""What every request must pass before it reaches the page: its host, its origin, its token, its size."""

from collections.abc import Collection
from http.cookies import CookieError, SimpleCookie
from secrets import compare_digest
from urllib.parse import parse_qs

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MEBIBYTE = 2**20
LARGEST_BODY = MEBIBYTE // 4
VOXEL_BYTES = 27  # of a step that lists every voxel of a box as a run of its own

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' data: blob:; object-src 'none'; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Guard:
    """ASGI middleware that lets through only requests of somebody who has the token.

    The token comes once in the address, `/?token=…`, and from then on in a cookie. A request that changes
    something must come from the page itself. Names that do not belong to this machine are refused, so that
    no other site can be made to point here (DNS rebinding).
    """

    def __init__(
        self, app: ASGIApp, *, token: str, cookie: str, hosts: Collection[str], largest_op: int
    ) -> None:
        self._app = app
        self._token = token
        self._cookie = cookie
        self._hosts = frozenset(hosts)
        self._largest_op = max(largest_op, LARGEST_BODY)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            raise RuntimeError(f"expected HTTP; got {scope['type']}")
        refusal = self._refusal(scope)
        if refusal is not None:
            await refusal(scope, receive, _with_headers(send))
            return
        limited = _Limited(receive, self._limit(scope))
        await self._app(scope, limited, _with_headers(send))

    def _refusal(self, scope: Scope) -> Response | None:
        """The answer to a request that is not let through, None to one that is."""
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if host not in self._hosts:
            return _refused(421, f"expected one of the hosts {', '.join(sorted(self._hosts))}")
        given = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
        if scope["path"] == "/" and given and self._is_token(given):
            return self._welcome()
        if not self._is_token(_cookie_of(headers, self._cookie)):
            refusal = "expected the address that the server printed when it started, with its token"
            in_words = "text/html" in headers.get("accept", "")  # a person, not the page
            return PlainTextResponse(refusal, 401) if in_words else _refused(401, refusal)
        if scope["method"] not in ("GET", "HEAD") and not _same_origin(headers, host):
            return _refused(403, "expected a request from the page itself")
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length[:20]) > self._limit(scope):
            return _refused(413, f"expected at most {self._limit(scope)} bytes")
        return None

    def _limit(self, scope: Scope) -> int:
        """The most bytes that a request may bring."""
        return self._largest_op if scope["path"].endswith("/ops") else LARGEST_BODY

    def _is_token(self, text: str) -> bool:
        return compare_digest(text.encode("utf-8", "surrogateescape"), self._token.encode())

    def _welcome(self) -> Response:
        response = RedirectResponse("/", status_code=303)
        response.set_cookie(self._cookie, self._token, httponly=True, samesite="lax", max_age=30 * 86400)
        return response


class _Limited:
    """A request's body that ends with an error once it grows too long, whatever its header said."""

    def __init__(self, receive: Receive, limit: int) -> None:
        self._receive = receive
        self._limit = limit
        self._got = 0

    async def __call__(self) -> Message:
        message = await self._receive()
        self._got += len(message.get("body", b""))
        if self._got > self._limit:
            raise HTTPException(413, f"expected at most {self._limit} bytes")
        return message


def _refused(status: int, detail: str) -> Response:
    return JSONResponse({"detail": detail}, status_code=status)


def _same_origin(headers: Headers, host: str) -> bool:
    return headers.get("origin") == f"http://{host}"


def _cookie_of(headers: Headers, name: str) -> str:
    try:
        cookies = SimpleCookie(headers.get("cookie", ""))
    except CookieError:
        return ""
    return cookies[name].value if name in cookies else ""


def _with_headers(send: Send) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            given = {name.lower() for name, _ in message["headers"]}
            more = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]
            message["headers"] = [*message["headers"], *(pair for pair in more if pair[0] not in given)]
        await send(message)

    return send_with_headers
