"""Claims about playbooks that would reach everybody, ask for what there is not, or ask a person and not listen."""

from typing import Any

import pytest

from milepost_core.playbooks.conditions import MOST_PARTS
from milepost_core.playbooks.lint import lint
from milepost_core.playbooks.parsing import PlaybookInvalid, parse_playbook, unknown_facts
from milepost_core.playbooks.parsing_conditions import Vocabulary

MAIL = {"kind": "email", "subject": "s", "text": "t"}
EVERY_BAND = {"kind": "band_changed", "to": ["red", "yellow", "green", "unknown"]}
Document = dict[str, Any]


def says(subject: str, operator: str, value: Any = None) -> Document:
    return {"subject": subject, "operator": operator} | ({} if value is None else {"value": value})


def read(trigger: Document | None = None, **more: Any) -> Any:
    trigger = trigger or {"kind": "by_hand"}
    return parse_playbook({"id": "one", "name": "One", "trigger": trigger, "steps": [MAIL | {"id": "m"}]} | more)


def codes(*args: Any, **more: Any) -> list[str]:
    with pytest.raises(PlaybookInvalid) as caught:
        read(*args, **more)
    return [one.code for one in caught.value.problems]


def watch(condition: Document) -> Document:
    return {"kind": "segment", "when": condition}


@pytest.mark.parametrize(
    "condition",
    [
        {"any": [says("score", "lt", 50), says("score", "gte", 50)]},
        {"any": [says("score", "lt", 30), says("age_days", "gt", 9), {"any": [says("score", "gt", 20)]}]},
        {"any": [says("score", "eq", 50), says("score", "gt", 50), says("score", "lt", 50)]},
        {"any": [says("band", "eq", one) for one in ("red", "yellow", "green", "unknown")]},
        {"not": {"all": [says("band", "ne", "red"), {"not": says("band", "in", ["yellow", "green", "unknown"])}]}},
        {"any": [says("gate.sponsor_left", "eq", True), says("gate.sponsor_left", "eq", False)]},
        {"any": [says("journey", "eq", one) for one in ("on_track", "behind", "stuck", "done")]},
        says("owner", "known"),
        says("confidence", "gte", 0),
        says("age_days", "gt", 0),
        says("age_days", "gte", 1),
        says("age_days", "lt", 3650),
        says("score", "gt", 0),
        says("journey", "in", ["on_track", "behind", "stuck", "done"]),
        says("band", "in", ["red", "yellow", "green"]),
        says("gate.sponsor_left", "in", [True, False]),
        {"not": says("journey", "not_in", ["on_track", "behind", "stuck", "done"])},
    ],
)
def test_what_holds_for_everybody_bounds_nobody(condition: Document) -> None:
    assert codes(watch(condition)) == ["audience_unbounded"]
    assert codes(EVERY_BAND, audience=condition) == ["audience_unbounded"]


@pytest.mark.parametrize(
    "condition",
    [
        {"any": [says("score", "lt", 50), says("score", "gt", 50)]},
        says("age_days", "gt", 30),
        says("journey", "in", ["on_track", "behind", "done"]),
        says("stage", "in", ["kickoff", "adoption", "renewal"]),
        {"any": [says("score", "lt", 49.9), says("score", "gte", 50)]},
        {"any": [says("band", "eq", "red"), says("band", "eq", "yellow"), says("age_days", "lt", 30)]},
        {"any": [says("attribute.arr", "lt", 5), says("attribute.arr", "gte", 5)]},
        {"all": [says("score", "gte", 0), says("attribute.region", "eq", "DE")]},
    ],
)
def test_what_leaves_somebody_out_bounds(condition: Document) -> None:
    assert read(watch(condition)).trigger == read(watch(condition), audience=condition).trigger
    assert read(EVERY_BAND, audience=condition).audience is not None


def test_an_audience_that_says_nothing_does_not_bound_a_band() -> None:
    assert codes(EVERY_BAND | {"first_score": True}, audience=says("score", "gte", 0)) == ["audience_unbounded"]


def test_every_band_that_is_an_answer_is_every_band() -> None:
    change = {"kind": "band_changed", "to": ["red", "yellow", "green"]}
    assert codes(change) == ["audience_unbounded"]
    assert read(change | {"direction": "down"}).trigger.direction == "down"
    assert read(change | {"to": ["red", "yellow"]}).trigger.to == ("red", "yellow")


