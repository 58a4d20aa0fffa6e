"""Every aggregation of the score model on records few enough to count by hand."""

import math
from typing import Any

import pytest
from support.reading import read
from support.score_models import Document, one_signal

from milepost_core.model import parse_model
from milepost_core.readings import Status

AS_OF = "2026-03-01T00:00:00Z"
LOGIN = {"type": "login"}


def read_one(source: Document, timezone: str = "UTC", **account: Any) -> tuple[Any, str]:
    """(value, reason) of one source; the account began 59 days before unless it says otherwise."""
    model = parse_model(one_signal(source, {"kind": "map", "values": {"x": 1}}) | {"timezone": timezone})
    readings = read({"start_at": "2026-01-01", **account}, model, AS_OF)
    assert readings.category is not None
    word, number = readings.category[0, 0], float(readings.raw[0, 0])
    value = word if word is not None else None if math.isnan(number) else number
    return value, Status(int(readings.status[0, 0])).reason


def login(t: str, **more: Any) -> dict[str, Any]:
    return {"t": t, "type": "login", **more}


def test_a_window_is_open_below_and_closed_above() -> None:
    events = [login("2026-02-22T00:00:00Z"), login("2026-02-22T00:00:01Z"), login(AS_OF), login("2026-03-01T00:00:01Z")]

    assert read_one({"agg": "count", "where": LOGIN, "window_days": 7}, events=events) == (2, "ok")


def test_a_record_that_arrived_later_is_not_seen() -> None:
    events = [login("2026-02-22T00:00:01Z", recorded_at="2026-03-02T00:00:00Z")]

    assert read_one({"agg": "count", "where": LOGIN}, events=events) == (0, "ok")


def test_a_correction_replaces_what_it_corrects_from_its_recording_on() -> None:
    first = {"t": "2026-02-01", "type": "survey", "id": "e1", "value": 3}
    corrected = first | {"value": 9, "recorded_at": "2026-02-20"}
    too_late = first | {"value": 1, "recorded_at": "2026-03-20"}

    last = {"agg": "last", "where": {"type": "survey"}}
    assert read_one(last, events=[corrected, first, too_late]) == (9, "ok")


def test_count_waits_for_the_account_to_be_old_enough() -> None:
    source = {"agg": "count", "where": LOGIN, "min_age_days": 14}

    assert read_one(source, start_at="2026-02-16") == (None, "too_new")
    assert read_one(source, start_at="2026-02-15") == (0, "ok")


def test_distinct_ignores_events_without_the_field() -> None:
    events = [login("2026-02-02", actor="a"), login("2026-02-03", actor="a"), login("2026-02-03"),
              login("2026-02-04", actor="b")]  # fmt: skip

    assert read_one({"agg": "distinct", "field": "actor", "where": LOGIN}, events=events) == (2, "ok")


def test_active_days_are_calendar_dates_in_the_model_s_zone() -> None:
    events = [login("2026-02-02T22:30:00Z"), login("2026-02-02T23:30:00Z"), login("2026-02-03T10:00:00Z")]

    source = {"agg": "active_days", "where": LOGIN}
    assert read_one(source, events=events) == (2, "ok")
    assert read_one(source, "Europe/Berlin", events=events) == (2, "ok")
    assert read_one(source, "America/New_York", events=events) == (2, "ok")
    assert read_one(source, "Asia/Tokyo", events=events) == (1, "ok")


def hours(*values: float) -> list[dict[str, Any]]:
    return [{"t": f"2026-02-0{i + 1}", "type": "solved", "value": value} for i, value in enumerate(values)]


def test_sum_and_mean_add_values_and_mean_wants_enough_of_them() -> None:
    solved = {"type": "solved"}

    assert read_one({"agg": "sum", "where": solved}, events=hours(2, 4)) == (6, "ok")
    assert read_one({"agg": "sum", "where": solved}) == (0, "ok")
    assert read_one({"agg": "mean", "where": solved, "min_n": 2}, events=hours(2, 4)) == (3, "ok")
    assert read_one({"agg": "mean", "where": solved, "min_n": 3}, events=hours(2, 4)) == (None, "no_data")
    assert read_one({"agg": "mean", "where": solved}) == (None, "no_data")


