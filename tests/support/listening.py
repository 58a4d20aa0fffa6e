"""Serves an application on a free port of this machine, as a web process does; its lifespan is the caller's."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Collection
from typing import Any

import uvicorn

from milepost_runtime.hot import Application
from milepost_runtime.settings import RuntimeSettings
from milepost_runtime.web import configuration


@contextlib.asynccontextmanager
async def listening(
    app: Application, *, streams: Collection[tuple[bytes, bytes]] = (), **settings: Any
) -> AsyncIterator[str]:
    """Serve an application on a free port and give its address; its lifespan runs already."""
    stores = {"database_url": "postgresql://nobody@127.0.0.1/none", "redis_url": "redis://127.0.0.1:1/0"}
    read = RuntimeSettings(environment="test", **stores, **settings)
    with socket.create_server(("127.0.0.1", 0), backlog=2048) as door:
        wire = configuration(app, read, 0, streams)
        wire.lifespan = "off"
        server = uvicorn.Server(wire)
        server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
        task = asyncio.create_task(server._serve([door]))
        yield f"http://127.0.0.1:{door.getsockname()[1]}"
        server.should_exit = True
        await asyncio.wait_for(task, 20)
