"""Decides whether a request is let in, and hands what is let in to be kept; it never says what it means.

Webhooks go to the group commit of `intake`. Plain events take a transaction of their own: the keys of all posted
events and one delivery holding those that are new are written together, so the answer can say how many were known,
a repetition changes nothing, and relaying later finds each new fact reserved for exactly this delivery.
"""

import json
import time
from collections.abc import Callable, Sequence
from typing import Any

import structlog

from ingest_webhooks.connecting import Door, Doors
from ingest_webhooks.intake import RELAY_LANE, Intake
from ingest_webhooks.queries import deliveries, events
from ingest_webhooks.queries.deliveries import Kept
from ingest_webhooks.shapes import Received, delivery_key, fact_key
from ingest_webhooks.sources.plain import pack, plain_key
from ingest_webhooks.sources.reading import read_json
from milepost_contracts.events import EventsAccepted, PlainEvent
from milepost_runtime.database import Pool
from milepost_runtime.ids import new_id
from milepost_runtime.queue import Hints

log = structlog.get_logger()
# What helps to understand a delivery later; never a signature, a cookie or a key.
KEPT_HEADERS = {
    name.encode("ascii"): name
    for name in ("content-type", "user-agent", "x-hubspot-request-timestamp", "x-hubspot-signature-version")
}


class Accepting:
    """The front door; `now` tells seconds since 1970 for the signatures' window."""

    def __init__(
        self, pool: Pool, hints: Hints, doors: Doors, intake: Intake, now: Callable[[], float] = time.time
    ) -> None:
        self._pool = pool
        self._hints = hints
        self._doors = doors
        self._intake = intake
        self._now = now

    async def door(self, source: str, connection: str) -> Door:
        """Return the connection that a request is for; raises ConnectionUnknown."""
        return self._doors.at_hand(source, connection) or await self._doors.find(source, connection)

    async def webhook(self, door: Door, received: Received, correlation_id: str) -> bool:
        """Keep a provider's request; True when it is new, False when it was kept before.

        Returns after the commit. Raises Refused and AmbiguousHeader (not shown to be the provider's), BadBody (no
        strict JSON) and NotKept (come again).
        """
        door.source.verify(received, door.secrets, door.settings, self._now())
        document = read_json(received.body)
        source = door.source.name
        delivery = Kept(
            id=new_id(),
            source=source,
            connection_id=door.id,
            sender="",
            key=delivery_key(source, door.id, received.body),
            body=received.body,
            headers=_kept_headers(received),
            correlation_id=correlation_id,
            elements=len(document) if isinstance(document, list) else 1,
        )
        return await self._intake.accept(delivery)

    async def plain(self, sender: str, posted: Sequence[PlainEvent], correlation_id: str) -> EventsAccepted:
        """Keep plain events that `sender` has not sent before; returns after the commit."""
        delivery_id = new_id()
        by_key = {plain_key(sender, event): event for event in reversed(posted)}
        async with self._pool.acquire() as connection, connection.transaction():
            new = await events.reserve(connection, dict.fromkeys(by_key, delivery_id))
            fresh = [event for event in posted if (key := plain_key(sender, event)) in new and by_key[key] is event]
            if fresh:
                await deliveries.keep(connection, [_plain_delivery(delivery_id, sender, fresh, correlation_id)])
        if fresh:
            self._hints.nudge(RELAY_LANE)
            log.info("delivery_kept", delivery_id=str(delivery_id), correlation_id=correlation_id, events=len(fresh))
        return EventsAccepted(accepted=len(fresh), duplicates=len(posted) - len(fresh))


def _plain_delivery(delivery_id: Any, sender: str, fresh: Sequence[PlainEvent], correlation_id: str) -> Kept:
    return Kept(
        id=delivery_id,
        source="plain",
        connection_id=None,
        sender=sender,
        key=fact_key("plain delivery", str(delivery_id)),
        body=pack(fresh),
        headers="{}",
        correlation_id=correlation_id,
        elements=len(fresh),
    )


def _kept_headers(received: Received) -> str:
    named = received.named
    return json.dumps(
        {text: named[name].decode("latin-1")[:500] for name, text in KEPT_HEADERS.items() if name in named}
    )
