"""Looks for what a model may say but probably does not mean.

It never refuses: each finding is a warning, for the author to weigh.
"""

from collections.abc import Iterator

from milepost_core.events import EVENT_TYPES, ITEM_KINDS, PERSON_TYPES
from milepost_core.model.document import ScoreModel
from milepost_core.model.problems import ModelProblem, nearest_word
from milepost_core.model.sources import (
    ActiveDays,
    Attribute,
    Breadth,
    Constant,
    Count,
    Denominator,
    Distinct,
    MilestoneProgress,
    OldestOpenAge,
    OpenItems,
    OverdueItems,
    Ratio,
    Source,
    Sum,
    Where,
    parts,
)

__all__ = ["MOST_SIGNALS", "PERSON_SHARE", "lint"]

MOST_SIGNALS = 20
"""More than about so many signals are chosen with hindsight (shared facts on scores, section 12)."""
PERSON_SHARE = 0.2
"""What people enter by hand may weigh at most so much of the whole, or the score can be talked up."""

_ITEMS = (OpenItems, OverdueItems, OldestOpenAge)
_OF_RECORDS = ("actor", "role", "source", "value")
_WORDLESS = (Attribute, Constant, MilestoneProgress, Ratio)


def lint(model: ScoreModel) -> tuple[ModelProblem, ...]:
    """Warnings about a valid model, in the document's order; what only a segment brings in is told of the segment."""
    found = list(_findings(model))
    known = {(one.pointer, one.message) for one in found}
    for index, segment in enumerate(model.segments):
        for one in _findings(segment.model):
            if (one.pointer, one.message) not in known:
                message = f"for segment {segment.id!r}, {one.pointer}: {one.message}"
                found.append(ModelProblem(f"/segments/{index}", message, one.expected, one.nearest))
    return tuple(found)


def _findings(model: ScoreModel) -> Iterator[ModelProblem]:
    for pointer, source in _sources(model):
        yield from _unknown_types(source, pointer)
        yield from _any_type(source, pointer)
        yield from _strange_items(source, pointer)
    yield from _long_windows(model)
    yield from _long_transitions(model)
    yield from _twins(model)
    yield from _shadows(model)
    yield from _plan(model)
    yield from _silent_dimensions(model)
    yield from _people(model)
    if len(model.signals) > MOST_SIGNALS:
        message = f"{len(model.signals)} signals: some will be in it by chance"
        yield ModelProblem("/signals", message, f"at most {MOST_SIGNALS}")


def _sources(model: ScoreModel) -> Iterator[tuple[str, Source]]:
    """Every source with its place."""
    for index, signal in enumerate(model.signals):
        yield f"/signals/{index}/source", signal.source
    for index, gate in enumerate(model.gates):
        yield f"/gates/{index}/when/source", gate.source
    for index, one in enumerate(model.milestones):
        if one.done_when is not None:
            yield f"/milestones/{index}/done_when/source", one.done_when.source


def _unknown_types(source: Source, pointer: str) -> Iterator[ModelProblem]:
    for part in parts(source):
        if not isinstance(part, _WORDLESS):
            yield from _strange_types(part.where, pointer)


def _strange_types(where: Where, pointer: str) -> Iterator[ModelProblem]:
    for name in where.types:
        if name not in EVENT_TYPES:
            message = f"event type {name!r} is not in the vocabulary; it counts only if somebody sends it"
            yield ModelProblem(pointer, message, "a known event type", nearest_word(name, EVENT_TYPES))


def _any_type(source: Source, pointer: str) -> Iterator[ModelProblem]:
    for part in parts(source):
        if isinstance(part, (*_WORDLESS, *_ITEMS)) or part.where.types:
            continue
        yield ModelProblem(pointer, "names no event type: records of every kind count", "a type")


def _strange_items(source: Source, pointer: str) -> Iterator[ModelProblem]:
    """What an item question asks and no item can answer: it finds none open, which reads as perfect."""
    for part in parts(source):
        if not isinstance(part, _ITEMS):
            continue
        for key, _ in part.where.clauses:
            if key in _OF_RECORDS:
                message = f"items have no {key!r}: unless a record says it as a property, nothing matches"
                yield ModelProblem(f"{pointer}/where/{key}", message, "kind, state, item or a property of the item")
        known = sorted(_states(part.where))
        for state in part.where.get("state") or ():
            if state not in known:
                message = f"no such item is ever {state!r}: nothing matches, which reads as perfect"
                expected = f"one of {', '.join(known)}"
                yield ModelProblem(f"{pointer}/where/state", message, expected, nearest_word(state, known))


