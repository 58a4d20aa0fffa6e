"""Answers health documents from memory, and drops from it what the store says is stale; it writes no score.

A bell of the store makes it quick, looking four times a second makes it sure: with every ring lost, and with commits in
any order, no answer is older than a second. While nobody can look, every read goes to the store.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import format_datetime
from typing import Protocol
from urllib.parse import unquote

import structlog

from milepost_runtime.database import STORE_TROUBLE, Connection
from milepost_runtime.hot import Answer
from scoring_api.answers.memory import Entry, Memory
from scoring_api.answers.reading import Reading, Stored, as_reference, as_uuid
from scoring_api.queries import stale

log = structlog.get_logger()
LOOK_EVERY_S = 0.25
LOOK_LIMIT_S = 2.0
AGAIN_AFTER_S = 0.2
PRUNE_EVERY_S = 60.0
# Whoever did not look for so long may have missed what was deleted since.
LONGEST_ABSENCE_S = 120.0
# Nobody else may give an answer that is older than ours either, unless we cannot be reached.
CACHE = b"private, max-age=0, stale-if-error=600"
VARY = b"Authorization, Accept"


class Connect(Protocol):
    """Opens a connection of our own, on which a bell can be heard."""

    def __call__(self) -> AbstractAsyncContextManager[Connection]:
        """Return a connection that is closed with the block."""


@dataclass(frozen=True)
class Remembering:
    """The use case of reading health documents again and again."""

    reading: Reading
    memory: Memory

    def at_hand(self, name: bytes) -> Entry | None:
        """Return the answers to a raw, URL-encoded name if they are remembered and surely not old."""
        return self.memory.get(name)

    async def answers(self, name: bytes) -> Entry:
        """Return the answers to a raw, URL-encoded name, from memory or from the store.

        Raises AccountUnknown, NotScoredYet.
        """
        found = self.memory.get(name)
        if found is None:
            asked_at = time.monotonic()
            asked = unquote(name.decode("ascii", "replace"))
            found = entry_of(await self.reading.stored(asked))
            self.memory.keep(found, name, None if as_uuid(asked) else as_reference(asked), asked_at)
        return found


def entry_of(stored: Stored) -> Entry:
    """Return both answers that a stored document makes."""
    validators = (
        (b"etag", stored.etag.encode()),
        (b"cache-control", CACHE),
        (b"vary", VARY),
        (b"last-modified", format_datetime(stored.computed_at.astimezone(UTC), usegmt=True).encode()),
    )
    whole = Answer(200, ((b"content-type", b"application/json"), *validators), stored.body)
    return Entry(stored.account_id, whole, Answer(304, validators), stored.etag)


@dataclass
class Watch:
    """Keeps a memory honest for as long as it runs."""

    memory: Memory
    connect: Connect = field(repr=False)
    _seen: frozenset[int] = frozenset()
    _looked_at: float = 0.0
    _prune_at: float = 0.0

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Look for what is stale in the background of the block."""
        task = asyncio.create_task(self._for_ever(), name="stale answers")
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _for_ever(self) -> None:
        while True:
            try:
                async with self.connect() as connection:
                    await self._follow(connection)
            except STORE_TROUBLE as error:
                log.warning("memory_unwatched", error=type(error).__name__, remedy="every read goes to the store")
            except Exception:
                log.exception("memory_unwatched", remedy="every read goes to the store")
            await asyncio.sleep(AGAIN_AFTER_S)

    async def _follow(self, connection: Connection) -> None:
        """Look at every ring, and in any case four times a second, until the connection is lost."""
        bell = asyncio.Event()
        await connection.add_listener(stale.CHANNEL, lambda *_: bell.set())
        horizon = await stale.horizon(connection)
        # Only now: what was read before this horizon was taken may have missed what lies below it.
        self.memory.clear()
        self._looked_at = time.monotonic()
        while True:
            bell.clear()
            horizon = await self._look(connection, horizon)
            await self._prune(connection)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_EVERY_S):
                    await bell.wait()

    async def _look(self, connection: Connection, horizon: int) -> int:
        """Forget what is stale by now; return from where to look next time."""
        began = time.monotonic()
        row = await stale.stale_since(connection, horizon, LOOK_LIMIT_S)
        fresh = [
            (account, name)
            for number, account, name in zip(row["ids"], row["accounts"], row["names"], strict=True)
            if number not in self._seen
        ]
        # As long as an older transaction is open, the same rows come again.
        self._seen = frozenset(row["ids"])
        self.memory.forget(
            (account for account, _ in fresh if account is not None), (name for _, name in fresh if name is not None)
        )
        if began - self._looked_at > LONGEST_ABSENCE_S:
            self.memory.clear()
        self._looked_at = began
        self.memory.looked(began)
        next_horizon: int = row["horizon"]
        return next_horizon

    async def _prune(self, connection: Connection) -> None:
        if time.monotonic() >= self._prune_at:
            self._prune_at = time.monotonic() + PRUNE_EVERY_S
            await stale.prune(connection)
