"""Says of every point of a difference what brought it about, in lines that add up; it computes no score."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from milepost_core.explanation import Difference, Kind, Step, in_sentence, shared_out, show_value, tenths
from milepost_core.model import ScoreModel
from milepost_core.readings import Status
from milepost_core.scoring import SignalState
from milepost_core.what_if import Situation
from scoring_api.past.change_views import ChangeLine, ChangePart
from scoring_api.scores.addressing import Behind

_NOTHING: Final = 1e-12
_KINDS: Final = (Kind.BEHAVIOUR, Kind.MODEL, Kind.DATA, Kind.HUMAN)
_SENTENCES: Final = {
    Kind.BEHAVIOUR: "What the customer did or left undone",
    Kind.MODEL: "How the score is made: another model or version, other peers, another stage",
    Kind.DATA: "What we know: records that came late or were corrected, inputs that appeared or fell silent",
    Kind.HUMAN: "What people said: the pulse, and milestones marked by hand",
}
_GATES: Final = "Gates"
# Less than this shows in no figure: such reasons are told together, cause by cause, so that the lines still add up.
_WORTH_A_LINE: Final = 0.05
_REST: Final = "rest"


@dataclass(frozen=True)
class _Reason:
    """A line before it is rounded."""

    step: Step
    signal: str | None
    exact: float

    @property
    def key(self) -> str:
        """A name of its own among the lines of a part."""
        return f"{self.step.cause}:{self.signal or ''}"


def parts_of(found: Difference, before: Behind, after: Behind) -> tuple[ChangePart, ...]:
    """Return the four parts, their displayed points adding up to the displayed difference, and their lines to them.

    `before` and `after` lead to the evidence of either moment.
    """
    exact = {kind.value: found.points(kind) for kind in _KINDS}
    shown = shared_out(exact, tenths(found.after) - tenths(found.before))
    last = found.steps[-1].after.model
    where = _Where(before, after, frozenset(last.signal_index), frozenset(gate.id for gate in last.gates))
    return tuple(_part(found, kind, (exact[kind.value], shown[kind.value]), where) for kind in _KINDS)


@dataclass(frozen=True)
class _Where:
    """Where the evidence of a line is: with the later moment, or with the earlier one if the later model dropped it."""

    before: Behind
    after: Behind
    signals: frozenset[str]
    gates: frozenset[str]

    def signal(self, name: str) -> str:
        return (self.after if name in self.signals else self.before).signal(name)

    def gate(self, name: str) -> str:
        return (self.after if name in self.gates else self.before).gate(name)


def _part(found: Difference, kind: Kind, points: tuple[float, float], where: _Where) -> ChangePart:
    exact, displayed = points
    reasons = [one for step in found.steps if step.kind is kind for one in _reasons(step)]
    told = [one for one in reasons if abs(one.exact) >= _WORTH_A_LINE]
    rest: dict[str, list[_Reason]] = {}
    for one in reasons:
        if abs(one.exact) < _WORTH_A_LINE:
            rest.setdefault(one.step.cause, []).append(one)
    small = {f"{_REST}:{cause}": sum(one.exact for one in of) for cause, of in rest.items()}
    shares = shared_out({one.key: one.exact for one in told} | small, tenths(displayed))
    ranked = sorted(told, key=lambda one: (-abs(one.exact), one.key))
    lines = [_line(one, shares[one.key], where) for one in ranked]
    lines += [_rest_line(rest[cause], shares[f"{_REST}:{cause}"], small[f"{_REST}:{cause}"]) for cause in rest]
    return ChangePart(kind=kind.value, points=displayed, exact=exact, sentence=_SENTENCES[kind], lines=tuple(lines))


def _reasons(step: Step) -> Iterator[_Reason]:
    moved = step.movement
    for signal in dict.fromkeys([*moved.value, *moved.mix]):
        points = moved.value.get(signal, 0.0) + moved.mix.get(signal, 0.0)
        if abs(points) > _NOTHING:
            yield _Reason(step, signal, points)
    if abs(moved.gates) > _NOTHING:
        yield _Reason(step, None, moved.gates)


def _line(reason: _Reason, points: float, where: _Where) -> ChangeLine:
    if reason.signal is None:
        return _gates_line(reason, points, where)
    name, step = reason.signal, reason.step
    model = _model_of(step, name)
    signal = model.signal(name)
    return ChangeLine(
        cause=step.cause,
        signal=name,
        label=signal.label,
        dimension=signal.dimension,
        from_value=value_of(step.before, name),
        to_value=value_of(step.after, name),
        unit=signal.texts.unit.other,
        points=points,
        exact=reason.exact,
        sentence=_sentence(step, name, model),
        evidence=where.signal(name),
    )


def _rest_line(rest: Sequence[_Reason], points: float, exact: float) -> ChangeLine:
    """All of one cause that moved the score by less than shows, in one line."""
    names = sorted({_GATES if one.signal is None else _model_of(one.step, one.signal).signal(one.signal).label
                    for one in rest})  # fmt: skip
    shown = ", ".join(in_sentence(one) for one in names[:3]) + (f" and {len(names) - 3} more" if names[3:] else "")
    return ChangeLine(
        cause=rest[0].step.cause,
        signal=None,
        label="Small shifts",
        dimension=None,
        from_value=None,
        to_value=None,
        unit="",
        points=points,
        exact=exact,
        sentence=f"less than {_WORTH_A_LINE} points each: {shown}",
        evidence=None,
    )


def _model_of(step: Step, name: str) -> ScoreModel:
    """The later model, unless it has dropped the signal."""
    return step.after.model if name in step.after.model.signal_index else step.before.model


def _gates_line(reason: _Reason, points: float, where: _Where) -> ChangeLine:
    sides = [_fired(one) for one in (reason.step.before, reason.step.after)]
    fired = [list(one.values()) for one in sides]
    moved = [name for name in sides[0] | sides[1] if name not in sides[0] or name not in sides[1]]
    return ChangeLine(
        cause=reason.step.cause,
        signal=None,
        label=_GATES,
        dimension=None,
        from_value=", ".join(fired[0]) or None,
        to_value=", ".join(fired[1]) or None,
        unit="",
        points=points,
        exact=reason.exact,
        sentence=_gates_sentence(*fired),
        evidence=where.gate(moved[0]) if len(moved) == 1 else None,
    )


def _gates_sentence(before: Sequence[str], after: Sequence[str]) -> str:
    new, gone = [one for one in after if one not in before], [one for one in before if one not in after]
    said = [f"holds the score down now: {', '.join(new)}"] if new else []
    said += [f"no longer holds it down: {', '.join(gone)}"] if gone else []
    return "; ".join(said) or f"what {', '.join(after)} takes grew or shrank with the score beneath"


def _fired(one: Situation) -> dict[str, str]:
    fired = one.scores.gates_fired[one.row]
    return {gate.id: in_sentence(gate.label) for gate, on in zip(one.model.gates, fired, strict=True) if on}


def value_of(one: Situation, name: str) -> float | str | None:
    """Return the raw value of a signal as it was measured, None if it was not."""
    place = one.model.signal_index.get(name)
    if place is None:
        return None
    word = None if one.readings.category is None else one.readings.category[one.row, place]
    raw = float(one.readings.raw[one.row, place])
    return str(word) if word is not None else None if raw != raw else raw  # noqa: PLR0124 - NaN is no value


def _sentence(step: Step, name: str, model: ScoreModel) -> str:
    """What happened to a signal in one step, in plain words."""
    signal = model.signal(name)
    values = [value_of(one, name) for one in (step.before, step.after)]
    shown = [show_value(signal, one) for one in values]
    label = in_sentence(signal.label)
    if (shift := _appearance(step, name)) is not None:
        return f"{label} {shift}: {shown[1] if values[1] is not None else _why(step.after, name)}"
    if shown[0] != shown[1] and step.cause in ("late", "values", "people"):
        late = " by what was told later" if step.cause == "late" else ""
        return f"{label}: from {shown[0]} to {shown[1]}{late}"
    weights, points = _pair(step, name, "weight"), _pair(step, name, "y")
    if abs(weights[1] - weights[0]) >= 0.05 and abs(points[1] - points[0]) < 0.05:
        return f"{label} counts {weights[1]:.1f} % instead of {weights[0]:.1f} %"
    worth = _worth(*points)
    return f"{label} ({shown[1]}) {worth}" if step.cause in ("model", "peers", "inputs") else f"{label} {worth}"


def _worth(before: float, after: float) -> str:
    """Points now and then, with as many decimals as it takes to tell them apart."""
    digits = next((one for one in (0, 1, 2) if f"{before:.{one}f}" != f"{after:.{one}f}"), 3)
    return f"is worth {after:.{digits}f} instead of {before:.{digits}f} of 100"


def _appearance(step: Step, name: str) -> str | None:
    """Whether a signal came to be measured in a step, or ceased to be; None if neither."""
    states = [_state(one, name) for one in (step.before, step.after)]
    counted = [one in (SignalState.OBSERVED, SignalState.IMPUTED) for one in states]
    if states[0] is None or states[1] is None:
        return {(True, False): "counts now", (False, True): "no longer counts"}[(states[0] is None, states[1] is None)]
    if SignalState.PENDING in states and counted[0] != counted[1]:
        return "counts now" if counted[1] else "is waited for"
    if (states[0] == SignalState.OBSERVED) != (states[1] == SignalState.OBSERVED):
        return "is measured now" if states[1] == SignalState.OBSERVED else "is not measured any more"
    return None


def _state(one: Situation, name: str) -> SignalState | None:
    place = one.model.signal_index.get(name)
    return None if place is None else SignalState(int(one.scores.state[one.row, place]))


def _why(one: Situation, name: str) -> str:
    place = one.model.signal_index.get(name)
    return "the model has no such signal" if place is None else Status(int(one.scores.status[one.row, place])).sentence


def _pair(step: Step, name: str, what: str) -> tuple[float, float]:
    """Effective weight in percent, or points, on both sides of a step."""
    sides: Mapping[str, list[float]] = {"weight": [], "y": []}
    for one in (step.before, step.after):
        place = one.model.signal_index.get(name)
        sides["weight"].append(0.0 if place is None else one.weight(place) * 100.0)
        sides["y"].append(0.0 if place is None else one.points(place))
    return sides[what][0], sides[what][1]
