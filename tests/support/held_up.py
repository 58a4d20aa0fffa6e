"""Holding a process up at a known place: what it needs is locked until all has happened that is to happen meanwhile."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

WAITING = "select exists (select from pg_locks where not granted and pg_backend_pid() = any(pg_blocking_pids(pid)))"
ALL_WAITING = "select count(*) from pg_locks where not granted"
EVERY_S = 0.01
TIMES = 500


@asynccontextmanager
async def held_up(database_url: str, lock: str, *values: Any) -> AsyncIterator[asyncpg.Connection]:
    """Take a lock by a statement; what the connection does, it commits as it lets go."""
    connection = await asyncpg.connect(database_url)
    try:
        async with connection.transaction():
            await connection.execute(lock, *values)
            yield connection
    finally:
        await connection.close()


async def somebody_waits(holder: asyncpg.Connection) -> None:
    """Return as soon as somebody waits for what the holder has locked."""
    for _ in range(TIMES):
        if await holder.fetchval(WAITING):
            return
        await asyncio.sleep(EVERY_S)
    raise AssertionError("nobody waits")


async def waits_or_ends(holder: asyncpg.Connection, second: "asyncio.Task[Any]") -> None:
    """Return as soon as a task, begun while somebody else waits for a lock, waits for one too, or has ended."""
    for _ in range(TIMES):
        if second.done() or await holder.fetchval(ALL_WAITING) > 1:
            return
        await asyncio.sleep(EVERY_S)
    raise AssertionError("it neither waits nor ends")
