"""Heeding: keeps from the feed of events what outreach has to wait for: open escalations and booked calls.

It stops no message: the arbiter reads what is kept. What it keeps follows from the set of events alone, in whatever
order and however often they come.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import asyncpg

from milepost_core.arbiter import OF_HOURS, OF_TROUBLE
from milepost_core.events import OPEN_PROPERTY
from milepost_runtime.database import Connection
from playbook_runner.queries import arbiter, lifting
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
_MAY_MOVE: Final = "account.updated"
_HOME: Final = frozenset({"timezone", "region"})
HEEDED: Final = frozenset(OPENING) | frozenset(CLOSING) | _MAY_CLOSE | {_MAY_MOVE}
"""Event types that may say something of it."""
# Where an account lives is known a moment after it was told.
_SETTLES_S: Final = 60.0


async def heed(connection: Connection, rows: Sequence[asyncpg.Record]) -> None:
    """Keep what these rows of the feed say, inside the caller's transaction; what waited for its end asks again."""
    told = fold(rows)
    over = sorted({one.account_id for one in told if one.closed_at is not None})
    moved = sorted({row["account_id"] for row in rows if row["type"] == _MAY_MOVE and _says_where(row)})
    if over or moved:
        # What is being started has read what was so before, and is put off before anybody looks for it.
        await arbiter.lock_accounts(connection, {*over, *moved})
    if told:
        await queries.keep(connection, told)
    await lifting.lift_for_accounts(connection, OF_TROUBLE, over)
    await lifting.lift_for_accounts(connection, OF_HOURS, moved, _SETTLES_S)


def _says_where(row: Mapping[str, Any]) -> bool:
    properties = row["properties"]
    return isinstance(properties, dict) and not _HOME.isdisjoint(properties)


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
    # Calls without a name are each their own. Of escalations without one there is one at a time: what is solved
    # without a name could close no other.
    item = row["item"] or (row["event_id"] if kind.startswith("meeting.") else "")
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
