"""Claims about stepping: what a run does at every kind of step, when it waits, what wakes it, and where it ends."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from milepost_core.cadence import (
    CHANGE,
    Ask,
    Go,
    Leave,
    Perform,
    Situation,
    Wait,
    advance,
    event_word,
    exit_by_happening,
    needs_facts,
    wakes_of,
    walk,
)
from milepost_core.playbooks import BandTrigger, EmailStep, Playbook
from milepost_core.playbooks.conditions import Compare, Fact
from milepost_core.playbooks.document import ApprovalStep, BranchStep, Case, Exit, Step, TaskStep, WaitStep
from milepost_core.schedules import Calendar

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
DAY = timedelta(days=1)
LOW = Compare("score", "lt", (40.0,))
HIGH = Compare("score", "gte", (40.0,))


def playbook(*steps: Step, **more: Any) -> Playbook:
    return Playbook("p", 1, "P", "", BandTrigger(("red",)), steps, **more)


def at(path: str, score: float | None = None, **more: Any) -> Situation:
    facts = {"score": Fact(score), "band": Fact("red")}
    return Situation(path, NOW, **({"facts": facts} | more))


def test_a_wait_lasts_until_its_time_and_not_a_moment_longer() -> None:
    waits = playbook(WaitStep("w", days=2), EmailStep("m"))

    assert advance(waits, at("w"), NOW) == Wait(NOW + 2 * DAY, (), "it waits for 2 days")
    assert isinstance(advance(waits, at("w"), NOW + 2 * DAY - timedelta(microseconds=1)), Wait)
    assert advance(waits, at("w"), NOW + 2 * DAY) == Go("m", "its time came")


def test_a_wait_until_a_time_of_day_goes_by_the_clocks_of_the_account() -> None:
    waits = playbook(WaitStep("w", until=time(9, 30)))
    found = advance(waits, at("w", calendar=Calendar(ZoneInfo("America/New_York"))), NOW)

    assert isinstance(found, Wait)
    assert found.until == datetime(2026, 3, 2, 14, 30, tzinfo=UTC)


def test_a_wait_for_an_event_ends_by_it_or_by_its_time_out() -> None:
    waits = playbook(
        WaitStep("w", event_types=("message.replied", "meeting.scheduled"), timeout_days=3, on_timeout="late"),
        EmailStep("thanks", next="end"),
        EmailStep("late"),
    )
    words = (event_word("message.replied"), event_word("meeting.scheduled"))

    assert advance(waits, at("w"), NOW) == Wait(
        NOW + 3 * DAY, words, "it waits for message.replied or meeting.scheduled"
    )
    assert advance(waits, at("w", outcome=words[1]), NOW) == Go("thanks", "it happened: meeting.scheduled")
    assert advance(waits, at("w"), NOW + 3 * DAY) == Go("late", "timed_out")


def test_a_wait_for_a_condition_looks_when_something_changes_and_now_and_then() -> None:
    waits = playbook(WaitStep("w", condition=HIGH, timeout_days=5), EmailStep("m"))
    found = advance(waits, at("w", 30.0), NOW)

    assert isinstance(found, Wait)
    assert found.wakes_on == (CHANGE,)
    assert found.until is not None
    assert NOW < found.until < NOW + DAY
    assert advance(waits, at("w", 50.0), NOW) == Go("m", "it came true: the score is at least 40")
    assert advance(waits, at("w", 30.0), NOW + 5 * DAY) == Go("m", "timed_out")


NO_DATES = [
    ({}, "date_missing"),
    ({"renewal": "2027/06/01"}, "date_unreadable"),
    ({"renewal": "01.06.2027"}, "date_unreadable"),
    ({"renewal": "soon"}, "date_unreadable"),
    ({"renewal": ""}, "date_unreadable"),
    ({"renewal": "2027-06"}, "date_unreadable"),
    ({"renewal": "20270601"}, "date_unreadable"),
    ({"renewal": "2027-W22-2"}, "date_unreadable"),
    ({"renewal": True}, "date_unreadable"),
    ({"renewal": "2099-01-01"}, "date_too_far"),
    ({"renewal": "9999-12-31"}, "date_too_far"),
]


@pytest.mark.parametrize(("attributes", "code"), NO_DATES)
def test_a_date_that_nobody_can_tell_never_lets_the_next_step_begin(attributes: dict[str, Any], code: str) -> None:
    plain = playbook(WaitStep("w", attribute="renewal"), EmailStep("m"))
    patient = playbook(WaitStep("w", attribute="renewal", timeout_days=2), EmailStep("m"))
    other = playbook(WaitStep("w", attribute="renewal", timeout_days=2, on_timeout="n"), EmailStep("m"), EmailStep("n"))
    stands = at("w", attributes=attributes)

    left = advance(plain, stands, NOW)
    assert isinstance(left, Leave)
    assert left.code == code
    for steps in (patient, other):
        waits = advance(steps, stands, NOW)
        assert isinstance(waits, Wait)
        assert (waits.until, waits.because) == (NOW + DAY, left.sentence)
        assert event_word("account.updated") in waits.wakes_on
    assert advance(patient, stands, NOW + 2 * DAY) == left
    assert advance(other, stands, NOW + 2 * DAY) == Go("n", left.sentence, carried=False)


def test_a_wait_for_a_date_looks_whether_it_has_become_another_one() -> None:
    steps = playbook(WaitStep("w", attribute="renewal"), EmailStep("m"))
    far, near = at("w", attributes={"renewal": "2026-03-10"}), at("w", attributes={"renewal": "2026-03-02T18:00"})

    assert advance(steps, far, NOW) == Wait(
        NOW + DAY, wakes_of(steps.steps[0]), "it waits for the date renewal, 2026-03-10 09:00 UTC"
    )
    found = advance(steps, near, NOW)
    assert isinstance(found, Wait)
    assert found.until == NOW + timedelta(hours=9)
    assert advance(steps, near, NOW + timedelta(hours=9)) == Go("m", "its time came")


def test_what_is_told_of_an_account_lets_a_wait_for_a_date_ask_anew_and_soon_again() -> None:
    steps = playbook(WaitStep("w", attribute="renewal"), EmailStep("m"))
    told = at("w", attributes={"renewal": "2026-03-10"}, outcome=event_word("account.updated"))

    assert walk(steps, replace(told, facts=None), NOW).move == Ask()
    found = advance(steps, told, NOW)
    assert isinstance(found, Wait)
    assert found.until == NOW + timedelta(minutes=5), "whom we ask may not have heard of it yet"


def test_a_branch_takes_the_first_case_that_holds_and_waits_for_what_cannot_be_known() -> None:
    branch = BranchStep("b", cases=(Case(LOW, "low"), Case(HIGH, "high")), otherwise="end", timeout_days=1)
    steps = playbook(branch, EmailStep("low"), EmailStep("high"))

    assert advance(steps, at("b", 10.0), NOW) == Go("low", "as the score is below 40")
    assert advance(steps, at("b", 60.0), NOW) == Go("high", "as the score is at least 40")
    unknown = advance(steps, at("b"), NOW)
    assert isinstance(unknown, Wait)
    assert unknown.wakes_on == (CHANGE,)
    assert advance(steps, at("b"), NOW + DAY) == Go(None, "no case held")
    hasty = playbook(replace(branch, timeout_days=0.0, otherwise="high"), EmailStep("low"), EmailStep("high"))
    assert advance(hasty, at("b"), NOW) == Go("high", "no case held")


def test_a_step_is_passed_over_unless_its_own_condition_holds() -> None:
    steps = playbook(EmailStep("m", only_if=LOW), EmailStep("n"))

    assert isinstance(advance(steps, at("m", 10.0), NOW), Perform)
    assert advance(steps, at("m", 60.0), NOW) == Go("n", "passed over, as not: the score is below 40", carried=False)
    assert isinstance(advance(steps, at("m"), NOW), Go)


@pytest.mark.parametrize(
    ("outcome", "path"),
    [("approved", "m"), ("expired_approved", "m"), ("rejected", "n"), ("expired_rejected", "n")],
)
def test_a_gate_leads_where_the_word_about_it_leads(outcome: str, path: str) -> None:
    steps = playbook(ApprovalStep("g", about="m", rejected="n"), EmailStep("m"), EmailStep("n"))

    assert isinstance(advance(steps, at("g"), NOW), Perform)
    found = advance(steps, at("g", outcome=outcome), NOW)
    assert isinstance(found, Go)
    assert found.path == path


def test_an_exit_comes_before_every_step_but_not_before_the_end_of_one() -> None:
    steps = playbook(TaskStep("t"), WaitStep("w", days=1), exits=(Exit("goal_met", condition=HIGH, tasks="keep"),))

    assert advance(steps, at("w", 50.0), NOW) == Leave("goal_met", "its goal is met: the score is at least 40", False)
    assert isinstance(advance(steps, at("w", 30.0), NOW), Wait)
    assert isinstance(advance(steps, at("w"), NOW), Wait)
    assert advance(steps, at("t", 50.0, outcome="helped"), NOW) == Go("w", "the task was closed")


@pytest.mark.parametrize("kind", ["replied", "churned", "opted_out"])
def test_what_happens_ends_only_those_runs_that_name_it(kind: Any) -> None:
    found = exit_by_happening(playbook(EmailStep("m"), exits=(Exit(kind, tasks="keep"),)), kind)

    assert found is not None
    assert (found.code, found.close_tasks) == (kind, False)
    assert found.sentence
    assert exit_by_happening(playbook(EmailStep("m")), kind) is None


def test_a_run_walks_through_all_that_is_over_at_once() -> None:
    steps = playbook(
        WaitStep("a", days=0),
        BranchStep("b", cases=(Case(LOW, "d"),), otherwise="c"),
        EmailStep("c", next="end"),
        WaitStep("d", days=0),
        WaitStep("e", days=1),
    )
    found = walk(steps, at("a", 10.0), NOW)

    assert [one.path for one in found.passed] == ["a", "b", "d"]
    assert found.path == "e"
    assert isinstance(found.move, Wait)
    end = walk(steps, at("e", 10.0), NOW + DAY)
    assert (end.path, [one.path for one in end.passed]) == (None, ["e"])


def test_nobody_is_asked_before_it_matters() -> None:
    steps = playbook(WaitStep("a", days=0), WaitStep("b", business_days=1), EmailStep("c"))
    found = walk(steps, at("a", facts=None), NOW)

    assert not needs_facts(steps, "a")
    assert [one.path for one in found.passed] == ["a"]
    assert found.path == "b"
    assert found.move == Ask()


def test_what_a_run_would_walk_in_circles_ends_it() -> None:
    round_ = playbook(WaitStep("a", days=0), WaitStep("b", days=0, next="a"))
    found = walk(round_, at("a"), NOW)

    assert isinstance(found.move, Leave)
    assert found.move.code == "failed"


def test_a_step_that_its_version_does_not_have_ends_the_run() -> None:
    found = advance(playbook(EmailStep("m")), at("gone"), NOW)

    assert isinstance(found, Leave)
    assert found.code == "failed"


_CONDITIONS = st.sampled_from([LOW, HIGH, Compare("score", "known")])


@st.composite
def forward_playbooks(draw: st.DrawFn) -> Playbook:
    """Playbooks that lead only forward, as the ones that are accepted do."""
    count = draw(st.integers(1, 12))

    def later(n: int) -> str:
        return draw(st.sampled_from([f"s{m}" for m in range(n + 1, count)] or ["end"]))

    steps: list[Step] = []
    for n in range(count):
        only_if = draw(st.none() | _CONDITIONS)
        match draw(st.integers(0, 4)):
            case 0:
                steps.append(WaitStep(f"s{n}", only_if=only_if, days=draw(st.sampled_from([0.0, 0.5, 2.0]))))
            case 1:
                cases = (Case(draw(_CONDITIONS), later(n)),)
                steps.append(BranchStep(f"s{n}", cases=cases, otherwise=later(n), timeout_days=draw(st.floats(0, 2))))
            case 2:
                steps.append(WaitStep(f"s{n}", condition=draw(_CONDITIONS), timeout_days=1.0, on_timeout=later(n)))
            case 3:
                steps.append(TaskStep(f"s{n}", only_if=only_if))
            case _:
                steps.append(WaitStep(f"s{n}", until=draw(st.times()).replace(tzinfo=None), only_if=only_if))
    return playbook(*steps)


@settings(max_examples=200, deadline=None)
@given(forward_playbooks(), st.none() | st.floats(0, 100), st.sampled_from(["UTC", "Asia/Kathmandu", "America/Lima"]))
def test_every_run_comes_to_its_end_and_passes_no_step_twice(found: Playbook, score: float | None, zone: str) -> None:
    now, here, passed = NOW, at("s0", score, calendar=Calendar(ZoneInfo(zone)), trigger_kind="event"), []
    for _ in range(200):
        step = walk(found, here, now)
        passed += [one.path for one in step.passed]
        if step.path is None:
            break
        since = now if step.passed else here.since
        match step.move:
            case Wait(until, _, because):
                assert until is not None
                assert until > now
                assert because
                now, outcome = until, None
            case Perform():
                outcome = "helped"
            case _:
                pytest.fail(f"{step.move} is no way on")
        here = replace(here, path=step.path, since=since, outcome=outcome)
    else:
        pytest.fail("it never ends")
    assert len(passed) == len(set(passed))
    assert {one.id for one in found.steps} >= set(passed)


def test_what_wakes_a_step_is_known_from_the_beginning() -> None:
    assert wakes_of(WaitStep("w", event_types=("churned",))) == (event_word("churned"),)
    assert wakes_of(BranchStep("b")) == wakes_of(WaitStep("w", condition=LOW)) == (CHANGE,)
    assert wakes_of(WaitStep("w", days=1)) == wakes_of(EmailStep("m")) == ()
