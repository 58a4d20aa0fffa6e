"""Serves an application on a free port of this machine, for a browser; its lifespan is the caller's."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

import uvicorn

from milepost_runtime.hot import Application


@contextlib.asynccontextmanager
async def listening(app: Application) -> AsyncIterator[str]:
    """Serve an application on a free port and give its address; its lifespan runs already."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, lifespan="off"))
        server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
        task = asyncio.create_task(server._serve([door]))
        yield f"http://127.0.0.1:{door.getsockname()[1]}"
        server.should_exit = True
        await asyncio.wait_for(task, 20)
