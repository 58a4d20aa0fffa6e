"""Plain ASGI for the few routes where the framework would cost more than the work; it decides nothing about them.

A hot route is documented in the FastAPI application like any other; only its requests take the short way.
"""

import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias

import structlog
from prometheus_client import Histogram

from milepost_runtime.exchange import offered
from milepost_runtime.ids import clean_correlation_id
from milepost_runtime.metrics import HTTP_SECONDS
from milepost_runtime.problems import Problem, cut_short, unforeseen

log = structlog.get_logger()
Scope: TypeAlias = Any
Receive: TypeAlias = Callable[[], Awaitable[Any]]
Send: TypeAlias = Callable[[Any], Awaitable[None]]
Headers: TypeAlias = Sequence[tuple[bytes, bytes]]
Application: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]


@dataclass(frozen=True)
class Answer:
    """Status, headers without length, and body of a hot route."""

    status: int
    headers: Headers = ()
    body: bytes = b""


Handler: TypeAlias = Callable[[Scope, Receive, str], Awaitable[Answer]]


@dataclass(frozen=True)
class HotRoute:
    """A method and the raw path's beginning and end; the handler gets scope, receive and the request's id.

    `name` is the route's template for metrics, never a path with ids in it. With `one_part` no slash may stand between
    beginning and end, unless it is encoded: a longer path is another route's.
    """

    methods: frozenset[str]
    prefix: bytes
    suffix: bytes
    name: str
    handler: Handler
    one_part: bool = False

    def fits(self, method: str, path: bytes) -> bool:
        """Tell whether a request is ours."""
        if method not in self.methods or not path.startswith(self.prefix) or not path.endswith(self.suffix):
            return False
        return not self.one_part or b"/" not in path[len(self.prefix) : len(path) - len(self.suffix)]


class HotRoutes:
    """Sends requests that fit a hot route to its handler and everything else to the application behind."""

    def __init__(self, behind: Application, routes: Iterable[HotRoute]) -> None:
        self._behind = behind
        self._routes = tuple(routes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            method, path = scope["method"], scope["raw_path"]
            for route in self._routes:
                if route.fits(method, path):
                    await _serve(route, scope, receive, send)
                    return
        await self._behind(scope, receive, send)


async def _serve(route: HotRoute, scope: Scope, receive: Receive, send: Send) -> None:
    started = time.perf_counter()
    request_id = clean_correlation_id(header_text(scope["headers"], b"x-request-id"))
    try:
        answer = await route.handler(scope, receive, request_id)
        status, headers, body = answer.status, answer.headers, answer.body
        headers = [
            *headers,
            (b"content-length", str(len(body)).encode()),
            (b"x-request-id", request_id.encode()),
        ]
    except Problem as problem:
        status, headers, body = problem.raw(request_id)
    except Exception as error:
        with structlog.contextvars.bound_contextvars(correlation_id=request_id):
            status, headers, body = unforeseen(error, route.name).raw(request_id)
    exchange = offered(scope)
    if exchange is None or not exchange.answer(status, headers, body):
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
    _seconds(route.name, scope["method"], status).observe(time.perf_counter() - started)


@lru_cache(maxsize=256)
def _seconds(name: str, method: str, status: int) -> Histogram:
    """The histogram's child, which is dearer to look up than to use."""
    return HTTP_SECONDS.labels(name, method, status)


def header(headers: Headers, name: bytes) -> bytes | None:
    """Return the first header of this lower-case name."""
    for key, value in headers:
        if key == name:
            return value
    return None


def header_text(headers: Headers, name: bytes) -> str | None:
    """Return the first header of this name as text; None when it is missing."""
    value = header(headers, name)
    return None if value is None else value.decode("latin-1")


async def read_body(scope: Scope, receive: Receive, *, limit: int) -> bytes:
    """Return the whole body, at most `limit` bytes; the connection's own clock ends what comes too slowly.

    Raises Problem 413 (before reading when the length is declared), 400 for a body cut short.
    """
    exchange = offered(scope)
    whole = None if exchange is None else exchange.whole_body()
    if whole is not None and len(whole) <= limit:
        return whole
    check_size(scope["headers"], limit)
    parts: list[bytes] = []
    size, more = 0, True
    while more and size <= limit:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise cut_short()
        part: bytes = message.get("body", b"")
        more = message.get("more_body", False)
        if not parts and not more and len(part) <= limit:
            return part
        parts.append(part)
        size += len(part)
    if size > limit:
        raise _too_large(limit)
    return b"".join(parts)


def check_size(headers: Headers, limit: int) -> None:
    """Raise Problem 413 for a body that is said to be larger than `limit` bytes."""
    declared = header(headers, b"content-length")
    if declared is not None and declared.isdigit() and int(declared) > limit:
        raise _too_large(limit)


def _too_large(limit: int) -> Problem:
    return Problem(413, "body_too_large", f"The body is larger than {limit} bytes.", headers={"Connection": "close"})
