"""The composition of points into a score: what counts, what is left out, and what is said about it."""

from typing import Any

import numpy as np
import pytest
from support.known_answers import Scored, scored
from support.score_models import Document, document, five_dimensions, last_signal, one_signal

from milepost_core.model import Band
from milepost_core.readings import Readings, Status
from milepost_core.scoring import Population, SignalState, half_up, score


def score_of(model: Document, as_of: str = "2026-03-01", start_at: str = "2026-01-01", **points: Any) -> Scored:
    """Score one account in which each named measure was said a day before."""
    events = [{"t": "2026-01-31", "type": f"m_{name}", "value": value} for name, value in points.items()]
    return scored({"model": model, "account": {"start_at": start_at, "events": events}, "as_of": as_of})


def test_a_score_of_no_data_is_none_and_unknown_with_the_widest_range() -> None:
    scores = score_of(five_dimensions()).scores

    assert np.isnan([scores.raw_score[0], scores.score[0], scores.display[0]]).all()
    assert (scores.low[0], scores.high[0], scores.coverage[0]) == (0, 100, 0)
    assert scores.band_word(0) is Band.UNKNOWN
    assert scores.effective_weight.sum() == 0


def test_half_the_weight_observed_is_enough_for_a_band_and_less_is_not() -> None:
    enough = score_of(five_dimensions(), usage=90, support=90).scores
    too_little = score_of(five_dimensions(), usage=90, engagement=90).scores

    assert (enough.coverage[0], enough.band_word(0)) == (0.5, Band.GREEN)
    assert (too_little.coverage[0], too_little.band_word(0)) == (pytest.approx(0.45), Band.UNKNOWN)
    assert too_little.display[0] == 90


def three(missing: Any = "exclude") -> Document:
    signals = [last_signal(name, "d", weight, missing=missing) for name, weight in (("a", 2), ("b", 2), ("c", 1))]
    return document(*signals, min_coverage=0.4)


def test_a_missing_signal_is_left_out_and_never_zero() -> None:
    scores = score_of(three(), a=80, c=20).scores

    assert scores.raw_score[0] == pytest.approx((2 * 80 + 20) / 3)
    assert scores.effective_weight[0].tolist() == pytest.approx([2 / 3, 0, 1 / 3])
    assert (scores.low[0], scores.high[0]) == (pytest.approx(36), pytest.approx(76))


@pytest.mark.parametrize(("policy", "points"), [("worst", 0), ("neutral", 50), (30, 30)])
def test_a_missing_policy_stands_in_without_counting_as_observed(policy: Any, points: float) -> None:
    scores = score_of(three(policy), a=80, c=20).scores

    assert scores.raw_score[0] == pytest.approx((2 * 80 + 2 * points + 20) / 5)
    assert scores.state[0].tolist() == [SignalState.OBSERVED, SignalState.IMPUTED, SignalState.OBSERVED]
    assert scores.coverage[0] == pytest.approx(0.6)
    assert (scores.low[0], scores.high[0]) == (pytest.approx(36), pytest.approx(76))


def test_a_dimension_with_two_fifths_observed_counts_and_with_less_does_not() -> None:
    assert score_of(three(), a=80).scores.raw_score[0] == 80
    assert np.isnan(score_of(three(), c=80).scores.raw_score[0])
    assert score_of(three(), c=80).scores.dimension_coverage[0, 0] == 0.2


def test_a_shadow_signal_of_weight_zero_is_measured_but_moves_nothing() -> None:
    model = document(last_signal("a", "d"), last_signal("b", "d", 0))
    scores = score_of(model, a=80, b=0).scores

    assert (scores.y[0, 1], scores.raw_score[0], scores.effective_weight[0, 1]) == (0, 80, 0)
    assert score_of(model, a=80).scores.coverage[0] == 1


FIRST_VALUE = {
    "id": "ttv",
    "dimension": "d",
    "source": {"agg": "time_to_first", "where": {"type": "first_value"}},
    "normalise": {"kind": "piecewise", "points": [[14, 100], [30, 60], [60, 0]]},
}


def test_while_the_target_can_still_be_met_waiting_is_pending_and_takes_no_part() -> None:
    model = document(last_signal("a", "d"), FIRST_VALUE)
    waiting = score_of(model, as_of="2026-02-01", start_at="2026-01-20", a=40).scores

    assert waiting.state[0, 1] == SignalState.PENDING
    assert (waiting.raw_score[0], waiting.coverage[0], waiting.low[0], waiting.high[0]) == (40, 1, 40, 40)


def test_once_the_target_is_missed_waiting_counts_with_the_time_waited() -> None:
    model = document(last_signal("a", "d"), FIRST_VALUE)
    late = score_of(model, as_of="2026-02-01", start_at="2026-01-02", a=40).scores

    assert late.state[0, 1] == SignalState.OBSERVED
    assert late.raw_score[0] == pytest.approx((40 + 60) / 2)


def test_a_dimension_in_which_everything_is_pending_is_not_expected_of_anybody() -> None:
    model = document(last_signal("a", "d"), FIRST_VALUE | {"dimension": "e"})
    waiting = score_of(model, as_of="2026-02-01", start_at="2026-01-20", a=40).scores

    assert (waiting.coverage[0], waiting.raw_score[0], waiting.low[0]) == (1, 40, 40)
    assert np.isnan(waiting.dimension_score[0, 1])


EARLY = {"usage": 15, "onboarding": 45, "support": 15, "engagement": 20, "commercial": 5}
LATER = {"usage": 30, "onboarding": 25, "support": 20, "engagement": 15, "commercial": 10}
STAGES = [
    {"id": "early", "age_days": [0, 30], "weights": EARLY},
    {"id": "activation", "age_days": [30, 90], "transition_days": 10, "weights": LATER},
]


