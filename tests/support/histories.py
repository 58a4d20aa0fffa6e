"""Tells an account's history to the feed as ingest would, in the words of the known answers; it checks nothing."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
from support.reading import instant

from milepost_contracts.events import BOOK_KEEPING, OWN_SOURCE
from milepost_runtime.ids import new_id

_numbers = itertools.count(1)
_FIELDS = frozenset(
    {"t", "type", "actor", "role", "item", "value", "recorded_at", "id", "key", "properties", "sequence"}
)
_OPENS = {"ticket": "opened", "task": "created", "invoice": "issued"}
_CLOSES = {"ticket": "resolved", "task": "completed", "invoice": "paid"}


@dataclass(frozen=True)
class Told:
    """One event on its way into the feed."""

    account_id: UUID
    type: str
    occurred_at: datetime
    recorded_at: datetime | None = None
    actor: str | None = None
    role: str | None = None
    item: str | None = None
    value: float | None = None
    value_text: str | None = None
    properties: Mapping[str, Any] = field(default_factory=dict)
    event_id: str = ""
    correlation_id: str = ""
    source: str = ""
    supersedes: str | None = None
    told_at: datetime | None = None
    sequence: str | None = None


async def tell(owner: asyncpg.Connection, events: Sequence[Told]) -> None:
    """Publish events in this order; `owner` is a plain connection without codecs."""
    import json

    rows = [
        (
            one.event_id or f"test:{next(_numbers)}",
            one.account_id,
            one.type,
            one.occurred_at,
            one.recorded_at or one.occurred_at,
            one.actor,
            one.role,
            one.item,
            one.value,
            one.value_text,
            json.dumps(dict(one.properties)),
            one.correlation_id,
            one.source or (OWN_SOURCE if one.type in BOOK_KEEPING else "test"),
            one.supersedes,
            one.told_at,
            one.sequence,
        )
        for one in events
    ]
    await owner.executemany(
        "insert into ingest.event (event_id, account_id, type, occurred_at, recorded_at, actor, role, item, value,"
        " value_text, properties, source, correlation_id, supersedes, told_at, sequence)"
        " values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11::jsonb, $13, $12, $14, $15, $16) on conflict do nothing",
        rows,
    )


def events_of(account: Mapping[str, Any], account_id: UUID) -> list[Told]:
    """The history of a known answer's account as events."""
    start = instant(account["start_at"])
    assert start is not None
    loose = {key: value for key, value in account.items() if isinstance(value, str | int | float) and key != "start_at"}
    attributes = {**loose, **(account.get("attributes") or {})}
    # What is known of an account at all is known from long before its start.
    told = [Told(account_id, "account.started", start)]
    told.append(Told(account_id, "account.updated", start - timedelta(days=1000), properties=attributes))
    told += _events(account.get("events") or [], account_id)
    for item in account.get("items") or []:
        told += _item(item, account_id)
    for milestone in account.get("milestones") or []:
        told += _milestone(milestone, account_id, start)
    return told


def _milestone(milestone: Mapping[str, Any], account_id: UUID, start: datetime) -> Iterator[Told]:
    """A step of the plan that was known from long before the start, and its completion."""
    name, due, done = milestone["id"], instant(milestone.get("due_at")), instant(milestone.get("done_at"))
    planned = {"due_at": due and due.isoformat(), "weight": milestone.get("weight", 1.0)}
    yield Told(account_id, "milestone.planned", start - timedelta(days=1000), item=name, properties=planned)
    if done is not None:
        yield Told(account_id, "milestone.completed", done, instant(milestone.get("recorded_at")) or done, item=name)


def _events(events: Sequence[Mapping[str, Any]], account_id: UUID) -> Iterator[Told]:
    """Events as they were told; of those with one key, each takes the place of the one that was recorded before it."""
    newest: dict[str, str] = {}
    for one in sorted(
        events, key=lambda one: instant(one.get("recorded_at") or one["t"]) or datetime.max.replace(tzinfo=UTC)
    ):
        event, key = _event(one, account_id), one.get("key")
        if key is not None:
            event_id = f"{account_id}:{key}:{next(_numbers)}"
            event, newest[key] = replace(event, event_id=event_id, supersedes=newest.get(key)), event_id
        yield event


def _event(one: Mapping[str, Any], account_id: UUID) -> Told:
    value = one.get("value")
    word = value if isinstance(value, str) else None
    return Told(
        account_id,
        one["type"],
        instant(one["t"]) or datetime.min.replace(tzinfo=UTC),
        instant(one.get("recorded_at")),
        one.get("actor"),
        one.get("role"),
        one.get("item"),
        None if word is not None or value is None else float(value),
        word,
        {**(one.get("properties") or {}), **{key: more for key, more in one.items() if key not in _FIELDS}},
        sequence=one.get("sequence"),
    )


def _item(item: Mapping[str, Any], account_id: UUID) -> Iterator[Told]:
    kind, name = item["kind"], item.get("id") or f"item:{next(_numbers)}"
    skipped = {"id", "kind", "opened_at", "closed_at", "recorded_at", "state", "words"}
    properties = {key: value for key, value in item.items() if key not in skipped}
    opened, closed = instant(item["opened_at"]), instant(item.get("closed_at"))
    assert opened is not None
    recorded = instant(item.get("recorded_at")) or opened
    opening = item.get("state") or _OPENS[kind]
    yield Told(account_id, f"{kind}.{opening}", opened, recorded, item=name, properties=properties)
    if closed is not None:
        yield Told(account_id, f"{kind}.{_CLOSES[kind]}", closed, max(closed, recorded), item=name)
    for word in item.get("words") or []:
        at, recorded_late = instant(word["t"]), instant(word.get("recorded_at"))
        assert at is not None
        verb, said = f"{kind}.{word['verb']}", {"open": word["open"]}
        yield Told(account_id, verb, at, recorded_late, item=name, properties=said)


def new_account() -> UUID:
    """An account that nobody has heard of."""
    return new_id()
