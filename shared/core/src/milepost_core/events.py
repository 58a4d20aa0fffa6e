"""The words for what happened at an account, and which of them open, close or touch an item.

It never stores an event and never refuses an unknown type: those are kept and listed elsewhere.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

__all__ = [
    "ATTRIBUTE_TYPES",
    "COMPLAINED",
    "EVENT_TYPES",
    "ITEM_KINDS",
    "OPEN_PROPERTY",
    "OUTCOME_TYPES",
    "PERSON_TYPES",
    "RETURNED",
    "EventType",
    "ItemKind",
    "subject_of",
]


@dataclass(frozen=True, slots=True)
class EventType:
    """One word of the vocabulary: ``<subject>.<what happened>``."""

    name: str
    subject: str
    verb: str
    label: str


@dataclass(frozen=True, slots=True)
class ItemKind:
    """A thing with a beginning and an end, and the event types that move it.

    Besides these types, any event of the kind's subject may say with `OPEN_PROPERTY` that the item was open (true)
    or closed (false) from its own time on. At T an item is open if its last opening until then lies after its last
    closing: what it is follows from the set of its events, in whatever order they were told.
    """

    kind: str
    opens: frozenset[str]
    closes: frozenset[str]
    touches: frozenset[str]

    @property
    def types(self) -> frozenset[str]:
        """Every event type that says something about an item of this kind."""
        return self.opens | self.closes | self.touches


OPEN_PROPERTY: Final = "open"
"""The property by which an event of any type opens (true) or closes (false) its item; other values say nothing."""

_LABELS: Final[dict[str, str]] = {
    "account.updated": "account details changed",
    "account.started": "contract or kick-off began",
    "account.linked": "account linked to a reference",
    "session.started": "somebody signed in",
    "feature.used": "a feature was used",
    "milestone.planned": "a milestone was planned",
    "milestone.dropped": "a milestone was dropped from the plan",
    "milestone.completed": "a milestone was reached",
    "milestone.reopened": "a milestone was taken back",
    "delay.started": "somebody began to be waited for",
    "delay.ended": "the waiting ended",
    "pulse.given": "a person said how the account feels",
    "task.created": "a task was created",
    "task.warned": "a task was about to miss its clock",
    "task.completed": "a task was completed",
    "ticket.opened": "a ticket was opened",
    "ticket.updated": "a ticket was updated",
    "ticket.escalated": "a ticket was escalated",
    "ticket.resolved": "a ticket was resolved",
    "ticket.reopened": "a ticket was reopened",
    "meeting.scheduled": "a meeting was scheduled",
    "meeting.attended": "a meeting was attended",
    "meeting.missed": "a meeting was missed",
    "meeting.cancelled": "a meeting was cancelled",
    "message.sent": "a message was sent",
    "message.replied": "a message was answered",
    "message.bounced": "a message came back",
    "message.complained": "a message was called unwanted",
    "stakeholder.joined": "a stakeholder joined",
    "stakeholder.left": "a stakeholder left",
    "stakeholder.role_changed": "a stakeholder changed role",
    "survey.answered": "a survey was answered",
    "invoice.issued": "an invoice was issued",
    "invoice.overdue": "an invoice fell overdue",
    "invoice.paid": "an invoice was paid",
    "invoice.failed": "a payment failed",
    "subscription.changed": "the subscription changed",
    "scope.concern_raised": "a concern about scope was raised",
    "expansion.discussed": "an expansion was discussed",
    "cancellation.noticed": "a notice of cancellation arrived",
    "churned": "the account churned",
    "renewed": "the account renewed",
}


def subject_of(event_type: str) -> str:
    """What an event type speaks about: the part before the first dot."""
    return event_type.partition(".")[0]


def _event_type(name: str, label: str) -> EventType:
    subject, _, verb = name.partition(".")
    return EventType(name, subject, verb or name, label)


EVENT_TYPES: Final[Mapping[str, EventType]] = MappingProxyType(
    {name: _event_type(name, label) for name, label in _LABELS.items()}
)


def _item_kind(kind: str, opens: str, closes: str, touches: str = "") -> ItemKind:
    def types(verbs: str) -> frozenset[str]:
        return frozenset(f"{kind}.{verb}" for verb in verbs.split())

    return ItemKind(kind, types(opens), types(closes), types(touches))


ITEM_KINDS: Final[Mapping[str, ItemKind]] = MappingProxyType(
    {
        "ticket": _item_kind("ticket", "opened reopened", "resolved", "updated escalated"),
        "task": _item_kind("task", "created", "completed"),
        "invoice": _item_kind("invoice", "issued overdue failed", "paid"),
    }
)

ATTRIBUTE_TYPES: Final = ("account.updated", "account.started", "subscription.changed")
"""Types whose properties are attributes of the account."""
RETURNED: Final = "message.bounced"
COMPLAINED: Final = "message.complained"

OUTCOME_TYPES: Final[frozenset[str]] = frozenset({"churned", "renewed"})
"""What the score is meant to foresee; no signal may look at it."""

PERSON_TYPES: Final[frozenset[str]] = frozenset({"pulse.given"})
"""What our own people say by hand about an account; it may move a score only a little."""
