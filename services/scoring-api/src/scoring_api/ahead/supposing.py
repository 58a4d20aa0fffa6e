"""Supposing that values were others: what score would follow, and the way to a better band; it stores nothing."""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from milepost_contracts.health import ModelRef
from milepost_core.explanation import Movement, between, profile_of, shared_out, show_value, tenths
from milepost_core.model import Band, Signal
from milepost_core.scoring import Population, score
from milepost_core.what_if import Path, Situation, impossible, path_to, single_lever, supposed, target_score
from scoring_api.ahead.supposition_views import BandMove, MovedDriver, PathAnswer, Supposed, WhatIfAnswer, WhatIfRequest
from scoring_api.past.attributing import value_of
from scoring_api.past.comparing import situation_of
from scoring_api.past.recalling import Recalling, Told
from scoring_api.scores.documenting import dimensions_of, effective_band_of, gates_of
from scoring_api.scores.judging import Verdict, judge_batch, number, verdict
from scoring_api.scores.phrasing import move_sentence, word_holds
from scoring_api.scores.planning import path_view

_RANK = {Band.RED: 0, Band.YELLOW: 1, Band.GREEN: 2}


@dataclass(frozen=True)
class Fault:
    """One supposition that cannot be: where it stands, a code, and what is wrong."""

    pointer: str
    code: str
    detail: str
    near: str | None = None


