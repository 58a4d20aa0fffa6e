"""The web process of a service: one way to build the application and to serve it; it knows no route of a service."""

import contextlib
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from logging import getLogger
from types import MappingProxyType
from typing import Any

import structlog
import uvicorn
from fastapi import FastAPI, Response
from fastapi.openapi.utils import get_openapi
from fastapi.responses import JSONResponse, PlainTextResponse
from fastapi.routing import APIRoute

from milepost_runtime import failpoints, logging
from milepost_runtime.entry import settle_in
from milepost_runtime.gate import Gate
from milepost_runtime.health import PATHS, Readiness, answer
from milepost_runtime.hot import Application, Receive, Scope, Send, header_text
from milepost_runtime.ids import clean_correlation_id
from milepost_runtime.methods import takes_head
from milepost_runtime.metrics import HTTP_SECONDS
from milepost_runtime.problems import Translate, install
from milepost_runtime.reference import add_reference
from milepost_runtime.refusals import document_refusals
from milepost_runtime.settings import RuntimeSettings
from milepost_runtime.wire import Manners, guarded

log = structlog.get_logger()
Lifespan = Callable[[FastAPI], contextlib.AbstractAsyncContextManager[None]]

PROBLEM_SCHEMA: dict[str, Any] = {
    "type": "object",
    "title": "Problem",
    "description": "RFC 9457 problem document.",
    "required": ["type", "title", "status", "detail", "request_id"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "request_id": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "pointer": {
                        "type": "string",
                        "description": "JSON Pointer into the body, or `query:name`",
                    },
                    "detail": {"type": "string"},
                    "code": {"type": "string"},
                },
            },
        },
    },
}


# What is asked of a process rather than of its service: path, its one line, its words.
OPERATIONS = {
    "/livez": ("Is the process alive?", "Answers as long as the process can answer at all; it asks nothing else."),
    "/readyz": (
        "May it take traffic?",
        "503 while the database is away or of another version; the queue is told but never decides.",
    ),
    "/metrics": ("Measurements", "Counters and histograms as Prometheus reads them."),
    "/healthz": ("The same under its older name", "What `/livez` answers."),
}


def new_app(
    title: str,
    description: str,
    lifespan: Lifespan,
    problems: Mapping[type[Exception], Translate],
    *,
    tags: Mapping[str, str] = MappingProxyType({}),
    home: str = "",
) -> FastAPI:
    """Return an application with the house's manners: problems, operation ids, one error schema, `/docs` of our own.

    `tags` describes the groups of operations in the order of the page; `home` is where the service's screens are.
    """
    app = FastAPI(
        title=title,
        description=description,
        version="0.1.0",
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        openapi_tags=[{"name": name, "description": text} for name, text in tags.items()],
        # The framework's own pages fetch their scripts from other hosts.
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        generate_unique_id_function=_operation_id,
        redirect_slashes=False,
        separate_input_output_schemas=False,
    )
    install(app, problems)
    app.add_middleware(Gate, templates=app)
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]
    add_reference(app, home)
    return app


def add_operations(app: FastAPI) -> None:
    """Add liveness, readiness and metrics; the lifespan sets `app.state.readiness`."""
    app.openapi_tags = [
        *(app.openapi_tags or ()),
        {"name": "operations", "description": "Liveness, readiness and measurements; they need no key."},
    ]
    for path in PATHS:
        summary, description = OPERATIONS[path]
        operate = _operation(app, path)
        app.add_api_route(
            path,
            operate,
            methods=["GET"],
            tags=["operations"],
            name=path.strip("/"),
            summary=summary,
            description=description,
            response_class=PlainTextResponse if path == "/metrics" else JSONResponse,
        )


def _operation(app: FastAPI, path: str) -> Any:
    async def operate() -> Response:
        readiness: Readiness = app.state.readiness
        status, media, body = await answer(readiness, path)
        return Response(body, status, media_type=media)

    return operate


