"""Tells an account's history to the feed as ingest would, in the words of worked examples; it checks nothing."""

import itertools
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from milepost_contracts.events import BOOK_KEEPING, EVENT_RETRACTED, OWN_SOURCE
from milepost_core.events import ITEM_KINDS
from milepost_runtime.database import Connection
from milepost_runtime.ids import new_id
from scoring_api.queries import examples
from scoring_api.verifying.moments import instant, required

_numbers = itertools.count(1)
SOURCE = "example"
EVENT_WORDS = frozenset(
    {"t", "at", "time", "occurred_at", "type", "actor", "role", "item", "value", "value_text", "recorded_at", "id",
     "key", "properties", "sequence", "told_at"}
)  # fmt: skip
_ITEM_WORDS = frozenset({"id", "kind", "opened_at", "closed_at", "recorded_at", "state", "words", "key"})
_OPENS = {"ticket": "opened", "task": "created", "invoice": "issued"}
_CLOSES = {"ticket": "resolved", "task": "completed", "invoice": "paid"}
# Known from long before its start: an example says what an account is like, rarely since when.
LONG_BEFORE = timedelta(days=1000)


class Untellable(ValueError):
    """Something in a history has no words in the feed."""


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


async def tell(connection: Connection, events: Sequence[Told]) -> None:
    """Publish events in this order; `connection` may write the feed, and has no codecs of its own."""
    await examples.publish(connection, [_row(one) for one in events])


def _row(one: Told) -> tuple[Any, ...]:
    return (
        one.event_id or f"{SOURCE}:{next(_numbers)}",
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
        one.source or (OWN_SOURCE if one.type in BOOK_KEEPING else SOURCE),
        one.correlation_id,
        one.supersedes,
        one.told_at,
        one.sequence,
    )


def new_account() -> UUID:
    """Return the id of an account that nobody has heard of."""
    return new_id()


def events_of(account: Mapping[str, Any], account_id: UUID) -> list[Told]:
    """Return the history of an example's account as events. Raises NoMoment and Untellable."""
    start = required(account["start_at"])
    told = [Told(account_id, "account.started", start)]
    loose = {key: value for key, value in account.items() if isinstance(value, str | int | float) and key != "start_at"}
    told += _attributes(loose, account.get("attributes") or {}, account_id, start)
    told += _events(account.get("events") or [], account_id, start)
    told += _items(account.get("items") or [], account_id, start)
    for milestone in account.get("milestones") or []:
        due = instant(milestone.get("due_at"), start)
        planned = {"due_at": due.isoformat() if due else None, "weight": milestone.get("weight", 1.0)}
        told.append(
            Told(account_id, "milestone.planned", start - LONG_BEFORE, item=milestone["id"], properties=planned)
        )
        done = instant(milestone.get("done_at"), start)
        if done is not None:
            recorded = instant(milestone.get("recorded_at"), start) or done
            told.append(Told(account_id, "milestone.completed", done, recorded, item=milestone["id"]))
    return told


def _attributes(loose: Mapping[str, Any], said: Any, account_id: UUID, start: datetime) -> Iterator[Told]:
    """What an account is like: as it is, or as a history of words with their moments."""
    still = {**loose, **(said if isinstance(said, Mapping) else {})}
    yield Told(account_id, "account.updated", start - LONG_BEFORE, properties=still)
    for one in said if isinstance(said, list) else []:
        at = required(_moment_of(one), start)
        recorded = instant(one.get("recorded_at"), start)
        yield Told(account_id, "account.updated", at, recorded, properties={one["name"]: one["value"]})


def _moment_of(event: Mapping[str, Any]) -> Any:
    return next((event[name] for name in ("t", "at", "time", "occurred_at") if event.get(name) is not None), None)


def _events(events: Sequence[Mapping[str, Any]], account_id: UUID, start: datetime) -> Iterator[Told]:
    """Events as they were told; of those with one key, each takes the place of the one that was recorded before it."""
    repeated = {name for name, times in Counter(one.get("id") for one in events).items() if times > 1}
    newest: dict[str, str] = {}
    placed = [(_event(one, account_id, start, place), one) for place, one in enumerate(events)]
    for event, one in sorted(placed, key=lambda pair: pair[0].recorded_at or pair[0].occurred_at):
        key = one.get("key") or (one.get("id") if one.get("id") in repeated else None)
        if key is None:
            yield event
            continue
        event_id = f"{account_id}:{key}:{next(_numbers)}"
        yield replace(event, event_id=event_id, supersedes=newest.get(str(key)))
        newest[str(key)] = event_id


