"""What-if answers are reachable, smallest and exact, and never ask for the impossible."""

from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.known_answers import Scored, scored
from support.score_models import Document, document, last_signal, one_signal

from milepost_core.curves import improving_direction
from milepost_core.model import Band, parse_model
from milepost_core.what_if import (
    Choice,
    Lever,
    Option,
    UnknownGate,
    UnknownSignal,
    cheapest,
    impossible,
    next_band,
    path_to,
    rescored,
    single_lever,
)


def score_of(model: Document, **points: Any) -> Scored:
    events = [{"t": "2026-02-01", "type": f"m_{name}", "value": value} for name, value in points.items()]
    account = {"start_at": "2026-01-01", "events": events}
    return scored({"model": model, "account": account, "as_of": "2026-02-10"})


def lever_of(one: Scored, target: float, step: float = 1.0) -> Lever:
    return single_lever(one.situation, target, {"a": step})[0]


def with_curve(*points: list[float], **more: Any) -> Document:
    return document(last_signal("a", "d", **{"normalise": {"kind": "piecewise", "points": list(points)}, **more}))


def test_a_lever_walks_from_the_present_value_in_the_improving_direction() -> None:
    falling = score_of(with_curve([0, 100], [10, 0]), a=8)
    lever = lever_of(falling, 55, step=2)

    assert [lever.start, lever.exact, lever.to, lever.score_after] == pytest.approx([8, 4.5, 4, 60])


def test_a_step_is_rounded_outward_also_across_level_stretches() -> None:
    level = score_of(with_curve([0, 0], [2, 50], [6, 50], [10, 100]), a=1)

    assert lever_of(level, 50).to == 2
    assert lever_of(level, 50.1).to == 7
    assert lever_of(level, 100).to == 10


def test_an_impossible_lever_tells_the_most_it_can_give() -> None:
    model = document(last_signal("a", "d"), last_signal("b", "d"))
    lever = lever_of(score_of(model, a=80, b=0), 70)

    assert (lever.possible, lever.to, lever.max_gain) == (False, None, 10)


def test_a_lever_never_goes_beyond_what_its_action_allows() -> None:
    action = {"step": 10, "max_change": 30}
    lever = lever_of(score_of(document(last_signal("a", "d", action=action)), a=20), 60)

    assert (lever.possible, lever.max_gain) == (False, 30)
    assert lever_of(score_of(document(last_signal("a", "d", action=action)), a=20), 50).to == 50


def test_a_band_too_narrow_for_the_step_is_not_stepped_over() -> None:
    narrow = {"kind": "band", "low": 0, "ok_from": 4, "ok_to": 5, "high": 9, "floor_low": 0, "floor_high": 0}
    one = score_of(document(last_signal("a", "d", normalise=narrow)), a=1)

    assert lever_of(one, 100, step=3).possible is False
    assert lever_of(one, 100, step=1).to == 4


def test_a_first_value_that_is_past_is_no_lever() -> None:
    first = {"agg": "time_to_first", "where": {"type": "m_a"}}
    one = score_of(with_curve([14, 100], [60, 0], source=first), a=1)

    assert lever_of(one, 90) == Lever("a", False, 31, None, None, None, 0.0)


def test_a_changed_value_is_scored_by_the_same_law() -> None:
    model = document(last_signal("a", "d", stale={"half_life_days": 9, "neutral": 50}), last_signal("b", "d"))
    one = score_of(model, a=90, b=60)
    changed = rescored(one.situation, {"a": 90.0})

    assert one.scores.raw_score[0] == pytest.approx((70 + 60) / 2)
    assert changed.raw_score[0] == pytest.approx((90 + 60) / 2)
    assert one.readings.age_days[0, 0] == 9
    with pytest.raises(UnknownSignal):
        rescored(one.situation, {"z": 1.0})


def actionable(**costs: float) -> Document:
    signals = [
        last_signal(name, name, action={"label": f"do {name}", "step": 10, "max_change": 40, "cost": cost})
        for name, cost in costs.items()
    ]
    return document(*signals, bands={"green": 70, "yellow": 40, "margin_up": 3, "dwell_up_days": 14})


def test_the_path_takes_the_cheapest_steps_and_holds_when_scored_again() -> None:
    one = score_of(actionable(a=1, b=2), a=50, b=60)
    path = path_to(one.situation, Band.GREEN)

    assert path is not None
    assert [path.target, path.gap, path.holds_for_days] == pytest.approx([73, 18, 14])
    assert [(step.signal, step.steps, step.to) for step in path.steps] == [("a", 4, 90)]
    assert (path.cost, path.score_after, path.reachable) == (4, 75, True)


