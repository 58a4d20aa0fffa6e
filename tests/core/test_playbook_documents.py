"""Claims about playbook documents: everything that can be said is read, and every mistake is refused in its place."""

import copy
from datetime import time
from typing import Any

import pytest
from support.json_schema import agrees

from milepost_core.playbooks.conditions import AllOf, AnyOf, Compare, Not, sentence
from milepost_core.playbooks.document import (
    Arm,
    BandTrigger,
    BranchStep,
    DateTrigger,
    EventTrigger,
    Exit,
    Holdout,
    MilestoneTrigger,
    Playbook,
    ReEntry,
    TierRow,
    WaitStep,
    WatchTrigger,
)
from milepost_core.playbooks.lint import lint
from milepost_core.playbooks.parsing import MOST_STEPS, PlaybookInvalid, parse_playbook, unknown_facts
from milepost_core.playbooks.parsing_conditions import Vocabulary
from milepost_core.playbooks.schema import document_schema

MAIL = {"kind": "email", "subject": "s", "text": "t"}
RED = {"subject": "band", "value": "red"}
TASK = {"id": "first", "kind": "task", "title": "Call", "script": "s"}
GOOD: dict[str, Any] = {
    "format": "playbook/1",
    "id": "nudge",
    "version": 2,
    "name": "Nudge",
    "trigger": {"kind": "band_changed", "to": ["yellow", "red"], "direction": "down", "first_score": True},
    "steps": [MAIL | {"id": "first"}, MAIL | {"id": "second", "to": "a@b.example"}],
}
FULL: dict[str, Any] = GOOD | {
    "priority": 70,
    "owner": ["owner", "role:lead"],
    "audience": {
        "all": [
            {"subject": "attribute.plan", "operator": "not_in", "value": ["trial", "free"]},
            {"any": [RED, {"not": {"subject": "signal.logins", "operator": "gte", "value": 3}}]},
        ]
    },
    "tiers": {
        "value_of": "arr",
        "classes": [{"id": "small", "below": 1000}, {"id": "large"}],
        "rows": [{"id": "late", "bands": ["red"], "values": ["large"], "start": "gate", "success": "back"}],
        "otherwise": "first",
    },
    "steps": [
        MAIL | {"id": "first", "next": "pause"},
        {"id": "gate", "kind": "approval", "about": "send", "rejected": "pause"},
        {"id": "send", "kind": "webhook", "connection": "hook", "fields": {"a": "{{ score }}"}},
        {"id": "pause", "kind": "wait", "events": ["message.replied"], "timeout_days": 3, "on_timeout": "which"},
        {
            "id": "which",
            "kind": "branch",
            "cases": [{"when": RED, "next": "call"}],
            "otherwise": "tell",
            "timeout_days": 1,
        },
        {"id": "call", "kind": "task", "owner": "owner", "title": "Call", "script": "s", "accept_hours": 4},
        {"id": "tell", "kind": "slack", "connection": "team", "channel": "C0123456789", "text": "t"},
    ],
    "exits": [{"kind": "recovered", "bands": ["green"], "tasks": "keep"}, {"kind": "goal_met", "when": RED}],
    "re_entry": {"days": 5, "most": 2, "per_days": 60},
    "measures": [{"id": "back", "when": RED, "within_days": 30}],
    "holdout": {"share": 0.1, "never": RED},
    "arms": [{"id": "a", "share": 0.5}, {"id": "b", "share": 0.5, "start": "first"}],
}


def changed(path: str, value: Any, document: dict[str, Any] = GOOD) -> dict[str, Any]:
    """Return a document with the value at a pointer replaced, or removed for None."""
    document = copy.deepcopy(document)
    *parents, last = [int(part) if part.isdigit() else part for part in path.strip("/").split("/")]
    place: Any = document
    for part in parents:
        place = place[part]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return document


def problems(document: Any) -> dict[str, str]:
    with pytest.raises(PlaybookInvalid) as caught:
        parse_playbook(document)
    return {problem.pointer: problem.code for problem in caught.value.problems}


def parsed(**parts: Any) -> Playbook:
    return parse_playbook(GOOD | parts)


