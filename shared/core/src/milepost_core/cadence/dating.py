"""Dating: when a playbook that goes by a date of the account is due, and which dates may be due now.

It never looks at a clock: `now` is an argument.
"""

from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Final

from milepost_core.playbooks.conditions import AllOf, Compare, Condition, Facts
from milepost_core.playbooks.document import DateTrigger
from milepost_core.schedules import instant

OWED: Final = timedelta(days=30)
"""A date that was due longer ago than this, and nobody looked, is not spoken of any more."""
# No two places have calendars further apart than this.
_APART: Final = timedelta(days=2)


def due_at(trigger: DateTrigger, facts: Facts, zone: tzinfo) -> datetime | None:
    """Return the instant at which the trigger is due for an account, or None where its date is none.

    The date is ISO 8601 (what follows the day is not read); the time is that of the clocks in `zone`, by the rule of
    `milepost_core.schedules` for times that a clock change leaps over or repeats.
    """
    fact = facts.get(f"attribute.{trigger.attribute}")
    if fact is None or not isinstance(fact.value, str):
        return None
    try:
        return instant(date.fromisoformat(fact.value[:10]) + timedelta(days=trigger.offset_days), trigger.at, zone)
    except (ValueError, OverflowError):
        return None


def about_due(trigger: DateTrigger, begun_at: datetime, now: datetime) -> Condition:
    """Return the condition of accounts whose date may be due between `begun_at` and `now`, wherever they live.

    Of the long past only what is still owed; the exact moment is for `due_at` to say.
    """
    offset = timedelta(days=trigger.offset_days)
    earliest = (max(begun_at, now - OWED) - offset - _APART).astimezone(UTC).date()
    latest = (now - offset + _APART).astimezone(UTC).date()
    subject = f"attribute.{trigger.attribute}"
    return AllOf((Compare(subject, "gte", (earliest.isoformat(),)), Compare(subject, "lt", (latest.isoformat(),))))
