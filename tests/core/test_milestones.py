"""Claims about journeys: where each milestone stands, when a journey is behind or stuck, and that undoing undoes it."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.steps import day, plan, step

from milepost_core.milestones import JourneyState, MilestoneState, Plan, progress_of, states_of
from milepost_core.model import ModelInvalid, parse_model
from milepost_core.model.journey import Journey


def state(one: Plan, at: float, slip: int | None = None) -> tuple[JourneyState, str, str | None]:
    found = progress_of(one, day(at), slip)
    assert found is not None
    return found.state, found.because, found.milestone


def test_a_milestone_is_ahead_then_due_then_late_then_done() -> None:
    one = plan(step("sso", 14))
    moments = {6.9: "ahead", 7: "due", 14: "due", 14.001: "stuck"}
    assert {at: states_of(one, day(at))["sso"].value for at in moments} == moments
    assert states_of(plan(step("sso", 14, 20)), day(30)) == {"sso": MilestoneState.DONE}


def test_what_waits_for_another_says_so_until_its_own_day_is_near() -> None:
    one = plan(step("kickoff", 3), step("sso", 30, after=("kickoff", "unheard_of")), step("later", after=("sso",)))
    assert states_of(one, day(1)) == {"kickoff": "due", "sso": "waiting", "later": "waiting"}
    assert states_of(one, day(25))["sso"] == "due"
    done = plan(step("kickoff", 3, 2), *one.milestones[1:])
    assert states_of(done, day(3)) == {"kickoff": "done", "sso": "ahead", "later": "waiting"}


def test_only_what_nothing_else_holds_up_is_stuck() -> None:
    one = plan(step("kickoff", 3), step("sso", 5, after=("kickoff",)), step("video", 4, required=False))
    assert states_of(one, day(13)) == {"kickoff": "late", "sso": "late", "video": "late"}
    assert states_of(one, day(14)) == {"kickoff": "stuck", "sso": "late", "video": "late"}


def test_a_journey_is_on_track_then_behind_then_stuck_then_done() -> None:
    kickoff, sso = step("kickoff", 3, 2), step("sso", 14)
    assert state(plan(kickoff, sso), 14) == ("on_track", "", None)
    assert state(plan(kickoff, sso), 15.9) == ("behind", "late", "sso")
    assert state(plan(kickoff, sso), 16) == ("stuck", "stuck", "sso")
    assert state(plan(kickoff, sso), 16, slip=90) == ("stuck", "stuck", "sso")
    assert state(plan(kickoff, replace(sso, done_at=day(16))), 17) == ("done", "", None)


def test_since_is_when_it_came_to_stand_so() -> None:
    one = plan(step("kickoff", 3, 2), step("sso", 14), behind_after_days=1.0, stuck_after_days=20.0)
    for at, since in ((14.5, None), (15.5, 15), (22.5, 22)):
        found = progress_of(one, day(at), None)
        assert found is not None
        assert found.since == (None if since is None else day(since))
    # Nothing was due when so much time had passed: it is stuck from the day that was missed.
    quiet = progress_of(plan(step("kickoff", 3, 2), step("rollout", 75)), day(76), None)
    assert quiet is not None
    assert (quiet.state, quiet.since) == (JourneyState.STUCK, day(75))


def test_a_journey_that_will_end_too_late_is_behind_before_anything_is_late() -> None:
    one = plan(step("sso", 14), slip_days=7.0)
    assert state(one, 2, slip=7) == ("on_track", "", None)
    assert state(one, 2, slip=8) == ("behind", "slipping", None)
    assert state(one, 2, slip=None) == ("on_track", "", None)


def test_what_is_optional_never_puts_a_journey_behind_nor_holds_up_its_end() -> None:
    one = plan(step("video", 4, required=False), step("sso", 40))
    assert state(one, 30) == ("on_track", "", None)
    assert state(plan(step("video", 4, required=False), step("sso", 40, 30)), 50)[0] == "done"
    assert state(plan(step("video", 4, required=False)), 5)[0] == "behind"
    assert progress_of(plan(), day(5), None) is None


days = st.none() | st.integers(0, 60)
plans = st.lists(st.tuples(days, days, st.booleans()), min_size=1, max_size=6).map(
    lambda rows: plan(*(step(f"m{n}", due, done, required=required) for n, (due, done, required) in enumerate(rows)))
)


@given(plans, st.integers(0, 90))
def test_a_stuck_journey_has_a_late_milestone_and_every_state_its_reason(one: Plan, at: int) -> None:
    known = plan(
        *(replace(m, done_at=m.done_at if m.done_at and m.done_at <= day(at) else None) for m in one.milestones)
    )
    found, states = progress_of(known, day(at), None), states_of(known, day(at))
    assert found is not None
    assert set(states) == {m.id for m in known.milestones}
    if found.state in (JourneyState.STUCK, JourneyState.BEHIND):
        assert found.milestone is not None
        assert states[found.milestone] in ("late", "stuck")
        assert found.since is not None
        assert found.since <= day(at)
    assert (found.state is JourneyState.DONE) == all(m.done_at for m in known.counted)
    assert ("stuck" in states.values()) <= (found.state is JourneyState.STUCK)


@given(plans, st.integers(0, 90))
def test_taking_a_completion_back_leaves_what_was_before_it(one: Plan, at: int) -> None:
    first = one.milestones[0]
    never = replace(one, milestones=(replace(first, done_at=None), *one.milestones[1:]))
    undone = replace(one, milestones=(replace(first, done_at=None, reopened=1), *one.milestones[1:]))
    assert states_of(undone, day(at)) == states_of(never, day(at))
    assert progress_of(undone, day(at), None) == progress_of(never, day(at), None)


def test_limits_and_calendar_are_the_models_own() -> None:
    model = parse_model(
        _document(journey={"stuck_after_days": 21, "slip_days": 3}, calendar={"weekend": ["fri", "sat"]})
    )
    assert model.journey == Journey(0.0, 21.0, 3.0)
    assert model.calendar.weekend == {4, 5}


@pytest.mark.parametrize(
    ("key", "value", "pointer"),
    [
        ("journey", {"stuck_after": 21}, "/journey/stuck_after"),
        ("journey", {"stuck_after_days": 0}, "/journey/stuck_after_days"),
        ("calendar", {"weekend": ["saturday"]}, "/calendar/weekend"),
        ("calendar", {"weekend": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]}, "/calendar/weekend"),
        ("calendar", {"holidays": ["2026-02-30"]}, "/calendar/holidays"),
        ("calendar", {"hollidays": []}, "/calendar/hollidays"),
    ],
)
def test_limits_that_mean_nothing_are_refused(key: str, value: object, pointer: str) -> None:
    with pytest.raises(ModelInvalid) as refused:
        parse_model(_document(**{key: value}))
    assert [problem.pointer for problem in refused.value.problems] == [pointer]


def _document(**more: object) -> dict[str, object]:
    curve = {"kind": "piecewise", "points": [[0, 0], [1, 100]]}
    signal = {"id": "a", "dimension": "d", "source": {"agg": "count"}, "normalise": curve}
    return {"dimensions": [{"id": "d", "weight": 1}], "signals": [signal], **more}
