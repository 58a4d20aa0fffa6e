"""Outlets: the connections through which effects leave, made, changed and opened; it calls nobody outside."""

import base64
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
import structlog

from milepost_runtime.database import Connection, Pool
from milepost_runtime.guard import Inside, check_url
from milepost_runtime.ids import new_id
from milepost_runtime.secrets import SealBroken, Vault
from playbook_runner.connections.outlet_shapes import (
    BOOKS,
    PLACES,
    SECRETS,
    SETTINGS,
    USUAL_RATES,
    Kind,
    checked,
    fault_between,
)
from playbook_runner.queries import destinations, writing_back
from playbook_runner.queries import outlets as queries

log = structlog.get_logger()


class OutletUnknown(Exception):
    """There is no such outlet."""


class OutletTaken(Exception):
    """Another outlet has this name, by which playbooks know it."""


class OutletUnfit(Exception):
    """Settings and secrets do not fit together; the message says how."""


class OutletShut(Exception):
    """The outlet is switched off, or its secrets cannot be read with this deployment's key."""


@dataclass(frozen=True)
class OpenOutlet:
    """An outlet with its secrets, for whoever calls it now; never kept, never shown."""

    id: UUID
    name: str
    kind: Kind
    settings: Mapping[str, Any]
    secrets: Mapping[str, Any] = field(repr=False)
    rate_per_s: float | None
    changed_at: datetime


@dataclass(frozen=True)
class NewOutlet:
    """An outlet to make; `secrets` as its kind has them."""

    name: str
    kind: Kind
    settings: Mapping[str, Any]
    secrets: Mapping[str, Any] = field(repr=False)
    rate_per_s: float | None = None


