"""Claims about schedules: local times become the same instants that a slow reading of every clock finds."""

from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from milepost_core.playbooks.document import WaitStep
from milepost_core.schedules import Calendar, due_of, instant, moment_of

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
ZONES = sorted(zone for zone in available_timezones() if "/" in zone and not zone.startswith(("Etc/", "SystemV/")))
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


@cache
def changes(name: str, year: int) -> tuple[datetime, ...]:
    """The instants at which a zone's clocks were set in a year, to the minute."""
    zone = ZoneInfo(name)
    found = []
    moment, end = datetime(year, 1, 1, tzinfo=UTC), datetime(year + 1, 1, 1, tzinfo=UTC)
    while moment < end:
        if zone.utcoffset(moment.replace(tzinfo=None)) is not None and (
            moment.astimezone(zone).utcoffset() != (moment + 6 * HOUR).astimezone(zone).utcoffset()
        ):
            exact = moment
            while exact.astimezone(zone).utcoffset() == (exact + MINUTE).astimezone(zone).utcoffset():
                exact += MINUTE
            found.append(exact + MINUTE)
        moment += 6 * HOUR
    return tuple(found)


@pytest.mark.parametrize("part", range(4))
def test_every_zone_over_both_clock_changes_reads_as_a_slow_watch_of_its_clocks(part: int) -> None:
    seen = 0
    for name in ZONES[part::4]:
        zone = ZoneInfo(name)
        for change in changes(name, 2024):
            before, after = shown(change - MINUTE, zone), shown(change, zone)
            for wanted in (before, after, min(before, after) + 31 * MINUTE, max(before, after) - 29 * MINUTE):
                at = wanted.replace(second=0, microsecond=0)
                assert instant(at.date(), at.time(), zone) == oracle(at.date(), at.time(), zone), (name, at)
                seen += 1
    assert seen > 300


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
        left -= day.weekday() < 5 and day not in calendar.holidays
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
        ("soon", 0, None),
        (12.0, 0, None),
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
    assert due_of(WaitStep("w", attribute="renewal", timeout_days=2), since, Calendar(), {}) == since + timedelta(
        days=2
    )


def test_days_are_of_24_hours_whatever_the_clocks_do() -> None:
    since = datetime(2026, 3, 28, 12, tzinfo=UTC)

    assert due_of(WaitStep("w", days=1), since, Calendar(BERLIN)) == since + timedelta(hours=24)


def test_a_calendar_without_working_days_counts_plain_days() -> None:
    since = datetime(2026, 3, 2, 9, tzinfo=UTC)
    calendar = Calendar(workdays=frozenset())

    assert due_of(WaitStep("w", business_days=3), since, calendar) == since + timedelta(days=3)
