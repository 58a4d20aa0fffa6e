"""A score model document is accepted whole, or refused with every reason and its place."""

from typing import Any

import pytest
from support.score_models import Document, document, five_dimensions, last_signal, one_signal

from milepost_core.model import ModelInvalid, ModelProblem, Piecewise, lint, parse_model

COUNT = {"agg": "count", "where": {"type": "login"}}


def problems_of(doc: Any) -> tuple[ModelProblem, ...]:
    with pytest.raises(ModelInvalid) as refused:
        parse_model(doc)
    return refused.value.problems


def pointers_of(doc: Any) -> list[str]:
    return [problem.pointer for problem in problems_of(doc)]


def with_curve(**curve: Any) -> Document:
    return one_signal(COUNT, curve)


def test_a_short_document_takes_the_usual_defaults() -> None:
    model = parse_model(five_dimensions())

    assert (model.version, model.min_coverage, model.timezone) == (1, 0.5, "UTC")
    assert {dimension.min_coverage for dimension in model.dimensions} == {0.4}
    assert (model.bands.green, model.bands.yellow) == (70, 40)
    assert (model.stages, model.gates, model.segments, model.milestones) == ((), (), (), ())


def test_columns_are_the_signals_then_the_gates() -> None:
    gate = {"id": "notice", "when": {"source": COUNT, "op": ">=", "value": 1}, "cap_score": 39.9}
    model = parse_model(document(last_signal("b", "d"), last_signal("a", "d"), gates=[gate]))

    assert [(column.id, column.is_gate) for column in model.columns] == [("b", False), ("a", False), ("notice", True)]


def test_an_unknown_key_is_refused_with_the_nearest_known_one() -> None:
    doc = five_dimensions(min_coverge=0.5)
    doc["signals"][1]["normalize"] = {}

    found = {problem.pointer: problem.nearest for problem in problems_of(doc)}
    assert found == {"/min_coverge": "min_coverage", "/signals/1/normalize": "normalise"}


@pytest.mark.parametrize(
    ("points", "reason"),
    [
        ([[0, 0], [0, 100]], "x does not grow"),
        ([[5, 0], [1, 100]], "x does not grow"),
        ([[0, -1], [1, 100]], "y leaves the range"),
        ([[0, 0], [1, 101]], "y leaves the range"),
        ([[0, 0], [1, 100], [2, 50]], "the curve turns"),
        ([[0, 100], [1, 0], [2, 50]], "the curve turns"),
        ([], "not a list of points"),
        ([[0, "a"]], "not a list of points"),
        ([[0, float("nan")]], "not a list of points"),
    ],
)
def test_a_broken_curve_is_refused(points: list[Any], reason: str) -> None:
    (problem,) = problems_of(with_curve(kind="piecewise", points=points))

    assert problem.pointer == "/signals/0/normalise/points"
    assert reason in problem.message


def test_a_curve_with_level_stretches_is_accepted() -> None:
    parse_model(with_curve(kind="piecewise", points=[[0, 0], [1, 50], [2, 50], [3, 100]]))


@pytest.mark.parametrize("weight", [-1, -0.5, float("inf"), "3", True])
def test_a_weight_that_is_negative_or_no_number_is_refused(weight: Any) -> None:
    assert pointers_of(document(last_signal("a", "d"), last_signal("b", "d", weight))) == ["/signals/1/weight"]


def test_weights_that_are_all_zero_are_refused() -> None:
    doc = document(last_signal("a", "d", 0), dimensions=[{"id": "d", "weight": 0}])

    assert pointers_of(doc) == ["/dimensions", "/signals"]


def test_a_signal_of_an_unknown_dimension_is_refused() -> None:
    (problem,) = problems_of(document(last_signal("a", "usgae"), dimensions=[{"id": "usage", "weight": 1}]))

    assert (problem.pointer, problem.nearest) == ("/signals/0/dimension", "usage")


def stages(*ages: list[Any]) -> Document:
    weights = dict.fromkeys(("usage", "onboarding", "support", "engagement", "commercial"), 20)
    return five_dimensions(stages=[{"id": f"s{i}", "age_days": age, "weights": weights} for i, age in enumerate(ages)])


@pytest.mark.parametrize(
    ("ages", "pointer"),
    [
        ([[0, 30], [29, None]], "/stages/1/age_days"),
        ([[0, 30], [31, None]], "/stages/1/age_days"),
        ([[0, None], [30, None]], "/stages/1/age_days"),
        ([[1, None]], "/stages/0/age_days"),
        ([[0, 30], [30, 30]], "/stages/1/age_days"),
    ],
)
def test_stages_that_overlap_or_leave_a_hole_are_refused(ages: list[list[Any]], pointer: str) -> None:
    assert pointers_of(stages(*ages)) == [pointer]


def test_stages_that_follow_each_other_are_accepted() -> None:
    assert len(parse_model(stages([0, 30], [30, 90], [90, None])).stages) == 3


def test_a_stage_must_weigh_every_dimension() -> None:
    doc = stages([0, None])
    del doc["stages"][0]["weights"]["support"]
    doc["stages"][0]["weights"]["suport"] = 20

    assert pointers_of(doc) == ["/stages/0/weights/suport", "/stages/0/weights"]


@pytest.mark.parametrize(("green", "yellow"), [(40, 40), (40, 70)])
def test_a_yellow_threshold_not_below_green_is_refused(green: int, yellow: int) -> None:
    assert pointers_of(five_dimensions(bands={"green": green, "yellow": yellow})) == ["/bands/yellow"]


