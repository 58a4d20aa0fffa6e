"""The slow, obviously right law: one account, plain Python numbers, sentence by sentence as the score model says it.

It is the yardstick for the law over columns; it knows no arrays, and shares nothing with it but the model's document.
"""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_FLOOR, ROUND_HALF_EVEN, Decimal
from itertools import pairwise
from typing import Any

from milepost_core.model import (
    BandCurve,
    CategoryMap,
    Gate,
    Percentile,
    Piecewise,
    Saturating,
    ScoreModel,
    Signal,
)
from milepost_core.model.normalisers import category_text

EPSILON = 1e-9


@dataclass(frozen=True)
class Told:
    """One column of one account: a number, a word or nothing; `peers` are the raw values of its group."""

    value: float | str | None = None
    age_days: float | None = None
    censored: bool = False
    peers: Sequence[float] | None = None


@dataclass
class Answer:
    """Everything the law says of one account; None where there is none."""

    y: dict[str, float | None] = field(default_factory=dict)
    state: dict[str, str] = field(default_factory=dict)
    weights: dict[str, float] = field(default_factory=dict)
    stage: str | None = None
    dimension_score: dict[str, float | None] = field(default_factory=dict)
    dimension_coverage: dict[str, float | None] = field(default_factory=dict)
    effective: dict[str, float] = field(default_factory=dict)
    coverage: float = 0.0
    raw_score: float | None = None
    low: float = 0.0
    high: float = 100.0
    gates: list[tuple[str, float]] = field(default_factory=list)
    score: float | None = None
    display: float | None = None
    band: str = "unknown"
    freshness: float = 0.0
    confidence: float = 0.0


def judge(model: ScoreModel, told: Mapping[str, Told], age: float | None) -> Answer:
    """The whole of sections 4.4 and 4.5 for one account."""
    answer = Answer()
    answer.stage, answer.weights = weights_at(model, age)
    for signal in model.signals:
        one = told.get(signal.id, Told())
        answer.y[signal.id], answer.state[signal.id] = points_of(signal, one)
    _compose(model, answer)
    _range(model, answer)
    answer.score = answer.raw_score
    for gate in model.gates:
        _apply(gate, told.get(gate.id, Told()), answer)
    answer.display = None if answer.score is None else shown(answer.score)
    answer.band = _band(model, answer)
    answer.freshness = sum(
        answer.effective[signal.id] * _fresh(signal, told[signal.id])
        for signal in model.signals
        if answer.state[signal.id] == "observed" and told[signal.id].age_days is not None
    )
    maturity = 0.0 if age is None else min(1.0, max(0.0, age) / 30.0)
    answer.confidence = answer.coverage * answer.freshness * maturity
    return answer


def weights_at(model: ScoreModel, age: float | None) -> tuple[str | None, dict[str, float]]:
    """W in percent: the plain weights, else the stage's, faded in over its first days."""
    names = [dimension.id for dimension in model.dimensions]
    plain = _percent([dimension.weight for dimension in model.dimensions])
    if age is None:
        return None, dict(zip(names, plain, strict=True))
    previous: list[float] | None = None
    days = max(0.0, age)
    for stage in model.stages:
        own = _percent(list(stage.weights))
        if stage.from_day <= days and (stage.to_day is None or days < stage.to_day):
            since = days - stage.from_day
            if previous is not None and since < stage.transition_days:
                new = since / stage.transition_days
                own = [(1 - new) * before + new * now for before, now in zip(previous, own, strict=True)]
            return stage.id, dict(zip(names, own, strict=True))
        previous = own
    return None, dict(zip(names, plain, strict=True))


def _percent(weights: list[float]) -> list[float]:
    return [100.0 * weight / sum(weights) for weight in weights]


def points_of(signal: Signal, one: Told) -> tuple[float | None, str]:
    """y and how the signal takes part."""
    y = curve(signal.normalise, one)
    if y is not None and signal.stale is not None and one.age_days is not None:
        kept = 2.0 ** (-max(0.0, one.age_days) / signal.stale.half_life_days)
        y = signal.stale.neutral + (y - signal.stale.neutral) * kept
    if y is None:
        stand_in = signal.missing.points
        return stand_in, "missing" if stand_in is None else "imputed"
    return y, "pending" if one.censored and y >= 100.0 else "observed"


def curve(normalise: Any, one: Told) -> float | None:
    if isinstance(normalise, CategoryMap):
        return _word(normalise, one.value)
    if one.value is None or isinstance(one.value, str):
        return None
    x = one.value
    match normalise:
        case Piecewise():
            return line(list(zip(normalise.xs, normalise.ys, strict=True)), x)
        case BandCurve():
            return _between(normalise, x)
        case Saturating():
            return 100.0 * (1.0 - math.exp2(-max(0.0, x) / normalise.half_at))
        case Percentile():
            return _rank(normalise, one)
    raise TypeError(normalise)


def line(points: list[tuple[float, float]], x: float) -> float:
    if x <= points[0][0]:
        return points[0][1]
    for (x0, y0), (x1, y1) in pairwise(points):
        if x <= x1:
            return y0 + (y1 - y0) * (x - x0) / (x1 - x0)
    return points[-1][1]


def _between(band: BandCurve, x: float) -> float:
    if band.ok_from <= x <= band.ok_to:
        return 100.0
    if x < band.ok_from:
        return (
            line([(band.low, band.floor_low), (band.ok_from, 100.0)], x) if band.low < band.ok_from else band.floor_low
        )
    return line([(band.ok_to, 100.0), (band.high, band.floor_high)], x) if band.ok_to < band.high else band.floor_high


