"""Makes, changes and rotates connections; it never shows a secret twice."""

import hmac
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from asyncpg import Record

from ingest_webhooks.entrance.doors import ConnectionUnknown, Doors
from ingest_webhooks.queries import connections
from ingest_webhooks.sources import CONNECTABLE, SOURCES
from ingest_webhooks.sources.source import address_token
from milepost_runtime.database import Connection, Pool
from milepost_runtime.ids import new_id
from milepost_runtime.secrets import SealBroken, Vault


class SourceUnknown(Exception):
    """No connection can be made for this source."""


class SecretUnfit(Exception):
    """This text can be no secret of the source's provider; the message says why."""


class SecretTaken(Exception):
    """Another connection has this secret, and it alone says whose a call is."""


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

        Raises SourceUnknown, SecretUnfit, SecretTaken, and pydantic's ValidationError for settings that the source
        does not know.
        """
        if wanted.source not in CONNECTABLE:
            raise SourceUnknown(wanted.source)
        _require_settings(wanted.source, wanted.settings)
        secret = self._secret(wanted.source, wanted.secret)
        connection_id = new_id()
        async with self._pool.acquire() as connection, connection.transaction():
            await self._require_free(connection, wanted.source, secret, connection_id)
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
        """Change the columns that are given, merging settings into those that are there.

        Raises ConnectionUnknown, ValidationError.
        """
        async with self._pool.acquire() as connection, connection.transaction():
            row = _known(await connections.one(connection, connection_id, lock=True))
            values = {name: wanted.get(name, row[name]) for name in connections.CHANGEABLE}
            if "settings" in wanted:
                values["settings"] = _merged(row["settings"], wanted["settings"])
                _require_settings(row["source"], values["settings"])
            await connections.change(connection, connection_id, values)
            changed = _known(await connections.one(connection, connection_id))
        await self._doors.refresh()
        return _view(changed)

    async def rotate(self, connection_id: UUID, secret: str | None, overlap_s: float) -> ConnectionView:
        """Make a new secret current; the present one stays live for `overlap_s`.

        Raises ConnectionUnknown, SecretUnfit, SecretTaken.
        """
        async with self._pool.acquire() as connection, connection.transaction():
            source = _known(await connections.one(connection, connection_id, lock=True))["source"]
            made = self._secret(source, secret)
            await self._require_free(connection, source, made, connection_id)
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

    async def _require_free(self, connection: Connection, source: str, secret: str, connection_id: UUID) -> None:
        """Raise SecretTaken if another connection has a secret that has to name one; two at once wait for each other.

        One that is disabled counts too, as it may be enabled again.
        """
        if not SOURCES[source].finds_by_secret:
            return
        await connections.hold_secrets(connection)
        for row in await connections.every(connection):
            others = row["sealed"] if row["source"] == source and row["id"] != connection_id else ()
            if any(self._is_sealed(secret, sealed) for sealed in others):
                raise SecretTaken

    def _is_sealed(self, secret: str, sealed: bytes) -> bool:
        try:
            return hmac.compare_digest(self._vault.open(sealed), secret.encode())
        except SealBroken:
            return False  # nobody can use it either

    def _secret(self, source: str, given: str | None) -> str:
        """Return the secret that was given, else one made up in the provider's form; raises SecretUnfit."""
        if given is None:
            return SOURCES[source].dress_secret(self._make_secret())
        reason = SOURCES[source].check_secret(given)
        if reason is not None:
            raise SecretUnfit(reason)
        return given


def _require_settings(source: str, settings: Mapping[str, Any]) -> None:
    """Raise ValidationError for settings that the source does not know; as JSON, where `"5"` is no number."""
    SOURCES[source].settings.model_validate_json(json.dumps(settings), strict=True)


def _merged(present: Any, change: Any) -> Any:
    """Return what is there with a change merged into it (RFC 7396): null removes, lists and values replace."""
    if not isinstance(change, dict):
        return change
    merged = dict(present) if isinstance(present, dict) else {}
    for name, value in change.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = _merged(merged.get(name), value)
    return merged


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
