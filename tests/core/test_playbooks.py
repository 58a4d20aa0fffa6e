"""Claims about what starts a playbook: only news of today, once for each change."""

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


@pytest.mark.parametrize("after", ["green", "unknown"])
def test_nobody_has_recovered_from_what_nobody_knew(after: str) -> None:
    rise = BandTrigger(("green", "unknown"), "up")

    assert match(rise, Change("band_changed", "unknown" if after == "green" else "red", after, "live")) == Ignores()
    assert match(rise, Change("band_changed", "yellow", "green", "live")) == Starts()


def test_keys_tell_parts_apart_and_forget_the_version() -> None:
    assert digest("ab", "c") != digest("a", "bc")
    assert trigger_key("nudge", "change", "7") == trigger_key("nudge", "change", "7")
    assert (
        len(
            {
                trigger_key("nudge", "change", "7"),
                trigger_key("nudge", "change", "8"),
                trigger_key("nudge-7", "change", "7"),
            }
        )
        == 3
    )