def test_a_good_document_is_read_with_its_defaults() -> None:
    playbook = parse_playbook(GOOD)

    assert (playbook.id, playbook.version, playbook.re_entry, playbook.priority) == ("nudge", 2, ReEntry(7.0), 50)
    assert playbook.trigger == BandTrigger(("yellow", "red"), "down", True)
    assert [getattr(step, "to", None) for step in playbook.steps] == ["owner", "a@b.example"]


def test_everything_that_a_document_says_is_kept() -> None:
    playbook = parse_playbook(FULL)

    assert playbook.audience == AllOf(
        (
            Compare("attribute.plan", "not_in", ("trial", "free")),
            AnyOf((Compare("band", "eq", ("red",)), Not(Compare("signal.logins", "gte", (3,))))),
        )
    )
    assert playbook.tiers is not None
    assert playbook.tiers.rows == (TierRow("late", "gate", ("red",), ("large",), (), (), "back"),)
    assert playbook.exits == (
        Exit("recovered", ("green",), None, "keep"),
        Exit("goal_met", (), Compare("band", "eq", ("red",))),
    )
    assert playbook.re_entry == ReEntry(5.0, 2, 60.0)
    assert playbook.holdout == Holdout(0.1, Compare("band", "eq", ("red",)))
    assert playbook.arms == (Arm("a", 0.5), Arm("b", 0.5, "first"))
    assert playbook.steps[3] == WaitStep(
        id="pause", event_types=("message.replied",), timeout_days=3.0, on_timeout="which"
    )


@pytest.mark.parametrize(
    ("said", "trigger"),
    [
        (
            {"kind": "threshold", "when": {"subject": "score", "operator": "lt", "value": 40}, "hold_days": 2},
            WatchTrigger("threshold", Compare("score", "lt", (40,)), None, 2.0),
        ),
        (
            {"kind": "silence", "events": ["session.started"], "days": 14},
            WatchTrigger("silence", Compare("days_since.session.started", "gte", (14.0,))),
        ),
        (
            {"kind": "segment", "when": RED, "on": "leaving"},
            WatchTrigger("segment", Compare("band", "eq", ("red",)), leaving=True),
        ),
        ({"kind": "milestone", "states": ["stuck"], "milestones": "sso"}, MilestoneTrigger(("stuck",), ("sso",))),
        ({"kind": "event", "events": "ticket.escalated"}, EventTrigger(("ticket.escalated",))),
        (
            {"kind": "date", "attribute": "renewal_on", "offset_days": -90, "at": "08:30"},
            DateTrigger("renewal_on", -90, time(8, 30)),
        ),
    ],
)
def test_each_kind_of_trigger_is_read(said: dict[str, Any], trigger: Any) -> None:
    assert parsed(trigger=said).trigger == trigger
    assert agrees(GOOD | {"trigger": said}, document_schema(), document_schema())


@pytest.mark.parametrize(
    ("pointer", "value", "place", "code"),
    [
        ("/id", None, "", "mistake"),
        ("/id", "Not A Name", "/id", "mistake"),
        ("/version", True, "/version", "mistake"),
        ("/name", "a\nb", "/name", "header_injection"),
        ("/format", "playbook/9", "/format", "mistake"),
        ("/trigger", None, "", "mistake"),
        ("/trigger/kind", "moon_phase", "/trigger/kind", "mistake"),
        ("/trigger/to", ["purple"], "/trigger/to", "mistake"),
        ("/trigger/hold_days", -1, "/trigger/hold_days", "mistake"),
        ("/steps", [], "/steps", "mistake"),
        ("/steps/0/kind", "pigeon", "/steps/0/kind", "mistake"),
        ("/steps/0/subject", "a\nBcc: x@y.example", "/steps/0/subject", "header_injection"),
        ("/steps/0/subject", "a\u2028b", "/steps/0/subject", "header_injection"),
        ("/steps/0/text", "x" * (64 * 1024 + 1), "/steps/0/text", "too_long"),
        ("/steps/0/to", "somebody", "/steps/0/to", "mistake"),
        ("/steps/0/next", "thrid", "/steps/0/next", "step_unknown"),
        ("/steps/0/next", "end", "/steps/1", "step_unreachable"),
        ("/steps/1/next", "first", "/steps/1/next", "loop"),
        ("/steps/1/next", "second", "/steps/1/next", "loop"),
        ("/steps/1/id", "first", "/steps/1/id", "doubled"),
        ("/audience", {"subject": "scroe", "value": 1}, "/audience/subject", "subject_unknown"),
        ("/audience", {"all": []}, "/audience/all", "mistake"),
        ("/audience", {"subject": "score", "operator": "lt", "value": "low"}, "/audience/value", "mistake"),
        ("/audience", {"subject": "band", "value": "purple"}, "/audience/value", "mistake"),
        ("/audience", {"subject": "band", "operator": "in", "value": "red"}, "/audience/value", "mistake"),
        ("/audience", {"subject": "owner", "operator": "known", "value": 1}, "/audience/value", "mistake"),
    ],
)
def test_each_mistake_is_told_at_its_place(pointer: str, value: Any, place: str, code: str) -> None:
    assert problems(changed(pointer, value))[place] == code


