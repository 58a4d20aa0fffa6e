"""The four parts of a difference add up to it exactly, whatever changed at once; each cause lands in its own part."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.known_answers import Scored, scored
from support.score_models import Document, document, last_signal

from milepost_core.explanation import Difference, Kind, Sides, difference, shared_out, tenths

EARLY, LATE = "2026-02-01", "2026-02-27"
STAGES = [
    {"id": "early", "age_days": [0, 35], "weights": {"u": 10, "o": 60, "s": 30}},
    {"id": "later", "age_days": [35, None], "transition_days": 10, "weights": {"u": 60, "o": 10, "s": 30}},
]
GATES = [
    {"id": "g", "when": {"source": {"agg": "last", "where": {"type": "m_gate"}}, "op": ">=", "value": 1},
     "cap_score": 40},
    {"id": "h", "when": {"source": {"agg": "last", "where": {"type": "m_less"}}, "op": ">=", "value": 1},
     "subtract": 10},
]  # fmt: skip


def model_of(weights: tuple[float, ...] = (1, 1, 1, 1), staged: bool = False, **more: Any) -> Document:
    a, b, c, d = weights
    signals = [
        last_signal("a", "u", a),
        last_signal("b", "u", b, missing="worst"),
        last_signal("c", "o", c, stale={"half_life_days": 20, "neutral": 50}),
        last_signal("d", "s", d),
    ]
    return document(*signals, gates=GATES, **({"stages": STAGES} if staged else {}), **more)


def one_of(model: Document, at: str, points: dict[str, float]) -> Scored:
    events = [{"t": "2026-01-20", "type": f"m_{name}", "value": value} for name, value in points.items()]
    return scored({"model": model, "account": {"start_at": "2026-01-01", "events": events}, "as_of": at})


def split(before: Scored, late: Scored, anew: Scored, after: Scored, unaided: Scored) -> Difference | None:
    sides = Sides(before.situation, late.situation, anew.situation, after.situation, unaided.readings)
    return difference(sides)


def parts(found: Difference | None) -> dict[str, float]:
    assert found is not None
    return {kind.value: round(found.points(kind), 9) for kind in Kind if abs(found.points(kind)) > 1e-9}


POINTS = st.dictionaries(
    st.sampled_from(["a", "b", "c", "d", "gate", "less"]), st.sampled_from([0.0, 1.0, 33.3, 50.0, 71.7, 100.0]),
    max_size=6,
)  # fmt: skip
WEIGHTS = st.tuples(*[st.sampled_from([0.5, 1.0, 3.0])] * 4)


@settings(deadline=None, max_examples=300)
@given(st.tuples(*[POINTS] * 4), st.tuples(WEIGHTS, WEIGHTS), st.booleans(), st.booleans())
def test_the_parts_add_up_whatever_changed(
    points: tuple[dict[str, float], ...],
    weights: tuple[tuple[float, ...], tuple[float, ...]],
    staged: bool,
    staged_later: bool,
) -> None:
    old, new = model_of(weights[0], staged), model_of(weights[1], staged_later)
    known, told, now, unaided = points
    before, after = one_of(old, EARLY, known), one_of(new, LATE, now)
    found = split(before, one_of(old, EARLY, told), one_of(new, EARLY, told), after, one_of(new, LATE, unaided))

    if before.scores.score[0] != before.scores.score[0] or after.scores.score[0] != after.scores.score[0]:
        assert found is None
        return
    assert found is not None
    assert sum(found.points(kind) for kind in Kind) == pytest.approx(found.after - found.before, abs=1e-9)
    assert found.after - found.before == pytest.approx(after.scores.score[0] - before.scores.score[0], abs=1e-12)
    total = tenths(found.after) - tenths(found.before)
    shown = shared_out({kind.value: found.points(kind) for kind in Kind}, total)
    assert round(sum(shown.values()) * 10) == total
    assert all(abs(shown[kind.value] - found.points(kind)) < 0.2 for kind in Kind)


FULL = {"a": 80.0, "b": 60.0, "c": 50.0, "d": 70.0}


def plain(now: dict[str, float], told: dict[str, float] | None = None, unaided: dict[str, float] | None = None) -> Any:
    model = model_of()
    early = one_of(model, EARLY, FULL)
    late = early if told is None else one_of(model, EARLY, told)
    after = one_of(model, LATE, now)
    return parts(split(early, late, late, after, after if unaided is None else one_of(model, LATE, unaided)))


def test_nothing_happened_is_no_difference() -> None:
    assert plain(FULL) == {}


def test_a_signal_that_fell_is_behaviour() -> None:
    assert plain(FULL | {"d": 10.0}) == {"behaviour": pytest.approx(-20.0)}


def test_a_signal_that_fell_silent_is_data() -> None:
    silent = {name: value for name, value in FULL.items() if name != "a"}
    found = plain(silent)

    assert set(found) == {"data"}


def test_a_record_that_came_late_is_data() -> None:
    assert plain(FULL | {"d": 10.0}, told=FULL | {"d": 10.0}) == {"data": pytest.approx(-20.0)}


def test_what_people_said_is_human() -> None:
    assert plain(FULL | {"d": 100.0}, unaided=FULL) == {"human": pytest.approx(10.0)}


def test_an_old_answer_that_fades_is_data_and_a_new_one_is_behaviour() -> None:
    signal = last_signal("c", "o", stale={"half_life_days": 20, "neutral": 50})
    old = {"start_at": "2026-01-01", "events": [{"t": "2026-01-20", "type": "m_c", "value": 90}]}
    new = {"start_at": "2026-01-01", "events": [*old["events"], {"t": "2026-02-20", "type": "m_c", "value": 90}]}
    early, faded, fresh = (
        scored({"model": document(signal), "account": account, "as_of": at})
        for account, at in ((old, EARLY), (old, LATE), (new, LATE))
    )

    assert set(parts(split(early, early, early, faded, faded))) == {"data"}
    assert set(parts(split(early, early, early, fresh, fresh))) == {"behaviour"}


def test_another_version_is_model_and_so_is_another_stage() -> None:
    old, new = model_of(), model_of((1, 1, 1, 1), staged=True)
    early, anew, after = one_of(old, EARLY, FULL), one_of(new, EARLY, FULL), one_of(new, LATE, FULL)
    switched = split(early, early, anew, after, after)

    assert switched is not None
    assert {step.cause for step in switched.steps if abs(step.points) > 1e-9} <= {"model", "stage", "inputs"}
    assert set(parts(switched)) <= {"model", "data"}
    assert abs(switched.points(Kind.MODEL)) > 0.5


def test_waiting_for_a_first_time_that_does_not_come_is_behaviour() -> None:
    first = {
        "id": "t", "dimension": "o", "weight": 1, "source": {"agg": "time_to_first", "where": {"type": "first"}},
        "normalise": {"kind": "piecewise", "points": [[35, 100], [60, 0]]},
    }  # fmt: skip
    model = document(last_signal("a", "u"), first)
    early, after = one_of(model, EARLY, {"a": 80.0}), one_of(model, LATE, {"a": 80.0})

    assert set(parts(split(early, early, early, after, after))) == {"behaviour"}


def test_a_gate_that_fires_is_behaviour_and_a_cap_hides_what_moves_beneath_it() -> None:
    assert plain(FULL | {"gate": 1.0}) == {"behaviour": pytest.approx(-70 / 3)}

    held = FULL | {"gate": 1.0}
    model = model_of()
    early, after = one_of(model, EARLY, held), one_of(model, LATE, held | {"d": 90.0})
    assert parts(split(early, early, early, after, after)) == {}
