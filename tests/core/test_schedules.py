"""Claims about schedules: local times become the same instants that a slow reading of every clock finds."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from itertools import product
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from milepost_core.playbooks.document import WaitStep
from milepost_core.schedules import Calendar, due_of, instant, moment_of

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)
ZONES = sorted(available_timezones())
# Ordinary years and odd ones: places that changed sides of the date line (1994, 1995, 2011), that moved by half an hour
# (2006, 2007, 2015, 2018) or by three (2010, 2011), and what is ruled for years to come.
YEARS = [(1993, 1996), (2006, 2008), (2010, 2012), (2015, 2016), (2018, 2019), (2023, 2028), (2036, 2037)]
MOMENTS = st.integers(315_532_800, 2_082_758_400).map(lambda second: datetime.fromtimestamp(second, UTC))
BERLIN, NEW_YORK, APIA = ZoneInfo("Europe/Berlin"), ZoneInfo("America/New_York"), ZoneInfo("Pacific/Apia")


def shown(moment: datetime, zone: ZoneInfo) -> datetime:
    return moment.astimezone(zone).replace(tzinfo=None)


def oracle(day: date, at: time, zone: ZoneInfo) -> datetime:
    """Watch the clocks there minute by minute until they show that day and time, or later."""
    wanted = datetime.combine(day, at)
    moment = datetime.combine(day, time(0), UTC) - timedelta(hours=30)
    # Whole hours first, as far as no clock of the next hour can have reached it.
    while shown(moment + 3 * HOUR, zone) < wanted and shown(moment + HOUR, zone) < wanted:
        moment += HOUR
    while shown(moment, zone) < wanted:
        moment += MINUTE
    return moment


@dataclass(frozen=True)
class Clocks:
    """What the clocks of a zone showed over a few years: `begins` of each stretch, and their offset in it."""

    begins: tuple[datetime, ...]
    offsets: tuple[timedelta, ...]

    def first(self, wanted: datetime) -> datetime:
        """Go through stretch after stretch for the first instant that shows this or later."""
        last = (*self.begins[1:], datetime.max.replace(tzinfo=UTC))
        for begin, end, offset in zip(self.begins, last, self.offsets, strict=True):
            aware = wanted.replace(tzinfo=UTC)
            if end is last[-1] or aware < end + offset:
                return max(begin, aware - offset)
        raise AssertionError("the last stretch has no end")

    def faces(self) -> Iterator[tuple[datetime, datetime]]:
        """What the clocks showed at each change, by the old and by the new offset."""
        for begin, before, after in zip(self.begins[1:], self.offsets, self.offsets[1:], strict=False):
            yield (begin + before).replace(tzinfo=None), (begin + after).replace(tzinfo=None)


@cache
def clocks(name: str, years: tuple[int, int]) -> Clocks:
    """Look at the clocks of a zone every day, and to the second where they were set in between."""
    zone = ZoneInfo(name)
    moment, end = datetime(years[0] - 1, 12, 20, tzinfo=UTC), datetime(years[1], 1, 1, tzinfo=UTC)
    begins, offsets = [moment], [offset(moment, zone)]
    while moment < end:
        following = moment + DAY
        if offset(following, zone) != offsets[-1]:
            low, high = moment, following
            while high - low > SECOND:
                middle = low + (high - low) // 2
                low, high = (low, middle) if offset(middle, zone) != offsets[-1] else (middle, high)
            begins.append(high.replace(microsecond=0))
            offsets.append(offset(following, zone))
        moment = following
    return Clocks(tuple(begins), tuple(offsets))


def offset(moment: datetime, zone: ZoneInfo) -> timedelta:
    return moment.astimezone(zone).utcoffset() or timedelta()


def around(face: datetime) -> Iterator[datetime]:
    """Local times close to a change of clocks: to the second, the half hour, the hour and the day."""
    for seconds in (0, 1, 59, 900, 1_800, 3_599, 3_600, 5_400, 86_400, 90_000):
        yield face - timedelta(seconds=seconds)
        yield face + timedelta(seconds=seconds)


@pytest.mark.parametrize("years", YEARS)
def test_every_zone_over_every_clock_change_of_these_years_reads_as_a_slow_watch_of_its_clocks(
    years: tuple[int, int],
) -> None:
    seen = 0
    for name in ZONES:
        zone, watch = ZoneInfo(name), clocks(name, years)
        for wanted in (one for faces in watch.faces() for face in faces for one in around(face)):
            if watch.begins[0] + 3 * DAY < wanted.replace(tzinfo=UTC):
                assert instant(wanted.date(), wanted.time(), zone) == watch.first(wanted), (name, wanted)
                seen += 1
    assert seen > 2_000


@pytest.mark.parametrize("years", YEARS)
def test_the_next_time_of_day_in_every_zone_over_every_clock_change_is_never_early_and_never_a_day_late(
    years: tuple[int, int],
) -> None:
    for name in ZONES:
        zone, watch = ZoneInfo(name), clocks(name, years)
        for begin, (before, after) in zip(watch.begins[1:], watch.faces(), strict=True):
            for since, face in product(
                (begin - 25 * HOUR, begin - MINUTE, begin, begin + 30 * MINUTE), (before, after, after - 30 * MINUTE)
            ):
                at = face.time().replace(second=0, microsecond=0)
                first = shown(since, zone).date() - DAY
                comings = (watch.first(datetime.combine(first + n * DAY, at)) for n in range(6))
                due = due_of(WaitStep("w", until=at), since, Calendar(zone))

                assert due == min(moment for moment in comings if moment >= since), (name, since, at)


@pytest.mark.parametrize("leap", [date(2000, 2, 29), date(2024, 2, 29), date(2028, 2, 29)])
def test_every_zone_over_a_leap_day_reads_as_a_slow_watch_of_its_clocks(leap: date) -> None:
    for name in ZONES:
        zone, watch = ZoneInfo(name), clocks(name, (leap.year, leap.year + 1))
        for day, at in product((leap - DAY, leap, leap + DAY), (time(0), time(2, 30), time(12), time(23, 59))):
            assert instant(day, at, zone) == watch.first(datetime.combine(day, at)), (name, day, at)
        since, calendar = (
            watch.first(datetime.combine(leap - DAY, time(10))),
            Calendar(zone, workdays=frozenset(range(7))),
        )
        ends = [watch.first(datetime.combine(leap + n * DAY, time(10))) for n in (0, 1)]
        assert [due_of(WaitStep("w", business_days=n), since, calendar) for n in (1, 2)] == ends, name
        assert moment_of((leap - 30 * DAY).isoformat(), 30, calendar) == watch.first(datetime.combine(leap, time(9)))


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(ZONES),
    st.dates(date(1975, 1, 2), date(2036, 12, 30)) | st.sampled_from([date(2024, 2, 29), date(2028, 2, 29)]),
    st.times().map(lambda at: at.replace(second=0, microsecond=0)),
)
def test_any_day_in_any_zone_reads_as_a_slow_watch_of_its_clocks(name: str, day: date, at: time) -> None:
    zone = ZoneInfo(name)
    assert instant(day, at, zone) == oracle(day, at, zone)


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(ZONES),
    MOMENTS,
    st.times().map(lambda at: at.replace(second=0, microsecond=0)),
)
def test_the_next_time_of_day_is_never_early_and_never_a_day_late(name: str, since: datetime, at: time) -> None:
    zone = ZoneInfo(name)
    due = due_of(WaitStep("w", until=at), since, Calendar(zone))
    assert due is not None
    days = [shown(since, zone).date() + timedelta(days=n) for n in (-1, 0, 1, 2, 3)]

    assert due == min(moment for day in days if (moment := oracle(day, at, zone)) >= since)


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(ZONES),
    MOMENTS,
    st.integers(1, 30),
    st.sets(st.dates(date(1980, 1, 1), date(2036, 3, 1)), max_size=5),
)
def test_working_days_are_counted_as_a_person_would_on_a_wall_calendar(
    name: str, since: datetime, count: int, holidays: set[date]
) -> None:
    zone = ZoneInfo(name)
    calendar = Calendar(zone, holidays=frozenset(holidays | {shown(since, zone).date() + timedelta(days=2)}))
    day, left = shown(since, zone).date(), count
    while left:
        day += timedelta(days=1)
        was = shown(oracle(day, time(0), zone), zone).date() == day
        left -= was and day.weekday() < 5 and day not in calendar.holidays
    due = due_of(WaitStep("w", business_days=count), since, calendar)

    assert due == max(since, instant(day, shown(since, zone).time(), zone))
    assert calendar.works_on(day)


@pytest.mark.parametrize(
    ("day", "at", "zone", "expected"),
    [
        # The clocks leap from 02:00 to 03:00: the first instant after the leap.
        (date(2026, 3, 29), time(2, 30), BERLIN, "2026-03-29T01:00:00+00:00"),
        (date(2026, 3, 8), time(2, 0), NEW_YORK, "2026-03-08T07:00:00+00:00"),
        # 02:30 comes twice: its first coming.
        (date(2026, 10, 25), time(2, 30), BERLIN, "2026-10-25T00:30:00+00:00"),
        # A day that never was: the beginning of the next one.
        (date(2011, 12, 30), time(9, 0), APIA, "2011-12-30T10:00:00+00:00"),
        (date(2024, 2, 29), time(12, 0), BERLIN, "2024-02-29T11:00:00+00:00"),
    ],
)
def test_leaps_and_repetitions_by_heart(day: date, at: time, zone: ZoneInfo, expected: str) -> None:
    assert instant(day, at, zone) == datetime.fromisoformat(expected)


@pytest.mark.parametrize(
    ("value", "offset", "expected"),
    [
        ("2026-03-01", 0, "2026-03-01T08:00:00+00:00"),
        ("2026-03-01", -1, "2026-02-28T08:00:00+00:00"),
        ("2024-02-29", 365, "2025-02-28T08:00:00+00:00"),
        ("2026-07-01T15:30", 0, "2026-07-01T13:30:00+00:00"),
        ("2026-07-01T15:30:00Z", 1, "2026-07-02T15:30:00+00:00"),
        # One day before the change, at the same local time: not 24 hours.
        ("2026-03-30T09:00", -2, "2026-03-28T08:00:00+00:00"),
        # As HubSpot writes a day, and a moment.
        ("1811808000000", 0, "2027-06-01T07:00:00+00:00"),
        (1811808000000.0, -1, "2027-05-31T07:00:00+00:00"),
        ("1811860200000", 1, "2027-06-02T14:30:00+00:00"),
        ("soon", 0, None),
        ("", 0, None),
        ("2027/06/01", 0, None),
        ("01.06.2027", 0, None),
        ("2027-06", 0, None),
        ("20270601", 0, None),
        ("2027-W22-2", 0, None),
        ("2027-02-29", 0, None),
        ("2027-06-01 ", 0, None),
        ("1811808000", 0, None),
        (12.0, 0, None),
        (True, 0, None),
        ("9999-12-31", 400, None),
    ],
)
def test_a_date_of_an_account_is_a_moment_in_its_own_morning(value: object, offset: int, expected: str | None) -> None:
    found = moment_of(value, offset, Calendar(BERLIN))  # type: ignore[arg-type]

    assert found == (None if expected is None else datetime.fromisoformat(expected))


def test_a_date_that_has_passed_ends_the_wait_at_once_and_a_missing_one_never() -> None:
    since = datetime(2026, 3, 2, tzinfo=UTC)
    wait = WaitStep("w", attribute="renewal")

    assert due_of(wait, since, Calendar(), {"renewal": "2026-01-01"}) == since
    assert due_of(wait, since, Calendar(), {}) is None
    assert due_of(wait, since, Calendar(), {"renewal": "2036-02-27"}) == datetime(2036, 2, 27, 9, tzinfo=UTC)
    assert due_of(wait, since, Calendar(), {"renewal": "2036-02-29"}) is None, "ten years are no wait"


def test_a_day_that_never_was_is_no_working_day() -> None:
    since = instant(date(2011, 12, 29), time(10), APIA)
    due = due_of(WaitStep("w", business_days=1), since, Calendar(APIA))

    assert due == instant(date(2012, 1, 2), time(10), APIA), "the Friday was leapt over"


def test_days_are_of_24_hours_whatever_the_clocks_do() -> None:
    since = datetime(2026, 3, 28, 12, tzinfo=UTC)

    assert due_of(WaitStep("w", days=1), since, Calendar(BERLIN)) == since + timedelta(hours=24)


def test_a_calendar_without_working_days_counts_plain_days() -> None:
    since = datetime(2026, 3, 2, 9, tzinfo=UTC)
    calendar = Calendar(workdays=frozenset())

    assert due_of(WaitStep("w", business_days=3), since, calendar) == since + timedelta(days=3)