def test_a_decayed_sum_halves_with_every_half_life_and_counts_one_without_a_value() -> None:
    events = [login("2026-02-15"), login("2026-02-01", value=8)]

    value, _ = read_one({"agg": "decayed_sum", "where": LOGIN, "half_life_days": 14}, events=events)
    assert value == pytest.approx(0.5 + 8 * 0.25)


def test_last_is_the_newest_value_and_of_two_at_one_moment_the_later_recorded() -> None:
    events = [
        {"t": "2026-02-01", "type": "status", "value": "active"},
        {"t": "2026-02-03", "type": "status", "value": "departed", "recorded_at": "2026-02-05"},
        {"t": "2026-02-03", "type": "status", "value": "joined", "recorded_at": "2026-02-04"},
    ]

    assert read_one({"agg": "last", "where": {"type": "status"}}, events=events) == ("departed", "ok")
    assert read_one({"agg": "last", "where": {"type": "status"}}) == (None, "never")


def test_days_since_last_without_any_is_never_or_the_age() -> None:
    source = {"agg": "days_since_last", "where": {"role": "sponsor"}}

    assert read_one(source, events=[login("2026-02-27T12:00:00Z", role="sponsor")]) == (1.5, "ok")
    assert read_one(source, events=[login("2026-02-28", role="admin")]) == (None, "never")
    assert read_one(source | {"never": "age"}) == (59, "ok")


def test_time_to_first_looks_from_the_start_on_and_says_when_it_still_waits() -> None:
    model = parse_model(one_signal({"agg": "time_to_first", "where": LOGIN}))
    before, after = login("2025-12-31"), login("2026-01-11T12:00:00Z")

    done = read({"start_at": "2026-01-01", "events": [before, after]}, model, AS_OF)
    waiting = read({"start_at": "2026-01-01", "events": [before]}, model, AS_OF)
    assert (done.raw[0, 0], done.censored[0, 0]) == (10.5, False)
    assert (waiting.raw[0, 0], waiting.censored[0, 0]) == (59, True)
    assert math.isnan(waiting.age_days[0, 0])  # waiting is not hearing


def test_a_ratio_is_capped_and_names_what_it_cannot_divide_by() -> None:
    events = [login("2026-02-02"), login("2026-02-03"), login("2026-02-04")]
    count = {"agg": "count", "where": LOGIN}
    met = {"agg": "count", "where": {"type": "met"}}

    assert read_one({"agg": "ratio", "num": count, "den": "seats"}, events=events, seats=4) == (0.75, "ok")
    assert read_one({"agg": "ratio", "num": count, "den": 2, "max": 1.0}, events=events) == (1, "ok")
    assert read_one({"agg": "ratio", "num": met, "den": count}, events=events) == (0, "ok")
    assert read_one({"agg": "ratio", "num": count, "den": "seats"}, events=events) == (None, "no_denominator")
    assert read_one({"agg": "ratio", "num": count, "den": met}, events=events) == (None, "zero_denominator")
    assert read_one({"agg": "ratio", "num": count, "den": met, "zero_den": 1}, events=events) == (1, "ok")


def weeks(*counts: int) -> list[dict[str, Any]]:
    """That many logins per week, oldest week first, the newest ending at the moment read."""
    days = range(28 - 7 * len(counts), 28, 7)
    return [login(f"2026-02-{day + 2:02d}") for day, n in zip(days, counts, strict=True) for _ in range(n)]


def test_slope_is_per_bucket_in_percent_of_the_mean() -> None:
    source = {"agg": "slope", "where": LOGIN, "bucket_days": 7, "buckets": 4}

    # counts 1 2 3 4: least squares 1 per bucket, mean 2.5
    assert read_one(source, events=weeks(1, 2, 3, 4)) == (pytest.approx(40), "ok")
    assert read_one(source, events=[]) == (None, "no_activity")
    assert read_one(source, events=weeks(1, 2, 3, 4), start_at="2026-02-02") == (None, "too_new")
    assert read_one(source, events=weeks(1, 2, 3, 4), start_at="2026-02-01")[1] == "ok"


