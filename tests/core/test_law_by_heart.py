"""The law over columns says the same as the slow law of one account, over random models, readings, stages and peers."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.law import Answer, Told, judge, nothing, shown
from support.score_models import Document, document

from milepost_core.cohorts import gather_peers
from milepost_core.explanation import Profile, between, explain
from milepost_core.explanation.contributions import contributions, dearest
from milepost_core.model import ScoreModel, parse_model
from milepost_core.readings import Readings, Status
from milepost_core.scoring import Population, Scores, SignalState, half_up, score

ACCOUNTS = 6
WORDS = ("good", "bad", "odd")
CURVES: list[Document] = [
    {"kind": "piecewise", "points": [[0, 0], [3, 70], [9, 100]]},
    {"kind": "piecewise", "points": [[1, 100], [5, 20], [6, 0]]},
    {"kind": "piecewise", "points": [[4, 30]]},
    {"kind": "saturating", "half_at": 2},
    {"kind": "band", "low": 0, "ok_from": 2, "ok_to": 4, "high": 9, "floor_low": 10, "floor_high": 5},
    {"kind": "map", "values": {"good": 90, "bad": 5, "3": 40}},
    {"kind": "map", "values": {"good": 90}, "default": 33},
    {"kind": "percentile", "cohort": ["segment"], "min_cohort": 3},
    {
        "kind": "percentile",
        "cohort": ["segment"],
        "min_cohort": 4,
        "lower_is_better": True,
        "fallback": {"kind": "piecewise", "points": [[0, 10], [9, 60]]},
    },
]
SOURCES: list[Document] = [
    {"agg": "last", "where": {"type": "t"}},
    {"agg": "open_items", "where": {"kind": "ticket"}},
    {"agg": "milestone_progress"},
]
GATES: list[Document] = [
    {"op": ">=", "value": 5, "cap_score": 69.9},
    {"op": "<", "value": 3, "subtract": 12.5},
    {"op": "==", "value": "bad", "cap_score": 39.9, "hard": True},
    {"op": "not_in", "value": ["good", 7], "subtract": 60},
    {"op": "in", "value": ["good", 3], "cap_score": 0},
]


@st.composite
def models(draw: st.DrawFn) -> ScoreModel:
    names = [f"d{index}" for index in range(draw(st.integers(1, 4)))]
    signals = [_signal(draw, f"s{index}", names[index % len(names)]) for index in range(draw(st.integers(4, 9)))]
    signals[0]["weight"] = 1
    edges = [0, 30, 90, draw(st.sampled_from([None, 400]))]
    stages = [
        {
            "id": f"stage{index}",
            "age_days": edges[index : index + 2],
            "weights": {name: draw(st.sampled_from([0, 1, 5, 30])) for name in names[1:]} | {names[0]: 10},
            "transition_days": draw(st.sampled_from([0, 10, 60])) if index else 0,
        }
        for index in range(3)
    ]
    gates = draw(st.lists(st.sampled_from(range(len(GATES))), max_size=4, unique=True))
    return parse_model(
        document(
            *signals,
            dimensions=[
                {"id": name, "weight": draw(st.integers(1, 9)), "min_coverage": draw(st.sampled_from([0, 0.4, 0.9]))}
                for name in names
            ],
            stages=stages if draw(st.booleans()) else [],
            min_coverage=draw(st.sampled_from([0, 0.5])),
            gates=[_gate(index) for index in gates],
            bands={"green": 70, "yellow": 40},
        )
    )


def _signal(draw: st.DrawFn, name: str, dimension: str) -> Document:
    policy = draw(st.sampled_from(["exclude", "exclude", "worst", "neutral", 33.3]))
    stale = draw(st.sampled_from([None, {"half_life_days": 20, "neutral": 45}]))
    return {
        "id": name,
        "dimension": dimension,
        "weight": draw(st.sampled_from([0, 0.5, 1, 3])),
        "source": draw(st.sampled_from(SOURCES)) if stale is None else SOURCES[0],
        "normalise": draw(st.sampled_from(CURVES)),
        "missing": policy,
        **({} if stale is None else {"stale": stale}),
    }


def _gate(index: int) -> Document:
    effect = dict(GATES[index])
    when = {"source": SOURCES[0], "op": effect.pop("op"), "value": effect.pop("value")}
    return {"id": f"g{index}", "when": when, **effect}


VALUES = st.one_of(
    st.none(),
    st.sampled_from(WORDS),
    st.sampled_from([0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 9.0, -1.0]),
    st.floats(-2, 12, allow_nan=False),
)
AGES = st.one_of(st.none(), st.sampled_from([-3.0, 0.0, 29.999, 30.0, 34.0, 90.0, 100.0, 400.0]), st.floats(0, 500))
TOLD = st.builds(Told, VALUES, st.one_of(st.none(), st.floats(0, 200)), st.booleans())


@st.composite
def cases(draw: st.DrawFn) -> tuple[ScoreModel, list[dict[str, Told]], list[float | None]]:
    model = draw(models())
    accounts = [{column.id: draw(TOLD) for column in model.columns} for _ in range(ACCOUNTS)]
    return model, [_plausible(one) for one in accounts], [draw(AGES) for _ in range(ACCOUNTS)]


def _plausible(account: dict[str, Told]) -> dict[str, Told]:
    """Nothing has no age, and what is awaited is a number."""
    kept = {}
    for name, one in account.items():
        number = one.value is not None and not isinstance(one.value, str)
        kept[name] = Told(one.value, None if one.value is None else one.age_days, one.censored and number)
    return kept


def columns_of(model: ScoreModel, accounts: list[dict[str, Told]]) -> Readings:
    readings = Readings.empty(model, len(accounts))
    assert readings.category is not None
    for row, account in enumerate(accounts):
        for place, column in enumerate(model.columns):
            one = account[column.id]
            if one.value is None:
                continue
            readings.status[row, place] = Status.OK
            readings.censored[row, place] = one.censored
            readings.age_days[row, place] = nothing(one.age_days)
            if isinstance(one.value, str):
                readings.category[row, place] = one.value
            else:
                readings.raw[row, place] = one.value
    return readings


def with_peers(model: ScoreModel, accounts: list[dict[str, Told]], groups: list[str]) -> list[dict[str, Told]]:
    """Each account beside the values of its group, its own among them."""

    def peers(name: str, group: str) -> list[float]:
        told = [one[name].value for one, own in zip(accounts, groups, strict=True) if own == group]
        return [value for value in told if value is not None and not isinstance(value, str)]

    return [
        {name: Told(one.value, one.age_days, one.censored, peers(name, group)) for name, one in account.items()}
        for account, group in zip(accounts, groups, strict=True)
    ]


STATES = {"observed": SignalState.OBSERVED, "imputed": SignalState.IMPUTED, "missing": SignalState.MISSING,
          "pending": SignalState.PENDING}  # fmt: skip


def same(found: Any, expected: float | None, place: str) -> None:
    wanted = nothing(expected)
    assert (math.isnan(found) and math.isnan(wanted)) or abs(found - wanted) <= 1e-9, f"{place}: {found} != {wanted}"


def compare(model: ScoreModel, scores: Scores, row: int, slow: Answer) -> None:
    for place, signal in enumerate(model.signals):
        assert scores.state[row, place] == STATES[slow.state[signal.id]], signal.id
        same(scores.y[row, place], slow.y[signal.id], f"y {signal.id}")
        same(scores.effective_weight[row, place], slow.effective[signal.id], f"e {signal.id}")
    for place, dimension in enumerate(model.dimensions):
        same(scores.dimension_weight[row, place], slow.weights[dimension.id], f"W {dimension.id}")
        same(scores.dimension_score[row, place], slow.dimension_score[dimension.id], f"D {dimension.id}")
        same(scores.dimension_coverage[row, place], slow.dimension_coverage[dimension.id], f"c {dimension.id}")
    stage = int(scores.stage[row])
    assert (None if stage < 0 else model.stages[stage].id) == slow.stage
    for name in ("coverage", "raw_score", "low", "high", "score", "display", "freshness", "confidence"):
        same(getattr(scores, name)[row], getattr(slow, name), name)
    fired = [(gate.id, scores.gate_points[row, place]) for place, gate in enumerate(model.gates)
             if scores.gates_fired[row, place]]  # fmt: skip
    assert [name for name, _ in fired] == [name for name, _ in slow.gates]
    for (_, found), (name, expected) in zip(fired, slow.gates, strict=True):
        same(found, expected, name)
    assert scores.band_word(row).value == slow.band


@settings(deadline=None, max_examples=300)
@given(cases(), st.lists(st.sampled_from(["a", "b"]), min_size=ACCOUNTS, max_size=ACCOUNTS))
def test_columns_and_sentences_say_the_same(case: Any, groups: list[str]) -> None:
    model, accounts, ages = case
    readings = columns_of(model, accounts)
    cohort = {one.id: gather_peers(readings.raw[:, place], groups) for place, one in enumerate(model.signals)}
    scores = score(model, Population(np.array([nothing(age) for age in ages])), readings, cohort)

    for row, account in enumerate(with_peers(model, accounts, groups)):
        compare(model, scores, row, judge(model, account, ages[row]))


@settings(deadline=None, max_examples=100)
@given(cases())
def test_without_peers_the_fallback_curve_or_nothing_judges(case: Any) -> None:
    model, accounts, ages = case
    scores = score(model, Population(np.array([nothing(age) for age in ages])), columns_of(model, accounts))

    for row, account in enumerate(accounts):
        compare(model, scores, row, judge(model, account, ages[row]))


@settings(deadline=None, max_examples=100)
@given(cases(), st.lists(st.floats(0, 100), min_size=9, max_size=9))
def test_the_drivers_of_a_batch_are_those_told_one_by_one(case: Any, points: list[float]) -> None:
    model, accounts, ages = case
    readings = columns_of(model, accounts)
    scores = score(model, Population(np.array([nothing(age) for age in ages])), readings)
    baseline = np.array(points[: len(model.signals)])
    together, (places, losses) = contributions(scores, baseline), dearest(scores)

    for row in range(ACCOUNTS):
        told = explain(model, scores, row, readings, baseline)
        if told is None:
            assert not together[row].any()
            continue
        one_by_one = {driver.signal: driver.points for driver in told.drivers}
        for place, signal in enumerate(model.signals):
            assert together[row, place] == one_by_one.get(signal.id, 0.0)
        lost = sorted((driver.points_lost for driver in told.drivers if driver.points_lost > 0), reverse=True)[:3]
        assert [value for value in losses[row] if value > 0] == lost
        assert [place >= 0 for place in places[row]] == [place < len(lost) for place in range(3)]


def test_the_range_need_not_hold_a_score_that_leaves_out_what_was_seen_of_an_unavailable_dimension() -> None:
    """The law's own words: the score leaves the dimension out, the range counts what was observed of it."""
    last = {"agg": "last", "where": {"type": "t"}}
    rising = {"kind": "piecewise", "points": [[0, 0], [100, 100]]}
    signals = [
        {"id": name, "dimension": dimension, "source": last, "normalise": rising}
        for name, dimension in (("a", "usage"), ("b", "support"), ("c", "support"), ("d", "support"))
    ]
    model = parse_model(
        document(
            *signals,
            dimensions=[{"id": "usage", "weight": 1}, {"id": "support", "weight": 1, "min_coverage": 0.4}],
            min_coverage=0.5,
        )
    )
    told = {"a": Told(100.0), "b": Told(0.0), "c": Told(), "d": Told()}
    scores = score(model, Population(np.array([50.0])), columns_of(model, [told]))

    assert scores.raw_score[0] == 100
    assert (scores.low[0], scores.high[0]) == (pytest.approx(50), pytest.approx(50 + 50 * 2 / 3))
    assert scores.raw_score[0] > scores.high[0]


