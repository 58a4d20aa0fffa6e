"""The published schema and the parser agree about every document, as far as a schema can say it."""

import copy
import re
from collections.abc import Iterator
from typing import Any

import pytest
from support.json_schema import agrees

from milepost_core.model import ModelInvalid, ModelProblem, parse_model
from milepost_core.model.parsing_sources import AGGREGATIONS
from milepost_core.model.schema import document_schema

SCHEMA = document_schema()
WHERE = {"type": ["feature.used", "session.started"], "role": "sponsor"}
RISING = {"kind": "piecewise", "points": [[0, 0], [1.5, 100]]}
SOURCES: list[dict[str, Any]] = [
    {"agg": "count", "where": WHERE, "window_days": 28, "min_age_days": 7},
    {"agg": "distinct", "field": "actor", "where": WHERE, "window_days": 28, "min_age_days": 7},
    {"agg": "active_days", "where": WHERE, "window_days": 28, "min_age_days": 7},
    {"agg": "sum", "where": WHERE, "window_days": 28, "min_age_days": 7, "field": "amount"},
    {"agg": "mean", "where": WHERE, "window_days": 28, "min_age_days": 7, "min_n": 2, "value": "amount"},
    {"agg": "decayed_sum", "where": WHERE, "half_life": 7, "window_days": 28, "min_age_days": 7, "field": "amount"},
    {"agg": "decayed_sum", "half_life_days": 7},
    {"agg": "last", "where": WHERE, "window_days": 28, "field": "amount"},
    {"agg": "days_since_last", "where": WHERE, "window_days": 28, "never": "age"},
    {"agg": "time_to_first", "where": WHERE},
    {"agg": "ratio", "num": {"agg": "count", "where": WHERE}, "den": {"agg": "count", "where": WHERE}, "max": 1.0,
     "zero_den": 0},
    {"agg": "ratio", "num": {"agg": "count"}, "den": "seats"},
    {"agg": "ratio", "num": {"agg": "count"}, "den": 12},
    {"agg": "slope", "where": WHERE, "bucket_days": 7, "buckets": 3},
    {"agg": "momentum", "where": WHERE, "bucket_days": 7, "buckets": 4},
    {"agg": "open_items", "where": {"kind": "ticket"}},
    {"agg": "overdue_items", "where": {"kind": "task"}},
    {"agg": "oldest_open_age", "where": {"kind": "invoice", "state": "overdue"}},
    {"agg": "milestone_progress", "late_penalty_per_day": 0.1, "late_floor": 0.5},
    {"agg": "breadth", "where": WHERE, "expected": ["admin", "sponsor"], "window_days": 28, "min_age_days": 7},
    {"agg": "rate", "where": WHERE, "window_days": 28, "min_age_days": 7},
]  # fmt: skip
CURVES: list[dict[str, Any]] = [
    RISING,
    {"kind": "band", "low": 0, "ok_from": 1, "ok_to": 4, "high": 10, "floor_low": 60, "floor_high": 0},
    {"kind": "saturating", "half_at": 3},
    {"kind": "map", "values": {"good": 100, "poor": 10}, "default": 50},
    {"kind": "map", "categories": {"good": 100}},
    {"kind": "percentile", "cohort": ["segment", "start_quarter"], "min_cohort": 20, "fallback": RISING,
     "lower_is_better": False},
]  # fmt: skip
WHOLE: dict[str, Any] = {
    "format": "health-score-model/1", "id": "whole", "version": 3, "title": "All of it", "description": "Every key.",
    "timezone": "Europe/Berlin", "horizon_days": 60, "min_coverage": 0.5, "precedence": 4,
    "applies_to": {"plan": ["enterprise", "group"], "seats": 10, "trial": False},
    "baseline": {"fixed": {"s": 50}},
    "summary": {"green": "{score}", "yellow": "{band}", "red": "{reasons}", "unknown": "{gates}"},
    "broad": {"dimensions": 2, "below": 50, "next_step": "Talk."},
    "dimensions": [
        {"id": "d", "label": "D", "weight": 2, "min_coverage": 0.4, "next_step": "Do."},
        {"id": "e", "weight": 1},
    ],
    "stages": [
        {"id": "a", "label": "A", "age_days": [0, 30], "weights": {"d": 1, "e": 1}},
        {"id": "b", "age_days": [30, None], "weights": {"d": 1, "e": 2}, "transition_days": 10},
    ],
    "segments": [{"id": "big", "when": {"plan": "big"}, "signals": {"s": {"weight": 2}}, "min_coverage": 0.4}],
    "signals": [{
        "id": "s", "dimension": "d", "weight": 1.5, "label": "S", "unit": {"one": "day", "other": "days"},
        "format": "days", "target": 3, "source": SOURCES[0], "normalise": RISING, "missing": "exclude",
        "stale": {"half_life_days": 90, "neutral": 40}, "half_life_days": 30,
        "action": {"label": "do", "step": 1, "max_change": 4, "cost": 2},
        "sentence": {"good": "{value}", "bad": {"one": "{value}", "other": "{value} {unit}"}},
        "next_step": "Do.", "guide": "g", "playbook": "p", "target_points": 90, "ask_again": "Ask.",
    }],
    "gates": [{
        "id": "g", "label": "G", "when": {"source": SOURCES[0], "op": ">=", "value": 1}, "cap_score": 39.9,
        "hard": True, "next_step": "Do.",
    }, {"id": "h", "when": {"source": SOURCES[7], "op": "in", "value": ["left", "gone"]}, "subtract": 5}],
    "milestones": [{"id": "k", "label": "K", "target_day": 3, "weight": 1, "required": True, "side": "us",
                    "owner": "x"},
                   {"id": "l", "after": ["k"], "work_days": 2, "done_by": {"type": "feature.used"},
                    "done_when": {"source": SOURCES[0], "op": ">=", "value": 1}}],
    "journey": {"behind_after_days": 1, "stuck_after_days": 14, "slip_days": 7},
    "calendar": {"weekend": ["sat", "sun"], "holidays": ["2026-12-25"]},
    "bands": {"green": 70, "yellow": 40, "margin_down": 0, "margin_up": 3, "dwell_down_days": 0, "dwell_up_days": 14},
    "calibration": {"kind": "platt", "intercept": 1, "slope": -0.1, "fitted": "2026-03-01"},
}  # fmt: skip