def _states(where: Where) -> set[str]:
    """The states in which an open item can be: the verbs that open one of its kind."""
    kinds = where.get("kind") or tuple(ITEM_KINDS)
    return {EVENT_TYPES[name].verb for kind in kinds if kind in ITEM_KINDS for name in ITEM_KINDS[str(kind)].opens}


def _long_transitions(model: ScoreModel) -> Iterator[ModelProblem]:
    for index, stage in enumerate(model.stages):
        lasts = None if stage.to_day is None else stage.to_day - stage.from_day
        if lasts is not None and stage.transition_days > lasts:
            message = f"the transition of {stage.transition_days:g} days outlasts the stage ({lasts:g}):"
            message += " its own weights never count in full"
            yield ModelProblem(f"/stages/{index}/transition_days", message, f"at most {lasts:g}")


def _long_windows(model: ScoreModel) -> Iterator[ModelProblem]:
    first_stage = model.stages[0].to_day if model.stages else None
    for index, signal in enumerate(model.signals):
        if first_stage is None or isinstance(signal.source, Ratio):  # both sides of a ratio grow together
            continue
        window = _counted_window(signal.source)
        if window is not None and window > first_stage:
            message = (
                f"the window of {window:g} days outlasts the first stage ({first_stage:g}): new accounts look worse"
            )
            expected = "agg rate, a ratio, min_age_days or a shorter window"
            yield ModelProblem(f"/signals/{index}/source", message, expected)


def _counted_window(part: Denominator) -> float | None:
    if isinstance(part, Count | Distinct | ActiveDays | Sum | Breadth) and part.min_age_days is None:
        return part.window_days
    return None


def _twins(model: ScoreModel) -> Iterator[ModelProblem]:
    first: dict[Source, str] = {}
    for index, signal in enumerate(model.signals):
        twin = first.setdefault(signal.source, signal.id)
        if twin != signal.id:
            message = f"measures the same as {twin!r}: it counts twice"
            yield ModelProblem(f"/signals/{index}/source", message, "a source of its own")


def _shadows(model: ScoreModel) -> Iterator[ModelProblem]:
    for index, signal in enumerate(model.signals):
        if signal.weight == 0:
            message = f"{signal.id!r} weighs nothing: a shadow, measured and shown but not counted"
            yield ModelProblem(f"/signals/{index}/weight", message, "a weight, once it has proved itself")


def _plan(model: ScoreModel) -> Iterator[ModelProblem]:
    days = {one.id: one.target_day for one in model.milestones}
    for index, one in enumerate(model.milestones):
        pointer = f"/milestones/{index}"
        if one.done_by is not None:
            yield from _strange_types(one.done_by, f"{pointer}/done_by")
        for name in one.after:
            first, own = days[name], one.target_day
            if first is not None and own is not None and first > own:
                message = f"is due on day {own:g}, before {name!r} on day {first:g} that it waits for"
                yield ModelProblem(f"{pointer}/target_day", message, f"day {first:g} or later")


def _silent_dimensions(model: ScoreModel) -> Iterator[ModelProblem]:
    for index, dimension in enumerate(model.dimensions):
        if dimension.weight and not any(s.weight for s in model.signals if s.dimension == dimension.id):
            yield ModelProblem(f"/dimensions/{index}", f"no signal speaks for {dimension.id!r}", "at least one signal")


def _people(model: ScoreModel) -> Iterator[ModelProblem]:
    """What people enter, as a share of all weight: in the model's own weights, and stage by stage."""
    entered = [any(_by_hand(part) for part in parts(signal.source)) for signal in model.signals]
    own = tuple(dimension.weight for dimension in model.dimensions)
    places = [("/dimensions", own), *((f"/stages/{n}/weights", one.weights) for n, one in enumerate(model.stages))]
    for pointer, weights in places:
        share = _share(model, entered, weights)
        if share > PERSON_SHARE + 1e-9:
            message = f"what people enter by hand weighs {share:.0%} of the score"
            yield ModelProblem(pointer, message, f"at most {PERSON_SHARE:.0%}")


def _by_hand(part: Denominator) -> bool:
    return not isinstance(part, _WORDLESS) and not PERSON_TYPES.isdisjoint(part.where.types)


def _share(model: ScoreModel, counted: list[bool], weights: tuple[float, ...]) -> float:
    whole = [0.0] * len(weights)
    part = [0.0] * len(weights)
    for signal, place, counts in zip(model.signals, model.dimension_of, counted, strict=True):
        whole[place] += signal.weight
        part[place] += signal.weight * counts
    shares = [weight * p / w for weight, p, w in zip(weights, part, whole, strict=True) if w]
    total = sum(weight for weight, w in zip(weights, whole, strict=True) if w)
    return sum(shares) / total if total else 0.0