@pytest.mark.parametrize(
    ("age", "weights"),
    [
        (0, [15, 45, 15, 20, 5]),
        (29.999, [15, 45, 15, 20, 5]),
        (30, [15, 45, 15, 20, 5]),
        (34, [21, 37, 17, 18, 7]),
        (40, [30, 25, 20, 15, 10]),
        (89, [30, 25, 20, 15, 10]),
        (-3, [15, 45, 15, 20, 5]),
        (90, [30, 25, 20, 15, 10]),
    ],
)
def test_a_stage_fades_in_over_its_transition(age: float, weights: list[float]) -> None:
    one = score_of(five_dimensions(stages=STAGES), usage=90, onboarding=60, support=80, engagement=70, commercial=100)
    scores = score(one.model, Population(np.array([age])), one.readings)

    assert scores.dimension_weight[0].tolist() == pytest.approx(weights)


def test_the_score_on_day_34_is_weighed_by_both_stages() -> None:
    one = score_of(five_dimensions(stages=STAGES), usage=90, onboarding=60, support=80, engagement=70, commercial=100)
    scores = score(one.model, Population(np.array([34.0])), one.readings)

    assert scores.raw_score[0] == pytest.approx((21 * 90 + 37 * 60 + 17 * 80 + 18 * 70 + 7 * 100) / 100)
    assert one.model.stages[scores.stage[0]].id == "activation"


def gate(name: str, **effect: Any) -> Document:
    source = {"agg": "last", "where": {"type": f"m_{name}"}}
    return {"id": name, "when": {"source": source, "op": "==", "value": "on"}, **effect}


def test_gates_act_in_order_and_each_keeps_its_own_line() -> None:
    model = one_signal({"agg": "last", "where": {"type": "m_s"}})
    model["gates"] = [gate("minus", subtract=30), gate("cap", cap_score=69.9), gate("off", cap_score=1)]
    scores = score_of(model, s=90, minus="on", cap="on", off="no").scores

    assert scores.score[0] == 60
    assert scores.gates_fired[0].tolist() == [True, True, False]
    assert scores.gate_points[0].tolist() == [-30, 0, 0]


def test_subtracting_stops_at_zero() -> None:
    model = one_signal({"agg": "last", "where": {"type": "m_s"}}) | {"gates": [gate("minus", subtract=30)]}

    assert score_of(model, s=10, minus="on").scores.score[0] == 0


@pytest.mark.parametrize(
    ("op", "value", "said", "fires"),
    [
        ("==", "on", "on", True),
        ("==", "on", None, False),
        ("!=", "on", "off", True),
        ("!=", "on", None, False),
        (">=", 3, 3, True),
        (">", 3, 3, False),
        ("<", 3, "on", False),
        ("in", ["on", 7], 7, True),
        ("not_in", ["on", 7], "off", True),
    ],
)
def test_a_gate_fires_on_what_was_said_and_never_on_silence(op: str, value: Any, said: Any, fires: bool) -> None:
    model = one_signal({"agg": "last", "where": {"type": "m_s"}}) | {"gates": [gate("g", cap_score=5)]}
    model["gates"][0]["when"] |= {"op": op, "value": value}
    known = {} if said is None else {"g": said}

    assert bool(score_of(model, s=90, **known).scores.gates_fired[0, 0]) is fires


@pytest.mark.parametrize(
    ("exact", "shown"),
    [(69.95, 70.0), (69.949999999, 69.9), (69.9499999996, 70.0), (72.45, 72.5), (0.05, 0.1), (99.96, 100.0)],
)
def test_a_score_is_shown_half_up_after_nine_decimals(exact: float, shown: float) -> None:
    assert half_up(np.array([exact]))[0] == shown


def test_the_band_is_taken_from_the_score_as_shown() -> None:
    model = one_signal({"agg": "last", "where": {"type": "m_s"}})

    assert score_of(model, s=69.95).scores.band_word(0) is Band.GREEN
    assert score_of(model, s=69.94).scores.band_word(0) is Band.YELLOW
    assert score_of(model, s=39.94).scores.band_word(0) is Band.RED


def test_confidence_falls_with_age_of_records_and_youth_of_the_account_and_moves_no_score() -> None:
    model = one_signal({"agg": "last", "where": {"type": "m_s"}})
    fresh = score_of(model, as_of="2026-01-31", start_at="2026-01-16", s=80).scores
    old = score_of(model, as_of="2026-03-02", s=80).scores

    assert (fresh.freshness[0], fresh.maturity[0], fresh.confidence[0]) == (1, 0.5, 0.5)
    assert (old.freshness[0], old.maturity[0]) == (0.5, 1)
    assert fresh.score[0] == old.score[0]
    assert (fresh.confidence_word(0), old.confidence_word(0)) == ("medium", "medium")


def test_a_stale_value_fades_in_the_score_too() -> None:
    model = one_signal({"agg": "last", "where": {"type": "m_s"}}, stale={"half_life_days": 30, "neutral": 50})

    assert score_of(model, as_of="2026-03-02", s=90).scores.raw_score[0] == 70


def test_a_word_the_curve_does_not_list_is_missing_as_unmapped() -> None:
    model = one_signal({"agg": "last", "where": {"type": "m_s"}}, {"kind": "map", "values": {"good": 90}})
    scores = score_of(model, s="odd").scores

    assert (scores.state[0, 0], scores.status[0, 0]) == (SignalState.MISSING, Status.UNMAPPED)


def test_readings_can_be_taken_row_by_row_without_copies() -> None:
    one = score_of(five_dimensions(), usage=90)
    row = one.readings.row(0)

    assert len(row) == 1
    assert np.shares_memory(row.raw, one.readings.raw)
    assert isinstance(row, Readings)
