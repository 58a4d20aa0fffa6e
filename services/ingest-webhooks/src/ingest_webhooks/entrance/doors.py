"""Keeps the connections at hand for the front door, with the secrets that are live; it changes none of them."""

import asyncio
import contextlib
import hashlib
import hmac
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from uuid import UUID

import structlog
from asyncpg import Record
from pydantic import BaseModel

from ingest_webhooks.entrance.pacing import Pace
from ingest_webhooks.queries import connections
from ingest_webhooks.sources import SOURCES
from ingest_webhooks.sources.source import Source, address_token
from milepost_runtime.database import Pool
from milepost_runtime.secrets import SealBroken, Vault

log = structlog.get_logger()
REFRESH_S = 2.0
# How soon an unknown name or a wrong signature may send us to the database again: rubbish must not become load.
LOOK_AGAIN_S = 0.25


class ConnectionUnknown(Exception):
    """There is no such connection, or it takes no deliveries; which of the two is nobody's business."""


@dataclass(frozen=True, slots=True, eq=False)
class Door:
    """A connection as the front door needs it: who delivers here, and the secrets that are live.

    `tokens` are the secret path segments of those secrets. `until` is when one of them ends (seconds since 1970).
    """

    id: UUID
    source: Source
    settings: BaseModel
    secrets: tuple[bytes, ...]
    tokens: tuple[bytes, ...]
    until: float
    pace: Pace | None

    def opens_with(self, token: bytes) -> bool:
        """Tell whether a secret path segment is one of this connection's."""
        return any(hmac.compare_digest(one, token) for one in self.tokens)


class Doors:
    """All enabled connections in memory, read again every two seconds and when something does not fit."""

    def __init__(self, pool: Pool, vault: Vault) -> None:
        self._pool = pool
        self._vault = vault
        self._doors: dict[bytes, Door] = {}
        self._by_secret: dict[bytes, Door] = {}
        self._rows: dict[UUID, tuple[Record, Door | None]] = {}
        self._read_at = float("-inf")
        self._reading = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to keep up with changes made elsewhere."""
        self._task = asyncio.create_task(self._refresh_for_ever(), name="doors")

    async def close(self) -> None:
        """Stop keeping up."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    def at_hand(self, address: bytes) -> Door | None:
        """Return the door at an address (`source/connection`), if it is in memory and none of its secrets has ended."""
        door = self._doors.get(address)
        return door if door is not None and time.time() < door.until else None

    async def find(self, address: bytes, token: bytes = b"") -> Door:
        """Return the door at an address; a token that is there has to be its own. Raises ConnectionUnknown."""
        door = self.at_hand(address)
        if door is None or not _fits(door, token):
            await self.look_again()
            # Which secrets are live is the store's word; its clock may be a moment behind ours.
            door = self._doors.get(address)
        if door is None or not _fits(door, token):
            raise ConnectionUnknown
        return door

    async def as_it_stands(self, door: Door) -> Door:
        """Return a door as it stands now, or stood when the store was last there; raises ConnectionUnknown."""
        await self._try(self.look_again)
        now = self._doors.get(f"{door.source.name}/{door.id}".encode())
        if now is None:
            raise ConnectionUnknown
        return now

    async def find_by_secret(self, source: str, secret: bytes) -> Door:
        """Return the door of a source that this live secret opens, by its digest; raises ConnectionUnknown."""
        name = _digest(source, secret)
        door = self._by_secret.get(name)
        if door is None or time.time() >= door.until:
            await self.look_again()
            door = self._by_secret.get(name)
        if door is None:
            raise ConnectionUnknown
        return door

    async def look_again(self) -> None:
        """Read all connections again, unless that was done a moment ago."""
        async with self._reading:
            if time.monotonic() - self._read_at > LOOK_AGAIN_S:
                await self._read()

    async def refresh(self) -> None:
        """Read all connections again; what was committed before is known afterwards."""
        async with self._reading:
            await self._read()

    async def _read(self) -> None:
        # One reader at a time: an older answer must never overwrite a newer one.
        try:
            async with self._pool.acquire() as connection:
                rows = await connections.every(connection)
        finally:
            # Whoever waited behind a reading that failed must not wait for one of its own.
            self._read_at = time.monotonic()
        self._rows = {row["id"]: self._kept(row) for row in rows}
        self._doors = {
            f"{row['source']}/{row['id']}".encode(): door for row, door in self._rows.values() if door is not None
        }
        self._by_secret = {
            _digest(door.source.name, secret): door for door in self._doors.values() for secret in door.secrets
        }

    def _kept(self, row: Record) -> tuple[Record, Door | None]:
        """Return a row with its door: the one that stands already when nothing has changed, with its count."""
        known = self._rows.get(row["id"])
        return known if known is not None and known[0] == row else (row, self._door(row))

    def _door(self, row: Record) -> Door | None:
        source = SOURCES.get(row["source"])
        if source is None or not row["enabled"]:
            return None
        try:
            opened = tuple(self._vault.open(sealed) for sealed in row["sealed"])
            settings = source.settings.model_validate(row["settings"])
        except (SealBroken, ValueError) as error:
            log.error("connection_unusable", connection_id=str(row["id"]), error=type(error).__name__)
            return None
        ending, rate = row["older_secret_until"], row["rate_per_second"]
        return Door(
            id=row["id"],
            source=source,
            settings=settings,
            secrets=opened,
            tokens=tuple(address_token(secret).encode("ascii") for secret in opened),
            until=float("inf") if ending is None else ending.timestamp(),
            pace=None if rate is None else Pace(rate),
        )

    async def _refresh_for_ever(self) -> None:
        while True:
            await asyncio.sleep(REFRESH_S)
            await self._try(self.refresh)

    async def _try(self, read: Callable[[], Awaitable[None]]) -> None:
        try:
            await read()
        except Exception as error:
            # Whatever it is: the doors in memory are better than none, and the next reading may succeed.
            log.warning("doors_not_refreshed", error=repr(error)[:200])


def _fits(door: Door, token: bytes) -> bool:
    return not token or door.opens_with(token)


def _digest(source: str, secret: bytes) -> bytes:
    return hashlib.sha256(f"{source} ".encode() + secret).digest()