def test_momentum_compares_the_newer_half_with_the_older() -> None:
    source = {"agg": "momentum", "where": LOGIN, "bucket_days": 7, "buckets": 4}

    assert read_one(source, events=weeks(0, 1, 3, 4)) == (pytest.approx(math.log2(8 / 2)), "ok")
    assert read_one(source, events=[]) == (0, "ok")


ITEMS = [
    {"kind": "task", "id": "t1", "opened_at": "2026-02-01", "due_at": "2026-02-10"},
    {"kind": "task", "id": "t2", "opened_at": "2026-02-09", "due_at": AS_OF},
    {"kind": "task", "id": "t3", "opened_at": "2026-02-01", "due_at": "2026-02-02", "closed_at": AS_OF},
    {"kind": "task", "id": "t4", "opened_at": "2026-01-15", "closed_at": "2026-03-02"},
    {"kind": "task", "id": "t5", "opened_at": "2026-03-02"},
    {"kind": "ticket", "id": "k1", "opened_at": "2026-02-19", "severity": "high"},
    {"kind": "ticket", "id": "k2", "opened_at": "2026-01-01", "severity": "low"},
]


def test_items_are_open_from_opening_until_closing_and_overdue_after_their_day() -> None:
    assert read_one({"agg": "open_items", "where": {"kind": "task"}}, items=ITEMS) == (3, "ok")
    assert read_one({"agg": "overdue_items", "where": {"kind": "task"}}, items=ITEMS) == (1, "ok")
    assert read_one({"agg": "oldest_open_age", "where": {"kind": "task"}}, items=ITEMS) == (45, "ok")
    severe = {"kind": "ticket", "severity": ["high", "critical"]}
    assert read_one({"agg": "oldest_open_age", "where": severe}, items=ITEMS) == (10, "ok")
    assert read_one({"agg": "oldest_open_age", "where": {"kind": "invoice"}}, items=ITEMS) == (0, "ok")


def test_milestones_count_when_due_or_done_and_less_when_late() -> None:
    milestones = [
        {"id": "kickoff", "weight": 1, "due_at": "2026-01-05", "done_at": "2026-01-05"},
        {"id": "sso", "weight": 2, "due_at": "2026-01-10", "done_at": "2026-01-20"},
        {"id": "import", "weight": 2, "due_at": "2026-02-01"},
        {"id": "report", "weight": 1, "due_at": "2026-04-01", "done_at": "2026-02-20"},
        {"id": "rollout", "weight": 9, "due_at": "2026-05-01"},
    ]
    source = {"agg": "milestone_progress", "late_penalty_per_day": 0.02, "late_floor": 0.5}

    assert read_one(source, milestones=milestones) == (pytest.approx(0.6), "ok")
    assert read_one(source, milestones=milestones[-1:]) == (None, "nothing_due")


def test_breadth_is_the_share_of_expected_roles_seen() -> None:
    events = [login("2026-02-02", role="admin"), login("2026-02-03", role="guest"), login("2026-02-03")]

    source = {"agg": "breadth", "where": LOGIN, "expected": ["admin", "analyst", "sponsor", "owner"]}
    assert read_one(source, events=events) == (0.25, "ok")


def test_a_rate_is_per_week_of_the_window_or_of_the_age() -> None:
    events = [login("2026-02-20"), login("2026-02-21"), login("2026-02-22")]
    source = {"agg": "rate", "where": LOGIN, "window_days": 28, "min_age_days": 7}

    assert read_one(source, events=events) == (0.75, "ok")
    assert read_one(source, events=events, start_at="2026-02-15") == (1.5, "ok")
    assert read_one(source, events=events, start_at="2026-02-25") == (None, "too_new")


def test_where_may_ask_for_any_property() -> None:
    events = [login("2026-02-20", plan="trial"), login("2026-02-21", properties={"plan": "trial"}), login("2026-02-22")]

    source = {"agg": "count", "where": {"type": ["login", "export"], "plan": "trial"}}
    assert read_one(source, events=events) == (2, "ok")


def test_the_outcome_is_never_counted_even_where_any_event_would_do() -> None:
    events = [login("2026-02-20"), {"t": "2026-02-21", "type": "churned"}]

    assert read_one({"agg": "count", "where": {}}, events=events) == (1, "ok")
