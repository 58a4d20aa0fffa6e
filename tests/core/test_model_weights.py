"""Claims about the numbers a model reckons with: none is next to nothing, and weights meet at every age."""

from typing import Any

import pytest
from support.score_models import RISING, document, one_signal

from milepost_core.model import ModelInvalid, ModelProblem, parse_model

COUNT = {"agg": "count", "where": {"type": "feature.used"}}


def problems(doc: dict[str, Any]) -> tuple[ModelProblem, ...]:
    try:
        parse_model(doc)
    except ModelInvalid as refused:
        return refused.problems
    return ()


def refused(doc: dict[str, Any], pointer: str, message: str) -> bool:
    return any(one.pointer == pointer and message in one.message for one in problems(doc))


FAINT = [
    ("/signals/0/source/den", one_signal({"agg": "ratio", "num": COUNT, "den": 1e-320})),
    ("/signals/0/source/den", one_signal({"agg": "ratio", "num": COUNT, "den": -1e-10})),
    ("/signals/0/source/half_life", one_signal({"agg": "decayed_sum", "half_life": 5e-324})),
    ("/signals/0/source/window_days", one_signal(COUNT | {"window_days": 1e-12})),
    ("/signals/0/source/late_penalty_per_day",
     one_signal({"agg": "milestone_progress", "late_penalty_per_day": 5e-324})),
    ("/signals/0/source/late_floor", one_signal({"agg": "milestone_progress", "late_floor": 5e-324})),
    ("/signals/0/weight", one_signal(COUNT, weight=5e-324)),
]  # fmt: skip


@pytest.mark.parametrize(("pointer", "doc"), FAINT, ids=[pointer for pointer, _ in FAINT])
def test_what_is_reckoned_with_is_nothing_or_more_than_next_to_nothing(pointer: str, doc: dict[str, Any]) -> None:
    assert [one.pointer for one in problems(doc)] == [pointer]
    assert refused(doc, pointer, "is next to nothing")
    assert problems(one_signal({"agg": "ratio", "num": COUNT, "den": 0})) == ()


def test_no_milestone_is_late_beyond_all_measure() -> None:
    doc = one_signal({"agg": "milestone_progress", "late_penalty_per_day": 1e306})
    assert refused(doc, "/signals/0/source/late_penalty_per_day", "is not a number of at least 0, at most 1000000000")


def apart(*weights: float, **more: Any) -> dict[str, Any]:
    """Two dimensions of these weights; only the second has a signal that weighs anything."""
    dimensions = [{"id": name, "weight": weight} for name, weight in zip("ab", weights, strict=True)]
    signals = [{"id": f"s{name}", "dimension": name, "weight": weight, "source": COUNT, "normalise": RISING}
               for name, weight in (("a", 0), ("b", 1))]  # fmt: skip
    return document(*signals, dimensions=dimensions, **more)


def stages(*weights: tuple[float, float]) -> dict[str, Any]:
    ends = [*(30 * (place + 1) for place in range(len(weights) - 1)), None]
    listed = [{"id": f"t{place}", "age_days": [30 * place, end], "weights": dict(zip("ab", own, strict=True))}
              for place, (own, end) in enumerate(zip(weights, ends, strict=True))]  # fmt: skip
    return {"stages": listed}


def test_weights_that_never_meet_are_refused_stage_by_stage() -> None:
    assert problems(apart(1, 1, **stages((1, 1), (0, 1)))) == ()
    assert [one.pointer for one in problems(apart(1, 0))] == ["/dimensions"]
    never = problems(apart(1, 1, **stages((1, 1), (1, 0))))
    assert [one.pointer for one in never] == ["/stages/1/weights"]
    segment = {"segments": [{"id": "x", "when": {"plan": "x"}, "dimensions": {"b": {"weight": 0}}}]}
    assert len(problems(apart(1, 1, **segment))) == 1


def test_true_is_not_the_number_one_when_a_judge_is_chosen() -> None:
    ones = parse_model(one_signal(COUNT) | {"applies_to": {"tier": [1]}})
    trues = parse_model(one_signal(COUNT) | {"segments": [{"id": "t", "when": {"tier": [True]}}]})
    assert [ones.applies({"tier": tier}) for tier in (1, 1.0, True, "1", None)] == [True, True, False, False, False]
    assert [trues.for_segment({"tier": tier}) is not trues for tier in (True, 1)] == [True, False]
