"""Calendars: on which days people in a region work: public holidays as they are known, and the company's own days.

It never decides what a day off means, and it asks nobody over the network.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import lru_cache
from types import MappingProxyType
from zoneinfo import ZoneInfo

import holidays

from milepost_core.arbiter import is_region
from milepost_core.schedules import Calendar

EVERYWHERE = ""
# How far around a day its calendar reaches: beyond the longest wait of a message and the longest count of days, which
# may have begun that long ago.
_BEFORE, _AFTER = timedelta(days=400), timedelta(days=400)


class RegionUnknown(Exception):
    """The text is no region, or nobody knows its public holidays."""


@dataclass(frozen=True)
class Calendars:
    """Makes the calendar of any place; `own` holds the company's days by region, the empty one for everywhere."""

    own: Mapping[str, frozenset[date]] = field(default_factory=lambda: MappingProxyType({}))

    @classmethod
    def with_days(cls, days: Iterable[tuple[str, date]]) -> "Calendars":
        """Return calendars with these days of the company's own: region and day."""
        gathered: dict[str, set[date]] = {}
        for region, day in days:
            gathered.setdefault(region, set()).add(day)
        return cls({region: frozenset(found) for region, found in gathered.items()})

    def of(self, zone: str, region: str, around: date, workdays: frozenset[int] = frozenset(range(5))) -> Calendar:
        """Return the calendar of a place for the years before and after a day.

        Raises ZoneInfoNotFoundError for a zone that this machine does not know. A region that nobody knows has no
        public holidays; a part of a country has its country's own days as well.
        """
        region = region.strip().upper()
        country = region.partition("-")[0]
        days = {day for name in {EVERYWHERE, country, region} for day in self.own.get(name, ())}
        for year in range((around - _BEFORE).year, (around + _AFTER).year + 1):
            days |= public_days(region, year)
        return Calendar(ZoneInfo(zone), region, frozenset(days), workdays)


@lru_cache(maxsize=4_096)
def public_days(region: str, year: int) -> frozenset[date]:
    """Return the public holidays of a region such as DE, DE-BY or US-CA in a year; none where nobody knows them.

    Of a part that nobody knows it returns those of its country.
    """
    named = named_days(region, year) or named_days(region.partition("-")[0], year)
    return frozenset(named)


def check_region(region: str) -> None:
    """Raise RegionUnknown for what is no region whose public holidays are known; the empty one is every region."""
    if not is_region(region) or (region and not is_known(region)):
        raise RegionUnknown(f"{region[:20]!r} is no region that we know: write DE, DE-BY or US-CA")


def is_known(region: str) -> bool:
    """Tell whether the public holidays of a region are known."""
    country, _, part = region.partition("-")
    if not country:
        # Most accounts name no region: the calendars of all countries take half a second to load.
        return False
    known = _countries()
    return country in known and (not part or part in known[country])


@lru_cache(maxsize=1)
def _countries() -> Mapping[str, Collection[str]]:
    """The countries of which holidays are known, with their parts."""
    return MappingProxyType({name: frozenset(parts) for name, parts in holidays.list_supported_countries().items()})


def named_days(region: str, year: int) -> dict[date, str]:
    """Return the public holidays of a region in a year by day, each with its name in the region's own language."""
    country, _, part = region.partition("-")
    if not is_known(region):
        return {}
    return dict(holidays.country_holidays(country, subdiv=part or None, years=year))
