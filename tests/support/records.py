"""What is known about one record: its moments, its properties, whether it matches, which version counts.

It never aggregates; `reading` does.
"""

import json
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from milepost_core.events import subject_of
from milepost_core.model import Where
from milepost_core.readings import Status

Account = Mapping[str, Any]
DAY_SECONDS = 86400.0
LARGEST = 1e15
# A number halved more often is no longer held in full; a larger quotient leaves no room for a difference.
MOST_LIVES = 1022
MOST_QUOTIENT = 10**307


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
    if field == "item" and "opened_at" in record:
        return record.get("id")
    found = (record.get("properties") or {}).get(field)
    return subject_of(record["type"]) if field == "kind" and found is None and "type" in record else found


def canonical(value: Any) -> tuple[str, Any]:
    """A value that is equal to another exactly if they are the same number, text, truth value or structure."""
    if isinstance(value, bool | str):
        return type(value).__name__, value
    return ("number", value) if isinstance(value, int | float) else ("more", json.dumps(value, sort_keys=True))


def matches(record: Account, where: Where) -> bool:
    def accepted(key: str, values: Sequence[Any]) -> bool:
        found = field_of(record, key)
        return found is not None and canonical(found) in [canonical(value) for value in values]

    return all(accepted(key, values) for key, values in where.clauses)


def number_or(event: Account, field: str, default: float) -> float:
    """A field as a number; absurdly large ones are mistakes, and words are none."""
    value = field_of(event, field)
    return float(value) if isinstance(value, int | float) and abs(value) < LARGEST else default


def held(value: float) -> float:
    """A number as far as a float holds it in full; what is fainter is nothing."""
    return 0.0 if abs(value) < sys.float_info.min else value


def numbers_of(events: Sequence[Account], field: str) -> list[float]:
    return [value for event in events if not math.isnan(value := number_or(event, field, math.nan))]