def _word(words: CategoryMap, value: float | str | None) -> float | None:
    if value is None:
        return None
    found: float | None = dict(words.points).get(category_text(value), words.default)
    return found


def _rank(percentile: Percentile, one: Told) -> float | None:
    peers = sorted(one.peers or ())
    if len(peers) < max(1, percentile.min_cohort):
        return None if percentile.fallback is None else curve(percentile.fallback, one)
    assert isinstance(one.value, int | float)
    blur = abs(one.value) * EPSILON
    below = bisect_left(peers, one.value - blur)
    same = bisect_right(peers, one.value + blur) - below
    rank = 100.0 * (below + same / 2) / len(peers)
    return 100.0 - rank if percentile.lower_is_better else rank


def _of(model: ScoreModel, dimension: str) -> list[Signal]:
    return [signal for signal in model.signals if signal.dimension == dimension]


def _compose(model: ScoreModel, answer: Answer) -> None:
    available: list[str] = []
    expected = {}
    for dimension in model.dimensions:
        own = _of(model, dimension.id)
        valued = [one for one in own if answer.state[one.id] in ("observed", "imputed")]
        observed = sum(one.weight for one in own if answer.state[one.id] == "observed")
        expected[dimension.id] = sum(one.weight for one in own if answer.state[one.id] != "pending")
        covered = observed / expected[dimension.id] if expected[dimension.id] > 0 else None
        answer.dimension_coverage[dimension.id] = covered
        total = sum(one.weight for one in valued)
        counts = total > 0 and covered is not None and covered >= dimension.min_coverage - EPSILON
        points = sum(one.weight * (answer.y[one.id] or 0.0) for one in valued)
        answer.dimension_score[dimension.id] = points / total if counts else None
        if counts:
            available.append(dimension.id)
    all_weight = sum(answer.weights[name] for name in available)
    for signal in model.signals:
        taking_part = signal.dimension in available and answer.state[signal.id] in ("observed", "imputed")
        answer.effective[signal.id] = 0.0
        if taking_part and all_weight > 0:
            own = [one for one in _of(model, signal.dimension) if answer.state[one.id] in ("observed", "imputed")]
            share = answer.weights[signal.dimension] / all_weight
            answer.effective[signal.id] = share * signal.weight / sum(one.weight for one in own)
    if all_weight > 0:
        answer.raw_score = sum(answer.effective[one.id] * (answer.y[one.id] or 0.0) for one in model.signals)
    asked = {name: answer.weights[name] for name, weight in expected.items() if weight > 0}
    if sum(asked.values()) > 0:
        covered_all = sum(weight * (answer.dimension_coverage[name] or 0.0) for name, weight in asked.items())
        answer.coverage = covered_all / sum(asked.values())


def _range(model: ScoreModel, answer: Answer) -> None:
    """0 and 100 for every signal that is expected and not observed, at the full weights."""
    full = {}
    for signal in model.signals:
        own = [one.weight for one in _of(model, signal.dimension) if answer.state[one.id] != "pending"]
        if answer.state[signal.id] != "pending" and sum(own) > 0:
            full[signal.id] = answer.weights[signal.dimension] * signal.weight / sum(own)
    expected = {signal.dimension for signal in model.signals if signal.id in full}
    total = sum(answer.weights[name] for name in expected)
    if total <= 0:
        return
    seen = sum(weight * (answer.y[name] or 0.0) for name, weight in full.items() if answer.state[name] == "observed")
    unseen = sum(weight for name, weight in full.items() if answer.state[name] != "observed")
    answer.low, answer.high = seen / total, (seen + 100.0 * unseen) / total


def _apply(gate: Gate, one: Told, answer: Answer) -> None:
    if one.value is None or not _fires(gate, one.value):
        return
    before = answer.score
    if before is not None:
        lowered = max(0.0, before - (gate.subtract or 0.0)) if gate.cap_score is None else min(before, gate.cap_score)
        answer.score = lowered
    answer.gates.append((gate.id, 0.0 if before is None or answer.score is None else answer.score - before))


def _fires(gate: Gate, value: float | str) -> bool:
    listed = gate.value if isinstance(gate.value, tuple) else (gate.value,)
    match gate.op:
        case "==" | "in":
            return any(_same(value, one) for one in listed)
        case "!=" | "not_in":
            return not any(_same(value, one) for one in listed)
    if isinstance(value, str):
        return False
    bound = float(listed[0])
    return {">": value > bound, ">=": value >= bound, "<": value < bound, "<=": value <= bound}[gate.op]


def _same(value: float | str, wanted: Any) -> bool:
    return value == wanted if isinstance(wanted, str) else not isinstance(value, str) and value == float(wanted)


def shown(score: float) -> float:
    """Nine decimals, then one, halves upwards."""
    exact = Decimal(repr(score)).quantize(Decimal("1e-9"), ROUND_HALF_EVEN)
    return float((exact * 10 + Decimal("0.5")).to_integral_value(ROUND_FLOOR) / 10)


def _band(model: ScoreModel, answer: Answer) -> str:
    if answer.display is None or answer.coverage < model.min_coverage - EPSILON:
        return "unknown"
    bands = model.bands
    return "green" if answer.display >= bands.green else "yellow" if answer.display >= bands.yellow else "red"


def _fresh(signal: Signal, one: Told) -> float:
    """2^(−age / half-life)."""
    return math.exp2(-max(0.0, one.age_days or 0.0) / signal.half_life_days)


def nothing(value: float | None) -> float:
    """A column's way of saying that there is none."""
    return math.nan if value is None else value