def test_every_stage_of_the_models_in_charge_is_every_account() -> None:
    stages = frozenset({"kickoff", "adoption", "renewal"})
    often = {"kind": "event", "events": ["session.started"]}
    for document in (
        {"trigger": watch(says("stage", "in", sorted(stages)))},
        {"trigger": often, "audience": {"any": [says("stage", "eq", one) for one in sorted(stages)]}},
    ):
        playbook = read(**document)
        found = unknown_facts(playbook, Vocabulary(stage=stages))
        assert [(one.pointer, one.code) for one in found] == [("/trigger", "audience_unbounded")]
        assert unknown_facts(playbook, Vocabulary(stage=stages | {"live"})) == ()
        assert unknown_facts(playbook, Vocabulary()) == ()


@pytest.mark.parametrize("states", [["behind"], ["late", "on_track"]])
def test_no_milestone_stands_as_only_a_journey_does(states: list[str]) -> None:
    trigger = {"kind": "milestone", "states": states}
    with pytest.raises(PlaybookInvalid) as caught:
        read(trigger | {"milestones": ["sso"]})
    assert [(one.pointer, one.code) for one in caught.value.problems] == [("/trigger/states", "state_never")]
    assert read(trigger).trigger.states == tuple(states)


def test_what_happens_to_everybody_every_day_needs_an_audience() -> None:
    often = {"kind": "event", "events": ["invoice.failed", "feature.used"]}
    assert codes(often) == ["audience_unbounded"]
    assert codes(often, audience=says("score", "gte", 0)) == ["audience_unbounded"]
    assert read(often, audience=says("band", "eq", "red")).trigger.types == ("invoice.failed", "feature.used")
    assert read({"kind": "event", "events": ["invoice.failed"]}).audience is None


def test_every_move_of_every_milestone_is_too_much() -> None:
    moves = {"kind": "milestone", "states": ["done", "ahead", "waiting", "due", "late", "stuck"]}
    assert codes(moves) == ["audience_unbounded"]
    assert read(moves | {"milestones": ["kickoff"]}).trigger.milestones == ("kickoff",)


def test_a_milestone_that_no_model_has_is_unknown_in_the_trigger_too() -> None:
    playbook = read({"kind": "milestone", "states": ["late"], "milestones": ["kickoff", "kickof"]})
    found = unknown_facts(playbook, Vocabulary(milestone=frozenset({"kickoff"})))
    assert [(one.pointer, one.code) for one in found] == [("/trigger/milestones/1", "milestone_unknown")]


def test_confidence_is_a_number() -> None:
    with pytest.raises(PlaybookInvalid, match="a number, as confidence is one"):
        read(audience=says("confidence", "eq", "high"))


