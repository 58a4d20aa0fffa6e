"""Makes, changes and rotates connections; it never shows a secret twice."""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from asyncpg import Record

from ingest_webhooks.doors import ConnectionUnknown, Doors
from ingest_webhooks.queries import connections
from ingest_webhooks.sources import CONNECTABLE, SOURCES
from ingest_webhooks.sources.source import address_token
from milepost_runtime.database import Pool
from milepost_runtime.ids import new_id
from milepost_runtime.secrets import Vault


class SourceUnknown(Exception):
    """No connection can be made for this source."""


class SecretUnfit(Exception):
    """This text can be no secret of the source's provider; the message says why."""


@dataclass(frozen=True)
class NewConnection:
    """A connection to make; `secret` None: one is made up. `rate_per_second` None: as fast as the provider likes."""

    source: str
    name: str
    secret: str | None
    settings: dict[str, Any]
    rate_per_second: float | None


@dataclass(frozen=True)
class ConnectionView:
    """A connection as its owner sees it.

    `token`, the secret segment of its address, is there only in the answer that made a secret live; `secret` only in
    the answer that made it up.
    """

    id: UUID
    source: str
    name: str
    settings: dict[str, Any]
    enabled: bool
    rate_per_second: float | None
    mapping_version: int
    created_at: datetime
    older_secret_until: datetime | None
    token: str | None = None
    secret: str | None = None


class Connecting:
    """What the owner of the deployment does with connections."""

    def __init__(self, pool: Pool, vault: Vault, doors: Doors, make_secret: Callable[[], str] | None = None) -> None:
        self._pool = pool
        self._vault = vault
        self._doors = doors
        self._make_secret = make_secret or (lambda: secrets.token_urlsafe(32))

    async def create(self, wanted: NewConnection) -> ConnectionView:
        """Make a connection; without a secret one is made up and returned this once.

        Raises SourceUnknown, SecretUnfit, and pydantic's ValidationError for settings that the source does not know.
        """
        if wanted.source not in CONNECTABLE:
            raise SourceUnknown(wanted.source)
        SOURCES[wanted.source].settings.model_validate(wanted.settings)
        secret = self._secret(wanted.source, wanted.secret)
        connection_id = new_id()
        async with self._pool.acquire() as connection, connection.transaction():
            await connections.insert(
                connection, connection_id, wanted.source, wanted.name, wanted.settings, wanted.rate_per_second
            )
            await connections.add_secret(connection, new_id(), connection_id, self._vault.seal(secret.encode()))
            row = _known(await connections.one(connection, connection_id))
        await self._doors.refresh()
        return _view(row, secret, made_up=wanted.secret is None)

    async def every(self) -> list[ConnectionView]:
        """Return all connections."""
        async with self._pool.acquire() as connection:
            return [_view(row) for row in await connections.every(connection)]

    async def change(self, connection_id: UUID, wanted: Mapping[str, Any]) -> ConnectionView:
        """Change the columns that are given; raises ConnectionUnknown, ValidationError."""
        async with self._pool.acquire() as connection, connection.transaction():
            row = _known(await connections.one(connection, connection_id, lock=True))
            if "settings" in wanted:
                SOURCES[row["source"]].settings.model_validate(wanted["settings"])
            values = {name: wanted.get(name, row[name]) for name in connections.CHANGEABLE}
            await connections.change(connection, connection_id, values)
            changed = _known(await connections.one(connection, connection_id))
        await self._doors.refresh()
        return _view(changed)

    async def rotate(self, connection_id: UUID, secret: str | None, overlap_s: float) -> ConnectionView:
        """Make a new secret current; the present one stays live for `overlap_s`.

        Raises ConnectionUnknown, SecretUnfit.
        """
        async with self._pool.acquire() as connection, connection.transaction():
            source = _known(await connections.one(connection, connection_id, lock=True))["source"]
            made = self._secret(source, secret)
            await connections.retire_secrets(connection, connection_id, overlap_s)
            await connections.add_secret(connection, new_id(), connection_id, self._vault.seal(made.encode()))
            row = _known(await connections.one(connection, connection_id))
        await self._doors.refresh()
        return _view(row, made, made_up=secret is None)

    async def delete(self, connection_id: UUID) -> None:
        """Forget a connection; what it delivered stays. Raises ConnectionUnknown."""
        async with self._pool.acquire() as connection:
            if not await connections.delete(connection, connection_id):
                raise ConnectionUnknown(str(connection_id))
        await self._doors.refresh()

    def _secret(self, source: str, given: str | None) -> str:
        """Return the secret that was given, else one made up in the provider's form; raises SecretUnfit."""
        if given is None:
            return SOURCES[source].dress_secret(self._make_secret())
        reason = SOURCES[source].check_secret(given)
        if reason is not None:
            raise SecretUnfit(reason)
        return given


def _known(row: Record | None) -> Record:
    if row is None:
        raise ConnectionUnknown
    return row


def _view(row: Record, secret: str | None = None, *, made_up: bool = False) -> ConnectionView:
    return ConnectionView(
        id=row["id"],
        source=row["source"],
        name=row["name"],
        settings=row["settings"],
        enabled=row["enabled"],
        rate_per_second=row["rate_per_second"],
        mapping_version=row["mapping_version"],
        created_at=row["created_at"],
        older_secret_until=row["older_secret_until"],
        token=None if secret is None else address_token(secret.encode()),
        secret=secret if made_up else None,
    )