def test_equally_cheap_paths_prefer_fewer_actions_then_the_larger_gain() -> None:
    both = [[Option(1, 3, 1), Option(2, 6, 2)], [Option(1, 3, 1), Option(2, 7, 2)]]

    assert cheapest(both, 6) == Choice(2, 1, 7, (0, 2))
    assert cheapest([[Option(1, 3, 1), Option(2, 6, 2)], [Option(1, 5, 1)]], 6) == Choice(2, 1, 6, (2, 0))


def test_a_path_out_of_reach_says_how_far_one_could_get() -> None:
    one = score_of(actionable(a=1, b=2), a=0, b=0)
    path = path_to(one.situation, Band.GREEN)

    assert path is not None
    assert (path.reachable, path.steps, path.most_gain, path.score_after) == (False, (), 40, 0)


def test_a_path_starts_with_the_gate_that_stands_in_the_way() -> None:
    source = {"agg": "last", "where": {"type": "m_gate"}}
    gates = [
        {"id": name, "when": {"source": source, "op": "==", "value": "on"}, "cap_score": cap}
        for name, cap in (("low", 39.9), ("high", 90))
    ]
    path = path_to(score_of(actionable(a=1) | {"gates": gates}, a=80, gate="on").situation, Band.GREEN)

    assert path is not None
    assert (path.gates, path.steps, path.reachable) == (("low",), (), True)


def test_signals_without_an_action_are_never_proposed() -> None:
    model = actionable(a=1)
    model["dimensions"].append({"id": "size", "weight": 1})
    model["signals"].append(last_signal("size", "size"))
    path = path_to(score_of(model, a=60, size=0).situation, Band.YELLOW)

    assert path is not None
    assert [step.signal for step in path.steps] == ["a"]


def test_the_next_band_is_one_up_and_there_is_none_above_green_or_beyond_unknown() -> None:
    assert [next_band(band) for band in Band] == [None, Band.GREEN, Band.YELLOW, None]


def test_no_score_no_path() -> None:
    one = score_of(actionable(a=1))

    assert path_to(one.situation, Band.GREEN) is None
    assert single_lever(one.situation, 70) == ()


@st.composite
def actions(draw: st.DrawFn) -> list[list[Option]]:
    every = []
    for _ in range(draw(st.integers(1, 4))):
        cost = draw(st.sampled_from([0.5, 1.0, 2.0, 3.0]))
        gains = np.cumsum(draw(st.lists(st.sampled_from([0.3, 1.0, 2.0, 2.7, 5.0]), min_size=1, max_size=4)))
        every.append([Option(k + 1, float(gain), cost * (k + 1)) for k, gain in enumerate(gains)])
    return every


@settings(deadline=None, max_examples=400)
@given(actions(), st.floats(-1, 40))
def test_no_plan_that_anybody_could_try_is_better(options: list[list[Option]], gap: float) -> None:
    tried = []
    for plan in product(*([Option(0, 0.0, 0.0), *each] for each in options)):
        gain = sum(option.gain for option in plan)
        if gain >= gap - 1e-9:
            cost = round(sum(option.cost for option in plan), 9)
            tried.append((cost, sum(option.steps > 0 for option in plan), -round(gain, 9)))
    found = cheapest(options, gap)

    assert (None if found is None else (found.cost, found.actions, -round(found.gain, 9))) == min(tried, default=None)


@settings(deadline=None, max_examples=150)
@given(st.data())
def test_a_path_is_the_best_that_trying_every_step_finds_over_real_curves(data: st.DataObject) -> None:
    curves = [
        {"kind": "piecewise", "points": [[0, 0], [40, 10], [50, 90], [100, 100]]},
        {"kind": "piecewise", "points": [[0, 100], [30, 95], [60, 20], [100, 0]]},
        {"kind": "band", "low": 0, "ok_from": 40, "ok_to": 60, "high": 100, "floor_low": 10, "floor_high": 0},
        {"kind": "saturating", "half_at": 30},
    ]
    names = ["a", "b", "c"]
    signals = [
        last_signal(name, name, data.draw(st.sampled_from([1.0, 2.5])), normalise=data.draw(st.sampled_from(curves)),
                    action={"label": name, "step": data.draw(st.sampled_from([7, 10])), "max_change": 40,
                            "cost": data.draw(st.sampled_from([1.0, 2.0]))})
        for name in names
    ]  # fmt: skip
    one = score_of(document(*signals), **{name: data.draw(st.integers(0, 100)) for name in names})
    goal = float(one.scores.raw_score[0]) + data.draw(st.sampled_from([0.5, 4.0, 11.0, 25.0, 60.0]))
    path = path_to(one.situation, Band.GREEN, goal)
    assert path is not None
    tried = [plan for plan in every_plan(one) if plan[3] >= goal - 1e-9]

    if not tried:
        assert not path.reachable
        return
    best = min(tried)
    assert path.reachable
    assert (round(path.cost, 9), len(path.steps)) == best[:2]
    assert path.score_after == pytest.approx(-best[2], abs=1e-6)


