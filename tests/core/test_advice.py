"""One stuck signal asks for its own step, a theme or an account in trouble as a whole for another."""

from typing import Any

from support.known_answers import Scored, scored
from support.score_models import Document, document, last_signal

from milepost_core.explanation import Advice, advise, explain

LEFT = {"agg": "last", "where": {"type": "m_sponsor"}}


def score_of(model: Document, **points: Any) -> Scored:
    events = [{"t": "2026-02-01", "type": f"m_{name}", "value": value} for name, value in points.items()]
    account = {"start_at": "2026-01-01", "events": events}
    return scored({"model": model, "account": account, "as_of": "2026-02-10"})


def test_next_steps_follow_the_points_lost() -> None:
    signals = [last_signal("a", "d", next_step="do a"), last_signal("b", "d"), last_signal("c", "d", next_step="do c")]
    one = score_of(document(*signals), a=50, b=0, c=20)

    assert [(step.id, step.step) for step in advised(one)] == [("c", "do c"), ("a", "do a")]


def advised(one: Scored) -> tuple[Advice, ...]:
    explanation = explain(one.model, one.scores, 0, one.readings)
    assert explanation is not None
    return advise(one.model, one.scores, 0, explanation)


def three_of_usage() -> Document:
    signals = [last_signal(name, "usage", next_step=f"do {name}") for name in ("a", "b", "c")]
    other = last_signal("d", "support", next_step="do d")
    dimensions = [{"id": "usage", "weight": 1, "next_step": "win them back"}, {"id": "support", "weight": 1}]
    return document(*signals, other, dimensions=dimensions)


def test_one_stuck_signal_asks_for_its_own_step_and_a_whole_theme_in_trouble_for_another() -> None:
    stuck = advised(score_of(three_of_usage(), a=0, b=100, c=100, d=100))
    broad = advised(score_of(three_of_usage(), a=10, b=20, c=30, d=90))

    assert [step.step for step in stuck] == ["do a"]
    assert [(step.about, step.step) for step in broad] == [("dimension", "win them back"), ("signal", "do d")]
    assert broad[0].signals == ("a", "b", "c")


def test_trouble_on_all_sides_comes_before_every_single_step() -> None:
    broad = {"dimensions": 2, "below": 50, "next_step": "talk to the sponsor"}
    model = three_of_usage() | {"broad": broad}
    found = advised(score_of(model, a=10, b=20, c=30, d=10))

    assert found[0].step == "talk to the sponsor"
    assert {step.step for step in found[1:]} == {"win them back", "do d"}
    assert [step.about for step in advised(score_of(model, a=10, b=20, c=30, d=90))] == ["dimension", "signal"]


def test_a_gate_with_a_step_of_its_own_comes_first() -> None:
    gate = {"id": "left", "when": {"source": LEFT, "op": "==", "value": "departed"}, "cap_score": 69.9}
    model = three_of_usage() | {"gates": [gate | {"next_step": "find another sponsor"}]}
    found = advised(score_of(model, a=90, b=90, c=90, d=90, sponsor="departed"))

    assert (found[0].about, found[0].step) == ("gate", "find another sponsor")


def test_what_meets_its_target_asks_for_nothing() -> None:
    trend = last_signal("a", "d", next_step="ask what changed", target="not falling", target_points=60)
    one = score_of(document(trend, last_signal("b", "d", next_step="do b")), a=63, b=50)

    assert [step.step for step in advised(one)] == ["do b"]
    assert [step.step for step in advised(score_of(document(trend), a=59))] == ["ask what changed"]


def test_what_is_only_old_asks_to_be_heard_again() -> None:
    stale = {"half_life_days": 9, "neutral": 50}
    more = {"stale": stale, "target_points": 90, "ask_again": "ask again", "next_step": "call them"}
    model = document(last_signal("a", "d", **more))

    assert [step.step for step in advised(score_of(model, a=95))] == ["ask again"]
    assert [step.step for step in advised(score_of(model, a=80))] == ["call them"]
    del model["signals"][0]["ask_again"]
    assert advised(score_of(model, a=95)) == ()
