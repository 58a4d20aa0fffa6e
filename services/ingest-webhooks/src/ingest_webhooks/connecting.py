"""Makes, changes and rotates connections, and keeps them at hand for the front door; it never shows a secret twice."""

import asyncio
import contextlib
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from asyncpg import Record
from pydantic import BaseModel

from ingest_webhooks.queries import connections
from ingest_webhooks.sources import CONNECTABLE, SOURCES
from ingest_webhooks.sources.source import Source
from milepost_runtime.database import STORE_TROUBLE, Pool
from milepost_runtime.ids import new_id
from milepost_runtime.secrets import SealBroken, Vault

log = structlog.get_logger()
REFRESH_S = 2.0
# How soon an unknown name may send us to the database again: rubbish must not become load.
LOOK_AGAIN_S = 0.25


class ConnectionUnknown(Exception):
    """There is no such connection, or it takes no deliveries; which of the two is nobody's business."""


class SourceUnknown(Exception):
    """No connection can be made for this source."""


@dataclass(frozen=True, slots=True)
class Door:
    """A connection as the front door needs it: who delivers here, and the secrets that are live."""

    id: UUID
    source: Source
    settings: BaseModel
    secrets: tuple[bytes, ...]


@dataclass(frozen=True)
class ConnectionView:
    """A connection as its owner sees it; `secret` only in the answer that made it up."""

    id: UUID
    source: str
    name: str
    settings: dict[str, Any]
    enabled: bool
    created_at: datetime
    older_secret_until: datetime | None
    secret: str | None = None


class Doors:
    """All enabled connections in memory, read again every two seconds and when an unknown one is asked for."""

    def __init__(self, pool: Pool, vault: Vault) -> None:
        self._pool = pool
        self._vault = vault
        self._doors: dict[tuple[str, str], Door] = {}
        self._read_at = float("-inf")
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

    def at_hand(self, source: str, connection: str) -> Door | None:
        """Return the door of a connection that is in memory."""
        return self._doors.get((source, connection))

    async def find(self, source: str, connection: str) -> Door:
        """Return the door of a connection; raises ConnectionUnknown."""
        door = self._doors.get((source, connection))
        if door is None and time.monotonic() - self._read_at > LOOK_AGAIN_S:
            await self.refresh()
            door = self._doors.get((source, connection))
        if door is None:
            raise ConnectionUnknown(connection)
        return door

    async def refresh(self) -> None:
        """Read all connections again."""
        self._read_at = time.monotonic()
        async with self._pool.acquire() as connection:
            rows = await connections.every(connection)
        self._doors = {(row["source"], str(row["id"])): door for row in rows if (door := self._door(row)) is not None}

    def _door(self, row: Record) -> Door | None:
        source = SOURCES.get(row["source"])
        if source is None or not row["enabled"]:
            return None
        try:
            opened = tuple(self._vault.open(sealed) for sealed in row["sealed"])
            return Door(row["id"], source, source.settings.model_validate(row["settings"]), opened)
        except (SealBroken, ValueError) as error:
            log.error("connection_unusable", connection_id=str(row["id"]), error=type(error).__name__)
            return None

    async def _refresh_for_ever(self) -> None:
        while True:
            await asyncio.sleep(REFRESH_S)
            try:
                await self.refresh()
            except STORE_TROUBLE as error:
                log.warning("doors_not_refreshed", error=repr(error)[:200])


class Connecting:
    """What the owner of the deployment does with connections."""

    def __init__(self, pool: Pool, vault: Vault, doors: Doors, make_secret: Callable[[], str] | None = None) -> None:
        self._pool = pool
        self._vault = vault
        self._doors = doors
        self._make_secret = make_secret or (lambda: secrets.token_urlsafe(32))

    async def create(self, source: str, name: str, secret: str | None, settings: dict[str, Any]) -> ConnectionView:
        """Make a connection; without a secret one is made up and returned this once.

        Raises SourceUnknown, and pydantic's ValidationError for settings that the source does not know.
        """
        if source not in CONNECTABLE:
            raise SourceUnknown(source)
        SOURCES[source].settings.model_validate(settings)
        made = secret or self._make_secret()
        connection_id = new_id()
        async with self._pool.acquire() as connection, connection.transaction():
            await connections.insert(connection, connection_id, source, name, settings)
            await connections.add_secret(connection, new_id(), connection_id, self._vault.seal(made.encode()))
            row = await connections.one(connection, connection_id)
        await self._doors.refresh()
        assert row is not None
        return _view(row, secret=None if secret else made)

    async def every(self) -> list[ConnectionView]:
        """Return all connections."""
        async with self._pool.acquire() as connection:
            return [_view(row) for row in await connections.every(connection)]

    async def change(
        self, connection_id: UUID, name: str | None, settings: dict[str, Any] | None, enabled: bool | None
    ) -> ConnectionView:
        """Change what is given; raises ConnectionUnknown, ValidationError."""
        async with self._pool.acquire() as connection, connection.transaction():
            row = _known(await connections.one(connection, connection_id, lock=True))
            if settings is not None:
                SOURCES[row["source"]].settings.model_validate(settings)
            await connections.change(
                connection,
                connection_id,
                row["name"] if name is None else name,
                row["settings"] if settings is None else settings,
                row["enabled"] if enabled is None else enabled,
            )
            changed = _known(await connections.one(connection, connection_id))
        await self._doors.refresh()
        return _view(changed)

    async def rotate(self, connection_id: UUID, secret: str | None, overlap_s: float) -> ConnectionView:
        """Make a new secret current; the present one stays live for `overlap_s`. Raises ConnectionUnknown."""
        made = secret or self._make_secret()
        async with self._pool.acquire() as connection, connection.transaction():
            _known(await connections.one(connection, connection_id, lock=True))
            await connections.retire_secrets(connection, connection_id, overlap_s)
            await connections.add_secret(connection, new_id(), connection_id, self._vault.seal(made.encode()))
            row = _known(await connections.one(connection, connection_id))
        await self._doors.refresh()
        return _view(row, secret=None if secret else made)

    async def delete(self, connection_id: UUID) -> None:
        """Forget a connection; what it delivered stays. Raises ConnectionUnknown."""
        async with self._pool.acquire() as connection:
            if not await connections.delete(connection, connection_id):
                raise ConnectionUnknown(str(connection_id))
        await self._doors.refresh()


def _known(row: Record | None) -> Record:
    if row is None:
        raise ConnectionUnknown
    return row


def _view(row: Record, secret: str | None = None) -> ConnectionView:
    return ConnectionView(
        id=row["id"],
        source=row["source"],
        name=row["name"],
        settings=row["settings"],
        enabled=row["enabled"],
        created_at=row["created_at"],
        older_secret_until=row["older_secret_until"],
        secret=secret,
    )
