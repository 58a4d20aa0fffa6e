"""The one gate before the routes that change something: size, key, media type, strict JSON; it knows no route's word.

A route whose `openapi_extra` describes a `requestBody` reads its body itself, by its own limit: only its key is asked
for here. Every other one gets a body of at most `BODY_LIMIT` bytes, read once, which is strict JSON if it takes any.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI, Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, iter_route_contexts

from milepost_runtime.hot import Application, Receive, Scope, Send, check_size, read_body
from milepost_runtime.keys import ScopeCheck
from milepost_runtime.media import check_media
from milepost_runtime.problems import Problem, bad_body, unforeseen
from milepost_runtime.strict_json import BadBody, read_json

BODY_LIMIT = 256 * 1024
CHANGING = frozenset({"POST", "PUT", "PATCH", "DELETE"})


@dataclass(frozen=True)
class _Guarded:
    """A route as the gate sees it; without `needs_body` an empty one is fine, also where JSON is taken."""

    path: str
    pattern: re.Pattern[str]
    methods: frozenset[str]
    scopes: tuple[ScopeCheck, ...]
    reads_itself: bool
    takes_json: bool
    needs_body: bool


class Gate:
    """Lets requests on to the framework's routes, or answers them before anything of theirs is understood."""

    def __init__(self, app: Application, templates: FastAPI) -> None:
        self._app = app
        self._templates = templates
        self._routes: tuple[_Guarded, ...] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        route = self._route(scope) if scope["type"] == "http" and scope["method"] in CHANGING else None
        if route is None:
            await self._app(scope, receive, send)
            return
        try:
            receive = await _checked(route, scope, receive)
        except Exception as error:
            problem = error if isinstance(error, Problem) else unforeseen(error, route.path)
            status, headers, body = problem.raw(scope.get("state", {}).get("request_id", ""))
            scope["route"] = route
            await send({"type": "http.response.start", "status": status, "headers": headers})
            await send({"type": "http.response.body", "body": body})
            return
        await self._app(scope, receive, send)

    def _route(self, scope: Scope) -> _Guarded | None:
        if self._routes is None:
            # At the first request, as the routes are complete then.
            self._routes = tuple(_guarded(self._templates))
        method, path = scope["method"], scope["path"]
        return next((one for one in self._routes if method in one.methods and one.pattern.match(path)), None)


async def _checked(route: _Guarded, scope: Scope, receive: Receive) -> Receive:
    """Return where the body can be had once more; raises Problem, and what the store raises."""
    headers = scope["headers"]
    if not route.reads_itself:
        check_size(headers, BODY_LIMIT)
    request = Request(scope)
    for check in route.scopes:
        await check(request)
    if route.reads_itself:
        return receive
    if route.takes_json and (route.needs_body or _announces_body(headers)):
        check_media(dict(headers))
    body = await read_body(scope, receive, limit=BODY_LIMIT)
    if route.takes_json and (route.needs_body or body):
        try:
            read_json(body)
        except BadBody as error:
            raise bad_body(error) from None
    return _once_more(body, receive)


def _announces_body(headers: Any) -> bool:
    return any(name == b"transfer-encoding" or (name == b"content-length" and value != b"0") for name, value in headers)


def _once_more(body: bytes, receive: Receive) -> Receive:
    given = False

    async def again() -> Any:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


def _guarded(app: FastAPI) -> Iterator[_Guarded]:
    """Yield the routes that change something, in the order in which they are looked through."""
    for context in iter_route_contexts(app.routes):
        methods = CHANGING & (context.methods or set())
        if methods and isinstance(context.original_route, APIRoute):
            field = context.body_field
            yield _Guarded(
                path=context.path or "",
                pattern=context.path_regex,
                methods=methods,
                scopes=tuple(dict.fromkeys(_scopes(context.dependant))),
                reads_itself="requestBody" in (context.openapi_extra or {}),
                takes_json=field is not None,
                needs_body=field is not None and field.field_info.is_required(),
            )


def _scopes(dependant: Dependant) -> Iterator[ScopeCheck]:
    for one in dependant.dependencies:
        if isinstance(one.call, ScopeCheck):
            yield one.call
        yield from _scopes(one)