def test_half_of_a_signal_s_weight_that_moves_to_a_better_one_is_told_apart_from_its_fall() -> None:
    """u1 fell 15 points and kept half of its third: −3.75 by value, +1.46 by weight."""
    a, u1, u2 = 60.625, (60.0, 45.0), 85.0
    before = Profile({"a": 1 / 3, "b": 1 / 3, "u1": 1 / 3}, {"a": a, "b": a, "u1": u1[0]}, *[(2 * a + u1[0]) / 3] * 2)
    after_score = 2 * a / 3 + u1[1] / 6 + u2 / 6
    after = Profile(
        {"a": 1 / 3, "b": 1 / 3, "u1": 1 / 6, "u2": 1 / 6},
        {"a": a, "b": a, "u1": u1[1], "u2": u2},
        after_score,
        after_score,
    )
    moved = between(before, after)

    assert moved.value["u1"] == pytest.approx(-3.75)
    assert moved.mix["u1"] == pytest.approx(1.46, abs=0.005)
    assert sum(moved.value.values()) + sum(moved.mix.values()) == pytest.approx(after_score - before.score, abs=1e-12)


@given(st.integers(0, 2000), st.sampled_from([-6e-10, -4e-10, 0.0, 4e-10, 6e-10]))
def test_a_score_near_the_middle_of_two_tenths_is_shown_as_nine_decimals_say(tenths: int, off: float) -> None:
    exact = tenths / 20 + off

    assert half_up(np.array([exact]))[0] == shown(exact)
