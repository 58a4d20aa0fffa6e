"""Claims about what a plan shows: in words and days, and that it shows nothing else before its next turn."""

from dataclasses import replace
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.steps import START, day, plan, step

from milepost_core.milestones import Plan
from scoring_api.scores.planning import milestones_of, next_turn


def test_a_plan_is_counted_and_the_milestone_that_is_due_first_comes_next() -> None:
    shown = milestones_of(plan(step("kickoff", 3, 5), step("sso", 14), step("import", 21), step("someday")), day(16.5))
    assert (shown.done, shown.due, shown.late, shown.journey) == (1, 2, 1, "behind")
    assert shown.next is not None
    assert (shown.next.id, shown.next.days_late) == ("sso", 2)
    assert [one.days_late for one in shown.items] == [2, 2, 0, 0]
    assert shown.forecast is not None
    assert (shown.forecast.likely_on, shown.forecast.because) == (None, "no_duration")


def test_without_a_plan_there_is_no_journey() -> None:
    for nothing in (None, plan()):
        shown = milestones_of(nothing, day(1))
        assert (shown.journey, shown.forecast, shown.items) == (None, None, ())


@pytest.mark.parametrize(
    ("one", "at", "sentence"),
    [
        (plan(step("sso", 14)), 5, "On track."),
        (plan(step("kickoff", 3, 5), step("sso", 14)), 15, "Behind: sso is late."),
        (plan(step("sso", 14)), 15, "Stuck: sso is late, and nothing was reached since 2026-03-01."),
        (plan(step("sso", 14, 13)), 15, "Done: every milestone that counts is reached."),
        (
            plan(step("kickoff", 3, 13), step("sso", 14, after=("kickoff",))),
            14,
            "Behind: at this pace the plan ends 22 days after its target.",
        ),
    ],
)
def test_a_journey_says_in_words_how_it_stands(one: Plan, at: float, sentence: str) -> None:
    assert milestones_of(one, day(at)).sentence == sentence


def test_the_next_turn_is_the_next_thing_that_shows() -> None:
    one = plan(step("kickoff", 3, 2), step("sso", 14), step("import", 40))
    tick = timedelta(microseconds=1)
    turns = [next_turn(one, day(at)) for at in (4, 7, 14)]
    # From the twelfth day on what is left of single sign-on moves its forecast every night.
    assert turns == [day(7), day(12), day(14) + tick]
    assert next_turn(one, day(14.5)) == day(15)
    assert next_turn(plan(step("sso", 14, 13)), day(20)) is None
    assert next_turn(plan(), day(20)) is None


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    steps = []
    for n in range(draw(st.integers(1, 4))):
        due, work = draw(st.none() | st.integers(0, 120)), draw(st.none() | st.integers(0, 30))
        done = draw(st.none() | st.integers(0, 40))
        after = draw(st.sampled_from([(), ("m0",), ("m1", "m2"), ("m3",)]))
        required = draw(st.booleans())
        one = step(f"m{n}", None if due is None else due / 2, done and done / 2, after=after, required=required)
        steps.append(replace(one, work_days=None if work is None else work / 2))
    zone = draw(st.sampled_from(["UTC", "America/Los_Angeles", "Asia/Kolkata"]))
    return replace(plan(*steps, behind_after_days=draw(st.sampled_from([0.0, 1.5]))), zone=ZoneInfo(zone))


@settings(max_examples=300, deadline=None)
@given(plans(), st.integers(20 * 24, 70 * 24), st.floats(0, 1))
def test_before_its_next_turn_a_plan_shows_nothing_else(one: Plan, hours: int, share: float) -> None:
    at = START + timedelta(hours=hours)
    turn = next_turn(one, at)
    assert turn is None or turn > at
    later = at + (min(turn or at + timedelta(days=30), at + timedelta(days=30)) - at) * share
    if turn is None or later < turn:
        assert milestones_of(one, later) == milestones_of(one, at)