@pytest.mark.parametrize(
    "wait",
    [
        {"days": -1},
        {"days": 0},
        {"days": 36_501},
        {"business_days": 0},
        {"until": "25:00"},
        {"until": 540},
        {},
        {"days": 1, "until": "09:00"},
        {"events": ["ticket.opened"]},
        {"days": 1, "timeout_days": 2},
        {"days": 1, "offset_days": 2},
        {"when": RED, "timeout_days": -1},
    ],
)
def test_a_wait_in_the_past_for_ever_or_for_two_things_is_refused(wait: dict[str, Any]) -> None:
    found = problems(changed("/steps/0", {"id": "w", "kind": "wait"} | wait))

    assert {pointer.startswith("/steps/0") for pointer in found} == {True}


def test_a_wait_for_a_date_says_how_long_it_waits_for_one_and_where_it_goes_without() -> None:
    wait = {"id": "w", "kind": "wait", "attribute": "renewal_on", "timeout_days": 2, "on_timeout": "end"}

    assert parse_playbook(changed("/steps/0", wait)).steps[0] == WaitStep(
        id="w", attribute="renewal_on", timeout_days=2.0, on_timeout="end"
    )


@pytest.mark.parametrize(
    "trigger",
    [
        {"kind": "segment", "when": {"subject": "attribute.plan", "operator": "ne", "value": "trial"}},
        {"kind": "segment", "when": {"not": {"subject": "attribute.plan", "value": "trial"}}},
        {"kind": "segment", "when": {"any": [RED, {"subject": "attribute.plan", "operator": "unknown"}]}},
        {"kind": "threshold", "when": {"subject": "score", "operator": "gte", "value": 0}},
        {"kind": "threshold", "when": {"subject": "score", "operator": "lte", "value": 100}},
        {"kind": "segment", "when": {"subject": "band", "operator": "known"}},
        {"kind": "segment", "when": {"subject": "band", "operator": "in", "value": ["red", "yellow", "green"]}},
        {"kind": "band_changed", "to": ["green", "yellow", "red", "unknown"]},
    ],
)
def test_a_playbook_that_could_start_for_everybody_is_refused_unless_its_audience_bounds_it(trigger: Any) -> None:
    assert problems(changed("/trigger", trigger)) == {"/trigger": "audience_unbounded"}
    assert parsed(trigger=trigger, audience={"subject": "attribute.plan", "value": "pro"}).audience is not None


def test_a_circle_over_many_steps_is_told_with_its_way() -> None:
    steps = [MAIL | {"id": f"s{n}"} for n in range(MOST_STEPS)]
    steps[-1] = steps[-1] | {"next": "s3"}
    with pytest.raises(PlaybookInvalid) as caught:
        parsed(steps=steps)

    assert [(one.pointer, one.code) for one in caught.value.problems] == [(f"/steps/{MOST_STEPS - 1}/next", "loop")]
    assert "s3 → s4 → s5" in caught.value.problems[0].sentence


def test_too_many_steps_are_refused_as_a_whole() -> None:
    many = [MAIL | {"id": f"s{n}"} for n in range(MOST_STEPS + 1)]

    assert problems(GOOD | {"steps": many}) == {"/steps": "too_many"}


@pytest.mark.parametrize(
    ("pointer", "value", "lost"),
    [
        ("/steps/4/cases/0/next", "end", {5}),
        ("/tiers/rows/0/start", "first", {1, 2}),
        ("/steps/3", {"id": "pause", "kind": "wait", "days": 1, "next": "end"}, {4, 5, 6}),
    ],
)
def test_a_step_that_only_one_way_leads_to_is_lost_without_it(pointer: str, value: Any, lost: set[int]) -> None:
    assert parse_playbook(FULL).steps
    assert problems(changed(pointer, value, FULL)) == {f"/steps/{one}": "step_unreachable" for one in lost}


