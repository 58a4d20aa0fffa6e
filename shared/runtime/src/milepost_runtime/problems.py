"""Errors as RFC 9457 answers; it never shows a trace, a statement or a secret to a caller."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from milepost_runtime.database import STORE_TROUBLE, is_store_trouble
from milepost_runtime.methods import methods_of
from milepost_runtime.strict_json import BadBody

log = structlog.get_logger()
# Zero characters, lone surrogates, times beyond the calendar: found by the store, but the sender's to mend.
NOT_STORABLE = (asyncpg.DataError, UnicodeEncodeError, OverflowError)
MEDIA_TYPE = "application/problem+json"
TYPE_BASE = "https://milepost.dev/problems/"
TITLES = {
    400: "Bad request",
    401: "Not authenticated",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    406: "Not acceptable",
    408: "Request took too long",
    409: "Conflict",
    412: "Changed meanwhile",
    413: "Body too large",
    415: "Media type not supported",
    421: "Misdirected",
    422: "Not valid",
    429: "Too many requests",
    431: "Head too large",
    500: "Something broke here",
    503: "Not available just now",
}


@dataclass
class Problem(Exception):
    """An answer that is not a success: a code for machines (`type`), a sentence for people (`detail`)."""

    status: int
    type: str
    detail: str
    errors: Sequence[Mapping[str, str]] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    title: str | None = None

    def document(self, request_id: str) -> dict[str, Any]:
        """Return the problem document; `errors` only when there are any."""
        document: dict[str, Any] = {
            "type": TYPE_BASE + self.type,
            "title": self.title or TITLES.get(self.status, "Error"),
            "status": self.status,
            "detail": self.detail,
            "request_id": request_id,
        }
        return document | ({"errors": list(self.errors)} if self.errors else {})

    def raw(self, request_id: str) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
        """Return status, headers and body as plain ASGI sends them."""
        body = json.dumps(self.document(request_id), ensure_ascii=False).encode()
        headers = [
            (b"content-type", MEDIA_TYPE.encode()),
            (b"content-length", str(len(body)).encode()),
            (b"x-request-id", request_id.encode()),
            *((name.lower().encode(), value.encode()) for name, value in self.headers.items()),
        ]
        return self.status, headers, body


Translate = Callable[[Exception], Problem]


def cut_short() -> Problem:
    """Return 400 for a body that ended too early; a new one each time, as a raised error keeps where it was raised."""
    detail = "The connection ended before the body did."
    return Problem(400, "bad_framing", detail, headers={"Connection": "close"})


def bad_body(error: BadBody) -> Problem:
    """Return 400 with the rule of strict JSON that a body breaks."""
    return Problem(400, error.code, f"{str(error)[:1].upper()}{str(error)[1:]}.")


def install(app: FastAPI, table: Mapping[type[Exception], Translate]) -> None:
    """Answer every error of an app with a problem document: ours by `table`, the framework's, the unexpected.

    The application's state keeps as `foreseen` which errors are refusals, by the framework's rules or ours.
    """
    app.state.foreseen = (Problem, HTTPException, RequestValidationError, *table)

    async def on_problem(request: Request, error: Exception) -> Response:
        assert isinstance(error, Problem)
        return _respond(request, error)

    async def on_http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        kind = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "http_error")
        detail = error.detail if error.detail else TITLES.get(error.status_code, "Error")
        headers = dict(error.headers or {})
        if error.status_code == 405:
            # The framework names the methods of the first route that it looked at.
            headers["Allow"] = ", ".join(methods_of(app, request.scope["path"])) or headers.get("Allow", "")
        return _respond(request, Problem(error.status_code, kind, str(detail), headers=headers))

    async def on_invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        return _respond(request, from_validation(error.errors(), error.body))

    async def on_unforeseen(request: Request, error: Exception) -> Response:
        # By its template: a path may hold a secret segment or a person's address.
        return _respond(request, unforeseen(error, getattr(request.scope.get("route"), "path", "unmatched")))

    app.add_exception_handler(Problem, on_problem)
    app.add_exception_handler(HTTPException, on_http)
    app.add_exception_handler(RequestValidationError, on_invalid)
    for every in (*NOT_STORABLE, *STORE_TROUBLE, ClientDisconnect, Exception):
        app.add_exception_handler(every, on_unforeseen)
    for kind, translate in table.items():
        app.add_exception_handler(kind, _translated(translate))


def unforeseen(error: Exception, where: str) -> Problem:
    """Return the answer to what no route foresaw: nobody is there any more, store trouble, bad values, our fault."""
    if isinstance(error, ClientDisconnect):
        return cut_short()
    if is_store_trouble(error):
        log.warning("store_trouble", where=where, error=repr(error)[:200])
        return Problem(503, "temporarily_unavailable", "The store is away or busy.", headers={"Retry-After": "5"})
    if isinstance(error, (*NOT_STORABLE, *STORE_TROUBLE)) and not isinstance(error, OSError):
        return Problem(422, "not_storable", "The request holds a value that cannot be looked up or kept.")
    log.error("request_failed", where=where, exc_info=error)
    return Problem(500, "internal", "This is our fault. It was logged under the request id.")


def from_validation(items: Sequence[Any], document: Any = None) -> Problem:
    """Return 422 with an entry per faulty place: where (JSON pointer or `query:name`), what, and a code.

    Pointers lead into `document`, the body that was read: what a validator adds to a place is left out. The problem's
    own type is the code that all faults share, else `not_valid`. A body that is not JSON at all is 400 `bad_json`. The
    input itself is never echoed.
    """
    if any(item["type"] == "json_invalid" for item in items):
        return Problem(400, "bad_json", "The body is not valid JSON.")
    places: dict[str, dict[str, str]] = {}
    for item in items:
        error = {"pointer": _pointer(item, document), "detail": item["msg"], "code": _code(item)}
        # Where several kinds are taken each refuses on its own; the one that is meant says more than "another kind".
        known = places.setdefault(error["pointer"], error)
        if known["code"] == "wrong_type":
            places[error["pointer"]] = error
    errors = list(places.values())
    codes = {error["code"] for error in errors}
    kind = codes.pop() if len(codes) == 1 else "not_valid"
    return Problem(422, kind, f"{len(errors)} part(s) of the request are not valid.", errors=errors)


# One word for what is wrong, whatever the validator calls it; matched from the first to the last.
_CODES = (
    ("extra_forbidden", "unknown_field"),
    ("missing", "wrong_type"),
    ("too_long", "too_many"),
    ("string_", "bad_string"),
    ("datetime", "bad_time"),
    ("date", "bad_time"),
    ("timezone", "bad_time"),
    ("greater_than", "out_of_range"),
    ("less_than", "out_of_range"),
    ("finite_number", "out_of_range"),
    ("int_parsing_size", "out_of_range"),
)


def _code(item: Any) -> str:
    kind = str(item["type"])
    if item["loc"][0] != "body":
        return "bad_parameter"
    if kind.endswith(("_type", "_parsing", "_from_float")):
        return "bad_time" if kind.startswith(("date", "time")) else "wrong_type"
    for beginning, code in _CODES:
        if kind.startswith(beginning):
            return code
    return "not_valid" if kind in ("value_error", "assertion_error", "literal_error", "enum") else kind


def _pointer(item: Any, document: Any) -> str:
    where, *path = item["loc"]
    if where != "body":
        return f"{where}:{'/'.join(str(part) for part in path)}"
    parts = [part for part in path if part != "[key]"] if document is None else _real(path, document, item["type"])
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)


def _real(path: Sequence[Any], document: Any, kind: str) -> list[Any]:
    """Return the parts of a place that are in the document, and the last one where it is said to be missing there."""
    parts, here = [], document
    for number, part in enumerate(path, 1):
        in_list = isinstance(here, list) and isinstance(part, int) and part < len(here)
        if in_list or (isinstance(here, dict) and part in here):
            parts.append(part)
            here = here[part]
        elif kind == "missing" and number == len(path):
            parts.append(part)
    return parts


def _translated(translate: Translate) -> Any:
    async def on_error(request: Request, error: Exception) -> Response:
        return _respond(request, translate(error))

    return on_error


def _respond(request: Request, problem: Problem) -> Response:
    request_id = request.scope.get("state", {}).get("request_id", "")
    status, headers, body = problem.raw(request_id)
    if request.method == "HEAD":
        body = b""
    response = Response(content=body, status_code=status)
    response.raw_headers[:] = headers
    return response
