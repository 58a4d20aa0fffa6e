"""What a model may ask is bounded, so that every model that is taken can be measured, and read in a moment."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
from support.json_schema import agrees
from support.score_models import RISING, document, one_signal

from milepost_core.model import ModelInvalid, ModelProblem, lint, parse_model
from milepost_core.model.problems import MOST_TOLD
from milepost_core.model.schema import document_schema

COUNT = {"agg": "count", "where": {"type": "feature.used"}}
SCHEMA = document_schema()


def problems(doc: dict[str, Any]) -> tuple[ModelProblem, ...]:
    try:
        parse_model(doc)
    except ModelInvalid as refused:
        return refused.problems
    return ()


def refused(doc: dict[str, Any], pointer: str, message: str) -> bool:
    return any(one.pointer == pointer and message in one.message for one in problems(doc))


DAYS = [
    ("/signals/0/source/window_days", one_signal(COUNT | {"window_days": 3e6})),
    ("/signals/0/source/min_age_days", one_signal(COUNT | {"min_age_days": 1e300})),
    ("/signals/0/source/bucket_days", one_signal({"agg": "slope", "bucket_days": 1e9, "buckets": 4})),
    ("/signals/0/source/buckets", one_signal({"agg": "slope", "bucket_days": 1, "buckets": 3000})),
    ("/signals/0/source/half_life", one_signal({"agg": "decayed_sum", "half_life": 1e308})),
    ("/signals/0/half_life_days", one_signal(COUNT, half_life_days=36_501)),
    ("/milestones/0/target_day", one_signal(COUNT) | {"milestones": [{"id": "k", "target_day": 5e6}]}),
    ("/milestones/0/work_days", one_signal(COUNT) | {"milestones": [{"id": "k", "work_days": 1e300}]}),
    ("/journey/stuck_after_days", one_signal(COUNT) | {"journey": {"stuck_after_days": 1e300}}),
    ("/journey/behind_after_days", one_signal(COUNT) | {"journey": {"behind_after_days": 1e12}}),
    ("/bands/dwell_up_days", one_signal(COUNT) | {"bands": {"dwell_up_days": 1e300}}),
]


@pytest.mark.parametrize(("pointer", "doc"), DAYS, ids=[pointer for pointer, _ in DAYS])
def test_no_number_of_days_outlasts_what_can_be_counted(pointer: str, doc: dict[str, Any]) -> None:
    assert [one.pointer for one in problems(doc)] == [pointer]
    assert not agrees(doc, SCHEMA, SCHEMA)


def test_buckets_together_outlast_no_century() -> None:
    assert problems(one_signal({"agg": "slope", "bucket_days": 365, "buckets": 100})) == ()
    assert refused(one_signal({"agg": "slope", "bucket_days": 366, "buckets": 100}),
                   "/signals/0/source/bucket_days", "36600 days")  # fmt: skip


def test_a_model_asks_no_more_questions_than_one_statement_may() -> None:
    def trends(count: int) -> dict[str, Any]:
        source = {"agg": "slope", "bucket_days": 1, "buckets": 100}
        return document(*({"id": f"s{n}", "dimension": "d", "source": source, "normalise": RISING}
                          for n in range(count)))  # fmt: skip

    assert problems(trends(5)) == ()
    assert refused(trends(6), "/signals", "asks 600 questions")


def acting(count: int, **action: float) -> dict[str, Any]:
    return document(*({"id": f"s{n}", "dimension": "d", "source": COUNT, "normalise": RISING,
                       "action": {"step": 1, "max_change": 10} | action} for n in range(count)))  # fmt: skip


def test_no_model_asks_for_a_way_that_takes_for_ever_to_find() -> None:
    assert problems(acting(12)) == ()
    assert refused(acting(13), "/signals", "13 signals have an action")
    for action in ({"max_change": 10.99}, {"step": 9, "max_change": 90}, {"step": 20}):
        assert problems(acting(1, **action)) == ()
    assert refused(acting(1, max_change=11), "/signals/0/action/max_change", "11 is 11 steps of 1")
    assert refused(acting(1, step=1e-300, max_change=1e300), "/signals/0/action/max_change", "steps of 1e-300")


@pytest.mark.parametrize("key", ["signals", "gates", "milestones", "stages", "segments", "dimensions"])
def test_a_list_that_is_too_long_is_refused_and_its_rest_not_read(key: str) -> None:
    doc = one_signal(COUNT) | {key: [{"strange": n} for n in range(5000)]}

    assert refused(doc, f"/{key}", "the list has 5000 entries")
    assert not agrees(doc, SCHEMA, SCHEMA)


def test_a_long_chain_of_milestones_and_a_long_circle_are_read_in_a_moment() -> None:
    chain = [{"id": f"m{n}", "after": [f"m{n - 1}"] if n else []} for n in range(200)]
    circle = [{"id": f"m{n}", "after": [f"m{(n - 1) % 200}"]} for n in range(200)]
    began = time.perf_counter()

    assert problems(one_signal(COUNT) | {"milestones": chain}) == ()
    (found,) = problems(one_signal(COUNT) | {"milestones": circle})
    assert found.message == ("goes in a circle: m0 waits for m199 waits for m198 waits for m197 waits for m196"
                             " waits for m195 waits for m194 waits for m193 waits for … waits for m0")  # fmt: skip
    assert time.perf_counter() - began < 1


def test_of_two_circles_and_what_waits_for_one_the_first_circle_is_named() -> None:
    after = {"a": ["b"], "b": ["c"], "c": ["d", "b"], "d": [], "e": ["f"], "f": ["e"]}
    (found,) = problems(one_signal(COUNT) | {"milestones": [{"id": k, "after": v} for k, v in after.items()]})

    assert (found.pointer, found.message) == ("/milestones/1/after", "goes in a circle: b waits for c waits for b")


def test_of_very_many_mistakes_the_first_are_told_and_the_rest_counted() -> None:
    doc = one_signal(COUNT) | {
        "milestones": [{"id": f"m{n}", "after": [f"x{n}_{k}" for k in range(100)]} for n in range(200)]
    }
    began = time.perf_counter()
    with pytest.raises(ModelInvalid) as caught:
        parse_model(doc)

    assert (len(caught.value.problems), caught.value.more) == (MOST_TOLD, 20_000 - MOST_TOLD)
    assert str(caught.value).endswith(f"and {20_000 - MOST_TOLD} more")
    assert time.perf_counter() - began < 5


@pytest.mark.parametrize("zone", ["CET", "MET", "EET", "WET", "localtime", "posixrules", "right/UTC", "Factory",
                                  "Etc/GMT+1", "posix/Europe/Berlin", "Europe/Berln", "europe/berlin"])  # fmt: skip
def test_a_zone_that_is_read_in_two_ways_is_refused(zone: str) -> None:
    assert refused(one_signal(COUNT) | {"timezone": zone}, "/timezone", "is no time zone")


def test_zones_of_cities_are_taken_and_misspelt_ones_corrected() -> None:
    for zone in ("UTC", "Europe/Berlin", "America/Argentina/Ushuaia", "Asia/Kolkata"):
        doc = one_signal(COUNT) | {"timezone": zone}
        assert problems(doc) == ()
        assert agrees(doc, SCHEMA, SCHEMA)
    (found,) = problems(one_signal(COUNT) | {"timezone": "Europe/Berln"})
    assert found.nearest == "Europe/Berlin"


@pytest.mark.parametrize("name", ["a/../b", "x" * 5000, "a/b c?<x>#1", "é", "-a", "_a", ".", "a\n"])
def test_every_id_can_stand_in_an_address(name: str) -> None:
    plain = one_signal(COUNT)
    wrong = {
        "/id": plain | {"id": name},
        "/signals/0/id": document({"id": name, "dimension": "d", "source": COUNT, "normalise": RISING}),
        "/dimensions/0/id": document({"id": "s", "dimension": name, "source": COUNT, "normalise": RISING}),
        "/milestones/0/id": plain | {"milestones": [{"id": name}]},
        "/gates/0/id": plain | {"gates": [{"id": name, "when": {"source": COUNT, "value": 1}, "subtract": 1}]},
        "/stages/0/id": plain | {"stages": [{"id": name, "age_days": [0, None], "weights": {"d": 1}}]},
        "/segments/0/id": plain | {"segments": [{"id": name, "when": {"plan": "x"}}]},
    }
    for pointer, doc in wrong.items():
        assert refused(doc, pointer, "is no id"), pointer
        assert not agrees(doc, SCHEMA, SCHEMA) or name == "a\n", pointer


def test_the_ids_of_the_known_answers_are_ids() -> None:
    folder = Path(__file__).parent / "known_answers"
    for file in folder.rglob("*.json"):
        for example in json.loads(file.read_text()).get("examples", []):
            if "model" in example:
                assert not [one for one in problems(example["model"]) if "is no id" in one.message]


def test_a_segment_cannot_rename_what_it_changes() -> None:
    doc = one_signal(COUNT) | {"segments": [{"id": "big", "when": {"plan": "x"}, "signals": {"s": {"id": "t"}}}]}

    assert refused(doc, "/segments/0/signals/s/id", "cannot rename")
    assert not agrees(doc, SCHEMA, SCHEMA)


def test_a_segment_has_a_journey_and_a_calendar_of_its_own() -> None:
    own = {"journey": {"stuck_after_days": 30}, "calendar": {"weekend": ["fri", "sat"]}}
    doc = one_signal(COUNT) | {"journey": {"slip_days": 3}, "segments": [{"id": "big", "when": {"plan": "x"}} | own]}
    assert agrees(doc, SCHEMA, SCHEMA)
    judged = parse_model(doc).for_segment({"plan": "x"})

    assert (judged.journey.stuck_after_days, judged.journey.slip_days) == (30, 3)
    assert judged.calendar.weekend == {4, 5}
    wrong = one_signal(COUNT) | {
        "segments": [{"id": "big", "when": {"plan": "x"}, "journey": {"stuck_after_days": 1e9}}]
    }
    assert refused(wrong, "/segments/0/journey/stuck_after_days", "is not a number of days")


@pytest.mark.parametrize("agg", ["open_items", "overdue_items", "oldest_open_age"])
def test_a_question_about_items_that_cannot_exist_is_refused(agg: str) -> None:
    (kind,) = problems(one_signal({"agg": agg, "where": {"kind": "tickets"}}))
    assert (kind.pointer, kind.nearest) == ("/signals/0/source/where/kind", "ticket")
    assert "kinds of its own" in kind.message

    typed = one_signal({"agg": agg, "where": {"type": "ticket.opened"}})
    assert refused(typed, "/signals/0/source/where/type", "an item has no type")
    assert not agrees(typed, SCHEMA, SCHEMA)


def test_a_question_about_items_that_finds_none_is_warned_of() -> None:
    def told(where: dict[str, Any]) -> list[ModelProblem]:
        return list(lint(parse_model(one_signal({"agg": "open_items", "where": where}))))

    (state,) = told({"kind": "invoice", "state": ["overdu", "failed"]})
    assert (state.pointer, state.nearest) == ("/signals/0/source/where/state", "overdue")
    (role,) = told({"kind": "ticket", "role": "sponsor"})
    assert "items have no 'role'" in role.message
    assert told({"kind": "ticket", "state": "reopened", "severity": "high"}) == []


def test_a_band_that_nobody_can_reach_is_refused() -> None:
    def bands(**more: float) -> dict[str, Any]:
        return one_signal(COUNT) | {"bands": {"green": 70, "yellow": 40} | more}

    assert refused(bands(margin_up=30.1), "/bands/margin_up", "nobody reaches green")
    assert refused(bands(margin_down=40), "/bands/margin_down", "nobody falls to red")
    assert problems(bands(margin_up=30, margin_down=39.9)) == ()


def test_a_transition_that_outlasts_its_stage_is_warned_of() -> None:
    stages = [{"id": "a", "age_days": [0, 30], "weights": {"d": 1}},
              {"id": "b", "age_days": [30, 35], "weights": {"d": 1}, "transition_days": 50}]  # fmt: skip
    (found,) = lint(parse_model(one_signal(COUNT) | {"stages": stages}))

    assert found.pointer == "/stages/1/transition_days"


def last(**more: Any) -> dict[str, Any]:
    return {"agg": "last", "where": {"type": "account.updated"}} | more


def gate(source: dict[str, Any], value: object, op: str = "==") -> dict[str, Any]:
    when = {"source": source, "op": op, "value": value}
    return one_signal(COUNT) | {"gates": [{"id": "g", "when": when, "cap_score": 10}]}


def peers(*names: str) -> dict[str, Any]:
    return one_signal(COUNT, {"kind": "percentile", "cohort": list(names), "min_cohort": 2})


def counting(**where: object) -> dict[str, Any]:
    return one_signal({"agg": "count", "where": where})


def worded(word: str, kind: str = "account.updated") -> dict[str, Any]:
    return one_signal({"agg": "last", "where": {"type": kind}}, {"kind": "map", "values": {word: 0, "live": 100}})


LEAKS = [
    peers("churned"), peers("plan", "is_churned"),
    one_signal(last(field="churned")), one_signal(last(field="churnedAt")), one_signal(last(value="churn_date")),
    one_signal(last(agg="distinct", field="churned")), one_signal(last(agg="sum", value="churned")),
    gate(last(field="status"), "churned"), gate(last(), ["left", "Churned"], "in"),
    gate(last(), "renewed"), worded("churned"), worded("renewed"),
    counting(type="customer.churned"), counting(type="renewal.completed"), counting(type="contract_renewed"),
    counting(type=["feature.used", "customer.churn"]),
    counting(type="account.updated", event="churned"), counting(type="account.updated", reason="churned"),
    counting(type="account.updated", lifecycle_stage="Churned"), counting(has_churned=False),
    one_signal({"agg": "ratio", "num": COUNT, "den": "churned"}), counting(item="churned"),
    *(counting(type=one) for one in ("churning", "churns", "renewals", "deal.renewal", "closed_lost_renewal")),
]  # fmt: skip
HARMLESS = [
    peers("segment", "renewal_date"), one_signal(last(field="churn_risk")), one_signal(last(field="renewal_date")),
    one_signal(last(value="days_to_renewal")), counting(type="renewal.reminded"), counting(type="survey.answered",
                                                                                          topic="renewal"),
    counting(type="feature.used", item="churned"), counting(type="certificate.updated", status="renewed"),
    gate({"agg": "last", "where": {"type": "certificate.updated"}, "field": "status"}, "renewed"),
    worded("renewed", "certificate.updated"), counting(type="ticket.opened", reason="churn_report"),
]  # fmt: skip


@pytest.mark.parametrize("doc", LEAKS, ids=lambda doc: json.dumps(doc)[-150:])
def test_the_outcome_is_refused_wherever_it_hides(doc: dict[str, Any]) -> None:
    assert [one for one in problems(doc) if "label leak" in one.message]


@pytest.mark.parametrize("doc", HARMLESS, ids=lambda doc: json.dumps(doc)[-150:])
def test_what_only_has_to_do_with_the_outcome_is_no_leak(doc: dict[str, Any]) -> None:
    assert problems(doc) == ()