@pytest.mark.parametrize(
    ("pointer", "value", "place", "code"),
    [
        ("/tiers/rows/0/start", "nowhere", "/tiers/rows/0/start", "step_unknown"),
        ("/tiers/rows/0/success", "luck", "/tiers/rows/0/success", "unknown"),
        ("/tiers/rows/0/values", ["huge"], "/tiers/rows/0/values", "class_unknown"),
        ("/tiers/classes", [{"id": "a"}, {"id": "b", "below": 5}], "/tiers/classes", "mistake"),
        ("/steps/1/about", "call", "/steps/1/about", "approval_about"),
        ("/steps/1/about", "first", "/steps/1/about", "approval_about"),
        ("/steps/2/fields", {}, "/steps/2/fields", "mistake"),
        ("/steps/6/channel", "#cs", "/steps/6/channel", "mistake"),
        ("/steps/6/channel", "U0123456789", "/steps/6/channel", "mistake"),
        ("/exits/1/when", None, "/exits/1/when", "mistake"),
        ("/re_entry/most", None, "/re_entry", "mistake"),
        ("/holdout/share", 0.6, "/holdout/share", "mistake"),
        ("/arms/0/share", 0.6, "/arms", "mistake"),
        ("/arms/0/id", "holdout", "/arms/0/id", "mistake"),
    ],
)
def test_what_does_not_hang_together_is_refused(pointer: str, value: Any, place: str, code: str) -> None:
    assert problems(changed(pointer, value, FULL))[place] == code


def test_all_mistakes_come_at_once_and_misspelt_words_name_the_nearest_one() -> None:
    document = changed("/trigger/to", ["pink"]) | {"vresion": 1, "steps": [MAIL | {"id": "a", "txt": "t"}]}
    with pytest.raises(PlaybookInvalid) as caught:
        parse_playbook(document)
    told = {problem.pointer: problem.sentence for problem in caught.value.problems}

    assert {"/vresion", "/trigger/to", "/steps/0/txt"} <= set(told)
    assert "did you mean 'version'?" in told["/vresion"]
    assert "did you mean 'text'?" in told["/steps/0/txt"]


def test_names_that_no_score_model_has_are_told_with_the_nearest_one() -> None:
    known = Vocabulary(signal=frozenset({"log_ins"}), stage=frozenset({"early"}))
    (found,) = unknown_facts(parse_playbook(FULL), known)

    assert (found.pointer, found.code) == ("/audience/all/1/any/1/not/subject", "signal_unknown")
    assert "did you mean 'log_ins'?" in found.sentence
    assert unknown_facts(parse_playbook(FULL), Vocabulary()) == ()


@pytest.mark.parametrize(
    ("parts", "code"),
    [
        ({"trigger": {"kind": "event", "events": ["ticket.escaleted"]}}, "event_type_unknown"),
        ({"audience": {"subject": "score", "operator": "lt", "value": 0}}, "test_never"),
        ({"audience": {"all": [RED, {"subject": "age_days", "operator": "gte", "value": 0}]}}, "test_always"),
        ({"trigger": {"kind": "threshold", "when": RED}}, "no_hysteresis"),
        ({"trigger": {"kind": "threshold", "when": {"subject": "attribute.arr", "operator": "known"}}}, "known_alone"),
        ({"steps": [TASK | {"accept_hours": 5, "finish_hours": 1}]}, "accepted_late"),
        ({"re_entry": {"days": 0}}, "no_pause"),
        ({"trigger": {"kind": "by_hand"}, "re_entry": {"never": True}}, "by_hand_unasked"),
        ({"trigger": {"kind": "by_hand"}, "audience": {"subject": "band", "value": "red"}}, "by_hand_unasked"),
        ({"steps": [{"id": "w", "kind": "wait", "days": 1}]}, "no_exit"),
        ({}, "crowded"),
        ({"tiers": {"rows": [{"id": "a", "start": "first", "bands": ["red"]}]}}, "tier_missing"),
        (
            {"tiers": {"rows": [{"id": "a", "start": "first"}, {"id": "b", "start": "first", "bands": ["red"]}]}},
            "tier_hidden",
        ),
    ],
)
def test_what_is_probably_not_meant_is_warned_of(parts: dict[str, Any], code: str) -> None:
    assert code in {one.code for one in lint(parsed(**parts))}


