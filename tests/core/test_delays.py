"""Claims about delay clocks: every late business day is charged to exactly one side, whatever the calendar does."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from milepost_core.delays import SIDES, Delay, DelayWord, charge, days_late, delays_of, total
from milepost_core.milestones import Plan, PlannedMilestone
from milepost_core.model.journey import Calendar

ZONES = ["UTC", "America/Los_Angeles", "Europe/Berlin", "Asia/Kolkata", "Pacific/Apia"]
CALENDAR = Calendar(holidays=frozenset({date(2028, 3, 1), date(2026, 5, 1)}))
# The time changes in March; 2028 has a 29 February; in 2011 Apia left a day out.
_SPANS = (datetime(2028, 2, 1, tzinfo=UTC), 90), (datetime(2011, 12, 20, tzinfo=UTC), 20)


@st.composite
def _moments(draw: st.DrawFn) -> datetime:
    first, days = draw(st.sampled_from(_SPANS))
    return first + timedelta(minutes=draw(st.integers(0, days * 1440)))


moments = _moments()


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def sso(due: str, done: str | None = None, side: str = "customer") -> PlannedMilestone:
    return PlannedMilestone("sso", "SSO", at(due), None if done is None else at(done), side=side)


def charged(
    one: PlannedMilestone, delays: Sequence[Delay], as_of: str, calendar: Calendar = CALENDAR
) -> tuple[int, ...]:
    counts = charge(Plan(at("2026-01-01"), (one,)), delays, calendar, at(as_of)).get("sso", {})
    return tuple(counts.get(side, 0) for side in SIDES)


def test_business_days_after_the_day_up_to_the_completion_are_late() -> None:
    # Due on Friday 24 April 2026, done on Tuesday 5 May: Friday 1 May is a holiday.
    assert charged(sso("2026-04-24", "2026-05-05T15:00"), (), "2026-06-01") == (6, 0, 0)
    assert charged(sso("2026-04-24", side="us"), (), "2026-04-25T12:00") == (0, 0, 0)
    assert charged(sso("2026-04-24", side="us"), (), "2026-04-27T00:00") == (0, 1, 0)
    assert charged(sso("2026-04-24", "2026-04-24T09:00"), (), "2026-06-01") == (0, 0, 0)


def test_a_milestone_in_time_or_without_a_day_costs_nobody_a_day() -> None:
    plan = Plan(at("2026-01-01"), (sso("2026-04-24", "2026-04-20"), PlannedMilestone("someday", "Someday")))
    assert charge(plan, (), CALENDAR, at("2027-01-01")) == {}


def test_the_newest_waiting_of_a_day_counts_and_the_milestones_own_before_one_for_all() -> None:
    late = sso("2026-04-24", "2026-05-05")
    general = Delay("g", "us", at("2026-04-01"))
    own = Delay("o", "third_party", at("2026-04-28T10:00"), at("2026-04-29T10:00"), "sso")
    newer = Delay("n", "customer", at("2026-04-30"), None)
    other = Delay("x", "customer", at("2026-04-01"), None, "import")
    assert charged(late, [general], "2026-06-01") == (0, 6, 0)
    assert charged(late, [general, own, other], "2026-06-01") == (0, 4, 2)
    assert charged(late, [general, own, newer], "2026-06-01") == (3, 1, 2)
    assert charged(late, [newer, own, general], "2026-06-01") == (3, 1, 2)


def test_what_ended_at_midnight_did_not_touch_the_next_day() -> None:
    delay = Delay("d", "us", at("2026-04-27"), at("2026-04-28"), "sso")
    assert charged(sso("2026-04-24"), [delay], "2026-04-28T12:00") == (1, 1, 0)


def test_another_weekend_is_the_models_word() -> None:
    gulf = Calendar(weekend=frozenset({4, 5}))
    assert charged(sso("2026-04-23"), (), "2026-04-27", gulf) == (2, 0, 0)


def test_words_make_the_same_waitings_in_whatever_order_they_came() -> None:
    words = [
        DelayWord("a", at("2026-04-01"), "1", "us", "sso", "short of people"),
        DelayWord("b", at("2026-04-02"), "2", "customer"),
        DelayWord("end-b", at("2026-04-05"), "3", ends="b"),
        DelayWord("end-sso", at("2026-04-09"), "4", item="sso"),
        DelayWord("c", at("2026-04-09"), "5", "third_party", "sso"),
        DelayWord("odd", at("2026-04-09"), "6", "the moon"),
    ]
    expected = (
        Delay("a", "us", at("2026-04-01"), at("2026-04-09"), "sso", "short of people"),
        Delay("b", "customer", at("2026-04-02"), at("2026-04-05")),
        Delay("c", "third_party", at("2026-04-09"), None, "sso"),
    )
    assert delays_of(words) == delays_of(reversed(words)) == expected


@st.composite
def delays(draw: st.DrawFn) -> Delay:
    start = draw(moments)
    lasts = draw(st.none() | st.floats(0, 40))
    end = None if lasts is None else start + timedelta(days=lasts)
    return Delay(
        str(draw(st.integers(0, 99))), draw(st.sampled_from(SIDES)), start, end, draw(st.sampled_from([None, "sso"]))
    )


@given(
    due=moments,
    done=st.none() | moments,
    now=moments,
    said=st.lists(delays(), max_size=6),
    zone=st.sampled_from(ZONES),
    side=st.sampled_from(SIDES),
)
def test_every_late_business_day_is_charged_exactly_once(
    due: datetime, done: datetime | None, now: datetime, said: list[Delay], zone: str, side: str
) -> None:
    said = sorted(said, key=lambda one: one.started_at)
    one = PlannedMilestone("sso", "SSO", due, done, side=side)
    plan = Plan(at("2011-01-01"), (one,), zone=ZoneInfo(zone))
    counts = charge(plan, said, CALENDAR, now).get("sso", dict.fromkeys(SIDES, 0))
    slow = _slowly(one, said, ZoneInfo(zone), now)
    assert counts == slow
    assert sum(counts.values()) == days_late(one, CALENDAR, ZoneInfo(zone), now)
    assert total([counts, counts]) == {name: 2 * days for name, days in counts.items()}


def _slowly(one: PlannedMilestone, said: list[Delay], zone: ZoneInfo, now: datetime) -> dict[str, int]:
    """Day by day: who was waited for on it, by the words that touch it."""
    counts = dict.fromkeys(SIDES, 0)
    end = now if one.done_at is None else min(one.done_at, now)
    assert one.due_at is not None
    if end <= one.due_at:
        return counts
    day, last = one.due_at.astimezone(zone).date() + timedelta(days=1), end.astimezone(zone).date()
    while day <= last:
        if CALENDAR.works(day):
            touching = [d for d in said if _first(d, zone) <= day <= _last(d, zone)]
            own = [d for d in touching if d.item == "sso"] or touching
            counts[own[-1].side if own else one.side] += 1
        day += timedelta(days=1)
    return counts


def _first(delay: Delay, zone: ZoneInfo) -> date:
    return delay.started_at.astimezone(zone).date()


def _last(delay: Delay, zone: ZoneInfo) -> date:
    if delay.ended_at is None:
        return date.max
    return (delay.ended_at - timedelta(microseconds=1)).astimezone(zone).date()


@pytest.mark.parametrize("year", [1, 9999])
def test_days_at_the_edge_of_the_calendar_break_nothing(year: int) -> None:
    one = replace(sso("2026-04-24"), due_at=datetime(year, 1, 1, tzinfo=UTC))
    plan = Plan(at("2026-01-01"), (one,), zone=ZoneInfo("America/Los_Angeles"))
    counts = charge(plan, (), CALENDAR, at("2026-05-01")).get("sso", {})
    assert (sum(counts.values()) > 0) == (year == 1)
