"""Shows the inbox and replays from it; it never shows a text.

What people and companies wrote stays hidden: of a body only its shape, numbers, names of types and times are shown, of
headers only words, and the products that a user agent names.
"""

import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

from asyncpg import Record

from ingest_webhooks.entrance.intake import RELAY_LANE
from ingest_webhooks.queries import books, deliveries
from ingest_webhooks.queries.deliveries import Wanted
from milepost_runtime.database import Pool
from milepost_runtime.paging import Cursors
from milepost_runtime.queue import Hints
from milepost_runtime.secrets import Vault

# Texts under these keys are words of an interface, not of a person, as long as they look like one.
_SHOWN = frozenset(
    {"subscriptionType", "eventType", "propertyName", "changeSource", "changeFlag", "associationType", "objectTypeId"}
    | {"fromObjectTypeId", "toObjectTypeId", "type", "account", "occurred_at", "id"}
)
_SHOWN_ITEMS = 100
_SHOWN_DEPTH = 64
_WORD = re.compile(r"[A-Za-z0-9._:/-]{1,64}")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]{1,20}[+-]\d\d:?\d\d", re.ASCII)
_PRODUCT = re.compile(r"[A-Za-z0-9._-]{1,40}(/[A-Za-z0-9._-]{1,40})?")
_COMMENT = re.compile(r"\([^()]*\)?")


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

    async def one(self, delivery_id: UUID) -> tuple[Record, dict[str, str], Any]:
        """Return a delivery, its headers and its body with every text hidden; raises DeliveryUnknown."""
        async with self._pool.acquire() as connection:
            row = await deliveries.one(connection, delivery_id)
        if row is None:
            raise DeliveryUnknown(str(delivery_id))
        return row, {name: shown_header(name, value) for name, value in row["headers"].items()}, hidden(row["body"])

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


def shown_header(name: str, value: str) -> str:
    """Return what may be shown of a header: a word, a media type, the products of a user agent."""
    match name:
        case "user-agent":
            return _products(value) or _counted(value)
        case "content-type":
            return _shown(value.partition(";")[0].strip())
        case _:
            return _shown(value)


def hidden(body: bytes) -> Any:
    """Return the shape of a body, for everybody to see."""
    try:
        return _hidden(json.loads(body), None, _SHOWN_DEPTH)
    except (ValueError, RecursionError):
        return f"({len(body)} bytes that are no JSON)"


def _hidden(value: Any, name: str | None, depth: int) -> Any:
    match value:
        case str():
            return _shown(value) if name in _SHOWN else _counted(value)
        case list() | Mapping() if depth == 0:
            return "(more of it, too deep to show)"
        case list():
            return [_hidden(one, name, depth - 1) for one in value[:_SHOWN_ITEMS]]
        case Mapping():
            return _hidden_object(value, depth)
        case _:
            return value


def _hidden_object(value: Mapping[str, Any], depth: int) -> dict[str, Any]:
    """Return an object of which no key is lost, whatever some of them hide."""
    made: dict[str, Any] = {}
    alike: Counter[str] = Counter()
    for key, one in value.items():
        name = _shown(key)
        alike[name] += 1
        made[name if alike[name] == 1 else f"{name} {alike[name]}"] = _hidden(one, key, depth - 1)
    return made


def _shown(text: str) -> str:
    """Return a word of an interface as it is; anything else could be a person's or nobody's."""
    return text if _WORD.fullmatch(text) or _MOMENT.fullmatch(text) else _counted(text)


def _counted(text: str) -> str:
    return f"({len(text)} characters)"


def _products(agent: str) -> str:
    return " ".join(part for part in _COMMENT.sub(" ", agent[:1_000]).split() if _PRODUCT.fullmatch(part))[:200]