def test_the_schema_takes_what_the_parser_takes_and_refuses_what_it_can() -> None:
    schema = document_schema()

    assert agrees(GOOD, schema, schema)
    assert agrees(FULL, schema, schema)
    for pointer, value in (
        ("/steps/0/subject", None), ("/steps/3/timeout_days", -1), ("/steps/3/days", 2), ("/trigger/to", ["purple"]),
        ("/exits/0/bands", None), ("/audience/all/0/operator", "like"), ("/holdout/share", 0.6), ("/steps/0/txt", "t"),
        ("/steps/6/channel", "#cs"),
    ):  # fmt: skip
        assert not agrees(changed(pointer, value, FULL), schema, schema), pointer


def asking(name: str, value: Any = "false_alarm", **task: Any) -> dict[str, Any]:
    """A call, a gate, and a branch that asks what came of one of them."""
    case = {"when": {"subject": f"outcome.{name}", "value": value}, "next": "end"}
    steps = [
        {"id": "call", "kind": "task", "title": "Call", "script": "Hello"} | task,
        {"id": "gate", "kind": "approval", "about": "send"},
        MAIL | {"id": "send", "only_if": {"not": {"subject": "outcome.gate", "value": "expired_approved"}}},
        {"id": "which", "kind": "branch", "cases": [case], "otherwise": "late"},
        {"id": "late", "kind": "task", "title": "Late", "script": "Late"},
    ]
    return GOOD | {"steps": steps}


def test_a_branch_may_ask_what_came_of_a_step_before_it_and_says_so_in_words() -> None:
    read = parse_playbook(asking("call"))
    which = read.step("which")

    assert isinstance(which, BranchStep)
    assert sentence(which.cases[0].when) == "what came of call is false_alarm"
    schema = document_schema()
    assert agrees(asking("call"), schema, schema)
    assert read.asks_outcomes
    assert not parse_playbook(GOOD).asks_outcomes


@pytest.mark.parametrize(
    ("document", "place", "words"),
    [
        (asking("cal"), "/steps/3/cases/0/when/subject", "did you mean 'outcome.call'"),
        (asking("send"), "/steps/3/cases/0/when/subject", "nothing ever comes of 'send'"),
        (asking("call", waits=False), "/steps/3/cases/0/when/subject", "nothing ever comes of 'call'"),
        (asking("late"), "/steps/3/cases/0/when/subject", "no run has come from 'late'"),
        (asking("call", "done"), "/steps/3/cases/0/when/value", "'done' never comes of 'call'"),
        (asking("gate", "helped"), "/steps/3/cases/0/when/value", "'helped' never comes of 'gate'"),
        (asking("call") | {"audience": {"subject": "outcome.call", "value": "helped"}}, "/audience/subject",
         "known in a run only"),
        (asking("call") | {"exits": [{"kind": "goal_met", "when": {"subject": "outcome.call", "value": "helped"}}]},
         "/exits/0/when/subject", "known in a run only"),
    ],
)  # fmt: skip
def test_what_came_of_a_step_is_asked_only_where_it_can_be_known(
    document: dict[str, Any], place: str, words: str
) -> None:
    with pytest.raises(PlaybookInvalid) as refused:
        parse_playbook(document)

    assert [one.pointer for one in refused.value.problems] == [place]
    assert words in refused.value.problems[0].sentence


def test_tiers_that_stand_from_the_mildest_to_the_worst_are_doubtful_as_nothing_would_take_over() -> None:
    mild = {"id": "early", "bands": ["yellow"], "start": "first"}
    bad = {"id": "late", "bands": ["red"], "start": "second"}

    def codes(*rows: dict[str, Any]) -> list[tuple[str, str]]:
        found = lint(parse_playbook(GOOD | {"tiers": {"rows": list(rows), "otherwise": "first"}}))
        return [(one.pointer, one.code) for one in found if one.code.startswith("tier")]

    assert codes(mild, bad) == [("/tiers/rows/1", "tier_order")]
    assert codes(bad, mild) == []
