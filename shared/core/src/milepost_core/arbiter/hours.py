"""Hours in which somebody may be written to, as clocks show them where they live; it looks at no clock itself.

It never says whether a message is worth sending.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from typing import Final

from milepost_core.schedules import Calendar, instant

# Further ahead nobody opens: every region works on some day of any two months.
LOOK_DAYS: Final = 62
MIDNIGHT: Final = time(0)


@dataclass(frozen=True)
class Window:
    """A span of moments in which messages may go out: `begins` belongs to it, `ends` does not."""

    begins: datetime
    ends: datetime


@dataclass(frozen=True)
class Hours:
    """From `opens` until `closes` (00:00: the end of the day) on the working days of a calendar."""

    calendar: Calendar = field(default_factory=Calendar)
    opens: time = MIDNIGHT
    closes: time = MIDNIGHT

    def window(self, moment: datetime) -> Window | None:
        """Return the window that a moment lies in, or else the next one; None: there is none in two months.

        Windows that touch (days that are open around the clock) stay apart, one a day.
        """
        return next((one for one in self._windows(moment) if one.ends > moment), None)

    def after(self, moment: datetime, share: float, of: timedelta) -> datetime | None:
        """Return when a share (0..1) of a span has passed since a moment, counting open hours only; None as above.

        The span is at most as long as the next window as a whole: what opens for an hour a day is not spread over days.
        """
        left: timedelta | None = None
        for window in self._windows(moment):
            if window.ends <= moment:
                continue
            left = share * min(of, window.ends - window.begins) if left is None else left
            begins = max(window.begins, moment)
            if left < window.ends - begins:
                return begins + left
            left -= window.ends - begins
        return None

    def open_time(self, moment: datetime, until: datetime, most: timedelta) -> timedelta:
        """Return how much of the time between two moments is open, at most so much."""
        found = timedelta(0)
        for window in self._windows(moment):
            if found >= most or window.begins >= until:
                break
            found += max(min(window.ends, until) - max(window.begins, moment), timedelta(0))
        return min(found, most)

    def _windows(self, moment: datetime) -> Iterator[Window]:
        # The day before counts as well: after a change of clocks its end may still lie ahead.
        zone = self.calendar.zone
        first = moment.astimezone(zone).date() - timedelta(days=1)
        for ahead in range(LOOK_DAYS):
            day = first + timedelta(days=ahead)
            if not self.calendar.works_on(day):
                continue
            closing = day if self.closes != MIDNIGHT else day + timedelta(days=1)
            window = Window(instant(day, self.opens, zone), instant(closing, self.closes, zone))
            if window.begins < window.ends:
                yield window


def place_of(calendar: Calendar) -> str:
    """Return the name of a calendar's zone, as people write it."""
    return str(calendar.zone) if calendar.zone is not UTC else "UTC"