class SuppositionRefused(Exception):
    """Values that no account can have, or that the model knows nothing of; `faults` names all of them."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("; ".join(one.detail for one in faults))
        self.faults = tuple(faults)


class BandNotAhead(Exception):
    """There is no way up to this band: it is no band, unknown, or the account is there or above."""


class BandUnreachable(Exception):
    """The known actions do not suffice; `levers` tells for each signal the most it could add by itself."""

    def __init__(self, band: Band, gap: float, most: float, levers: Sequence[tuple[str, float, str]]) -> None:
        super().__init__(
            f"To reach {band.value}, {max(0.0, gap):.1f} points are missing, and all known actions together"
            f" win {max(0.0, most):.1f}: other signals have to recover"
        )
        self.levers = tuple(levers)


@dataclass(frozen=True)
class Supposing:
    """The use cases of asking what would be."""

    recalling: Recalling

    async def what_if(self, asked: str, wanted: WhatIfRequest) -> WhatIfAnswer:
        """Return the score that would follow from other values.

        Raises AccountUnknown, NotScoredYet, FutureMoment, NotScoredThen, SuppositionRefused.
        """
        told = await self.recalling.known(asked, wanted.as_of, "/as_of")
        faults = [*_value_faults(told, wanted.changes), *_gate_faults(told, wanted.gates)]
        if faults:
            raise SuppositionRefused(faults)
        judged, before = told.judged, told.verdict
        readings = supposed(situation_of(judged), wanted.changes, wanted.gates)
        changed = judge_batch(judged.model, readings, judged.population.age_days, judged.among, judged.segment)
        standing = replace(
            before.before,
            state=before.state,
            effective_band=before.effective.band,
            published_score=before.display,
        )
        after = verdict(changed, 0, told.as_of, standing, before.reference)
        return _answer(told, after)

    async def path(self, asked: str, band: str) -> PathAnswer:
        """Return the cheapest way to a band, gates first.

        Raises AccountUnknown, NotScoredYet, BandNotAhead, BandUnreachable.
        """
        told = await self.recalling.known(asked, None)
        to, situation = _ahead(told, band), situation_of(told.judged)
        path = path_to(situation, to)
        assert path is not None
        if not path.reachable:
            raise BandUnreachable(to, path.gap, path.most_gain, _levers(situation, to))
        return PathAnswer(
            account_id=told.account_id,
            as_of=told.as_of,
            model=_model(told),
            score=told.verdict.display or 0.0,
            band=told.verdict.state.band.value,
            target=path.target,
            gap=round(max(0.0, path.gap), 1),
            path=path_view(told.verdict, path),
            cost=path.cost,
            score_after=number(_after(situation, path)) or 0.0,
        )


def _ahead(told: Told, band: str) -> Band:
    """The band asked for if it lies above the one that the model says. Raises BandNotAhead."""
    present = told.verdict.state.band
    if band not in _RANK:
        raise BandNotAhead(f"'{band[:50]}' is no band to reach: ask for yellow or green")
    if told.verdict.display is None or present is Band.UNKNOWN or told.verdict.effective.band is Band.UNKNOWN:
        raise BandNotAhead("too little is known of the account for a band, so none is ahead: more data comes first")
    if _RANK[Band(band)] <= _RANK[present]:
        own = f"the account is {present.value} already: there is no way up to {band}"
        raise BandNotAhead(own if told.verdict.word is None else f"by the score {own}. {word_holds(told.verdict)}")
    return Band(band)


def _after(situation: Situation, path: Path) -> float:
    """The displayed score with the steps taken and the gates lifted, by scoring again."""
    values: dict[str, float | str | None] = {step.signal: step.to for step in path.steps}
    readings = supposed(situation, values, dict.fromkeys(path.gates, False))
    population = Population(situation.population.age_days)
    return float(score(situation.model, population, readings, situation.cohort).display[0])


def _levers(situation: Situation, to: Band) -> list[tuple[str, float, str]]:
    """What every signal alone could add, the most first."""
    target = target_score(situation.model.bands, to)
    found = [(one.signal, one.max_gain) for one in single_lever(situation, target) if one.max_gain > 0]
    ranked = sorted(found, key=lambda one: (-one[1], one[0]))
    return [(name, gain, situation.model.signal(name).label) for name, gain in ranked]


def _value_faults(told: Told, changes: Mapping[str, float | str | None]) -> list[Fault]:
    model, faults = told.judged.model, []
    for name, value in changes.items():
        pointer = f"/changes/{name.replace('~', '~0').replace('/', '~1')}"
        if name not in model.signal_index:
            known = list(model.signal_index)
            near = next(iter(difflib.get_close_matches(name, known, n=1)), None)
            hint = f"did you mean {near}?" if near else f"it has {', '.join(known)}."
            detail = f"The model {model.id} has no signal '{name[:100]}': {hint}"
            faults.append(Fault(pointer[:200], "unknown_signal", detail, near))
        elif value is not None and (wrong := impossible(model.signal(name), value)) is not None:
            faults.append(Fault(pointer, "impossible_value", wrong))
    return faults


def _gate_faults(told: Told, gates: Mapping[str, bool]) -> list[Fault]:
    known = [gate.id for gate in told.judged.model.gates]
    faults = []
    for name in gates:
        if name not in known:
            near = next(iter(difflib.get_close_matches(name, known, n=1)), None)
            hint = f"did you mean {near}?" if near else f"it has {', '.join(known) or 'none'}."
            pointer = f"/gates/{name.replace('~', '~0').replace('/', '~1')}"
            detail = f"The model {told.judged.model.id} has no gate '{name[:100]}': {hint}"
            faults.append(Fault(pointer[:200], "unknown_gate", detail, near))
    return faults


def _answer(told: Told, after: Verdict) -> WhatIfAnswer:
    before = told.verdict
    moved = _movement(before, after)
    shown = None if moved is None else tenths(after.display or 0.0) - tenths(before.display or 0.0)
    lines = {} if moved is None else _lines(moved)
    displayed = {} if shown is None else shared_out(lines, shown)
    drivers = [_driver(before, after, name, (points, displayed[name])) for name, points in lines.items() if name]
    return WhatIfAnswer(
        account_id=told.account_id,
        as_of=told.as_of,
        model=_model(told),
        before=_supposed(before),
        after=_supposed(after),
        difference=None if shown is None else shown / 10,
        drivers=tuple(sorted(drivers, key=lambda one: (-abs(one.exact), one.signal))),
        gates=gates_of(after),
        gates_difference=displayed.get("", 0.0),
        dimensions=dimensions_of(after),
        move=_move(before, after),
        news=_news(after),
    )


def _movement(before: Verdict, after: Verdict) -> Movement | None:
    profiles = [profile_of(one.judged.model, one.judged.scores, one.row) for one in (before, after)]
    return None if profiles[0] is None or profiles[1] is None else between(profiles[0], profiles[1])


def _lines(moved: Movement) -> dict[str, float]:
    """Exact points by signal id; under the empty name what gates take or give back."""
    names = dict.fromkeys([*moved.value, *moved.mix])
    lines = {name: moved.value.get(name, 0.0) + moved.mix.get(name, 0.0) for name in names}
    return {name: points for name, points in lines.items() if abs(points) > 1e-12} | {"": moved.gates}


def _driver(before: Verdict, after: Verdict, name: str, points: tuple[float, float]) -> MovedDriver:
    signal = after.judged.model.signal(name)
    sides = [situation_of(one.judged) for one in (before, after)]
    values = [value_of(one, name) for one in sides]
    place = after.judged.model.signal_index[name]
    worth = [number(one.points(place)) for one in sides]
    return MovedDriver(
        signal=name,
        label=signal.label,
        dimension=signal.dimension,
        from_value=values[0],
        to_value=values[1],
        unit=signal.texts.unit.other,
        from_points=None if worth[0] is None else round(worth[0], 1),
        to_points=None if worth[1] is None else round(worth[1], 1),
        difference=points[1],
        exact=points[0],
        sentence=_sentence(signal, values, sides, place),
    )


def _sentence(signal: Signal, values: Sequence[Any], sides: Sequence[Situation], place: int) -> str:
    if values[0] != values[1]:
        shown = [show_value(signal, one) for one in values]
        return f"{signal.label}: {shown[1]} instead of {shown[0]}"
    weights = [one.weight(place) * 100.0 for one in sides]
    return f"{signal.label} would count {weights[1]:.1f} % instead of {weights[0]:.1f} %"


def _supposed(one: Verdict) -> Supposed:
    scores, row = one.judged.scores, one.row
    return Supposed(
        score=one.display,
        band=scores.band_word(row).value,
        effective_band=effective_band_of(one),
        range=(round(float(scores.low[row]), 1), round(float(scores.high[row]), 1)),
        coverage=round(float(scores.coverage[row]), 2),
    )


def _move(before: Verdict, after: Verdict) -> BandMove | None:
    """Where the model's band would go from where it stands: at once, or after its waiting time."""
    now, then = before.state.band, after.state
    if Band.UNKNOWN in (now, then.band) or after.judged.scores.band_word(after.row) is Band.UNKNOWN:
        return None
    if then.band is not now:
        way = "up" if _RANK[then.band] > _RANK[now] else "down"
        return BandMove(to=then.band.value, direction=way, after_days=0.0, sentence=move_sentence(then.band, 0.0))
    if then.direction is None or then.since is None:
        return None
    bands = after.judged.model.bands
    dwell = bands.dwell_up_days if then.direction == "up" else bands.dwell_down_days
    left = max(0.0, dwell - (after.as_of - then.since).total_seconds() / 86400.0)
    to = next(band for band, rank in _RANK.items() if rank == _RANK[now] + (1 if then.direction == "up" else -1))
    return BandMove(to=to.value, direction=then.direction, after_days=left, sentence=move_sentence(to, left))


def _news(after: Verdict) -> dict[str, Any] | None:
    change = after.change
    if change is None:
        return None
    return {
        "kind": change.kind,
        "from_band": change.before.band.value if change.before else None,
        "to_band": change.after.band.value,
        "from_score": change.before.score if change.before else None,
        "to_score": change.after.score,
    }


def _model(told: Told) -> ModelRef:
    return ModelRef(id=told.judged.model.id, version=told.judged.model.version)