@pytest.mark.parametrize("cap", [-0.1, 100.1])
def test_a_cap_outside_0_to_100_is_refused(cap: float) -> None:
    gate = {"id": "g", "when": {"source": COUNT, "op": ">=", "value": 1}, "cap_score": cap}

    assert pointers_of(five_dimensions(gates=[gate])) == ["/gates/0/cap_score"]


@pytest.mark.parametrize("outcome", ["churned", "renewed", "churn", "renewal", ["login", "churned"]])
def test_looking_at_the_outcome_is_refused_wherever_it_hides(outcome: Any) -> None:
    leak = {"agg": "count", "where": {"type": outcome}}
    ratio = {"agg": "ratio", "num": COUNT, "den": leak}
    gate = {"id": "g", "when": {"source": leak, "op": ">=", "value": 1}, "cap_score": 10}

    assert pointers_of(one_signal(leak)) == ["/signals/0/source/where/type"]
    assert pointers_of(one_signal(ratio)) == ["/signals/0/source/den/where/type"]
    assert pointers_of(one_signal(COUNT) | {"gates": [gate]}) == ["/gates/0/when/source/where/type"]


def test_all_problems_are_told_at_once() -> None:
    doc = five_dimensions(bands={"green": 10, "yellow": 40}, timezone="Mars/Base", version=0)
    doc["signals"][0]["source"]["agg"] = "cuont"

    found = {problem.pointer: problem.nearest for problem in problems_of(doc)}
    assert found == {
        "/version": None,
        "/timezone": None,
        "/bands/yellow": None,
        "/signals/0/source/agg": "count",
    }


@pytest.mark.parametrize("doc", [None, [], "text", {}, {"signals": 3}, {"dimensions": [1], "signals": [None]}])
def test_what_is_no_document_at_all_is_refused_and_not_crashed_on(doc: Any) -> None:
    assert problems_of(doc)


def test_repeated_ids_are_refused() -> None:
    assert pointers_of(document(last_signal("a", "d"), last_signal("a", "d"))) == ["/signals/1/id"]


def test_a_placeholder_that_stands_for_nothing_is_refused() -> None:
    doc = one_signal(COUNT, sentence={"bad": "only {vlaue} logins"})

    (problem,) = problems_of(doc)
    assert (problem.pointer, problem.nearest) == ("/signals/0/sentence/bad", "value")


@pytest.mark.parametrize(
    ("texts", "found"),
    [
        ({"unit": {"one": "task"}}, ("/signals/0/unit", None)),
        ({"unit": {"one": "task", "other": "tasks", "few": "tasks"}}, ("/signals/0/unit/few", None)),
        ({"unit": {"one": 1, "other": "tasks"}}, ("/signals/0/unit/one", None)),
        ({"unit": ["task", "tasks"]}, ("/signals/0/unit", None)),
        ({"sentence": {"bad": {"one": "{value} task", "othr": "{value}"}}}, ("/signals/0/sentence/bad/othr", "other")),
        ({"sentence": {"bad": {"one": "{vlaue}", "other": "{value}"}}}, ("/signals/0/sentence/bad/one", "value")),
    ],
)
def test_a_broken_singular_is_refused_where_it_stands(texts: Document, found: tuple[str, str | None]) -> None:
    assert found in [(problem.pointer, problem.nearest) for problem in problems_of(one_signal(COUNT, **texts))]


def segmented(**signals: Any) -> Document:
    segment = {"id": "enterprise", "when": {"plan": ["enterprise", "group"]}, "signals": signals}
    return document(last_signal("a", "d"), last_signal("b", "d"), segments=[segment])


def test_a_segment_changes_only_what_it_names() -> None:
    model = parse_model(segmented(b={"normalise": {"points": [[0, 0], [10, 100]]}, "weight": 3}))
    enterprise = model.for_segment({"plan": "group"})

    assert enterprise.signal("b").normalise == Piecewise((0, 10), (0, 100))
    assert enterprise.signal("b").weight == 3
    assert enterprise.signal("a") == model.signal("a")
    assert model.for_segment({"plan": "small"}) is model
    assert [column.id for column in enterprise.columns] == [column.id for column in model.columns]


def test_a_segment_with_another_kind_of_curve_replaces_the_old_one() -> None:
    model = parse_model(segmented(a={"normalise": {"kind": "saturating", "half_at": 3}}))

    assert model.for_segment({"plan": "enterprise"}).signal("a").normalise != model.signal("a").normalise


def test_problems_of_a_segment_are_told_where_they_were_written() -> None:
    doc = segmented(b={"weight": -1}, c={"weight": 1})

    assert pointers_of(doc) == ["/segments/0/signals/c", "/segments/0/signals/b/weight"]


def test_a_window_longer_than_the_first_stage_is_pointed_out_but_accepted() -> None:
    doc = stages([0, 30], [30, None])
    doc["signals"][0]["source"] = {"agg": "count", "where": {"type": "session.started"}, "window_days": 31}
    doc["signals"][1]["source"] = {"agg": "rate", "where": {"type": "session.started"}, "window_days": 31}

    warnings = [problem.pointer for problem in lint(parse_model(doc)) if "outlasts" in problem.message]
    assert warnings == ["/signals/0/source"]


def test_an_event_type_nobody_sends_is_pointed_out_with_the_nearest_one() -> None:
    (warning,) = lint(parse_model(one_signal({"agg": "count", "where": {"type": "ticket_opened"}})))

    assert warning.nearest == "ticket.opened"
