"""What is known about one record: its moments, its properties, whether it matches, which version counts.

It never aggregates; `reading` does.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from milepost_core.events import subject_of
from milepost_core.model import Where
from milepost_core.readings import Status

Account = Mapping[str, Any]
DAY_SECONDS = 86400.0


@dataclass(frozen=True)
class Value:
    """One reading: a number or a word, or why there is none."""

    raw: float | str | None
    status: Status = Status.OK
    age_days: float | None = None
    censored: bool = False


def missing(status: Status) -> Value:
    return Value(None, status)


def instant(text: object) -> datetime | None:
    """An aware UTC instant from a date or a timestamp; a bare date is its midnight."""
    if text is None or isinstance(text, datetime):
        return text
    moment = datetime.fromisoformat(str(text).replace("Z", "+00:00"))
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def days_between(earlier: datetime, later: datetime) -> float:
    return (later - earlier).total_seconds() / DAY_SECONDS


def event_at(event: Account) -> datetime:
    return required(event["t"])


def required(text: object) -> datetime:
    moment = instant(text)
    assert moment is not None
    return moment


def recorded_at(record: Account, at: str) -> datetime:
    """When it became known: at once, unless the record says otherwise."""
    return required(record.get("recorded_at") or record[at])


def event_key(event: Account) -> object:
    return event.get("key") or event.get("id")


def item_key(item: Account) -> object:
    return (item.get("kind"), item["id"]) if item.get("id") is not None else None


def newest_versions(
    records: Sequence[Account], as_of: datetime, *, at: str, key: Callable[[Account], object]
) -> list[Account]:
    """Records known by now; of those with one key only the one recorded last."""
    known = sorted((one for one in records if recorded_at(one, at) <= as_of), key=lambda one: recorded_at(one, at))
    newest: dict[object, Account] = {}
    for index, record in enumerate(known):
        name = key(record)
        newest[("no key", index) if name is None else ("key", name)] = record
    return list(newest.values())


def field_of(record: Account, field: str) -> Any:
    """A property of a record, whether it stands beside the type or among the properties."""
    if record.get(field) is not None:
        return record[field]
    if field == "kind" and "type" in record:
        return subject_of(record["type"])
    if field == "item" and "opened_at" in record:
        return record.get("id")
    return (record.get("properties") or {}).get(field)


def matches(record: Account, where: Where) -> bool:
    return all(field_of(record, key) in values for key, values in where.clauses)


def number_or(event: Account, field: str, default: float) -> float:
    value = field_of(event, field)
    return default if isinstance(value, str) or value is None else float(value)


def numbers_of(events: Sequence[Account], field: str) -> list[float]:
    return [value for event in events if not math.isnan(value := number_or(event, field, math.nan))]
