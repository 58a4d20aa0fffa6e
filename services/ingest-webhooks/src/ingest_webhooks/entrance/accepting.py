"""Decides whether a request is let in, and hands what is let in to be kept; it never says what it means.

Webhooks go to the group commit of `intake`. Plain events take a transaction of their own: the keys of all posted
events and one delivery holding those that are new are written together, so the answer can say how many were known,
a repetition changes nothing, and relaying later finds each new fact reserved for exactly this delivery.
"""

import contextlib
import json
import time
from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from typing import Any

import structlog

from ingest_webhooks.entrance.doors import Door, Doors
from ingest_webhooks.entrance.intake import RELAY_LANE, Intake
from ingest_webhooks.entrance.posting import sort_posted
from ingest_webhooks.queries import deliveries
from ingest_webhooks.queries.deliveries import Kept
from ingest_webhooks.sources.plain import pack
from ingest_webhooks.sources.source import Source
from ingest_webhooks.words.shapes import AmbiguousHeader, NotHere, Received, Refused, delivery_key, fact_key
from milepost_contracts.events import EventsAccepted, PlainEvent
from milepost_runtime.database import Pool
from milepost_runtime.ids import new_id
from milepost_runtime.queue import Hints

log = structlog.get_logger()
# What helps to understand any delivery later; sources name more. Never a signature, a cookie or a key.
KEPT_HEADERS = frozenset({"content-type", "user-agent"})
HEADER_LENGTH = 2_000


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

    async def door(self, address: bytes, token: bytes = b"") -> Door:
        """Return the connection at an address (`source/connection`, perhaps with a token); raises ConnectionUnknown."""
        return (None if token else self._doors.at_hand(address)) or await self._doors.find(address, token)

    async def webhook(self, door: Door, received: Received, correlation_id: str) -> bool:
        """Keep a provider's request; True when it is new, False when it was kept before.

        Returns after the commit. Raises Refused, NotHere and AmbiguousHeader (not shown to be the provider's),
        TooFast, WrongOrganisation, BadBody (what no healthy sender sends) and NotKept (come again).
        """
        door = await self._verified(door, received)
        if door.pace is not None:
            door.pace.take()
        source = door.source
        elements = source.examine(received, door.settings)
        kept = source.redact(received)
        delivery = Kept(
            id=new_id(),
            source=source.name,
            connection_id=door.id,
            sender="",
            key=delivery_key(source.name, door.id, kept, source.identity(received)),
            body=kept,
            headers=_kept_headers(source, received),
            correlation_id=correlation_id,
            elements=elements,
        )
        return await self._intake.accept(delivery)

    def require_address(self, door: Door, received: Received) -> None:
        """Raise NotHere for who lacks the secret segment of an address where nothing else would let a request in."""
        with contextlib.suppress(Refused, AmbiguousHeader):
            door.source.verify(received, door.secrets, door.settings, self._now())

    async def handshake(self, door: Door, received: Received) -> float | None:
        """Return how many requests a second a sender may make that asks before it delivers; None: as many as it likes.

        Raises Refused, NotHere.
        """
        pace = (await self._verified(door, received)).pace
        return None if pace is None else pace.rate

    async def _verified(self, door: Door, received: Received) -> Door:
        """Return the door whose secrets vouch for a request; another process may have changed them just now."""
        now = self._now()
        try:
            door.source.verify(received, door.secrets, door.settings, now)
        except (Refused, NotHere):
            fresh = await self._doors.as_it_stands(door)
            if fresh is door:
                raise
            fresh.source.verify(received, fresh.secrets, fresh.settings, now)
            return fresh
        return door

    async def plain(self, sender: str, posted: Sequence[PlainEvent], correlation_id: str) -> EventsAccepted:
        """Keep plain events that `sender` has not sent before, and what contradicts one; returns after the commit."""
        delivery_id = new_id()
        async with self._pool.acquire() as connection, connection.transaction():
            found = await sort_posted(connection, delivery_id, sender, posted)
            kept = found.fresh + found.conflicts
            if kept:
                await deliveries.keep(connection, [_plain_delivery(delivery_id, sender, kept, correlation_id)])
        if kept:
            self._hints.nudge(RELAY_LANE)
            log.info("delivery_kept", delivery_id=str(delivery_id), correlation_id=correlation_id, events=len(kept))
        return EventsAccepted(accepted=len(found.fresh), duplicates=found.duplicates, conflicts=len(found.conflicts))


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


def _kept_headers(source: Source, received: Received) -> str:
    """Return what is kept of the head, as JSON: most senders send the same few values again and again."""
    named = received.named
    found = [(name, named[name]) for name in _names_kept(source) if name in named]
    if source.kept_prefixes:
        beginnings = tuple(beginning.encode("ascii") for beginning in source.kept_prefixes)
        found += [item for item in received.headers if item[0].startswith(beginnings)]
    return _as_json(tuple(found))


@cache
def _names_kept(source: Source) -> tuple[bytes, ...]:
    return tuple(sorted(name.encode("ascii") for name in KEPT_HEADERS | source.kept_headers))


@lru_cache(maxsize=512)
def _as_json(found: tuple[tuple[bytes, bytes], ...]) -> str:
    return json.dumps({name.decode("latin-1"): value.decode("latin-1")[:HEADER_LENGTH] for name, value in found})
