"""What the screens about score models show, ready for the templates; it asks no store."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from milepost_core.model import Counted, Gate, Milestone, ScoreModel, Signal
from milepost_core.model.parsing_signals import PLACEHOLDERS
from scoring_api.documents.model_views import ActivationPage, DiffAnswer, ModelList, ModelVersions, VersionView
from scoring_api.pages import curves, rules, wording

SIDES = {"us": "we", "customer": "the customer", "third_party": "a third party"}
_PATTERNS = 5


@dataclass(frozen=True)
class Part:
    """One dimension's share of a bar, in percent of its width; `tone` chooses its look."""

    label: str
    left: float
    width: float
    share: str
    tone: int


@dataclass(frozen=True)
class Weights:
    """The weights of one stage of the journey."""

    label: str
    days: str
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class SignalRow:
    """A signal with its curve and its words."""

    id: str
    label: str
    share: str
    measures: str
    target: str
    unit: str
    drawing: curves.Drawing
    good: str
    bad: str
    next_step: str
    missing: str


@dataclass(frozen=True)
class Theme:
    """A dimension with its signals."""

    label: str
    share: str
    next_step: str
    signals: tuple[SignalRow, ...]


@dataclass(frozen=True)
class GateRow:
    """What outweighs everything: when, and what it does."""

    label: str
    when: str
    does: str
    hard: bool
    next_step: str


@dataclass(frozen=True)
class PlanRow:
    """A milestone in words."""

    label: str
    day: str
    who: str
    after: str
    done: str
    required: bool


@dataclass(frozen=True)
class PolicyPage:
    """One version of a model."""

    model: ScoreModel
    known: ModelVersions
    version: VersionView
    takes: str
    weights: tuple[Weights, ...]
    themes: tuple[Theme, ...]
    gates: tuple[GateRow, ...]
    plan: tuple[PlanRow, ...]
    rules: tuple[tuple[str, str], ...]
    segments: tuple[tuple[str, str], ...]
    diff: DiffAnswer | None


@dataclass(frozen=True)
class PolicyRow:
    """A model in the list."""

    id: str
    title: str
    shown: int
    state: str
    takes: str
    precedence: int


@dataclass(frozen=True)
class PoliciesPage:
    """All models, and who put which in charge."""

    rows: tuple[PolicyRow, ...]
    log: ActivationPage
    next: str | None


def policies_page(listed: ModelList, log: ActivationPage, following: str | None) -> PoliciesPage:
    """Return the list of models: those in charge first, in the order in which they are asked."""
    ordered = sorted(listed.data, key=lambda one: (one.in_charge is None, not one.applies_to, -one.precedence, one.id))
    rows = tuple(
        PolicyRow(
            id=one.id,
            title=one.title,
            shown=one.in_charge or one.versions[-1],
            state=f"version {one.in_charge} judges" if one.in_charge else "not in charge",
            takes=takes_words([(name, tuple(values)) for name, values in one.applies_to.items()]),
            precedence=one.precedence,
        )
        for one in ordered
    )
    return PoliciesPage(rows, log, following)


def policy_page(model: ScoreModel, known: ModelVersions, diff: DiffAnswer | None) -> PolicyPage:
    """Return the page of one version; `diff` is what it says otherwise than another one that was asked for."""
    return PolicyPage(
        model=model,
        known=known,
        version=next(one for one in known.history if one.version == model.version),
        takes=takes_words(model.applies_to),
        weights=_weights(model),
        themes=tuple(_theme(model, place) for place in range(len(model.dimensions))),
        gates=tuple(_gate(gate) for gate in model.gates),
        plan=tuple(_milestone(model, one) for one in model.milestones),
        rules=_rules(model),
        segments=tuple((one.id, rules.asked_for(one.when)) for one in model.segments),
        diff=diff,
    )


def takes_words(clauses: Sequence[tuple[str, tuple[str | float | bool, ...]]]) -> str:
    """Return which accounts a model takes, as half a sentence."""
    return f"accounts whose {rules.asked_for(clauses)}" if clauses else "every account that no other model takes"


def _weights(model: ScoreModel) -> tuple[Weights, ...]:
    if not model.stages:
        return (Weights("Always", "", _parts(model, [one.weight for one in model.dimensions])),)
    return tuple(Weights(one.label, _days(one.from_day, one.to_day), _parts(model, one.weights))
                 for one in model.stages)  # fmt: skip


def _days(first: float, last: float | None) -> str:
    return f"from day {first:g}" if last is None else f"day {first:g} to {last:g}"