@dataclass(frozen=True)
class Outlets:
    """The use cases around outlets; playbooks name them by `name`, effects by id."""

    pool: Pool = field(repr=False)
    vault: Vault = field(repr=False)
    allowed: Inside

    async def create(self, wanted: NewOutlet) -> tuple[asyncpg.Record, str | None]:
        """Keep an outlet; return it, and the secret that was made up for a webhook that brought none.

        Raises OutletTaken, OutletUnfit, UrlRefused, and pydantic's ValidationError for settings or secrets that its
        kind does not know.
        """
        given, made = _with_own_secret(wanted)
        settings, kept = self._checked(wanted.kind, wanted.settings, given)
        outlet_id = new_id()
        values = {
            "id": outlet_id,
            "name": wanted.name,
            "kind": wanted.kind,
            "settings": settings,
            "sealed": self._sealed(kept),
            "rate_per_s": wanted.rate_per_s or USUAL_RATES.get(wanted.kind),
        }
        async with self.pool.acquire() as connection, connection.transaction():
            if not await queries.insert(connection, values):
                raise OutletTaken(f"there is an outlet {wanted.name} already")
            row = _known(await queries.one(connection, outlet_id))
        log.info("outlet_made", outlet=wanted.name, kind=wanted.kind)
        return row, made

    async def every(self) -> list[asyncpg.Record]:
        """Return all outlets; their secrets stay sealed."""
        async with self.pool.acquire() as connection:
            return await queries.every(connection)

    async def one(self, outlet_id: UUID) -> asyncpg.Record:
        """Return one outlet. Raises OutletUnknown."""
        async with self.pool.acquire() as connection:
            return _known(await queries.one(connection, outlet_id))

    async def change(self, outlet_id: UUID, wanted: Mapping[str, Any]) -> asyncpg.Record:
        """Change what is given; settings are merged key by key, secrets replaced as a whole. With either a pass is
        bought anew, and what the outlet refused until then is forgotten.

        A CRM that is switched on again, or leads elsewhere now, is told of every account anew. What waited for the
        receiver to be well again tries at once.

        Raises OutletUnknown, OutletTaken, OutletUnfit, OutletShut (its secrets cannot be read: send others),
        UrlRefused, ValidationError.
        """
        async with self.pool.acquire() as connection, connection.transaction():
            row = _known(await queries.one(connection, outlet_id, lock=True))
            values = {name: wanted.get(name, row[name]) for name in queries.CHANGEABLE}
            anew = "settings" in wanted or "secrets" in wanted
            if anew:
                given = wanted["secrets"] if "secrets" in wanted else self.unsealed(row)
                merged = row["settings"] | dict(wanted.get("settings", {}))
                values["settings"], kept = self._checked(row["kind"], merged, given)
                values["sealed"] = self._sealed(kept)
            try:
                await queries.change(connection, outlet_id, values, anew=anew)
            except asyncpg.UniqueViolationError:
                raise OutletTaken(f"there is an outlet {values['name']} already") from None
            changed = _known(await queries.one(connection, outlet_id))
            await destinations.lift(connection, changed["name"])
            await writing_back.hurry(connection, outlet_id)
            book = BOOKS.get(row["kind"], "")
            if changed["settings"].get(book) != row["settings"].get(book):
                await writing_back.forget_records(connection, outlet_id)
            begins_again = "settings" in wanted or not row["active"]
            if changed["active"] and changed["writes_health"] and begins_again:
                await writing_back.mark_all(connection, outlet_id)
            return changed

    async def delete(self, outlet_id: UUID) -> None:
        """Forget an outlet; effects that wait for it find it gone. Raises OutletUnknown."""
        async with self.pool.acquire() as connection, connection.transaction():
            if not await queries.delete(connection, outlet_id):
                raise OutletUnknown(f"there is no outlet {outlet_id}")

    async def open(self, outlet_id: UUID) -> OpenOutlet:
        """Return an outlet with its secrets. Raises OutletUnknown or OutletShut."""
        async with self.pool.acquire() as connection:
            return self.opened(_known(await queries.one(connection, outlet_id)))

    async def open_named(self, name: str) -> OpenOutlet:
        """Return the outlet that a playbook names. Raises OutletUnknown or OutletShut."""
        async with self.pool.acquire() as connection:
            row = await queries.named(connection, name)
        if row is None:
            raise OutletUnknown(f"there is no outlet {name}")
        return self.opened(row)

    def opened(self, row: asyncpg.Record) -> OpenOutlet:
        """Return the outlet of a row with its secrets. Raises OutletShut."""
        if not row["active"]:
            raise OutletShut(f"the outlet {row['name']} is switched off")
        plain = json.loads(self._open(row))
        about = {name: row[name] for name in ("id", "name", "kind", "settings", "rate_per_s", "changed_at")}
        return OpenOutlet(**about, secrets=plain)

    def unsealed(self, row: asyncpg.Record) -> dict[str, Any]:
        """Return the secrets that were given, without the pass that they bought. Raises OutletShut if it cannot."""
        plain: dict[str, Any] = json.loads(self._open(row))
        plain.pop("pass", None)
        return plain

    async def reseal(self, connection: Connection, outlet: OpenOutlet, plain: Mapping[str, Any]) -> None:
        """Keep other secrets for an outlet, in the caller's transaction."""
        await queries.seal(connection, outlet.id, self._sealed(plain))

    def _checked(
        self, kind: Kind, settings: Mapping[str, Any], given: Mapping[str, Any]
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        kept, secret = checked(SETTINGS, kind, settings), checked(SECRETS, kind, given)
        fault = fault_between(kind, kept, secret)
        if fault is not None:
            raise OutletUnfit(fault)
        check_url(kept[PLACES[kind]], self.allowed)
        return kept, secret

    def _open(self, row: asyncpg.Record) -> bytes:
        try:
            return self.vault.open(row["sealed"])
        except SealBroken as error:
            raise OutletShut(f"the secrets of the outlet {row['name']} cannot be read: {error}") from None

    def _sealed(self, plain: Mapping[str, Any]) -> bytes:
        return self.vault.seal(json.dumps(plain).encode())


def _with_own_secret(wanted: NewOutlet) -> tuple[Mapping[str, Any], str | None]:
    if wanted.kind != "webhook" or wanted.secrets:
        return wanted.secrets, None
    made = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
    return {"secret": made}, made


def _known(row: asyncpg.Record | None) -> asyncpg.Record:
    if row is None:
        raise OutletUnknown("there is no such outlet")
    return row
