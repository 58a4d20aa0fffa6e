"""The web process of the scoring service as a process of its own, on a port of its own; it seeds nothing."""

import asyncio
import contextlib
import os
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx


def free_port() -> int:
    """Return a port that nobody listens on just now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


@contextlib.asynccontextmanager
async def running(database_url: str, redis_url: str, log: Path) -> AsyncIterator[str]:
    """Start it, hand over its address when it is ready, end it in order."""
    port = free_port()
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MILEPOST_")}
    environ = kept | {
        "MILEPOST_ENVIRONMENT": "test",
        "MILEPOST_DATABASE_URL": database_url,
        "MILEPOST_REDIS_URL": redis_url,
        "MILEPOST_SCORING_PORT": str(port),
        "MILEPOST_LOG_FORMAT": "json",
    }
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "scoring_api.app", env=environ, stdout=output, stderr=output
        )
    try:
        await _ready(process, f"http://127.0.0.1:{port}", log)
        yield f"http://127.0.0.1:{port}"
    finally:
        if process.returncode is None:
            process.terminate()
        await asyncio.wait_for(process.wait(), 20)


async def _ready(process: asyncio.subprocess.Process, address: str, log: Path) -> None:
    async with httpx.AsyncClient(trust_env=False) as client:
        for _ in range(600):
            assert process.returncode is None, log.read_text()[-3000:]
            with contextlib.suppress(httpx.TransportError):
                if (await client.get(f"{address}/readyz")).status_code == 200:
                    return
            await asyncio.sleep(0.05)
    raise AssertionError(log.read_text()[-3000:])
