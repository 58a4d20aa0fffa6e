"""Schedules: when a wait ends, in the local time of whoever is waited for; calendars of working days.

It never asks for the time. Local times become instants by one rule: the first instant at which the clocks there show
that time or a later one. So a time that a clock change leaps over is the first instant after the leap, and a time that
comes twice is its first coming.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Final

from milepost_core.playbooks.conditions import Scalar
from milepost_core.playbooks.document import WaitStep

LATEST: Final = timedelta(days=3650)
"""No wait is longer; a date beyond it is a mistake, not a plan."""
MORNING: Final = time(9, 0)
"""The local time of a date that says no time."""
_WEEK: Final = frozenset(range(5))
_SECOND: Final = timedelta(seconds=1)
# Clocks have been set by up to a day (a country that changed sides of the date line).
_FURTHEST: Final = timedelta(hours=27)


@dataclass(frozen=True)
class Calendar:
    """The time of one place: its zone, the days on which nobody works, the hours in which nobody is written to.

    Args:
        workdays: 0 is Monday. quiet: local times from, until (the second may lie on the next day); None: no such hours.
    """

    zone: tzinfo = UTC
    region: str = ""
    holidays: frozenset[date] = frozenset()
    workdays: frozenset[int] = field(default=_WEEK)
    quiet: tuple[time, time] | None = None

    def works_on(self, day: date) -> bool:
        """Return whether people work there on this day."""
        return day.weekday() in self.workdays and day not in self.holidays


def instant(day: date, at: time, zone: tzinfo) -> datetime:
    """Return the first instant, in UTC, at which the clocks of a zone show this day and time or later.

    Raises OverflowError on the calendar's first and last day.
    """
    shown = datetime.combine(day, at)
    early = shown.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if _shown(early, zone) == shown:
        return early
    return _end_of_leap(shown, zone, early)


def _shown(moment: datetime, zone: tzinfo) -> datetime:
    return moment.astimezone(zone).replace(tzinfo=None)


def _end_of_leap(shown: datetime, zone: tzinfo, inside: datetime) -> datetime:
    """Return the first second from which on the clocks show more than a time that they never show."""
    low, high = inside - _FURTHEST, inside
    while high - low > _SECOND:
        middle = low + (high - low) // 2
        if _shown(middle, zone) >= shown:
            high = middle
        else:
            low = middle
    return high.replace(microsecond=0)


def due_of(
    wait: WaitStep, since: datetime, calendar: Calendar, attributes: Mapping[str, Scalar] | None = None
) -> datetime | None:
    """Return when a wait that began at `since` ends by itself; None: only something that happens ends it.

    A wait until a date of the account is None, too, while the account has no such date; one that has passed ends at
    `since`. Waits for something end at their time-out.
    """
    if wait.days is not None:
        return since + timedelta(days=wait.days)
    if wait.business_days is not None:
        return _after_working_days(wait.business_days, since, calendar)
    if wait.until is not None:
        return _next_time(wait.until, since, calendar)
    if wait.attribute is not None:
        told = moment_of((attributes or {}).get(wait.attribute), wait.offset_days, calendar)
        if told is not None:
            return max(told, since)
    return None if wait.timeout_days is None else since + timedelta(days=wait.timeout_days)


def moment_of(value: Scalar | None, offset_days: int, calendar: Calendar, at: time = MORNING) -> datetime | None:
    """Return the moment that a date of an account names, so many local days later; None: it names none.

    A date without a time is meant at `at`, local time; one with a time keeps its local time. Without an offset from
    UTC it is read as local.
    """
    if not isinstance(value, str):
        return None
    try:
        told = datetime.fromisoformat(value)
        if told.tzinfo is not None:
            told = _shown(told.astimezone(UTC), calendar.zone)
        moment = told if len(value) > len("2026-01-01") else datetime.combine(told.date(), at)
        return instant(moment.date() + timedelta(days=offset_days), moment.time(), calendar.zone)
    except (ValueError, OverflowError):
        return None


def _after_working_days(count: int, since: datetime, calendar: Calendar) -> datetime:
    """Return the same local time, `count` working days on; a calendar in which nobody ever works has only days."""
    local = _shown(since, calendar.zone)
    day, left = local.date(), count
    while left > 0:
        day += timedelta(days=1)
        if calendar.works_on(day) or not calendar.workdays:
            left -= 1
    return max(since, instant(day, local.time(), calendar.zone)) if count else since


def _next_time(at: time, since: datetime, calendar: Calendar) -> datetime:
    day = _shown(since, calendar.zone).date() - timedelta(days=1)
    while (moment := instant(day, at, calendar.zone)) < since:
        day += timedelta(days=1)
    return moment