def test_a_condition_has_at_most_so_many_tests_altogether() -> None:
    half = {"any": [says(f"attribute.a{n}", "known") for n in range(MOST_PARTS // 2)]}
    assert read(audience={"all": [half, half]}).audience is not None
    with pytest.raises(PlaybookInvalid, match=f"has {MOST_PARTS + 1} tests"):
        read(audience={"all": [half, half, says("score", "lt", 5)]})


def test_who_says_no_is_not_led_to_what_was_rejected() -> None:
    gate = {"id": "gate", "kind": "approval", "about": "m"}
    mail, other = MAIL | {"id": "m", "next": "end"}, {"id": "w", "kind": "wait", "days": 1, "next": "m"}
    for steps, place in (
        ([gate | {"rejected": "m"}, mail], 0),
        ([gate | {"rejected": "w", "next": "m"}, other, mail], 0),
    ):
        with pytest.raises(PlaybookInvalid) as caught:
            read(steps=steps)
        assert [(one.pointer, one.code) for one in caught.value.problems] == [
            (f"/steps/{place}/rejected", "approval_about")
        ]
    assert len(read(steps=[gate | {"rejected": "n"}, mail, MAIL | {"id": "n"}]).steps) == 3


def test_a_gate_about_what_may_be_passed_over_is_doubtful() -> None:
    known = says("attribute.champion_email", "known")
    gate, mail = {"id": "gate", "kind": "approval", "about": "m"}, MAIL | {"id": "m", "only_if": known}
    measure = {"id": "up", "when": says("score", "gt", 70), "within_days": 9}

    def doubts(gate: Document) -> set[str]:
        return {one.code for one in lint(read(steps=[gate, mail], measures=[measure]))}

    assert "gate_moot" in doubts(gate)
    assert "gate_moot" not in doubts(gate | {"only_if": known})


def test_a_name_is_one_line_whatever_ends_lines() -> None:
    for end in "\n\r\x85\u2028\u2029":
        assert codes(name=f"One{end}Bcc: a@b.example") == ["header_injection"]


def test_where_a_run_begins_there_is_no_end_to_choose() -> None:
    with pytest.raises(PlaybookInvalid, match=r"there is no step 'end', expected the id of a step$"):
        read(arms=[{"id": "a", "share": 1, "start": "end"}])


def test_a_recovery_to_where_runs_begin_is_doubtful() -> None:
    drop = {"kind": "band_changed", "to": ["red", "yellow"], "direction": "down"}

    def doubts(*bands: str, **more: Any) -> list[str]:
        found = lint(read(exits=[{"kind": "recovered", "bands": list(bands)}], **more))
        return [one.pointer for one in found if one.code == "recovered_at_once"]

    assert doubts("green", "yellow", trigger=drop) == ["/exits/0/bands"]
    assert doubts("red", "yellow", "green", "unknown") == ["/exits/0/bands"]
    assert doubts("green", trigger=drop) == doubts("green") == []


def doubts(code: str, **document: Any) -> list[str]:
    return [one.pointer for one in lint(read(**document)) if one.code == code]


@pytest.mark.parametrize(
    ("when", "rearm", "again"),
    [
        (says("score", "lt", 50), says("score", "lt", 50), True),
        (says("score", "lt", 50), says("score", "lt", 60), True),
        (says("score", "lt", 50), says("score", "gt", 40), True),
        (says("score", "lt", 50), says("score", "gte", 50), False),
        (says("signal.open", "gte", 3), says("signal.open", "lt", 1), False),
        (says("signal.open", "gte", 3), {"not": says("signal.open", "lt", 1)}, True),
        ({"all": [says("score", "lt", 50), says("band", "eq", "red")]}, says("band", "ne", "green"), True),
        ({"all": [says("score", "lt", 50), says("band", "eq", "red")]}, says("band", "eq", "green"), False),
        ({"any": [says("score", "lt", 50), says("band", "eq", "red")]}, says("score", "gte", 60), False),
        (says("attribute.plan", "eq", "pro"), says("attribute.plan", "known"), True),
        (says("attribute.plan", "eq", "pro"), says("attribute.plan", "gt", "pro"), False),
    ],
)
def test_what_arms_a_watch_while_it_still_holds_is_doubtful(when: Document, rearm: Document, again: bool) -> None:
    trigger = {"kind": "threshold", "when": when, "rearm": rearm}
    assert doubts("rearmed_at_once", trigger=trigger) == ["/trigger/rearm"] * again


LOW = {"kind": "threshold", "when": says("score", "lt", 50)}
SSO_LATE = {"kind": "milestone", "states": ["late"], "milestones": ["sso"]}


@pytest.mark.parametrize(
    ("trigger", "audience", "goal", "at_once"),
    [
        (LOW, None, says("score", "lt", 60), True),
        (LOW, None, says("score", "gte", 60), False),
        (LOW, says("band", "eq", "red"), says("band", "in", ["red", "yellow"]), True),
        (watch(says("segment", "eq", "smb")) | {"on": "leaving"}, None, says("segment", "ne", "smb"), True),
        ({"kind": "band_changed", "to": ["red"]}, None, says("band", "ne", "green"), True),
        (SSO_LATE, None, says("milestone.sso", "ne", "done"), True),
        (SSO_LATE, None, says("milestone.sso", "eq", "done"), False),
        ({"kind": "milestone", "states": ["behind"]}, None, says("journey", "ne", "stuck"), True),
        ({"kind": "milestone", "states": ["stuck"]}, None, says("journey", "ne", "behind"), False),
        ({"kind": "by_hand"}, says("score", "lt", 50), says("score", "lt", 50), True),
        ({"kind": "by_hand"}, None, says("score", "gt", 70), False),
    ],
)  # fmt: skip
def test_a_goal_that_holds_where_runs_begin_is_doubtful(
    trigger: Document, audience: Document | None, goal: Document, at_once: bool
) -> None:
    document: Document = {"trigger": trigger, "exits": [{"kind": "goal_met", "when": goal}]}
    document |= {} if audience is None else {"audience": audience}
    assert doubts("goal_at_once", **document) == ["/exits/0/when"] * at_once


def test_what_would_take_long_to_compare_is_let_be() -> None:
    many = {"all": [says(f"attribute.a{n}", "lt", n) for n in range(MOST_PARTS)]}
    assert doubts("rearmed_at_once", trigger={"kind": "threshold", "when": many, "rearm": many}) == []
