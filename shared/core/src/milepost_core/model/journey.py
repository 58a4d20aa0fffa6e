"""How a company measures its onboarding journeys: when one is behind or stuck, and which days people work on.

It never judges a journey (`milestones` does) and never knows what today is.
"""

from dataclasses import dataclass
from datetime import date
from typing import Final

from milepost_core.model.section import DAYS, SPAN, Section

__all__ = ["WEEKDAYS", "Calendar", "Journey", "parse_calendar", "parse_journey"]

WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(frozen=True, slots=True)
class Journey:
    """When a journey is not on track; all in days of 24 hours, but the slip in calendar days."""

    behind_after_days: float = 0.0
    """Behind: a required milestone is later than this."""
    stuck_after_days: float = 14.0
    """Stuck: something is due, and nothing was reached for so long."""
    slip_days: float = 7.0
    """Behind, too: the forecast finish lies more than this after the target."""


@dataclass(frozen=True, slots=True)
class Calendar:
    """The days on which nobody works: delay is counted over all others."""

    weekend: frozenset[int] = frozenset({5, 6})
    """Days of the week, Monday is 0."""
    holidays: frozenset[date] = frozenset()

    def works(self, day: date) -> bool:
        """It is a business day."""
        return day.weekday() not in self.weekend and day not in self.holidays


def parse_journey(section: Section) -> Journey:
    """The journey's limits; what is left out has the defaults above."""
    plain = Journey()
    journey = Journey(
        behind_after_days=section.number("behind_after_days", plain.behind_after_days, DAYS),
        stuck_after_days=section.number("stuck_after_days", plain.stuck_after_days, SPAN),
        slip_days=section.number("slip_days", plain.slip_days, DAYS),
    )
    section.finish()
    return journey


def parse_calendar(section: Section) -> Calendar:
    """The company's calendar: ``weekend`` as days of the week, ``holidays`` as dates; default Monday to Friday."""
    weekend, holidays = section.take("weekend"), section.take("holidays")
    off = Calendar().weekend if weekend is None else frozenset(_weekdays(section, weekend))
    if len(off) == len(WEEKDAYS):
        section.note("weekend", "no day is left to work on", "at most six days of the week")
    calendar = Calendar(off, frozenset(() if holidays is None else _dates(section, holidays)))
    section.finish()
    return calendar


def _weekdays(section: Section, raw: object) -> list[int]:
    listed = raw if isinstance(raw, list | tuple) else [raw]
    found = [WEEKDAYS.index(one) for one in listed if one in WEEKDAYS]
    if len(found) != len(listed):
        section.note("weekend", "names something that is no day of the week", f"a list of {', '.join(WEEKDAYS)}")
    return found


def _dates(section: Section, raw: object) -> list[date]:
    """YAML reads a bare 2026-12-25 as a date, JSON only knows texts."""
    listed = raw if isinstance(raw, list | tuple) else [raw]
    found = [day for one in listed if (day := _date(one)) is not None]
    if len(found) != len(listed):
        section.note("holidays", "holds something that is no date", "a list of dates such as 2026-12-25")
    return found


def _date(raw: object) -> date | None:
    try:
        return date.fromisoformat(raw if isinstance(raw, str) else str(raw))
    except ValueError:
        return None
