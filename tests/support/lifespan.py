"""The lifespan of a web application inside a test: started as a server starts it, stopped whatever the test did."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

from milepost_runtime.hot import Application

PATIENCE_S = 20


@contextlib.asynccontextmanager
async def lifespan(app: Application) -> AsyncIterator[None]:
    """Run the block while the application is up; a start or a stop that fails or takes too long fails the test."""
    incoming: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    outgoing: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    running = asyncio.ensure_future(app({"type": "lifespan", "state": {}}, incoming.get, outgoing.put))
    await incoming.put({"type": "lifespan.startup"})
    started = await asyncio.wait_for(outgoing.get(), PATIENCE_S)
    assert started["type"] == "lifespan.startup.complete", started
    try:
        yield
    finally:
        await incoming.put({"type": "lifespan.shutdown"})
        await asyncio.wait_for(running, PATIENCE_S)
