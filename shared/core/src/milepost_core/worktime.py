"""Working time: when so many working hours have passed, and how many lie between two moments.

It knows no holiday by itself and looks at no clock.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from milepost_core.schedules import Calendar, instant

LONGEST_DAYS = 1500


@dataclass(frozen=True)
class Worktime:
    """On which days somebody works, and from when to when by the clocks of their zone.

    `opens` lies before `closes`, of which midnight stands for the end of the day.
    """

    calendar: Calendar
    opens: time
    closes: time

    def spans(self, since: datetime) -> Iterator[tuple[datetime, datetime]]:
        """Yield stretches of work in UTC, in their order, beginning with the day of `since`; a few years of them."""
        first = since.astimezone(self.calendar.zone).date()
        for number in range(LONGEST_DAYS):
            day = first + timedelta(days=number)
            if self.calendar.works_on(day):
                last = day if self.closes != time(0) else day + timedelta(days=1)
                yield instant(day, self.opens, self.calendar.zone), instant(last, self.closes, self.calendar.zone)


def hours_after(since: datetime, hours: float, worktime: Worktime) -> datetime:
    """Return the instant at which `hours` of work have passed since `since` (aware; the answer is UTC).

    No hours: `since` itself. Raises ValueError where that takes longer than a few years, as with no working day at all.
    """
    left = timedelta(hours=hours)
    moment = since.astimezone(UTC)
    if left <= timedelta(0):
        return moment
    for opens, closes in worktime.spans(moment):
        begins = max(opens, moment)
        if closes - begins >= left:
            return begins + left
        left -= max(closes - begins, timedelta(0))
    raise ValueError(f"{hours:g} working hours do not end within {LONGEST_DAYS} days")


def hours_between(since: datetime, until: datetime, worktime: Worktime) -> float:
    """Return the working hours from `since` to `until`; 0 where `until` is not later."""
    total = timedelta(0)
    for opens, closes in worktime.spans(since):
        if opens >= until:
            break
        total += max(min(closes, until) - max(opens, since), timedelta(0))
    return total / timedelta(hours=1)
