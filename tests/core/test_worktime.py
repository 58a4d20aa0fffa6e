"""Claims about working hours: they equal a walk in minutes, and stand still at night, at weekends and on holidays."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from milepost_core.schedules import Calendar
from milepost_core.worktime import Worktime, hours_after, hours_between

ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Apia"]
FRIDAY = datetime(2026, 3, 6, 16, 0, tzinfo=UTC)


def hours_of(zone: str = "UTC", *holidays: date) -> Worktime:
    return Worktime(Calendar(zone=ZoneInfo(zone), holidays=frozenset(holidays)), time(9), time(17))


def walked(since: datetime, minutes: int, zone: str) -> datetime:
    """The slow oracle: look at the clock on the wall minute by minute, and count those in which somebody works."""
    moment, left = since, minutes
    while left > 0:
        local = moment.astimezone(ZoneInfo(zone))
        if local.weekday() < 5 and time(9) <= local.time().replace(microsecond=0) < time(17):
            left -= 1
        moment += timedelta(minutes=1)
    return moment


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 366 * 24 * 60), st.integers(1, 24 * 60), st.sampled_from(ZONES))
def test_so_many_hours_of_work_end_where_a_walk_over_the_minutes_ends(start: int, minutes: int, zone: str) -> None:
    since = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=start)

    assert hours_after(since, minutes / 60, hours_of(zone)) == walked(since, minutes, zone)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 366 * 24 * 60), st.floats(0.1, 200), st.sampled_from(ZONES))
def test_what_was_added_is_what_lies_between(start: int, hours: float, zone: str) -> None:
    since = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=start)

    assert hours_between(since, hours_after(since, hours, hours_of(zone)), hours_of(zone)) == pytest.approx(hours)


def test_two_hours_from_friday_at_four_end_on_monday_at_ten() -> None:
    assert hours_after(FRIDAY, 2, hours_of()) == datetime(2026, 3, 9, 10, 0, tzinfo=UTC)


def test_a_holiday_holds_no_hour_of_work() -> None:
    assert hours_after(FRIDAY, 2, hours_of("UTC", date(2026, 3, 9))) == datetime(2026, 3, 10, 10, 0, tzinfo=UTC)


def test_no_hours_are_over_at_once_and_the_past_holds_none() -> None:
    assert hours_after(FRIDAY, 0, hours_of()) == FRIDAY
    assert hours_between(FRIDAY, FRIDAY - timedelta(days=3), hours_of()) == 0


def test_hours_that_never_come_are_refused() -> None:
    with pytest.raises(ValueError, match="do not end"):
        hours_after(FRIDAY, 1, Worktime(Calendar(workdays=frozenset()), time(9), time(17)))


def test_midnight_closes_the_day_that_it_ends() -> None:
    late = Worktime(Calendar(zone=ZoneInfo("Europe/Berlin")), time(22), time(0))
    always = Worktime(Calendar(workdays=frozenset(range(7))), time(0), time(0))
    monday = datetime(2026, 3, 9, 21, 0, tzinfo=UTC)

    assert hours_after(FRIDAY, 2, late) == datetime(2026, 3, 6, 23, 0, tzinfo=UTC)
    assert hours_after(FRIDAY, 2.5, late) == monday + timedelta(minutes=30)
    assert hours_after(FRIDAY, 100, always) == FRIDAY + timedelta(hours=100)
    assert hours_between(FRIDAY, FRIDAY + timedelta(hours=100), always) == 100
