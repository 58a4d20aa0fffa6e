"""Claims about playbook documents: every mistake is told at once, in its place; only news of today starts outreach."""

import copy
from typing import Any

import pytest

from milepost_core.playbooks import (
    BandTrigger,
    Change,
    Declines,
    Direction,
    Ignores,
    Starts,
    digest,
    match,
    trigger_key,
)
from milepost_core.playbooks.parsing import MOST_STEPS, PlaybookInvalid, parse_playbook

GOOD: dict[str, Any] = {
    "format": "playbook/1",
    "id": "nudge",
    "version": 2,
    "name": "Nudge",
    "trigger": {"kind": "band_changed", "to": ["yellow", "red"], "first_score": True},
    "steps": [
        {"id": "first", "kind": "email", "subject": "s", "text": "t", "html": "h"},
        {"id": "second", "kind": "email", "to": "a@b.example", "subject": "s", "text": "t", "html": "h"},
    ],
}


def changed(path: str, value: Any) -> dict[str, Any]:
    """Return GOOD with the value at a pointer replaced (or removed, for None)."""
    document = copy.deepcopy(GOOD)
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


def test_a_good_document_is_read_with_its_defaults() -> None:
    playbook = parse_playbook(GOOD)

    assert (playbook.id, playbook.version, playbook.re_entry.days) == ("nudge", 2, 7)
    assert playbook.trigger == BandTrigger(("yellow", "red"), "down", True)
    assert [step.to for step in playbook.steps] == ["owner", "a@b.example"]


def test_steps_follow_one_another_to_the_end() -> None:
    playbook = parse_playbook(GOOD)
    first = playbook.after(None)
    assert first is not None
    second = playbook.after(first.id)
    assert second is not None

    assert (first.id, second.id, playbook.after(second.id)) == ("first", "second", None)
    assert playbook.step("second") is second
    assert playbook.step("third") is None


@pytest.mark.parametrize(
    ("pointer", "value", "code"),
    [
        ("/id", None, "missing"),
        ("/id", "Not A Name", "name"),
        ("/id", "a" * 65, "too_long"),
        ("/version", 0, "out_of_range"),
        ("/version", True, "type"),
        ("/version", "2", "type"),
        ("/name", "  ", "type"),
        ("/format", "playbook/9", "format_unknown"),
        ("/re_entry_days", -1, "out_of_range"),
        ("/re_entry_days", 36500, "out_of_range"),
        ("/trigger", None, "missing"),
        ("/trigger", "red", "type"),
        ("/trigger/kind", "moon_phase", "word_unknown"),
        ("/trigger/to", [], "type"),
        ("/trigger/to/1", "purple", "word_unknown"),
        ("/trigger/to/1", "unknown", "word_unknown"),
        ("/trigger/direction", "sideways", "word_unknown"),
        ("/trigger/first_score", "yes", "type"),
        ("/steps", [], "type"),
        ("/steps", None, "missing"),
        ("/steps/0", "mail", "type"),
        ("/steps/0/kind", "pigeon", "word_unknown"),
        ("/steps/0/subject", None, "missing"),
        ("/steps/0/text", "x" * (64 * 1024 + 1), "too_long"),
        ("/steps/1/id", "first", "doubled"),
    ],
)
def test_each_mistake_is_told_at_its_place(pointer: str, value: Any, code: str) -> None:
    assert problems(changed(pointer, value))[pointer] == code


def test_all_mistakes_come_at_once_and_unknown_keys_name_the_nearest_known_one() -> None:
    document = changed("/trigger/to", ["pink"]) | {"vresion": 1, "steps": [{"id": "a", "kind": "email", "txt": "t"}]}
    with pytest.raises(PlaybookInvalid) as caught:
        parse_playbook(document)
    told = {problem.pointer: problem.sentence for problem in caught.value.problems}

    assert {"/vresion", "/trigger/to/0", "/steps/0/txt", "/steps/0/subject", "/steps/0/text"} <= set(told)
    assert "did you mean version?" in told["/vresion"]
    assert "did you mean text?" in told["/steps/0/txt"]


def test_too_many_steps_are_refused_as_a_whole() -> None:
    step = GOOD["steps"][0]
    many = [{**step, "id": f"s{number}"} for number in range(MOST_STEPS + 1)]

    assert problems({**GOOD, "steps": many}) == {"/steps": "too_many"}


def test_a_key_with_a_slash_keeps_the_pointer_readable() -> None:
    assert problems({**GOOD, "a/b~c": 1}) == {"/a~1b~0c": "key_unknown"}


def verdict(change: Change, direction: Direction = "down", *, first_score: bool = False) -> str:
    found = match(BandTrigger(("yellow", "red"), direction, first_score), change)
    return {Starts: "starts", Ignores: "ignores", Declines: "declines"}[type(found)]


@pytest.mark.parametrize(
    ("kind", "before", "after", "cause", "expected"),
    [
        ("band_changed", "green", "yellow", "live", "starts"),
        ("band_changed", "green", "red", "silence", "starts"),
        ("band_changed", "yellow", "red", "live", "starts"),
        ("band_changed", "unknown", "red", "live", "starts"),
        ("band_changed", "red", "yellow", "live", "ignores"),
        ("band_changed", "yellow", "green", "live", "ignores"),
        ("band_changed", "red", "unknown", "live", "ignores"),
        ("score_moved", "red", "red", "live", "ignores"),
        ("journey_moved", "red", "red", "live", "ignores"),
        ("milestone_moved", "green", "red", "live", "ignores"),
        ("a_kind_of_next_year", "green", "red", "live", "ignores"),
        ("band_changed", "green", "red", "human", "declines"),
        ("first_score", None, "red", "live", "ignores"),
        ("band_changed", "green", "red", "backfill", "declines"),
        ("band_changed", "green", "red", "model", "declines"),
        ("band_changed", "yellow", "green", "backfill", "ignores"),
    ],
)
def test_only_a_drop_of_today_starts(kind: str, before: str | None, after: str, cause: str, expected: str) -> None:
    assert verdict(Change(kind, before, after, cause)) == expected


def test_a_first_score_starts_only_where_the_playbook_says_so() -> None:
    first = Change("first_score", None, "red", "live")

    assert verdict(first, first_score=True) == "starts"
    assert verdict(first, first_score=False) == "ignores"
    assert verdict(Change("first_score", None, "green", "live"), first_score=True) == "ignores"
    assert verdict(Change("first_score", None, "red", "backfill"), first_score=True) == "declines"


def test_a_rise_starts_a_playbook_for_rises() -> None:
    rise = Change("band_changed", "red", "yellow", "live")

    assert [verdict(rise, "up"), verdict(rise, "any"), verdict(rise, "down")] == ["starts", "starts", "ignores"]


def test_keys_tell_parts_apart_and_forget_the_version() -> None:
    assert digest("ab", "c") != digest("a", "bc")
    assert trigger_key("nudge", 7) == trigger_key("nudge", 7)
    assert len({trigger_key("nudge", 7), trigger_key("nudge", 8), trigger_key("nudge-7", 7)}) == 3
