"""Shows the inbox, replays from it, keeps its books, and names what waits for an account; it never shows a text.

What people and companies wrote stays hidden: of a body only its shape, numbers, names of types and times are shown.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from asyncpg import Record

from ingest_webhooks.attaching import link_by_hand
from ingest_webhooks.intake import RELAY_LANE
from ingest_webhooks.queries import deliveries, events, identity
from ingest_webhooks.queries.events import Origin
from ingest_webhooks.relaying import READER_LANE
from milepost_contracts.events import FEED, OWN_SOURCE
from milepost_runtime.database import Connection, Pool
from milepost_runtime.feeds import publish_lock
from milepost_runtime.queue import Hints

# Texts under these keys are words of an interface, not of a person.
_SHOWN = frozenset(
    {"subscriptionType", "eventType", "propertyName", "changeSource", "changeFlag", "associationType", "objectTypeId"}
    | {"fromObjectTypeId", "toObjectTypeId", "type", "account", "occurred_at", "id"}
)
_SHOWN_ITEMS = 100


class DeliveryUnknown(Exception):
    """There is no such delivery."""


class AccountUnknown(Exception):
    """There is no such account."""


class ReferenceTaken(Exception):
    """The reference leads to another account already."""


@dataclass(frozen=True)
class Filter:
    """Which deliveries to list: `before` is the id that the page before ended with."""

    state: str | None = None
    source: str | None = None
    connection_id: UUID | None = None
    before: UUID | None = None
    limit: int = 50


class Inspecting:
    """What people look at when a delivery did not become what they expected."""

    def __init__(self, pool: Pool, hints: Hints) -> None:
        self._pool = pool
        self._hints = hints

    async def page(self, wanted: Filter) -> list[Record]:
        """Return deliveries, newest first."""
        async with self._pool.acquire() as connection:
            return await deliveries.page(
                connection,
                state=wanted.state,
                source=wanted.source,
                connection_id=wanted.connection_id,
                before=wanted.before,
                limit=wanted.limit,
            )

    async def one(self, delivery_id: UUID) -> tuple[Record, Any]:
        """Return a delivery and its body with every text hidden; raises DeliveryUnknown."""
        async with self._pool.acquire() as connection:
            row = await deliveries.one(connection, delivery_id)
        if row is None:
            raise DeliveryUnknown(str(delivery_id))
        return row, _hidden_body(row["body"])

    async def replay(self, delivery_id: UUID) -> None:
        """Relay a delivery once more; facts that are known stay as they are. Raises DeliveryUnknown."""
        async with self._pool.acquire() as connection:
            if not await deliveries.replay(connection, delivery_id):
                raise DeliveryUnknown(str(delivery_id))
        self._hints.nudge(RELAY_LANE)

    async def books(self) -> list[Record]:
        """Return per source what was accepted and where it is."""
        async with self._pool.acquire() as connection:
            return await deliveries.books(connection)

    async def unmapped(self, after: str, limit: int) -> list[Record]:
        """Return references that events wait for."""
        async with self._pool.acquire() as connection:
            return await events.unmapped(connection, after=after, limit=limit)

    async def add_reference(self, account_id: UUID, reference: str, *, move: bool, correlation_id: str) -> UUID:
        """Let a reference lead to an account (its survivor after a merge), and bring over what waited for it.

        Returns the account. Raises AccountUnknown, and ReferenceTaken unless `move`.
        """
        async with self._pool.acquire() as connection, connection.transaction():
            await publish_lock(connection, FEED)
            living = await identity.living_accounts(connection, [account_id])
            if not living:
                raise AccountUnknown(str(account_id))
            target: UUID = living[0]["account_id"]
            await _check_free(connection, reference, target, move=move)
            at = datetime.now(UTC)
            await link_by_hand(connection, reference, target, at, Origin(OWN_SOURCE, None, None, correlation_id))
        self._hints.nudge(READER_LANE)
        return target


async def _check_free(connection: Connection, reference: str, target: UUID, *, move: bool) -> None:
    for row in await identity.references(connection, [reference]):
        if row["account_id"] not in (None, target) and not move:
            raise ReferenceTaken(reference)


def _hidden_body(body: bytes) -> Any:
    try:
        document = json.loads(body)
    except ValueError:
        return f"({len(body)} bytes that are no JSON)"
    return _hidden(document, None)


def _hidden(value: Any, name: str | None) -> Any:
    match value:
        case str():
            return value if name in _SHOWN else f"({len(value)} characters)"
        case list():
            return [_hidden(one, name) for one in value[:_SHOWN_ITEMS]]
        case Mapping():
            return {key: _hidden(one, key) for key, one in value.items()}
        case _:
            return value
