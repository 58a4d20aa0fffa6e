"""Claims about forecasts: the longest way at the account's own pace, never before now, never a guess."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.steps import START, day, plan, step

from milepost_core.forecasting import forecast_of, pace_of
from milepost_core.milestones import Plan, PlannedMilestone


def chain(*done: float) -> Plan:
    """Three milestones, one after the other, ten days each; the first are done on these days."""
    days = [*done, *[None] * 3][:3]
    names = ("design", "build", "train")
    steps = [step(name, 10.0 * (n + 1), days[n], after=names[n - 1 : n] if n else ()) for n, name in enumerate(names)]
    return plan(*steps)


def test_at_the_plans_pace_it_ends_on_its_target() -> None:
    found = forecast_of(chain(), day(0))
    assert found.finish is not None
    assert (found.finish.at_plan_pace, found.finish.at_own_pace) == (day(30), day(30))
    assert (found.pace, found.seen, found.slip_days, found.critical) == (1.0, 0, 0, ("design", "build", "train"))


def test_what_took_twice_as_long_slows_what_is_left_and_few_data_count_little() -> None:
    # One of one took twice as long, two as planned are added: (1·2 + 2) / 3.
    pace, seen = pace_of(chain(20))
    assert (round(pace, 9), seen) == (round(4 / 3, 9), 1)
    found = forecast_of(chain(20), day(20))
    assert found.finish is not None
    assert found.finish.at_plan_pace == day(40)
    assert found.finish.at_own_pace == pytest.approx(day(20 + 20 * 4 / 3), abs=timedelta(seconds=1))
    assert found.slip_days == 16
    assert pace_of(chain(20, 40))[0] == pytest.approx(1.5)


def test_an_account_that_is_fast_is_expected_sooner_than_planned() -> None:
    found = forecast_of(chain(4, 8), day(8))
    assert found.finish is not None
    assert found.pace == pytest.approx((2 * 0.4 + 2) / 4)
    assert found.finish.earliest == found.finish.at_own_pace < found.finish.at_plan_pace == day(18)


def test_one_moment_has_one_forecast_and_another_plan_its_own() -> None:
    one = chain(20.0)

    assert forecast_of(one, day(25)) is forecast_of(one, day(25))
    assert forecast_of(one, day(25)) != forecast_of(one, day(60))
    assert forecast_of(replace(one, start_at=day(-30)), day(25)) != forecast_of(one, day(25))


@pytest.mark.parametrize("due", [-60, -10, 0])
def test_no_day_before_the_start_counts_as_planned_or_worked(due: float) -> None:
    one = plan(step("kickoff", due, 0.0), step("switch", 30, after=("kickoff",)))
    found = forecast_of(one, day(0))
    assert found.finish is not None
    assert (found.finish.at_plan_pace, found.slip_days) == (day(30), 0)
    # What was done before the start took no longer for that: both had the same ten days.
    early = [plan(step("kickoff", due, done), step("switch", 10, 10, after=("kickoff",))) for done in (due, 0)]
    assert pace_of(early[0]) == pace_of(early[1]) == (1.0, 1)


def test_pace_is_bounded() -> None:
    assert pace_of(chain(500, 1000, 1500))[0] == 3.0
    assert pace_of(plan(*(step(f"m{n}", 20, 0) for n in range(12))))[0] == 0.5


def test_what_is_open_has_a_tenth_of_its_work_before_it() -> None:
    found = forecast_of(chain(10), day(26))
    assert found.milestones["build"].at_plan_pace == day(26)
    assert found.milestones["build"].at_own_pace == day(27)
    assert found.milestones["train"].at_own_pace == day(37)


def test_slack_takes_up_delay_and_nobody_begins_before_the_plan_has_them_begin() -> None:
    steps = (step("kickoff", 3), step("rollout", 75, after=("kickoff",), work_days=10))
    early = forecast_of(plan(replace(steps[0], done_at=day(1)), steps[1]), day(2))
    late = forecast_of(plan(replace(steps[0], done_at=day(60)), steps[1]), day(60))
    assert early.finish is not None
    assert late.finish is not None
    assert early.finish.at_plan_pace == late.finish.at_plan_pace == day(75)


@pytest.mark.parametrize(
    ("one", "because"),
    [
        (plan(), "no_plan"),
        (plan(step("a", 3, 2)), "finished"),
        (plan(step("a")), "no_duration"),
        (plan(step("a"), step("b", 9, after=("a",))), "no_duration"),
    ],
)
def test_where_nobody_can_know_there_is_no_forecast(one: Plan, because: str) -> None:
    found = forecast_of(one, day(1))
    assert (found.finish, found.because, found.slip_days) == (None, because, None)


def test_what_is_optional_does_not_decide_the_end() -> None:
    found = forecast_of(plan(step("a", 10), step("extra", 90, required=False), step("vague", required=False)), day(1))
    assert found.finish is not None
    assert (found.finish.at_own_pace, found.unknown) == (day(10), ("vague",))
    assert set(found.milestones) == {"a", "extra"}


def test_a_plan_that_waits_in_a_circle_is_dated_all_the_same() -> None:
    one = plan(
        step("a", 10, after=("c",)),
        step("b", 20, after=("a",)),
        step("c", 30, after=("b",)),
        step("d", 5, after=("d",)),
    )
    found = forecast_of(one, day(0))
    assert found.finish is not None
    assert found.circular == ("d", "a")
    assert set(found.milestones) == {"a", "b", "c", "d"}


def test_moments_at_the_edge_of_the_calendar_break_nothing() -> None:
    edge = (replace(step("a"), due_at=day(0).replace(year=9999)), replace(step("b"), due_at=day(0).replace(year=1)))
    for at in (day(0), day(0).replace(year=9000)):
        assert forecast_of(plan(*edge, step("c", 5, work_days=1e9, after=("a", "b"))), at).finish is not None


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """Plans with all kinds of dependencies, circles among them; the first few milestones are done."""
    steps: list[PlannedMilestone] = []
    for n in range(draw(st.integers(1, 6))):
        work = draw(st.none() | st.floats(0, 40))
        after = draw(st.lists(st.sampled_from([f"m{k}" for k in range(6)]), max_size=3, unique=True))
        one = step(f"m{n}", draw(st.none() | st.integers(0, 90)), work_days=work, after=tuple(after))
        steps.append(replace(one, done_at=draw(st.none() | st.integers(0, 30).map(day))))
    return plan(*steps)


@given(plans(), st.integers(30, 120), st.integers(0, 60))
def test_while_nothing_happens_no_forecast_comes_nearer(one: Plan, at: int, later: int) -> None:
    now, then = forecast_of(one, day(at)), forecast_of(one, day(at + later))
    assert now.milestones.keys() == then.milestones.keys()
    for name, expected in now.milestones.items():
        assert day(at) <= expected.earliest <= expected.latest
        assert expected.at_plan_pace <= then.milestones[name].at_plan_pace
        assert expected.at_own_pace <= then.milestones[name].at_own_pace
    assert (now.finish is None) == (then.finish is None)


@given(plans(), st.integers(1, 40))
def test_what_was_reached_last_brings_no_end_nearer_by_being_later(one: Plan, delay: int) -> None:
    done = [m for m in one.milestones if m.done_at is not None]
    if not done:
        return
    last = max(done, key=lambda m: (m.done_at or START, m.id))
    if any(last.id in m.after for m in done):
        return
    assert last.done_at is not None
    slower = replace(last, done_at=last.done_at + timedelta(days=delay))
    moved = replace(one, milestones=tuple(slower if m.id == last.id else m for m in one.milestones))
    before, after = forecast_of(one, day(80)), forecast_of(moved, day(80))
    assert before.pace <= after.pace
    for name, expected in before.milestones.items():
        assert expected.at_own_pace <= after.milestones[name].at_own_pace
        assert expected.at_plan_pace <= after.milestones[name].at_plan_pace


@given(plans(), st.integers(1, 30))
def test_what_takes_more_work_is_never_done_sooner(one: Plan, more: int) -> None:
    heavier = replace(one, milestones=tuple(_heavier(m, more) for m in one.milestones))
    before, after = forecast_of(one, day(40)), forecast_of(heavier, day(40))
    if before.finish is not None and after.finish is not None and before.pace == after.pace:
        assert before.finish.at_plan_pace <= after.finish.at_plan_pace


def _heavier(one: PlannedMilestone, more: int) -> PlannedMilestone:
    return one if one.work_days is None else replace(one, work_days=one.work_days + more)
