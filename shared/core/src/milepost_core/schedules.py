"""Schedules: when a wait ends, in the local time of whoever is waited for; calendars of working days.

It never asks for the time. Local times become instants by one rule: the first instant at which the clocks there show
that time or a later one. So a time that a clock change leaps over is the first instant after the leap, and a time that
comes twice is its first coming.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Final

from milepost_core.playbooks.conditions import Scalar
from milepost_core.playbooks.document import WaitStep

LATEST: Final = timedelta(days=3650)
"""No wait for a date is longer; one beyond it is a mistake, or stands for "never"."""
DATE_FORM: Final = "2027-06-01, with or without a time, or milliseconds since 1970"
"""How a date of an account is written, in words."""
MORNING: Final = time(9, 0)
"""The local time of a date that says no time."""
_WEEK: Final = frozenset(range(5))
_SECOND: Final = timedelta(seconds=1)
# Clocks have been set by up to a day (a country that changed sides of the date line).
_FURTHEST: Final = timedelta(hours=27)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ][0-9:.,]+(?:Z|[+-][0-9:]+)?)?")
# From 2001 until 2286: what is shorter is no count of milliseconds, and all of them compare as texts do.
_MILLISECONDS: Final = re.compile(r"[1-9][0-9]{12}")
_LEAST, _MOST = 1e12, 1e13


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


def read_date(value: Scalar | None) -> date | None:
    """Return the date that a value of an account tells: a `date`, or a `datetime` where it tells a time, too.

    One form is read everywhere: ISO 8601 with hyphens, and milliseconds since 1970, as HubSpot writes dates (midnight
    in UTC: the day) and times. A time without an offset is local. None: it is anything else.
    """
    if isinstance(value, str):
        if _MILLISECONDS.fullmatch(value):
            return _of_milliseconds(int(value))
        try:
            told = datetime.fromisoformat(value) if _DATE.fullmatch(value) else None
        except ValueError:
            return None
        return told.date() if told is not None and len(value) == len("2027-06-01") else told
    if isinstance(value, bool) or value is None or not _LEAST <= value < _MOST:
        return None
    return _of_milliseconds(int(value))


def _of_milliseconds(count: int) -> date:
    told = _EPOCH + timedelta(milliseconds=count)
    return told.date() if told.time() == time(0) else told


def local_time(told: date, zone: tzinfo, at: time = MORNING) -> datetime:
    """Return what clocks in a zone show at a date as `read_date` returns it; a day without a time is meant at `at`.

    Raises OverflowError on the calendar's first and last day.
    """
    if not isinstance(told, datetime):
        return datetime.combine(told, at)
    return told if told.tzinfo is None else _shown(told.astimezone(UTC), zone)


def due_of(
    wait: WaitStep, since: datetime, calendar: Calendar, attributes: Mapping[str, Scalar] | None = None
) -> datetime | None:
    """Return when a wait that began at `since` ends by itself; None: only something that happens ends it.

    A wait until a date of the account is None, too, while nobody can say which (there is none, it cannot be read, it
    lies more than `LATEST` ahead); one that has passed ends at `since`. Waits for something end at their time-out.
    """
    if wait.days is not None:
        return since + timedelta(days=wait.days)
    if wait.business_days is not None:
        return _after_working_days(wait.business_days, since, calendar)
    if wait.until is not None:
        return _next_time(wait.until, since, calendar)
    if wait.attribute is not None:
        told = moment_of((attributes or {}).get(wait.attribute), wait.offset_days, calendar)
        return None if told is None or told - since > LATEST else max(told, since)
    return None if wait.timeout_days is None else since + timedelta(days=wait.timeout_days)


def moment_of(value: Scalar | None, offset_days: int, calendar: Calendar) -> datetime | None:
    """Return the moment that a date of an account names, so many local days later; None: it names none.

    A date without a time is meant in the `MORNING`, local time; one with a time keeps its local time.
    """
    told = read_date(value)
    if told is None:
        return None
    try:
        local = local_time(told, calendar.zone)
        return instant(local.date() + timedelta(days=offset_days), local.time(), calendar.zone)
    except OverflowError:
        return None


def _after_working_days(count: int, since: datetime, calendar: Calendar) -> datetime:
    """Return the same local time, `count` working days on; a calendar in which nobody ever works has only days."""
    local = _shown(since, calendar.zone)
    day, left = local.date(), count
    while left > 0:
        day += timedelta(days=1)
        if (calendar.works_on(day) or not calendar.workdays) and _ever_was(day, calendar.zone):
            left -= 1
    return max(since, instant(day, local.time(), calendar.zone)) if count else since


def _ever_was(day: date, zone: tzinfo) -> bool:
    """Return False for a day that clocks leapt over as a whole, where a country changed sides of the date line."""
    return _shown(instant(day, time(0), zone), zone).date() == day


def _next_time(at: time, since: datetime, calendar: Calendar) -> datetime:
    day = _shown(since, calendar.zone).date() - timedelta(days=1)
    while (moment := instant(day, at, calendar.zone)) < since:
        day += timedelta(days=1)
    return moment
