"""Drivers, levers, ways up and differences between two moments, in the words of worked examples; it judges nothing."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from milepost_core.explanation import GATES, Explanation, explain
from milepost_core.explanation.comparison import Profile, between, profile_of
from milepost_core.explanation.drivers import fixed_points
from milepost_core.what_if import Path, next_band, path_to, single_lever, target_score
from scoring_api.verifying.answering import Scored
from scoring_api.verifying.cases import Json, NotUnderstood
from scoring_api.verifying.comparing import Either, Whole, alike


def drivers(one: Scored, baseline: Mapping[str, float]) -> dict[str, Any]:
    """The score against a baseline: exact lines, and lines as they are shown."""
    points = fixed_points(one.model)
    if baseline:
        points = np.array([float(baseline.get(signal.id, math.nan)) for signal in one.model.signals])
    explanation = explain(one.model, one.scores, 0, one.readings, points)
    if explanation is None:
        return {}
    silent = {signal.id: 0.0 for signal in one.model.signals}
    lines = silent | _lines(explanation)
    shown = silent | {GATES: 0.0} | dict(explanation.displayed.lines)
    lost = {driver.signal: driver.points_lost for driver in explanation.drivers}
    return {
        "baseline_signals": {s.id: float(value) for s, value in zip(one.model.signals, points, strict=True)},
        **alike(("baseline_score", "baseline", "S0"), explanation.baseline),
        **alike(("contributions", "phi", "drivers"), lines),
        "sum_check": explanation.baseline + sum(_lines(explanation).values()) - explanation.score,
        **alike(("points_lost", "lost"), silent | lost),
        **alike(("display_contributions", "displayed_contributions"), shown),
        **alike(("display_baseline", "displayed_baseline"), explanation.displayed.baseline),
        **alike(("display_score", "displayed_score"), explanation.displayed.score),
        **alike(("display_sum", "displayed_sum"), round(explanation.displayed.baseline + sum(shown.values()), 9)),
        **alike(("to_fix", "fix_first"), [driver.signal for driver in explanation.to_fix]),
        "unusual": [driver.signal for driver in explanation.unusual],
    }


def _lines(explanation: Explanation) -> dict[str, float]:
    lines = {driver.signal: driver.points for driver in explanation.drivers}
    return lines | {GATES: sum(gate.points for gate in explanation.gates)}


def levers(one: Scored, target: float, units: Mapping[str, float]) -> dict[str, Any]:
    """What each signal alone would have to become to reach a target."""
    found: dict[str, Any] = {}
    for lever in single_lever(one.situation, target, units):
        found[lever.signal] = {"possible": lever.possible, "from": lever.start, "max_gain": lever.max_gain}
        if lever.possible:
            found[lever.signal] |= {"exact": lever.exact, "to": lever.to, "score_after": lever.score_after}
        else:
            found[lever.signal] |= alike(("exact", "to", "score_after"))
    return found


def aim(one: Scored, target: float | None) -> float | None:
    """The score to reach: as asked for, else the threshold of the next band with its margin."""
    above = next_band(one.scores.band_word(0))
    if target is not None or above is None:
        return target
    return target_score(one.model.bands, above)


def way_up(one: Scored, target: float | None) -> dict[str, Any]:
    """The cheapest combination of steps that reaches a target."""
    above = next_band(one.scores.band_word(0))
    if above is None and target is None:
        raise NotUnderstood("/expected/combination: there is no band above, and no target")
    path = path_to(one.situation, above or one.scores.band_word(0), target)
    if path is None:
        raise NotUnderstood("/expected/combination: the account has no score")
    steps = {signal.id: 0 for signal in one.model.signals if signal.action is not None}
    taken = steps | {step.signal: step.steps for step in path.steps}
    to = {step.signal: step.to for step in path.steps}
    lines = [
        {**alike(("signal", "id"), step.signal), "steps": step.steps, "k": step.steps, "from": step.start,
         "to": step.to, "gain": step.gain, "cost": step.cost, "label": step.label}
        for step in path.steps
    ]  # fmt: skip
    by_signal = {line["signal"]: line for line in lines}
    whole = {
        **alike(("steps", "choice", "choices", "options"), Either((Whole(taken), lines, Whole(by_signal)))),
        **alike(("changes", "to", "values"), Either((Whole(to), Whole(by_signal), lines))),
        **_ends(path),
    }
    return alike(
        ("combination", "path", "cheapest", "plan", "cheapest_combination"),
        Either((whole, Whole(taken), lines, Whole(by_signal))),
    )


def _ends(path: Path) -> dict[str, Any]:
    return {
        **alike(("cost", "total_cost"), path.cost),
        **alike(("gain", "total_gain"), sum(step.gain for step in path.steps)),
        **alike(("score_after", "after"), path.score_after),
        **alike(("possible", "reachable", "feasible"), path.reachable),
        **alike(("gap", "needed", "g"), path.gap),
        "target": path.target,
        "max_gain": path.most_gain,
        "gates": list(path.gates),
        "signals": [step.signal for step in path.steps],
        **alike(("holds_for_days", "dwell_days"), path.holds_for_days),
    }


def movement_of(earlier: Scored, later: Scored) -> dict[str, Any]:
    """What moved a score between two moments. Raises NotUnderstood when either has none."""
    profiles = [profile_of(one.model, one.scores, 0) for one in (earlier, later)]
    if profiles[0] is None or profiles[1] is None:
        raise NotUnderstood("/as_of: there is no score at one of both moments")
    names = [signal.id for one in (earlier, later) for signal in one.model.signals]
    return movement(profiles[0], profiles[1], names)


def movement(before: Profile, after: Profile, names: Sequence[str]) -> dict[str, Any]:
    """The difference of two profiles by signal: what changed, and what changed its weight."""
    moved = between(before, after)
    silent = alike(names, 0.0)
    value, mix = silent | dict(moved.value), silent | dict(moved.mix)
    both = {name: {"value": value[name], "mix": mix[name], "total": value[name] + mix[name]} for name in value}
    total = {name: value[name] + mix[name] for name in value}
    sums = {"value": sum(value.values()), "mix": sum(mix.values()), "gates": moved.gates}
    words = ("value", "values", "value_effect", "value_points", "value_contributions", "by_value")
    mixes = ("mix", "mixes", "mix_effect", "mix_points", "mix_contributions", "by_mix")
    lines = both | {"value": value, "mix": mix, "gates": moved.gates}
    return {
        **alike(words, value),
        **alike(mixes, mix),
        **alike(("changes", "movement", "between", "by_signal", "parts"), lines),
        **alike(("signal_totals", "total_by_signal", "contributions"), total | {GATES: moved.gates}),
        "sums": sums,
        **alike(("value_sum", "value_total", "sum_value"), sums["value"]),
        **alike(("mix_sum", "mix_total", "sum_mix"), sums["mix"]),
        **alike(("delta", "difference", "total", "raw_delta", "change", "sum", "delta_raw"),
                        after.raw_score - before.raw_score),
        **alike(("score_delta", "delta_score"), after.score - before.score),
        **alike(("raw_scores", "R"), Either(([before.raw_score, after.raw_score],))),
        "scores": [before.score, after.score],
        **{f"{word}{end}": one.raw_score for word in ("R", "R_", "raw_score_", "raw_") for end, one in
           (("0", before), ("1", after), ("before", before), ("after", after))},
        **{f"score_{end}": one.score for end, one in
           (("0", before), ("1", after), ("before", before), ("after", after))},
        **alike(("gates_delta", "gate_delta", "gates_moved"), moved.gates),
        **alike(("centre", "center", "c"), (before.raw_score + after.raw_score) / 2.0),
        "sum_check": sums["value"] + sums["mix"] - (after.raw_score - before.raw_score),
    }  # fmt: skip


def profile_from(said: Json, pointer: str) -> Profile:
    """Return a profile that an example gives by signal, or as weights and points. Raises NotUnderstood."""
    weights = _first(said, "weights", "e", "effective_weights")
    points = _first(said, "points", "y", "scores", "signals")
    if weights is None:
        weights = {name: _first(one, "e", "weight", "effective_weight") for name, one in said.items() if _is(one)}
        points = {name: _first(one, "y", "points", "score") for name, one in said.items() if _is(one)}
    if not weights or not isinstance(points, Mapping) or any(one is None for one in weights.values()):
        raise NotUnderstood(f"{pointer}: gives no weights and points by signal")
    known = {name: float(points[name]) for name in weights if points.get(name) is not None}
    raw = sum(float(weight) * known.get(name, 0.0) for name, weight in weights.items())
    given = _first(said, "raw_score", "R")
    score = _first(said, "score", "S")
    raw = raw if given is None or _is(given) else float(given)
    carried = {name: float(weight) for name, weight in weights.items()}
    return Profile(carried, known, raw, raw if score is None or _is(score) else float(score))


def _first(said: Json, *names: str) -> Any:
    return next((said[name] for name in names if name in said), None)


def _is(one: Any) -> bool:
    return isinstance(one, Mapping)
