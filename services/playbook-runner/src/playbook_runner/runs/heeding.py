"""Heeding: keeps from the feed of events what outreach has to wait for: open escalations and booked calls.

It stops no message: the arbiter reads what is kept. What it keeps follows from the set of events alone, in whatever
order and however often they come.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import asyncpg

from milepost_core.events import OPEN_PROPERTY
from milepost_runtime.database import Connection
from playbook_runner.queries import matters as queries
from playbook_runner.queries.matters import Told

OPENING: Final[Mapping[str, str]] = {"ticket.escalated": "escalation", "meeting.scheduled": "call"}
CLOSING: Final[Mapping[str, str]] = {
    "ticket.resolved": "escalation",
    "meeting.cancelled": "call",
    "meeting.attended": "call",
    "meeting.missed": "call",
}
_MAY_CLOSE: Final = frozenset({"ticket.updated", "ticket.opened", "ticket.reopened"})
HEEDED: Final = frozenset(OPENING) | frozenset(CLOSING) | _MAY_CLOSE
"""Event types that may say something of it."""


async def heed(connection: Connection, event_ids: Sequence[int]) -> None:
    """Keep what these rows of the feed say, inside the caller's transaction."""
    rows = await queries.events(connection, event_ids) if event_ids else []
    told = fold(rows)
    if told:
        await queries.keep(connection, told)


def fold(rows: Sequence[asyncpg.Record] | Sequence[Mapping[str, Any]]) -> list[Told]:
    """Return what events say of each matter: its last opening, its last closing, and when it is."""
    found: dict[tuple[UUID, str, str], Told] = {}
    for row in rows:
        read = _read(row)
        if read is None:
            continue
        key = (read.account_id, read.kind, read.item)
        found[key] = _joined(found[key], read) if key in found else read
    return [found[key] for key in sorted(found)]


def _read(row: Mapping[str, Any]) -> Told | None:
    kind, properties = row["type"], row["properties"] or {}
    item = row["item"] or row["event_id"]
    if kind in OPENING:
        starts_at = moment(properties.get("starts_at")) if kind == "meeting.scheduled" else None
        return Told(row["account_id"], OPENING[kind], item, row["occurred_at"], None, starts_at)
    if kind in CLOSING:
        return Told(row["account_id"], CLOSING[kind], item, None, row["occurred_at"], None)
    if kind in _MAY_CLOSE and properties.get(OPEN_PROPERTY) is False:
        return Told(row["account_id"], "escalation", item, None, row["occurred_at"], None)
    return None


def _joined(one: Told, other: Told) -> Told:
    newer = max((one, other), key=lambda told: (told.opened_at is not None, told.opened_at or _NEVER))
    return Told(
        one.account_id,
        one.kind,
        one.item,
        _later(one.opened_at, other.opened_at),
        _later(one.closed_at, other.closed_at),
        newer.starts_at,
    )


_NEVER: Final = datetime.min.replace(tzinfo=UTC)


def _later(one: datetime | None, other: datetime | None) -> datetime | None:
    return max((moment for moment in (one, other) if moment is not None), default=None)


def moment(told: Any) -> datetime | None:
    """Return a moment as providers write it in text; None for anything else. Without an offset it is UTC."""
    if not isinstance(told, str):
        return None
    try:
        read = datetime.fromisoformat(told)
        return (read if read.tzinfo else read.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
