"""The parts of the house that a benchmark of the front door starts: stores, processes, one connection, one key.

Loopback only; everything that is started here ends with its block.
"""

import asyncio
import contextlib
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import psutil  # type: ignore[import-untyped]

from milepost_devstack.ports import next_free
from milepost_devstack.schemas import SCHEMAS
from milepost_devstack.stores import EmbeddedPostgres, EmbeddedValkey
from milepost_runtime.keys import insert_key, new_key
from milepost_runtime.migrations import upgrade_all


@dataclass(frozen=True)
class Stores:
    """Where the stores are, and the process whose children do PostgreSQL's work."""

    database_url: str
    redis_url: str
    postmaster: int


@contextlib.asynccontextmanager
async def stores(folder: Path) -> AsyncIterator[Stores]:
    postgres, valkey = EmbeddedPostgres(folder / "postgres"), EmbeddedValkey(folder / "valkey")
    await postgres.start()
    try:
        await valkey.start()
        await upgrade_all(postgres.url(), SCHEMAS)
        assert postgres.child is not None
        yield Stores(postgres.url(), valkey.url, postgres.child.pid)
    finally:
        await valkey.stop()
        await postgres.stop()


@dataclass(frozen=True)
class FrontDoor:
    """A running front door: its port, an admin key, the web process, the working process if there is one."""

    port: int
    key: str
    web: int
    worker: int | None
    stores: Stores

    async def connect(self, **wanted: Any) -> dict[str, Any]:
        """Make a connection."""
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{self.port}", trust_env=False) as client:
            headers = {"Authorization": f"Bearer {self.key}"}
            answer = await client.post("/connections", json=wanted, headers=headers)
            return dict(answer.raise_for_status().json())


@contextlib.asynccontextmanager
async def front_door(folder: Path, where: Stores, *, worker: bool) -> AsyncIterator[FrontDoor]:
    """Start the web process of ingest-webhooks, and its worker if wanted."""
    port = next_free(18_101)
    environ = os.environ | {
        "MILEPOST_ENVIRONMENT": "development",
        "MILEPOST_DATABASE_URL": where.database_url,
        "MILEPOST_REDIS_URL": where.redis_url,
        "MILEPOST_INGEST_PORT": str(port),
        "MILEPOST_INGEST_WORKER_PORT": str(next_free(18_301)),
        "MILEPOST_LOG_FORMAT": "json",
    }
    key = new_key()
    database = await asyncpg.connect(where.database_url)
    await insert_key(database, "ingest", key, name="benchmark", scopes=["admin"], days=None)
    await database.close()
    with contextlib.ExitStack() as stack:
        web = stack.enter_context(process(folder, environ, "-m", "ingest_webhooks.app"))
        work = stack.enter_context(process(folder, environ, "-m", "ingest_webhooks.worker")) if worker else None
        await answering(port)
        yield FrontDoor(port, key.text, web.pid, None if work is None else work.pid, where)


@dataclass(frozen=True)
class ScoringDoor:
    """The running web process of the scoring API: its port, a key that may read."""

    port: int
    key: str
    web: int
    stores: Stores


@contextlib.asynccontextmanager
async def scoring_door(folder: Path, where: Stores) -> AsyncIterator[ScoringDoor]:
    """Start the web process of scoring-api."""
    port = next_free(18_401)
    environ = os.environ | {
        "MILEPOST_ENVIRONMENT": "development",
        "MILEPOST_DATABASE_URL": where.database_url,
        "MILEPOST_REDIS_URL": where.redis_url,
        "MILEPOST_SCORING_PORT": str(port),
        "MILEPOST_LOG_FORMAT": "json",
    }
    key = new_key()
    database = await asyncpg.connect(where.database_url)
    await insert_key(database, "scoring", key, name="benchmark", scopes=["read"], days=None)
    await database.close()
    with process(folder, environ, "-m", "scoring_api.app") as web:
        await answering(port)
        yield ScoringDoor(port, key.text, web.pid, where)


@contextlib.contextmanager
def process(folder: Path, environ: dict[str, str], *arguments: str) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a Python process that writes its log into the folder."""
    with (folder / "processes.log").open("ab") as log:
        running = subprocess.Popen([sys.executable, *arguments], env=environ, stdout=log, stderr=log)
    try:
        yield running
    finally:
        running.terminate()
        running.wait(timeout=15)


async def answering(port: int) -> None:
    """Return when somebody listens on a port."""
    until = time.monotonic() + 20
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            if time.monotonic() > until:
                raise
            await asyncio.sleep(0.05)
        else:
            writer.close()
            return


def cpu(pid: int) -> float:
    """Seconds of a process and its children so far (PostgreSQL works in children)."""
    process = psutil.Process(pid)
    times = [one.cpu_times() for one in (process, *process.children())]
    return float(sum(one.user + one.system for one in times))