def _event(one: Mapping[str, Any], account_id: UUID, start: datetime, place: int) -> Told:
    value = one.get("value")
    if isinstance(value, bool):
        value = float(value)
    word = value if isinstance(value, str) else one.get("value_text")
    more = {key: said for key, said in one.items() if key not in EVENT_WORDS}
    return Told(
        account_id,
        one["type"],
        required(_moment_of(one), start),
        instant(one.get("recorded_at"), start),
        one.get("actor"),
        one.get("role"),
        one.get("item"),
        None if isinstance(value, str) or value is None else float(value),
        word,
        {**(one.get("properties") or {}), **more},
        told_at=instant(one.get("told_at"), start),
        # What an example says last of one moment is its last word.
        sequence=str(one["sequence"]) if one.get("sequence") is not None else f"{place:012d}",
    )


def _items(items: Sequence[Mapping[str, Any]], account_id: UUID, start: datetime) -> Iterator[Told]:
    """Items as their events; of several versions of one item, each takes the place of the one recorded before it."""
    versions: dict[tuple[str, Any], list[Mapping[str, Any]]] = {}
    for place, one in enumerate(items):
        name = one.get("key") or one.get("id")
        versions.setdefault((str(one["kind"]), f"no name {place}" if name is None else name), []).append(one)
    for (kind, name), told in versions.items():
        if kind not in ITEM_KINDS:
            raise Untellable(f"nobody knows items of the kind {kind!r}, only {', '.join(sorted(ITEM_KINDS))}")
        item = f"item:{next(_numbers)}" if str(name).startswith("no name ") else str(name)
        yield from _versions(kind, item, told, (account_id, start))


def _versions(kind: str, item: str, told: Sequence[Mapping[str, Any]], of: tuple[UUID, datetime]) -> Iterator[Told]:
    account_id, start = of
    opened_before: Told | None = None
    closed_before: Told | None = None
    for one in sorted(told, key=lambda one: required(one.get("recorded_at") or one["opened_at"], start)):
        opening = replace(
            _opening(kind, item, one, of), supersedes=None if opened_before is None else opened_before.event_id
        )
        closing = _closing(kind, item, one, of)
        yield opening
        if closing is not None:
            closing = replace(closing, supersedes=None if closed_before is None else closed_before.event_id)
            yield closing
        elif closed_before is not None:
            recorded = opening.recorded_at
            taken_back = Told(account_id, EVENT_RETRACTED, closed_before.occurred_at, recorded)
            yield replace(taken_back, supersedes=closed_before.event_id)
        opened_before, closed_before = opening, closing
        yield from _words(kind, item, one, of)


def _opening(kind: str, item: str, one: Mapping[str, Any], of: tuple[UUID, datetime]) -> Told:
    opened = required(one["opened_at"], of[1])
    verb = str(one.get("state") or _OPENS[kind])
    if f"{kind}.{verb}" not in ITEM_KINDS[kind].opens:
        # Any other state says nothing that the feed has a word for; a question for it is refused before.
        verb = _OPENS[kind]
    properties = {key: value for key, value in one.items() if key not in _ITEM_WORDS}
    if properties.get("due_at") is not None:
        properties["due_at"] = required(properties["due_at"], of[1]).astimezone(UTC).isoformat()
    recorded = instant(one.get("recorded_at"), of[1]) or opened
    return Told(of[0], f"{kind}.{verb}", opened, recorded, item=item, properties=properties, event_id=_named(of[0]))


def _closing(kind: str, item: str, one: Mapping[str, Any], of: tuple[UUID, datetime]) -> Told | None:
    closed = instant(one.get("closed_at"), of[1])
    if closed is None:
        return None
    recorded = max(closed, instant(one.get("recorded_at"), of[1]) or closed)
    return Told(of[0], f"{kind}.{_CLOSES[kind]}", closed, recorded, item=item, event_id=_named(of[0]))


def _words(kind: str, item: str, one: Mapping[str, Any], of: tuple[UUID, datetime]) -> Iterator[Told]:
    """What was told of the item later, by events of any verb that say whether it is open."""
    for word in one.get("words") or []:
        at, recorded = required(word["t"], of[1]), instant(word.get("recorded_at"), of[1])
        yield Told(of[0], f"{kind}.{word['verb']}", at, recorded, item=item, properties={"open": word["open"]})


def _named(account_id: UUID) -> str:
    return f"{SOURCE}:{account_id}:{next(_numbers)}"
