"""Claims about the arbiter's law: never at night anywhere, never more than a cap, put off without heaps, one answer."""

import hashlib
from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from milepost_core.arbiter import (
    Allow,
    Cap,
    Defer,
    Hours,
    Objection,
    Policy,
    PolicyInvalid,
    Refuse,
    Request,
    Rival,
    Standing,
    Touched,
    arbitrate,
    arbitrate_all,
    document_of,
    objections_now,
    parse_policy,
)
from milepost_core.schedules import Calendar

NOW = datetime(2026, 6, 10, 11, 0, tzinfo=UTC)
OPEN = Standing(hours=None)
ZONES = sorted(zone for zone in available_timezones() if "/" in zone and not zone.startswith(("posix", "right")))


def request(number: int = 0, **parts: Any) -> Request:
    """Return a message of its own number, to Ana, asked for just now."""
    key = hashlib.sha256(str(number).encode()).digest()
    told = {"account": "a", "person": "ana", "channel": "email", "asked_at": NOW} | parts
    return Request(key=key, **told)


def at_home(zone: str = "UTC", opens: time = time(8), closes: time = time(18), **parts: Any) -> Standing:
    """Return the standing of somebody in a zone against whom nothing else stands."""
    return Standing(hours=Hours(Calendar(ZoneInfo(zone), **parts), opens, closes))