def every_plan(one: Scored) -> list[tuple[float, int, float, float]]:
    """Cost, number of signals, score (negative: more is better) of every combination of steps, scored again."""
    model, plans = one.model, []
    starts = [one.situation.value(place) for place in range(3)]
    ways = [improving_direction(signal.normalise, start) for signal, start in zip(model.signals, starts, strict=True)]
    counts = [range(int(s.action.max_change / s.action.step) + 1) if s.action else range(1) for s in model.signals]
    for steps in product(*counts):
        values = {
            signal.id: start + way * count * signal.action.step
            for signal, start, way, count in zip(model.signals, starts, ways, steps, strict=True)
            if count and signal.action
        }
        score = float(rescored(one.situation, values).raw_score[0])
        cost = sum(count * s.action.cost for s, count in zip(model.signals, steps, strict=True) if s.action)
        plans.append((round(cost, 9), sum(count > 0 for count in steps), -round(score, 9), score))
    return plans


def test_no_step_leads_to_a_value_that_cannot_be() -> None:
    source = {"agg": "open_items", "where": {"kind": "task"}}
    action = {"label": "finish tasks", "step": 2, "max_change": 8, "cost": 1}
    falling = {"kind": "piecewise", "points": [[0, 100], [10, 0]]}
    model = document({"id": "s", "dimension": "d", "source": source, "normalise": falling, "action": action})
    items = [{"id": f"t{n}", "kind": "task", "opened_at": "2026-01-05"} for n in range(3)]
    one = scored({"model": model, "account": {"start_at": "2026-01-01", "items": items}, "as_of": "2026-02-10"})
    path = path_to(one.situation, Band.GREEN, 100.0)

    assert path is not None
    assert [(step.start, step.to) for step in path.steps] == [(3, 0)]
    assert single_lever(one.situation, 100.0)[0].to == 0


@pytest.mark.parametrize(
    ("source", "value", "possible"),
    [
        ({"agg": "count", "where": {"type": "x"}}, 3, True),
        ({"agg": "count", "where": {"type": "x"}}, -1, False),
        ({"agg": "count", "where": {"type": "x"}}, 2.5, False),
        ({"agg": "milestone_progress"}, 1.2, False),
        ({"agg": "active_days", "where": {"type": "x"}, "window_days": 28}, 30, False),
        ({"agg": "ratio", "num": {"agg": "count", "where": {"type": "x"}}, "den": "seats", "max": 1.0}, 1.01, False),
        ({"agg": "ratio", "num": {"agg": "sum", "where": {"type": "x"}}, "den": "seats"}, -3, True),
        ({"agg": "slope", "where": {"type": "x"}, "bucket_days": 7, "buckets": 4}, -80, True),
        ({"agg": "mean", "where": {"type": "x"}}, float("nan"), False),
        ({"agg": "mean", "where": {"type": "x"}}, "many", False),
    ],
)
def test_a_value_that_a_signal_cannot_have_is_named(source: Any, value: Any, possible: bool) -> None:
    model = parse_model(one_signal(source))

    assert (impossible(model.signals[0], value) is None) is possible


def test_a_gate_can_be_supposed_on_and_off() -> None:
    source = {"agg": "last", "where": {"type": "m_gate"}}
    for op, value in (("==", "on"), ("!=", "on"), (">", 3), ("<=", 3), ("in", ["x", "y"]), ("not_in", ["x"])):
        gate = {"id": "g", "when": {"source": source, "op": op, "value": value}, "cap_score": 20}
        one = score_of(actionable(a=1) | {"gates": [gate]}, a=80)

        assert rescored(one.situation, {}, {"g": True}).score[0] == 20
        assert rescored(one.situation, {}, {"g": False}).score[0] == 80
    with pytest.raises(UnknownGate):
        rescored(one.situation, {}, {"h": True})


def test_a_signal_without_data_can_be_supposed() -> None:
    one = score_of(document(last_signal("a", "d"), last_signal("b", "d")), a=90, b=60)

    assert rescored(one.situation, {"b": None}).raw_score[0] == 90
