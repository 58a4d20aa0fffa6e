"""`GET /accounts/{id}/health` as plain ASGI: one statement, ready bytes, a validator; it parses nothing it sends."""

from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import unquote

from starlette.requests import Request

from milepost_runtime.hot import Answer, Headers, HotRoute, Receive, Scope, header_text
from milepost_runtime.keys import KeyRing
from milepost_runtime.problems import Problem
from scoring_api.dependencies import query_faults
from scoring_api.problems import as_problem
from scoring_api.reading import Reading, Stored

PREFIX, SUFFIX = b"/accounts/", b"/health"
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
NAME = "/accounts/{account_id}/health"
CACHE = b"private, max-age=15, stale-while-revalidate=60, stale-if-error=600"
VARY = b"Authorization, Accept"


def hot_route(state: Any) -> HotRoute:
    """Return the route; `state` is the application's, filled when the process starts (`keys`, `doors`)."""

    async def answer(scope: Scope, _receive: Receive, _request_id: str) -> Answer:
        if scope["method"] not in ("GET", "HEAD"):
            raise Problem(405, "method_not_allowed", "Read it with GET or HEAD.", headers={"Allow": "GET, HEAD"})
        asked = unquote(scope["raw_path"][len(PREFIX) : -len(SUFFIX)].decode("ascii", "replace"))
        query = scope["query_string"].decode("ascii", "replace")
        return await answer_health(state.keys, state.doors.reading, asked, query, scope["headers"])

    return HotRoute(METHODS, PREFIX, SUFFIX, NAME, answer)


async def answer_health(keys: KeyRing, reading: Reading, asked: str, query: str, headers: Headers) -> Answer:
    """Return the stored document, or 304 if the caller has it. Raises Problem for everything else."""
    principal = await keys.authenticate(header_text(headers, b"authorization"))
    principal.require("read")
    if query and (faults := query_faults(query, set())):
        raise Problem(422, "bad_parameter", f"{len(faults)} query parameter(s) cannot be used.", errors=faults)
    try:
        stored = await reading.stored(asked)
    except Exception as error:
        problem = as_problem(error)
        if problem is None:
            raise
        raise problem from None
    if holds(_conditions(headers), stored.etag):
        return Answer(304, _validators(stored))
    return Answer(200, [(b"content-type", b"application/json"), *_validators(stored)], stored.body)


def holds(condition: str, etag: str) -> bool:
    """Tell whether an If-None-Match (a list, `W/` forms, or `*`) names this entity tag (weak comparison, RFC 9110)."""
    if condition.strip() == "*":
        return True
    return any(part.strip().removeprefix("W/") == etag for part in condition.split(","))


def _conditions(headers: Headers) -> str:
    """Return all If-None-Match lines as the one list that they are (RFC 9110, 5.3); empty without any."""
    return ", ".join(value.decode("latin-1") for name, value in headers if name == b"if-none-match")


def request_parts(request: Request) -> tuple[str, Headers]:
    """Return query and raw headers of a request that came the long way."""
    return request.url.query, request.headers.raw


def _validators(stored: Stored) -> list[tuple[bytes, bytes]]:
    return [
        (b"etag", stored.etag.encode()),
        (b"cache-control", CACHE),
        (b"vary", VARY),
        (b"last-modified", _http_date(stored.computed_at)),
    ]


def _http_date(at: datetime) -> bytes:
    return format_datetime(at.astimezone(UTC), usegmt=True).encode()