@settings(max_examples=300, deadline=None)
@given(
    zone=st.sampled_from(ZONES),
    now=st.integers(0, 5 * 366 * 86_400).map(
        lambda seconds: datetime(2024, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    ),
    opens=st.integers(0, 22),
    length=st.integers(1, 12),
    holidays=st.frozensets(st.dates(date(2024, 1, 1), date(2029, 2, 28)), max_size=20),
    number=st.integers(0, 10**6),
)
def test_nothing_goes_out_outside_of_the_hours_of_any_zone(
    zone: str, now: datetime, opens: int, length: int, *, holidays: frozenset[date], number: int
) -> None:
    """Read off the clock on the wall, without the law's own way of finding windows."""
    closes = time(opens + length) if opens + length < 24 else time(0)
    standing = at_home(zone, time(opens), closes, holidays=holidays)
    verdict = arbitrate(request(number, asked_at=now), standing, Policy(wait_days=60), now)
    moment = now if isinstance(verdict, Allow) else verdict.until if isinstance(verdict, Defer) else None
    assert moment is not None
    wall = moment.astimezone(ZoneInfo(zone))

    assert moment >= now
    assert time(opens) <= wall.time()
    assert closes == time(0) or wall.time() < closes
    assert wall.weekday() < 5
    assert wall.date() not in holidays


@pytest.mark.parametrize(
    ("now", "code"),
    [
        (datetime(2026, 6, 10, 5, 59, tzinfo=UTC), "quiet_hours"),
        (datetime(2026, 6, 10, 6, 0, tzinfo=UTC), None),
        (datetime(2026, 6, 10, 15, 59, 59, tzinfo=UTC), None),
        (datetime(2026, 6, 10, 16, 0, tzinfo=UTC), "quiet_hours"),
        (datetime(2026, 6, 13, 10, 0, tzinfo=UTC), "day_off"),
        (datetime(2026, 6, 11, 10, 0, tzinfo=UTC), "holiday"),
    ],
)
def test_hours_begin_and_end_on_the_minute(now: datetime, code: str | None) -> None:
    standing = at_home("Europe/Berlin", holidays=frozenset({date(2026, 6, 11)}))
    verdict = arbitrate(request(asked_at=now), standing, Policy(), now)

    assert (verdict.code if isinstance(verdict, Defer) else None) == code


def test_what_was_put_off_at_night_is_dealt_out_and_asked_again_the_answer_is_the_same() -> None:
    night, policy = datetime(2026, 6, 10, 2, 0, tzinfo=UTC), Policy(spread_minutes=120)
    verdicts = [arbitrate(request(one, asked_at=night), at_home(), policy, night) for one in range(6_000)]
    minutes = Counter(int((one.until - night).total_seconds()) // 60 for one in verdicts if isinstance(one, Defer))
    again = [arbitrate(request(one, asked_at=night), at_home(), policy, night) for one in range(100)]

    assert sum(minutes.values()) == 6_000
    assert (min(minutes), max(minutes)) == (360, 479)
    assert max(minutes.values()) < 90  # 50 a minute on average
    assert again == verdicts[:100]


@pytest.mark.parametrize(
    ("standing", "until"),
    [
        (at_home(), datetime(2026, 6, 10, 17, 59, tzinfo=UTC)),
        (at_home(opens=time(0), closes=time(0)), datetime(2026, 6, 10, 23, 59, tzinfo=UTC)),
        (at_home(opens=time(0), closes=time(0)), datetime(2026, 6, 12, 23, 59, tzinfo=UTC)),
    ],
)
def test_what_is_put_off_until_shortly_before_closing_is_no_heap(standing: Standing, until: datetime) -> None:
    """The day's last minute takes its own share, and the rest goes on when it opens again."""
    hands_off = replace(standing, objections=(Objection("hands_off", False, "", until),))
    verdicts = [arbitrate(request(one), hands_off, Policy(spread_minutes=120), NOW) for one in range(6_000)]
    minutes = Counter(one.until.replace(second=0, microsecond=0) for one in verdicts if isinstance(one, Defer))

    assert sum(minutes.values()) == 6_000
    assert len(minutes) == 120
    assert max(minutes.values()) < 90  # 50 a minute on average


def test_what_is_open_for_minutes_a_day_is_spread_over_those() -> None:
    short = at_home(opens=time(10), closes=time(10, 15))
    verdicts = [arbitrate(request(one), short, Policy(spread_minutes=120), NOW) for one in range(100)]

    assert {one.until.date() for one in verdicts if isinstance(one, Defer)} == {date(2026, 6, 11)}


@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo", "America/Los_Angeles"])
@pytest.mark.parametrize("standing", [OPEN, None])
def test_hands_off_until_the_end_of_time_is_given_up_at_once(zone: str, standing: Standing | None) -> None:
    forever = Objection("hands_off", False, "", datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC))
    verdict = arbitrate(request(), replace(standing or at_home(zone), objections=(forever,)), Policy(), NOW)

    assert isinstance(verdict, Refuse)
    assert (verdict.outcome, verdict.code) == ("suppressed", "hands_off")


@settings(max_examples=100, deadline=None)
@given(
    most=st.integers(0, 4),
    days=st.sampled_from([1 / 24, 1.0, 7.0]),
    arrivals=st.lists(st.tuples(st.integers(0, 2_000), st.integers(0, 100)), min_size=1, max_size=25),
)
def test_no_span_of_time_holds_more_than_its_cap(most: int, days: float, arrivals: list[tuple[int, int]]) -> None:
    """Play a flow of requests to its end, each asking again when it was told to; then count every span."""
    policy = Policy(caps=(Cap("person", most, days),), wait_days=30, spread_minutes=30)
    waiting = [
        (NOW + timedelta(minutes=minute), request(number, priority=rank, asked_at=NOW + timedelta(minutes=minute)))
        for number, (minute, rank) in enumerate(arrivals)
    ]
    sent: list[Touched] = []
    for _ in range(2_000):
        if not waiting:
            break
        waiting.sort(key=lambda one: (one[0], one[1].key))
        now, one = waiting.pop(0)
        verdict = arbitrate(one, replace(OPEN, touches=tuple(sent)), policy, now)
        if isinstance(verdict, Defer):
            assert verdict.until > now
            waiting.append((verdict.until, one))
        elif isinstance(verdict, Allow):
            sent.append(Touched("ana", now, "email"))
    assert not waiting

    for one in sent:
        inside = [other for other in sent if one.at <= other.at < one.at + timedelta(days=days)]
        assert len(inside) <= most


def test_caps_count_what_they_say_they_count() -> None:
    hour = timedelta(hours=1)
    touches = (
        Touched("ana", NOW - hour, "email"), Touched("ben", NOW - hour, "in_app"),
        Touched("kim", NOW - hour, "email", colleague=True),
    )  # fmt: skip

    def asked(cap: Cap, **parts: Any) -> str:
        verdict = arbitrate(request(**parts), replace(OPEN, touches=touches), Policy(caps=(cap,)), NOW)
        return "allow" if isinstance(verdict, Allow) else verdict.code

    assert asked(Cap("person", 2, 1)) == "allow"
    assert asked(Cap("person", 1, 1)) == "cap_person"
    assert asked(Cap("account", 2, 1)) == "cap_account"
    assert asked(Cap("account", 3, 1)) == "allow"
    assert asked(Cap("account", 2, 1, ("email",))) == "allow"
    assert asked(Cap("account", 1, 1, ("email",)), channel="in_app") == "allow"
    assert asked(Cap("account", 0, 1), person="kim", colleague=True) == "allow"
    assert asked(Cap("colleague", 1, 1), person="kim", colleague=True) == "cap_colleague"
    assert asked(Cap("account", 0, 1), transactional=True) == "allow"
    assert asked(Cap("account", 0, 1), channel="webhook") == "allow"


def test_of_a_batch_those_go_out_that_rank_highest_whatever_their_order() -> None:
    policy = Policy(caps=(Cap("account", 2, 1.0),))
    ranks = [10, 90, 50, 70]
    asked = [(request(number, person=f"p{number}", priority=rank), OPEN) for number, rank in enumerate(ranks)]
    verdicts = arbitrate_all(asked, policy, NOW)
    turned = arbitrate_all(asked[::-1], policy, NOW)[::-1]

    assert [isinstance(one, Allow) for one in verdicts] == [False, True, False, True]
    assert turned == verdicts


def test_the_last_place_is_left_to_a_waiting_message_of_higher_priority_only() -> None:
    policy = Policy(caps=(Cap("person", 1, 1.0),))
    for rank, allowed in ((49, False), (50, True), (51, True)):
        standing = replace(OPEN, rivals=(Rival("ana", "email", 50), Rival("ben", "email", 99)))
        verdict = arbitrate(request(priority=rank), standing, policy, NOW)
        assert isinstance(verdict, Allow) is allowed


def test_what_would_wait_too_long_is_given_up_by_its_own_word() -> None:
    asked = request(asked_at=NOW - timedelta(days=6.9))
    capped = replace(OPEN, touches=(Touched("ana", NOW - timedelta(hours=1), "email"),))
    escalated = replace(OPEN, escalated=True)
    away = replace(OPEN, away_until=NOW + timedelta(days=3))
    answers = [
        arbitrate(asked, capped, Policy(), NOW),
        arbitrate(replace(asked, asked_at=NOW - timedelta(days=7)), escalated, Policy(), NOW),
        arbitrate(replace(asked, colleague=True), away, Policy(), NOW),
        arbitrate(replace(asked, asked_at=NOW), escalated, Policy(), NOW),
    ]

    assert [one.outcome if isinstance(one, Refuse) else "put off" for one in answers] == [
        "capped", "suppressed", "skipped", "put off",
    ]  # fmt: skip


def test_a_booked_call_is_waited_for_and_colleagues_hear_of_trouble() -> None:
    call = NOW + timedelta(hours=20)
    standing = replace(OPEN, call_at=call, escalated=True)
    soon = arbitrate(request(), replace(standing, escalated=False), Policy(), NOW)
    far = arbitrate(request(), replace(OPEN, call_at=NOW + timedelta(days=5)), Policy(), NOW)

    assert isinstance(soon, Defer)
    assert (soon.code, soon.until >= call + timedelta(hours=4)) == ("call_booked", True)
    assert isinstance(far, Allow)
    assert isinstance(arbitrate(request(colleague=True), standing, Policy(), NOW), Allow)
    assert isinstance(arbitrate(request(transactional=True), standing, Policy(), NOW), Allow)
    ignored = Policy(stop_on_call=False, stop_on_escalation=False)
    assert isinstance(arbitrate(request(), standing, ignored, NOW), Allow)


def test_everything_that_stands_in_the_way_is_told_at_once() -> None:
    night = datetime(2026, 6, 10, 2, 0, tzinfo=UTC)
    standing = replace(
        at_home(),
        objections=(Objection("opt_out", True),),
        escalated=True,
        touches=(Touched("ana", night - timedelta(hours=1), "email"),),
    )
    found = objections_now(request(), standing, Policy(), night)

    assert [one.code for one in found if not isinstance(one, Allow)] == [
        "opt_out", "escalated", "quiet_hours", "cap_person",
    ]  # fmt: skip


def test_a_policy_reads_back_as_it_was_said() -> None:
    policy = Policy(
        zone="Europe/Berlin", region="DE-BY", opens=time(7, 30), closes=time(0), workdays=frozenset({0, 6}),
        caps=(Cap("colleague", 5, 0.5, ("slack", "email")),), stop_on_call=False,
    )  # fmt: skip

    assert parse_policy(document_of(policy)) == policy
    assert parse_policy({}) == Policy()
    with pytest.raises(PolicyInvalid):
        parse_policy({"opens": "18:00", "closes": "08:00"})
