"""An explanation adds up, exactly and as shown, and says in words what the numbers say."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.known_answers import Scored, scored
from support.score_models import Document, document, five_dimensions, last_signal, one_signal

from milepost_core.explanation import (
    GATES,
    Explanation,
    Profile,
    UncountedInput,
    apportion,
    between,
    explain,
    fixed_points,
    in_sentence,
    median_points,
    missing_inputs,
    missing_sentence,
    profile_of,
    sentence,
    show_value,
    summary,
    uncounted_inputs,
)
from milepost_core.model import Band, parse_model


def score_of(model: Document, **points: Any) -> Scored:
    events = [{"t": "2026-02-01", "type": f"m_{name}", "value": value} for name, value in points.items()]
    account = {"start_at": "2026-01-01", "events": events}
    return scored({"model": model, "account": account, "as_of": "2026-02-10"})


def explained(one: Scored, baseline: Any = None) -> Explanation:
    explanation = explain(one.model, one.scores, 0, one.readings, baseline)
    assert explanation is not None
    return explanation


CAP = {"agg": "last", "where": {"type": "m_sponsor"}}
GATED = five_dimensions(
    gates=[{"id": "sponsor_left", "when": {"source": CAP, "op": "==", "value": "departed"}, "cap_score": 69.9}]
)


def test_a_gate_is_a_line_of_its_own_and_changes_no_signal() -> None:
    points = {"usage": 90, "onboarding": 80, "support": 70, "engagement": 60, "commercial": 95}
    free, gated = (explained(score_of(GATED, **points, **more)) for more in ({}, {"sponsor": "departed"}))

    assert [driver.points_lost for driver in gated.drivers] == [driver.points_lost for driver in free.drivers]
    assert {gate.id: gate.points for gate in gated.gates} == pytest.approx({"sponsor_left": -9.6})
    assert free.displayed.lines[GATES] == 0


def test_without_a_baseline_nothing_is_unusual_but_points_are_still_lost() -> None:
    explanation = explained(score_of(five_dimensions(), usage=50, onboarding=100, support=100))

    assert explanation.baseline == pytest.approx(explanation.raw_score)
    assert {driver.direction for driver in explanation.drivers} == {"flat"}
    assert [driver.signal for driver in explanation.to_fix] == ["usage"]
    assert explanation.to_fix[0].points_lost == pytest.approx(50 * 30 / 75)


def test_an_account_without_a_score_has_no_explanation() -> None:
    one = score_of(five_dimensions())

    assert explain(one.model, one.scores, 0, one.readings) is None
    assert summary(None, one.model, Band.UNKNOWN).startswith("There is no score yet")


def test_shown_lines_take_their_floor_and_the_largest_remainders_get_the_tenths() -> None:
    shown = apportion(50.0, {"b": 1.25, "a": 1.25, "c": 0.33, "d": -0.03}, 52.8)

    assert shown.lines == {"b": 1.2, "a": 1.3, "c": 0.3, "d": 0.0}
    assert (shown.baseline, shown.score) == (50.0, 52.8)


@given(
    st.floats(0, 100),
    st.dictionaries(st.text("abcdef", min_size=1, max_size=3), st.floats(-30, 30), max_size=20),
)
def test_what_is_shown_adds_up_exactly(baseline: float, lines: dict[str, float]) -> None:
    lines = lines | {GATES: 0.0}
    score = baseline + sum(lines.values())
    shown = apportion(baseline, lines, score)

    tenths = [round(number * 10) for number in (shown.baseline, *shown.lines.values())]
    assert sum(tenths) == round(shown.score * 10)
    assert abs(shown.score - score) <= 0.05 + 1e-9
    assert all(abs(shown.lines[name] - points) <= 0.1 + 1e-7 for name, points in lines.items())


def test_between_two_dates_a_better_signal_counts_as_value_and_a_new_one_as_mix() -> None:
    before = Profile({"u1": 0.5, "s": 0.5}, {"u1": 80, "s": 60}, 70.0, 70.0)
    after = Profile({"u1": 0.25, "u2": 0.25, "s": 0.5}, {"u1": 65, "u2": 90, "s": 60}, 68.75, 60.0)
    moved = between(before, after)

    # u1 fell 15 points at a mean weight of 0.375, and lost half its weight to u2
    assert moved.value == pytest.approx({"u1": -5.625, "u2": 0.0, "s": 0.0})
    centre = (70 + 68.75) / 2
    assert moved.mix == pytest.approx({"u1": (72.5 - centre) * -0.25, "u2": (90 - centre) * 0.25, "s": 0.0})
    assert sum(moved.value.values()) + sum(moved.mix.values()) == pytest.approx(-1.25)
    assert moved.gates == -8.75


def test_a_signal_that_fell_silent_did_not_get_worse() -> None:
    before = Profile({"a": 0.5, "b": 0.5}, {"a": 80, "b": 60}, 70.0, 70.0)
    moved = between(before, Profile({"b": 1.0}, {"b": 60}, 60.0, 60.0))

    assert moved.value == {"a": 0.0, "b": 0.0}
    assert moved.mix == pytest.approx({"a": -7.5, "b": -2.5})


names = st.sampled_from("abcdefg")
profiles = st.dictionaries(names, st.tuples(st.floats(0.05, 1), st.floats(0, 100)), min_size=1)


def profile(parts: dict[str, tuple[float, float]], gates: float) -> Profile:
    total = sum(weight for weight, _ in parts.values())
    weights = {name: weight / total for name, (weight, _) in parts.items()}
    points = {name: y for name, (_, y) in parts.items()}
    raw = sum(weights[name] * points[name] for name in parts)
    return Profile(weights, points, raw, raw + gates)


@given(profiles, profiles, st.floats(-20, 0), st.floats(-20, 0))
def test_whatever_changed_value_mix_and_gates_add_up(one: Any, other: Any, gate0: float, gate1: float) -> None:
    before, after = profile(one, gate0), profile(other, gate1)
    moved = between(before, after)

    total = sum(moved.value.values()) + sum(moved.mix.values()) + moved.gates
    assert total == pytest.approx(after.score - before.score, abs=1e-9)


def test_a_profile_names_what_carries_weight() -> None:
    one = score_of(five_dimensions(), usage=80, support=60)
    found = profile_of(one.model, one.scores, 0)

    assert found is not None
    assert found.weights == pytest.approx({"usage": 0.6, "support": 0.4})
    assert profile_of(one.model, score_of(five_dimensions()).scores, 0) is None


def test_the_fixed_baseline_and_the_median_are_points_per_signal() -> None:
    model = parse_model(five_dimensions(baseline={"fixed": {"usage": 60}}))
    one = score_of(five_dimensions(), usage=80, support=60)

    assert fixed_points(model).tolist() == pytest.approx([60, *[np.nan] * 4], nan_ok=True)
    assert median_points(one.scores).tolist() == pytest.approx([80, np.nan, 60, np.nan, np.nan], nan_ok=True)
    assert np.isnan(median_points(one.scores, np.array([False]))).all()


TASKS = {"agg": "last", "where": {"type": "m_s"}}
FALLING = {"kind": "piecewise", "points": [[0, 100], [4, 0]]}


def test_a_sentence_says_what_is_lost_by_what() -> None:
    model = one_signal(TASKS, FALLING, label="overdue tasks", target=0)

    assert sentence_of(model, 3) == "75.0 of 100.0 points lost: overdue tasks 3 (target 0)"
    assert sentence_of(model, 0) == "all 100.0 points kept: overdue tasks 0 (target 0)"


def test_a_sentence_takes_the_model_s_own_words_where_it_has_some() -> None:
    words = {"good": "no task is overdue", "bad": "{value} tasks overdue, {target} would be fine {odd}"}
    model = one_signal(TASKS, FALLING, target=0, sentence=words | {"bad": words["bad"].replace(" {odd}", "")})

    assert sentence_of(model, 3) == "3 tasks overdue, 0 would be fine"
    assert sentence_of(model, 0) == "no task is overdue"


def test_beside_the_figure_1_a_sentence_takes_the_singular() -> None:
    words = {"bad": {"one": "{value} {unit} waits", "other": "{value} {unit} wait"}}
    model = one_signal(TASKS, FALLING, unit={"one": "task", "other": "tasks"}, sentence=words)

    assert [sentence_of(model, value) for value in (1, 1.5, 2)] == ["1 task waits", "1.5 tasks wait", "2 tasks wait"]


def sentence_of(model: Document, value: float) -> str:
    one = score_of(model, s=value)
    return sentence(one.model, explained(one).drivers[0])


@pytest.mark.parametrize(
    ("texts", "raw", "shown"),
    [
        ({"format": "percent"}, 0.416, "42 %"),
        ({"format": "percent", "unit": "of seats"}, 0.5, "50 % of seats"),
        ({"format": "days"}, 12.4, "12 days"),
        ({"format": "days"}, 1.4, "1 day"),
        ({"unit": {"one": "ticket", "other": "tickets"}}, 1.0, "1 ticket"),
        ({"unit": {"one": "ticket", "other": "tickets"}}, 0.96, "1 ticket"),
        ({"unit": {"one": "ticket", "other": "tickets"}}, 0, "0 tickets"),
        ({"unit": "tickets"}, 3.0, "3 tickets"),
        ({"unit": "tickets"}, 2.25, "2.2 tickets"),
        ({}, -0.01, "0"),
        ({"format": "money", "unit": "EUR"}, 12.5, "12.50 EUR"),
        ({"unit": "tickets"}, "promoter", "promoter"),
        ({}, None, "unknown"),
    ],
)
def test_values_are_shown_as_people_read_them(texts: Document, raw: Any, shown: str) -> None:
    assert show_value(parse_model(one_signal(TASKS, **texts)).signals[0], raw) == shown


def test_a_summary_names_the_two_dearest_reasons_and_the_gate() -> None:
    one = score_of(GATED, usage=90, onboarding=60, support=70, engagement=100, commercial=100, sponsor="departed")

    text = summary(explained(one), one.model, one.scores.band_word(0))
    assert text == ("69.9 of 100, yellow; held down by sponsor left; most points are lost to onboarding and support.")


@pytest.mark.parametrize(
    ("label", "inside"),
    [
        ("Urgent tickets open", "urgent tickets open"),
        ("Open API tickets", "open API tickets"),
        ("E-mail answers", "e-mail answers"),
        ("Ärger", "ärger"),
        ("API errors", "API errors"),
        ("SSO", "SSO"),
        ("NPS of users", "NPS of users"),
        ("GitHub issues", "GitHub issues"),
        ("Time to Value", "Time to Value"),
        ("overdue tasks", "overdue tasks"),
        ("3 seats", "3 seats"),
        ("", ""),
    ],
)
def test_a_label_inside_a_sentence_keeps_its_acronyms_and_names(label: str, inside: str) -> None:
    assert in_sentence(label) == inside


def test_a_summary_reads_as_one_sentence_whatever_the_labels_look_like() -> None:
    labels = {"usage": "NPS", "onboarding": "Late milestones"}
    model = five_dimensions(gates=[GATED["gates"][0] | {"label": "The sponsor has left"}])
    for signal in model["signals"]:
        signal["label"] = labels.get(signal["id"], signal["id"])
    one = score_of(model, usage=70, onboarding=50, support=100, engagement=100, commercial=100, sponsor="departed")

    text = summary(explained(one), one.model, one.scores.band_word(0))
    assert text.endswith("; held down by the sponsor has left; most points are lost to late milestones and NPS.")


def test_a_provisional_score_says_so() -> None:
    one = score_of(five_dimensions(), usage=90)

    assert "provisional" in summary(explained(one), one.model, one.scores.band_word(0))


def test_missing_inputs_are_named_with_their_reason() -> None:
    model = document(last_signal("a", "d"), last_signal("b", "d", missing="worst"), last_signal("c", "d", 0))
    one = score_of(model, a=50)
    found = missing_inputs(one.model, one.scores, 0)

    assert [missing_sentence(one.model, missing) for missing in found] == [
        "b: it has never happened; a stand-in value is used"
    ]


def test_what_was_observed_in_an_unavailable_dimension_is_named_with_its_coverage() -> None:
    signals = [last_signal("a", "d", 3), last_signal("b", "d"), last_signal("zero", "d", 0), last_signal("c", "e")]
    dimensions = [{"id": "d", "weight": 1, "min_coverage": 0.5}, {"id": "e", "weight": 1}]
    one = score_of(document(*signals, dimensions=dimensions), b=50, zero=50, c=80)

    assert uncounted_inputs(one.model, one.scores, 0) == (UncountedInput("b", 0.25, 0.5),)
    assert [driver.signal for driver in explained(one).drivers] == ["c"]
    whole = score_of(document(*signals, dimensions=dimensions), a=50, c=80)
    assert uncounted_inputs(whole.model, whole.scores, 0) == ()


def test_the_sentence_about_an_account_is_the_models_own_if_it_has_one() -> None:
    model = five_dimensions(summary={"green": "{score} and {band}: all well, bar {reasons}."})
    one = score_of(model, usage=90, onboarding=90, support=90, engagement=90, commercial=90)

    assert summary(explained(one), one.model, Band.GREEN) == "90.0 and green: all well, bar usage and onboarding."


def test_a_value_that_meets_its_target_is_told_as_good_even_if_more_could_be_won() -> None:
    words = {"good": "usage moves by {value} % a week", "bad": "usage moves by {value} % a week (target {target})"}
    rising = {"kind": "piecewise", "points": [[-50, 0], [0, 60], [30, 100]]}
    model = one_signal(TASKS, rising, target="not falling", target_points=60, sentence=words)

    assert sentence_of(model, 17.1) == "usage moves by 17.1 % a week"
    assert sentence_of(model, 0) == "usage moves by 0 % a week"
    assert sentence_of(model, -0.1) == "usage moves by -0.1 % a week (target not falling)"


def test_a_good_answer_that_faded_is_told_as_old_and_not_as_bad() -> None:
    words = {"good": "the latest answer was {value} of 10", "bad": "only {value} of 10 (target {target})"}
    answers = {"kind": "piecewise", "points": [[0, 0], [5, 50], [8, 90], [10, 100]]}
    more = {"target": "at least 8", "target_points": 90, "stale": {"half_life_days": 4, "neutral": 50}}
    model = one_signal(TASKS, answers, sentence=words, **more)

    assert sentence_of(model, 9) == "the latest answer was 9 of 10; that is 9 days old and counts less by now"
    assert sentence_of(model, 8).endswith("that is 9 days old and counts less by now")
    assert sentence_of(model, 7.9) == "only 7.9 of 10 (target at least 8)"