# What only the whole document, or the meaning of a word, can tell; a schema knows one place at a time.
BEYOND = re.compile(
    r"no dimension|no signal|no milestone|has no |is taken|the curve turns|x does not grow|label leak|no weight for"
    r"|overlaps|leaves a hole|nothing covers|ends before it begins|does not lie below|in a circle|names a .* twice"
    r"|all weights are zero|stands for nothing|out of order|is no time zone|cannot be compared|has no order"
    r"|every record would|needs peers|is no date|no day is left|the model has only|cannot wait for its own"
    r"|only dimensions without a signal|is next to nothing"
    r"|nobody reaches|nobody falls|is not whole|two keys read| steps of |^/segments/0/signals/s/"
)


def verdict(doc: Any) -> tuple[ModelProblem, ...]:
    try:
        parse_model(doc)
    except ModelInvalid as refused:
        return refused.problems
    return ()


def places(value: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place of a document, as a way down from its root."""
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in members:
        yield (*way, key)
        yield from places(one, (*way, key))


def put(doc: dict[str, Any], way: tuple[Any, ...], value: Any) -> dict[str, Any]:
    made = copy.deepcopy(doc)
    here: Any = made
    for step in way[:-1]:
        here = here[step]
    here[way[-1]] = value
    return made


def mutants(doc: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The document with one place changed: gone, null, of another kind, out of range, or with a key too many."""
    for way in places(doc):
        for value in (None, "x", "a/b", "", True, -1, 0, 1.5, 101, 36_501, 2**31, [], ["x"], {}, {"strange": 1}):
            yield f"{way} = {value!r}", put(doc, way, value)
        parent: Any = doc
        for step in way[:-1]:
            parent = parent[step]
        if isinstance(parent, dict):
            without = {key: one for key, one in parent.items() if key != way[-1]}
            yield f"{way} gone", put(doc, way[:-1], without) if way[:-1] else without
            more = parent | {"strange": 1}
            yield f"{way[:-1]} more", put(doc, way[:-1], more) if way[:-1] else more


def disagreements(doc: dict[str, Any]) -> list[str]:
    found = []
    for name, one in mutants(doc):
        problems, valid = verdict(one), agrees(one, SCHEMA, SCHEMA)
        if not valid and not problems:
            found.append(f"only the schema refuses {name}")
        if valid and problems and not all(BEYOND.search(str(problem)) for problem in problems):
            found.append(f"only the parser refuses {name}: {problems[0]}")
    return found


def with_source(source: dict[str, Any]) -> dict[str, Any]:
    signal = {"id": "s", "dimension": "d", "source": source, "normalise": RISING}
    return {"dimensions": [{"id": "d", "weight": 1}], "signals": [signal]}


def with_curve(curve: dict[str, Any]) -> dict[str, Any]:
    signal = {"id": "s", "dimension": "d", "source": {"agg": "count"}, "normalise": curve}
    return {"dimensions": [{"id": "d", "weight": 1}], "signals": [signal]}


def test_every_example_is_a_document_to_both() -> None:
    for doc in [WHOLE, *map(with_source, SOURCES), *map(with_curve, CURVES)]:
        assert verdict(doc) == ()
        assert agrees(doc, SCHEMA, SCHEMA), doc


def test_every_aggregation_is_tried() -> None:
    assert {one["agg"] for one in SOURCES} == set(AGGREGATIONS)


@pytest.mark.parametrize("source", SOURCES, ids=lambda one: str(one["agg"]))
def test_schema_and_parser_agree_about_sources(source: dict[str, Any]) -> None:
    assert disagreements(with_source(source)) == []


@pytest.mark.parametrize("curve", CURVES, ids=lambda one: str(one["kind"]))
def test_schema_and_parser_agree_about_curves(curve: dict[str, Any]) -> None:
    assert disagreements(with_curve(curve)) == []


def test_schema_and_parser_agree_about_a_document_that_says_everything() -> None:
    assert disagreements(WHOLE) == []
