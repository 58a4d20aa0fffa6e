"""Shows the inbox and replays from it; it never shows a text.

What people and companies wrote stays hidden: of a body only its shape, numbers, names of types and times are shown.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

from asyncpg import Record

from ingest_webhooks.intake import RELAY_LANE
from ingest_webhooks.queries import books, deliveries
from ingest_webhooks.queries.deliveries import Wanted
from milepost_runtime.database import Pool
from milepost_runtime.paging import Cursors
from milepost_runtime.queue import Hints
from milepost_runtime.secrets import Vault

# Texts under these keys are words of an interface, not of a person.
_SHOWN = frozenset(
    {"subscriptionType", "eventType", "propertyName", "changeSource", "changeFlag", "associationType", "objectTypeId"}
    | {"fromObjectTypeId", "toObjectTypeId", "type", "account", "occurred_at", "id"}
)
_SHOWN_ITEMS = 100


class DeliveryUnknown(Exception):
    """There is no such delivery."""


class Inspecting:
    """What people look at when a delivery did not become what they expected."""

    def __init__(self, pool: Pool, hints: Hints, vault: Vault) -> None:
        self._pool = pool
        self._hints = hints
        self._cursors = Cursors(vault, "deliveries")

    async def page(self, wanted: Wanted, cursor: str | None, limit: int) -> tuple[list[Record], str | None]:
        """Return deliveries, newest first, and the cursor of the next page. Raises CursorBroken."""
        before = UUID(self._cursors.place(wanted, cursor)) if cursor else None
        async with self._pool.acquire() as connection:
            rows = await deliveries.page(connection, replace(wanted, before=before), limit + 1)
        more = self._cursors.make(wanted, str(rows[limit - 1]["id"])) if len(rows) > limit else None
        return rows[:limit], more

    async def one(self, delivery_id: UUID) -> tuple[Record, Any]:
        """Return a delivery and its body with every text hidden; raises DeliveryUnknown."""
        async with self._pool.acquire() as connection:
            row = await deliveries.one(connection, delivery_id)
        if row is None:
            raise DeliveryUnknown(str(delivery_id))
        return row, _hidden_body(row["body"])

    async def became(self, delivery_id: UUID) -> list[Record]:
        """Return what a delivery became, by type and account; raises DeliveryUnknown."""
        async with self._pool.acquire() as connection:
            rows = await deliveries.became(connection, delivery_id)
            if not rows and await deliveries.one(connection, delivery_id) is None:
                raise DeliveryUnknown(str(delivery_id))
        return rows

    async def replay(self, delivery_id: UUID) -> None:
        """Relay a delivery once more; what means something else by now is corrected. Raises DeliveryUnknown."""
        async with self._pool.acquire() as connection, connection.transaction():
            await books.reopen(connection, delivery_id, delivery_id)
            if not await deliveries.replay(connection, delivery_id):
                raise DeliveryUnknown(str(delivery_id))
        self._hints.nudge(RELAY_LANE)


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
