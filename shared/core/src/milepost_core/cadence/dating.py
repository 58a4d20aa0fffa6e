"""Dating: when a playbook that goes by a date of the account is due, and which dates may be due now.

It never looks at a clock: `now` is an argument.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Final

from milepost_core.playbooks.conditions import AllOf, AnyOf, Compare, Condition, Facts, Scalar
from milepost_core.playbooks.document import DateTrigger
from milepost_core.schedules import instant, local_time, read_date

# No two places have calendars further apart than this.
_APART: Final = timedelta(days=2)
_MILLISECOND: Final = timedelta(milliseconds=1)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Due:
    """When a trigger is due for an account, and by which day: that one stays the same wherever the account lives."""

    at: datetime
    day: date


def due_at(trigger: DateTrigger, facts: Facts, zone: tzinfo) -> Due | None:
    """Return when the trigger is due for an account, or None where its date is none.

    Dates are read by `milepost_core.schedules.read_date`. It is due so many days from the day that clocks in `zone`
    show at that date, at the trigger's own time, by the rule of `schedules` for times that a clock change leaps over
    or repeats.
    """
    fact = facts.get(f"attribute.{trigger.attribute}")
    told = read_date(fact.value) if fact is not None else None
    if told is None:
        return None
    offset = timedelta(days=trigger.offset_days)
    try:
        due = instant(local_time(told, zone).date() + offset, trigger.at, zone)
        return Due(due, (told.date() if isinstance(told, datetime) else told) + offset)
    except OverflowError:
        return None


def about_due(trigger: DateTrigger, begun_at: datetime, now: datetime) -> Condition:
    """Return the condition of accounts whose date may be due between `begun_at` and `now`, wherever they live.

    However long ago that was: a date that came while nobody looked is answered, too. The exact moment is for `due_at`
    to say.
    """
    offset = timedelta(days=trigger.offset_days)
    days = [(moment - offset).astimezone(UTC).date() for moment in (begun_at - _APART, now + _APART)]
    counts = [(datetime.combine(day, time(0), UTC) - _EPOCH) // _MILLISECOND for day in days]
    # Text by text and number by number: what is of another kind has no order, and holds in no part.
    forms: tuple[list[Scalar], ...] = (
        [day.isoformat() for day in days], [f"{count:013}" for count in counts], [float(count) for count in counts]
    )  # fmt: skip
    subject = f"attribute.{trigger.attribute}"
    return AnyOf(
        tuple(AllOf((Compare(subject, "gte", (first,)), Compare(subject, "lt", (last,)))) for first, last in forms)
    )
