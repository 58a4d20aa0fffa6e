"""Which words of a model document tell the outcome that the score has to foresee; it refuses nothing itself.

Known by its parts, however a company writes it: `customer.churned`, `is_churned`, `churnedAt`, `renewal.completed`.
What only has to do with it is no outcome: `churn_risk`, `renewal_date`, a ticket about a renewal.
"""

import re
from collections.abc import Sequence
from typing import Final

__all__ = ["leaks_item", "leaks_outcome", "leaks_state", "tells_state"]

_OVER: Final = frozenset({"churn", "churns", "churned", "churning", "renewed"})
_PENDING: Final = frozenset({"renewal", "renewals", "renews", "renewing"})
# Whom it is said of, and how one says that something was so.
_OF: Final = frozenset({
    "account", "customer", "client", "company", "subscription", "contract", "deal", "opportunity",
})  # fmt: skip
_IS: Final = frozenset({"is", "has", "was", "did", "been", "event", "status", "flag", "outcome"})
_WHEN: Final = frozenset({"at", "on", "date", "day", "time", "reason"})
_DECIDED: Final = frozenset({
    "completed", "confirmed", "done", "signed", "won", "lost", "declined", "refused", "failed", "missed", "closed",
    "recorded", "detected",
})  # fmt: skip
# The words after which a value says how things stand; anywhere else "renewal" may be the topic of a survey.
_TELLING: Final = frozenset({
    "type", "kind", "state", "status", "event", "outcome", "result", "stage", "phase", "reason", "value", "lifecycle",
})  # fmt: skip
_SUBJECTS: Final = _OF | _OVER | _PENDING


def leaks_outcome(name: object) -> bool:
    """A word by which records or accounts tell the outcome, however it is written."""
    if not isinstance(name, str):
        return False
    said = set(_words(name)) - _OF - _IS
    when = said & _WHEN
    rest = said - when
    core = rest - _DECIDED
    if core != rest and when:
        return False
    return bool(core) and core <= (_OVER if when else _OVER | _PENDING)


def tells_state(key: str) -> bool:
    """A clause or field of this name says how things stand."""
    return not _TELLING.isdisjoint(_words(key))


def leaks_item(value: object, types: Sequence[str]) -> bool:
    """An item that is the outcome: of records that may be about the account, not of a feature or task of that name."""
    about = _about(types)
    return leaks_outcome(value) and (not about or bool(about & _SUBJECTS))


def leaks_state(value: object, types: Sequence[str]) -> bool:
    """A state that tells the outcome, in records of these event types (none: of all).

    Many things are renewed besides an account: of records about something else (`certificate.updated`) that is no
    outcome. What churned is always the account.
    """
    if not leaks_outcome(value):
        return False
    about = _about(types)
    return "churn" in str(value).lower() or not about or bool(about & _SUBJECTS)


def _about(types: Sequence[str]) -> set[str]:
    """What records of these event types are about."""
    return {word for name in types for word in _words(name)[:1]}


def _words(name: str) -> list[str]:
    """The parts of a name: feature.used, featureUsed, feature_used and "feature used" have the same two."""
    return re.findall(r"[a-z0-9]+", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower())