class RequestContext:
    """Gives each request its id, binds it to the logs, returns it, and measures; pure ASGI.

    HEAD is answered as GET is, without the body (RFC 9110, 9.3.2), unless a route answers it in its own way.
    """

    def __init__(self, app: Application, templates: FastAPI) -> None:
        self._app = app
        self._templates = templates

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, status = time.perf_counter(), 500
        request_id = clean_correlation_id(header_text(scope["headers"], b"x-request-id"))
        scope.setdefault("state", {})["request_id"] = request_id
        head = scope["method"] == "HEAD" and not takes_head(self._templates, scope["path"])
        asked = {**scope, "method": "GET"} if head else scope

        async def tagged(message: Any) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                if not any(name == b"x-request-id" for name, _ in message["headers"]):
                    message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode())]
            elif head:
                message = {**message, "body": b""}
            await send(message)

        with structlog.contextvars.bound_contextvars(correlation_id=request_id):
            try:
                await self._app(asked, receive, tagged)
            finally:
                route = asked.get("route")
                template = getattr(route, "path", "unmatched")
                HTTP_SECONDS.labels(template, scope["method"], status).observe(time.perf_counter() - started)


def serve(
    service: str,
    settings: RuntimeSettings,
    app: Application,
    port: int,
    streams: Collection[tuple[bytes, bytes]] = (),
) -> None:
    """Serve until SIGTERM or SIGINT; open requests get ten seconds to end.

    `streams` are the beginnings and ends of paths whose bodies may last. Raises what the application's lifespan raised
    when it did not start.
    """
    logging.configure(service, "web", settings)
    failpoints.arm(settings.failpoints)
    start = _Start(app)
    # Why a start failed is told by whoever called us, once.
    getLogger("uvicorn.error").addFilter(lambda _record: not start.failed)
    try:
        uvicorn.Server(configuration(start, settings, port, streams)).run()
    except KeyboardInterrupt:
        return
    except SystemExit:
        if start.failure is None:
            raise
    if start.failure is not None:
        raise start.failure


def configuration(
    app: Application, settings: RuntimeSettings, port: int, streams: Collection[tuple[bytes, bytes]] = ()
) -> uvicorn.Config:
    """Return how every web process of the house listens."""
    return uvicorn.Config(
        app,
        interface="asgi3",
        lifespan="on",
        http=guarded(Manners(hosts=settings.answered_hosts, streams=streams)),
        host=settings.host,
        port=port,
        log_config=None,
        access_log=False,
        server_header=False,
        # Forwarded addresses are believed from nobody: public addresses are settings.
        proxy_headers=False,
        timeout_graceful_shutdown=10,
        backlog=2048,
    )


class _Start:
    """The application, remembering why its lifespan did not start; requests pass untouched."""

    def __init__(self, app: Application) -> None:
        self._app = app
        self.failed = False
        self.failure: Exception | None = None

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        return self._live(scope, receive, send) if scope["type"] == "lifespan" else self._app(scope, receive, send)

    async def _live(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def watched(message: Any) -> None:
            nonlocal started
            if message["type"] == "lifespan.startup.complete":
                started = True
                settle_in()
            self.failed = message["type"] == "lifespan.startup.failed"
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except Exception as error:
            if not started:
                self.failed, self.failure = True, error
            raise


@contextlib.asynccontextmanager
async def announced(service: str) -> AsyncIterator[None]:
    """Log when a web process is ready and when it stops; wrap a lifespan's `yield` in it."""
    log.info("web_ready", service=service)
    yield
    log.info("web_stopping", service=service)


def _operation_id(route: APIRoute) -> str:
    head, *rest = re.split(r"[^A-Za-z0-9]+", route.name.strip("_"))
    return head + "".join(part.capitalize() for part in rest if part)


def _openapi(app: FastAPI) -> dict[str, Any]:
    if app.openapi_schema:
        return app.openapi_schema
    document = get_openapi(
        title=app.title,
        version=app.version,
        description=app.description,
        routes=app.routes,
        tags=app.openapi_tags,
        license_info=app.license_info,
        separate_input_output_schemas=app.separate_input_output_schemas,
        servers=[{"url": "/", "description": "This service, wherever it is."}],
    )
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    schemas["Problem"] = PROBLEM_SCHEMA
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    document_refusals(document)
    app.openapi_schema = document
    return document
