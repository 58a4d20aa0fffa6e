"""Liveness, readiness and metrics of a process; liveness never asks a dependency."""

import asyncio
import contextlib
import json
import time
from dataclasses import dataclass
from typing import Any

import structlog
import uvicorn

from milepost_runtime.database import Pool, Schema, current_revision, head_revision
from milepost_runtime.metrics import exposition
from milepost_runtime.queue import Hints

log = structlog.get_logger()
PATHS = ("/livez", "/readyz", "/metrics", "/healthz")


@dataclass(frozen=True)
class Readiness:
    """What has to be in order before a process takes traffic.

    The queue is reported but never decides: it carries hints only, and everything happens without it.
    """

    pool: Pool
    hints: Hints
    schema: Schema
    run_id: str

    async def report(self) -> tuple[bool, dict[str, Any]]:
        """Return whether to take traffic, and each check with its state and milliseconds."""
        checks = dict(await asyncio.gather(_timed("database", self._database()), _timed("queue", self.hints.ping())))
        ready = checks["database"]["ok"]
        return ready, {"ready": ready, "run_id": self.run_id, "schema": self.schema.name, "checks": checks}

    async def _database(self) -> None:
        async with asyncio.timeout(3), self.pool.acquire(timeout=3) as connection:
            revision = await current_revision(connection, self.schema)
        if revision != (head := head_revision(self.schema)):
            raise RuntimeError(f"schema at {revision}, {head} expected")


async def _timed(name: str, check: Any) -> tuple[str, dict[str, Any]]:
    started = time.perf_counter()
    try:
        await check
        outcome: dict[str, Any] = {"ok": True}
    except Exception as error:
        log.warning("check_failed", check=name, error=repr(error)[:200])
        outcome = {"ok": False, "error": type(error).__name__}
    return name, outcome | {"ms": round((time.perf_counter() - started) * 1000, 1)}


async def answer(readiness: Readiness, path: str) -> tuple[int, str, bytes]:
    """Return status, media type and body of one of PATHS."""
    if path == "/metrics":
        return 200, "text/plain; version=0.0.4; charset=utf-8", exposition()
    if path == "/readyz":
        ready, report = await readiness.report()
        return (200 if ready else 503), "application/json", json.dumps(report).encode()
    return 200, "application/json", b'{"live":true}'


class HealthApp:
    """The four paths as a plain ASGI application; anything else is 404."""

    def __init__(self, readiness: Readiness) -> None:
        self._readiness = readiness

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        status, media, body = 404, "application/json", b'{"title":"Not found","status":404}'
        if scope["path"] in PATHS and scope["method"] in ("GET", "HEAD"):
            status, media, body = await answer(self._readiness, scope["path"])
        headers = [(b"content-type", media.encode()), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})


class _QuietServer(uvicorn.Server):
    """A server that leaves signals to the process it lives in."""

    def install_signal_handlers(self) -> None:
        return None

    def capture_signals(self) -> Any:
        return contextlib.nullcontext()


async def serve_health(readiness: Readiness, host: str, port: int) -> None:
    """Serve the health paths beside a worker until cancelled."""
    config = uvicorn.Config(
        HealthApp(readiness), host=host, port=port, log_config=None, access_log=False, lifespan="off"
    )
    server = _QuietServer(config)
    try:
        await server.serve()
    finally:
        server.should_exit = True
