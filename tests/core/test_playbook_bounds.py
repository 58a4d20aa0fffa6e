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
    ],
)
def test_what_holds_for_everybody_bounds_nobody(condition: Document) -> None:
    assert codes(watch(condition)) == ["audience_unbounded"]
    assert codes(EVERY_BAND, audience=condition) == ["audience_unbounded"]


@pytest.mark.parametrize(
    "condition",
    [
        {"any": [says("score", "lt", 50), says("score", "gt", 50)]},
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
