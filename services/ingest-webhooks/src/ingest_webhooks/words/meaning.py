"""Tells whether a fact still means what the feed says of it; pure, it knows no store."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from ingest_webhooks.words.shapes import NormalEvent, other_names
from milepost_contracts.events import EVENT_RETRACTED

_FIELDS = ("type", "occurred_at", "actor", "role", "item", "value", "value_text")


@dataclass(frozen=True, slots=True)
class Head:
    """The newest row that tells a fact: in the feed, on the account that lives on by now, or among what waits."""

    event_id: str
    account_id: UUID | None
    reference: str | None
    type: str
    occurred_at: datetime
    actor: str | None
    role: str | None
    item: str | None
    value: float | None
    value_text: str | None
    properties: dict[str, Any]
    supersedes: str | None
    fallbacks: list[str] | None

    @property
    def waits(self) -> bool:
        """Whether it waits for an account."""
        return self.account_id is None

    @property
    def retracted(self) -> bool:
        """Whether the fact was taken back."""
        return self.type == EVENT_RETRACTED


def same_meaning(head: Head, event: NormalEvent) -> bool:
    """Tell whether an event says what the row says, whoever it is about."""
    same = all(getattr(head, name) == getattr(event, name) for name in _FIELDS)
    return same and _equal(head.properties, event.properties)


def same_names(head: Head, event: NormalEvent) -> bool:
    """Tell whether an event finds its account by the same names as the row did; a row without a name had no other."""
    return head.reference is None or (head.reference, head.fallbacks) == (event.reference, other_names(event))


def changes(head: Head, event: NormalEvent) -> list[str]:
    """Return the names of what an event says otherwise than the row."""
    names = [name for name in _FIELDS if getattr(head, name) != getattr(event, name)]
    names += [] if _equal(head.properties, event.properties) else ["properties"]
    return names if same_names(head, event) else [*names, "account"]


def retraction(head: Head) -> NormalEvent:
    """Return the event that takes a row back."""
    return NormalEvent(
        key=b"", reference="", type=EVENT_RETRACTED, occurred_at=head.occurred_at, supersedes=head.event_id
    )


def _equal(one: Any, other: Any) -> bool:
    """Compare as the store gives back what was put in: numbers by their value, whatever their kind."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_equal(value, other[name]) for name, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_equal, one, other))
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, int | float) and isinstance(other, int | float):
        return one == other or ((isinstance(one, float) or isinstance(other, float)) and float(one) == float(other))
    return bool(one == other)
