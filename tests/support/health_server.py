"""A small HTTP server of our own that answers for the scoring API at its border: stored health documents, as JSON."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import uvicorn

from milepost_contracts.health import HealthDocument

PROBLEM = b"application/problem+json"


@dataclass
class HealthServer:
    """`documents` by account; `status` other than 200 answers everybody so; `asked` keeps path and headers.

    Accounts in `trickling` get their answer byte by byte, ten a second, for as long as they listen.
    """

    key: str = "mp_000000000000_test"
    port: int = 0
    documents: dict[UUID, HealthDocument] = field(default_factory=dict)
    status: int = 200
    body: bytes | None = None
    delay_s: float = 0.0
    trickling: set[UUID] = field(default_factory=set)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def forget(self) -> None:
        """Answer normally again, and know nobody."""
        self.documents.clear()
        self.asked.clear()
        self.trickling.clear()
        self.status, self.body, self.delay_s = 200, None, 0.0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        self.asked.append((scope["path"], headers))
        await asyncio.sleep(self.delay_s)
        status, media, body = self._answer(scope["path"], headers)
        await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", media)]})
        if UUID(scope["path"].split("/")[2]) in self.trickling:
            await self._trickle(receive, send)
        await send({"type": "http.response.body", "body": body})

    async def _trickle(self, receive: Any, send: Any) -> None:
        gone = asyncio.create_task(self._gone(receive))
        while not gone.done():
            await send({"type": "http.response.body", "body": b" ", "more_body": True})
            await asyncio.sleep(0.1)

    async def _gone(self, receive: Any) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    def _answer(self, path: str, headers: dict[str, str]) -> tuple[int, bytes, bytes]:
        if headers.get("authorization") != f"Bearer {self.key}":
            return 401, PROBLEM, b"{}"
        if self.status != 200:
            return self.status, PROBLEM, b"{}"
        if self.body is not None:
            return 200, b"application/json", self.body
        document = self.documents.get(UUID(path.split("/")[2]))
        if document is None:
            kind = {"type": "https://milepost.dev/problems/account_unknown", "status": 404}
            return 404, PROBLEM, json.dumps(kind).encode()
        return 200, b"application/json", document.model_dump_json().encode()


class _QuietServer(uvicorn.Server):
    """Leaves the signals to the tests."""

    def capture_signals(self) -> Any:
        return contextlib.nullcontext()


@contextlib.asynccontextmanager
async def health_server() -> AsyncIterator[HealthServer]:
    """Serve on a free port of this machine until the end of the block."""
    app = HealthServer()
    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_config=None, access_log=False, lifespan="off")
    server = _QuietServer(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - the server offers a flag, not an event
        await asyncio.sleep(0.01)
    app.port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield app
    finally:
        server.should_exit = True
        await serving
