"""Transactions of a request that the store asks to be begun again; it repeats nothing but what was rolled back."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import asyncpg
import structlog

from milepost_runtime.database import Connection, Pool

T = TypeVar("T")
log = structlog.get_logger()
TRIES: Final = 4
PAUSE_S: Final = 0.05


async def transact(pool: Pool, work: Callable[[Connection], Awaitable[T]]) -> T:
    """Carry out work in a transaction, up to four times while the store rolls it back for others' sake.

    That is a deadlock, a row that moved away, and a lock that nobody gave. `work` does nothing but write in it.
    """
    for left in reversed(range(TRIES)):
        try:
            async with pool.acquire() as connection, connection.transaction():
                return await work(connection)
        except (asyncpg.TransactionRollbackError, asyncpg.LockNotAvailableError) as error:
            if not left:
                raise
            log.warning("begun_again", error=type(error).__name__, tries_left=left)
        await asyncio.sleep(PAUSE_S * random.random())
    raise AssertionError("the last try returns or raises")
