"""Sorts posted plain events into those that are new, those that are known, and those that contradict what is known.

A known id with another content is kept as a conflict, each such content once; the first word stays. It never keeps a
delivery itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from ingest_webhooks.queries import keys
from ingest_webhooks.sources.plain import plain_content, plain_key
from ingest_webhooks.words.shapes import fact_key
from milepost_contracts.events import PlainEvent
from milepost_runtime.database import Connection


@dataclass
class Sorted:
    """What one delivery is to hold: new events and those that conflict; `duplicates` change nothing."""

    fresh: list[PlainEvent] = field(default_factory=list)
    conflicts: list[PlainEvent] = field(default_factory=list)
    duplicates: int = 0


async def sort_posted(connection: Connection, delivery_id: UUID, sender: str, posted: Sequence[PlainEvent]) -> Sorted:
    """Note the events that nobody knows under this delivery, and sort all of them; the caller's transaction counts."""
    told = [(plain_key(sender, event), plain_content(event), event) for event in posted]
    first: dict[bytes, bytes] = {}
    for key, content, _ in told:
        first.setdefault(key, content)
    new = await keys.reserve(connection, dict.fromkeys(first, delivery_id), first)
    noted = await keys.noted(connection, [key for key in first if key not in new])
    known = {key: one.content for key, one in noted.items()}
    found = Sorted()
    others: dict[bytes, list[PlainEvent]] = {}
    for key, content, event in told:
        if key in new and key not in known:
            known[key] = content
            found.fresh.append(event)
        elif known[key] in (None, content):
            found.duplicates += 1
        else:
            others.setdefault(fact_key("conflict", key.hex(), content.hex()), []).append(event)
    return await _with_conflicts(connection, delivery_id, found, others)


async def _with_conflicts(
    connection: Connection, delivery_id: UUID, found: Sorted, others: dict[bytes, list[PlainEvent]]
) -> Sorted:
    """Add each contradiction that nobody has kept yet; one that comes again is a duplicate."""
    if others:
        new = await keys.reserve(connection, dict.fromkeys(others, delivery_id))
        for key, events in others.items():
            found.conflicts += events[:1] if key in new else []
            found.duplicates += len(events) - (key in new)
    return found
