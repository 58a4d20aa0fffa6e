"""Claims about cadence: who may start, what a due step does, and why a playbook did not reach an account."""

from datetime import UTC, datetime, timedelta

import pytest

from milepost_core.cadence import FRESH_FOR, Pursuit, Situation, Standing, may_start, stands, why_not
from milepost_core.playbooks import BandTrigger, Declines, EmailStep, Playbook, Starts
from milepost_core.playbooks.conditions import Fact
from milepost_core.playbooks.document import Exit, ReEntry

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
DROP = BandTrigger(("yellow", "red"), "down", True)
PLAYBOOK = Playbook("p", 1, "P", "", DROP, (EmailStep("a"),))


def start(pursuit: Pursuit, changed_at: datetime = NOW) -> str:
    found = may_start(PLAYBOOK, pursuit, changed_at, NOW)
    return found.code if isinstance(found, Declines) else "starts"


def test_an_account_without_a_history_starts() -> None:
    assert start(Pursuit(False, None)) == "starts"


def test_one_run_at_a_time() -> None:
    assert start(Pursuit(True, NOW - timedelta(days=60))) == "already_running"


@pytest.mark.parametrize(("days", "expected"), [(0, "too_soon"), (6.99, "too_soon"), (7, "starts"), (30, "starts")])
def test_not_again_within_the_re_entry_time(days: float, expected: str) -> None:
    assert start(Pursuit(False, NOW - timedelta(days=days))) == expected


def test_a_change_that_waited_for_days_is_no_news() -> None:
    assert start(Pursuit(False, None), NOW - FRESH_FOR) == "starts"
    assert start(Pursuit(False, None), NOW - FRESH_FOR - timedelta(seconds=1)) == "stale_change"


def test_a_playbook_without_re_entry_time_starts_at_every_drop() -> None:
    again = Playbook("p", 1, "P", "", DROP, PLAYBOOK.steps, re_entry=ReEntry(days=0))

    assert may_start(again, Pursuit(False, NOW), NOW, NOW) == Starts()


@pytest.mark.parametrize(
    ("to", "band", "expected"),
    [
        (("yellow", "red"), "red", "perform"),
        (("yellow", "red"), "yellow", "perform"),
        (("yellow", "red"), "green", "recovered"),
        (("red",), "yellow", "recovered"),
        (("yellow",), "red", "moved_on"),
        (("yellow", "red"), "unknown", "health_unknown"),
    ],
)
def test_a_due_step_looks_at_today(to: tuple[str, ...], band: str, expected: str) -> None:
    playbook = Playbook("p", 1, "P", "", BandTrigger(to, "down", True), PLAYBOOK.steps)  # type: ignore[arg-type]
    found = stands(playbook, Situation("a", NOW, {"band": Fact(band)}))

    assert ("perform" if found is None else found.code) == expected


def test_a_run_that_no_band_started_does_not_depend_on_one() -> None:
    assert stands(PLAYBOOK, Situation("a", NOW, {"band": Fact("green")}, trigger_kind="by_hand")) is None
    assert stands(PLAYBOOK, Situation("a", NOW)) is None


def test_a_playbook_that_says_what_recovery_is_decides_by_that_alone() -> None:
    patient = Playbook("p", 1, "P", "", DROP, PLAYBOOK.steps, exits=(Exit("recovered", bands=("green",)),))

    mild = Playbook("p", 1, "P", "", BandTrigger(("red",)), PLAYBOOK.steps, exits=patient.exits)
    assert stands(mild, Situation("a", NOW, {"band": Fact("yellow")})) is None
    left = stands(patient, Situation("a", NOW, {"band": Fact("green")}))
    assert left is not None
    assert left.code == "recovered"
    assert stands(patient, Situation("a", NOW, {"band": Fact("green")}, band="green")) is None


@pytest.mark.parametrize(
    ("standing", "code"),
    [
        (Standing(True, "paused", "running", "", "sent", "sent", ""), "all_paused"),
        (Standing(False, "paused", "running", "", "sent", "sent", ""), "playbook_paused"),
        (Standing(False, "active", "running", "", "deferred", "not_reached", ""), "running"),
        (Standing(True, "active", "running", "", "parked", "nobody_can_know", "", "parked", "ab"), "parked"),
        (Standing(True, "active", "running", "", "in_doubt", "answer_lost", "", "in_doubt", "ab"), "in_doubt"),
        (Standing(False, "active", "cancelled", "", "cancelled", "run_cancelled", "", "parked", "ab"), "parked"),
        (Standing(False, "active", "running", "", None, "", "", None, "", "away", "health_away"), "health_away"),
        (Standing(True, "active", "running", "", None, "", "", None, "", "paused", "paused"), "all_paused"),
        (Standing(False, "active", None, "", None, "", ""), "no_change"),
        (Standing(True, "draft", None, "", None, "", ""), "playbook_draft"),
        (Standing(False, "retired", "done", "", "sent", "sent", ""), "playbook_retired"),
        (Standing(False, "retired", "running", "", "deferred", "paused", ""), "running"),
        (Standing(False, "active", "done", "", "sent", "sent", ""), "sent"),
        (Standing(False, "active", "done", "", "skipped", "too_soon", "again from Monday"), "too_soon"),
    ],
)
def test_the_first_thing_in_the_way_is_named(standing: Standing, code: str) -> None:
    found = why_not(standing)

    assert found.code == code
    assert found.sentence


@pytest.mark.parametrize("state", ["parked", "in_doubt"])
def test_what_a_person_has_to_decide_says_where(state: str) -> None:
    found = why_not(Standing(False, "active", "running", "", None, "", "", state, "ab12"))

    assert "a person has to decide" in found.sentence
    assert "POST /effects/ab12/resolve" in found.sentence


def test_a_run_that_waits_says_for_what() -> None:
    found = why_not(Standing(False, "active", "running", "", None, "", "", "ready", "ab", "the API is away", "away"))

    assert "the API is away" in found.sentence