def _parts(model: ScoreModel, weights: Sequence[float]) -> tuple[Part, ...]:
    total = sum(weights) or 1.0
    widths = [weight / total * 100 for weight in weights]
    lefts = [0.0, *accumulate(widths)]
    return tuple(
        Part(dimension.label, round(left, 2), round(width, 2), wording.percent(width / 100), place % _PATTERNS)
        for place, (dimension, left, width) in enumerate(zip(model.dimensions, lefts, widths, strict=False))
    )


def _theme(model: ScoreModel, place: int) -> Theme:
    dimension, whole = model.dimensions[place], sum(one.weight for one in model.dimensions) or 1.0
    own = [one for one in model.signals if one.dimension == dimension.id]
    total = sum(one.weight for one in own) or 1.0
    share = wording.percent(dimension.weight / whole)
    return Theme(dimension.label, share, dimension.next_step or "", tuple(_signal(one, total) for one in own))


def _signal(signal: Signal, total: float) -> SignalRow:
    texts = signal.texts
    return SignalRow(
        id=signal.id,
        label=texts.label,
        share=wording.percent(signal.weight / total),
        measures=rules.measured(signal.source),
        target=texts.target,
        unit=texts.unit.other,
        drawing=curves.drawing(signal),
        good=_filled(signal, texts.good),
        bad=_filled(signal, texts.bad),
        next_step=texts.next_step or "",
        missing=_missing(signal),
    )


def _filled(signal: Signal, template: Counted | None) -> str:
    """Return a sentence as the model has it: what is known of it filled in, a figure left open."""
    if template is None:
        return ""
    words = {"label": signal.texts.label, "unit": signal.texts.unit.other, "target": signal.texts.target}
    said = template.other
    for name in PLACEHOLDERS:
        said = said.replace(f"{{{name}}}", words.get(name, "…"))
    return said


def _missing(signal: Signal) -> str:
    points, stale = signal.missing.points, signal.stale
    told = "is left out" if points is None else f"counts as {points:g} points"
    fades = f"; old values fade to {stale.neutral:g}, by half in {wording.span(stale.half_life_days)}" if stale else ""
    return f"Without data it {told}{fades}."


def _gate(gate: Gate) -> GateRow:
    does = f"at most {gate.cap_score:g} points" if gate.cap_score is not None else f"{gate.subtract or 0:g} points off"
    return GateRow(gate.label, rules.fires(gate), does, gate.hard, gate.next_step or "")


def _milestone(model: ScoreModel, one: Milestone) -> PlanRow:
    labels = {other.id: other.label for other in model.milestones}
    done = ["its event, or a person's word"]
    if one.done_by is not None:
        done.append(f"the first record of {rules.asked_for(one.done_by.clauses)}")
    if one.done_when is not None:
        condition = one.done_when
        done.append(rules.compared(condition.source, condition.op, condition.value))
    return PlanRow(
        label=one.label,
        day=wording.NONE if one.target_day is None else f"{one.target_day:g}",
        who=SIDES[one.side] + (f" ({one.owner})" if one.owner else ""),
        after=", ".join(labels[name] for name in one.after) or wording.NONE,
        done="; or ".join(done),
        required=one.required,
    )


def _rules(model: ScoreModel) -> tuple[tuple[str, str], ...]:
    """Return what is left to say of a model, as pairs of a name and its words."""
    bands = model.bands
    green, watch, risk = (wording.BANDS[name].word for name in ("green", "yellow", "red"))
    rows = [
        (green, f"{bands.green:g} points and more"),
        (watch, f"{bands.yellow:g} to {bands.green:g}"),
        (risk, f"below {bands.yellow:g}"),
        ("Getting worse", _waits(bands.margin_down, bands.dwell_down_days)),
        ("Getting better", _waits(bands.margin_up, bands.dwell_up_days)),
        ("No band", f"when less than {wording.percent(model.min_coverage)} of what counts was observed"),
    ]
    if model.broad is not None:
        broad = f"{model.broad.dimensions} themes below {model.broad.below:g} points: {model.broad.next_step}"
        rows.append(("Broad trouble", broad))
    return tuple(rows)


def _waits(margin: float, days: float) -> str:
    if not margin and not days:
        return "shows at once"
    clear = f"the line has to be cleared by {margin:g} points" if margin else ""
    held = f"held for {wording.span(days)}" if days else ""
    return " and ".join(part for part in (clear, held) if part)
