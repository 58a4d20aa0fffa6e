"""Refuses documents whose parts are right one by one but do not fit together.

It never looks at the form of a single value; `parsing` has done that.
"""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Final

from milepost_core.model.document import Dimension, Milestone, ScoreModel, Signal, Stage
from milepost_core.model.problems import ModelProblem, listed, nearest_word
from milepost_core.model.sources import Breadth, Denominator, Momentum, Slope, parts

__all__ = [
    "MOST_ACTIONS", "MOST_QUESTIONS", "refuse_apart", "refuse_circles", "refuse_many_actions", "refuse_repeated_ids",
    "refuse_unknown_dimensions", "refuse_weightless", "refuse_wide", "refuse_wrong_stages",
]  # fmt: skip

Problems = list[ModelProblem]
MOST_QUESTIONS: Final = 500
"""One statement asks all questions of a model; with at most three columns for each, it stays below the 1,664 columns
that PostgreSQL lets a row have."""
MOST_ACTIONS: Final = 12
"""So many actions of at most ten steps each can be searched for the cheapest way to a band in a moment."""
_SHOWN: Final = 8


def refuse_repeated_ids(ids: Sequence[str], pointer: str, problems: Problems) -> None:
    """Every id of a list stands for one thing."""
    seen: set[str] = set()
    for index, name in enumerate(ids):
        if name and name in seen:
            problems.append(ModelProblem(f"{pointer}/{index}/id", f"{name!r} is taken", "an id of its own"))
        seen.add(name)


def refuse_unknown_dimensions(signals: Iterable[Signal], dimensions: Sequence[Dimension], problems: Problems) -> None:
    """Every signal belongs to a dimension of the model."""
    known = {dimension.id: None for dimension in dimensions if dimension.id}
    for index, signal in enumerate(signals):
        if signal.dimension and signal.dimension not in known:
            problems.append(
                ModelProblem(
                    f"/signals/{index}/dimension",
                    f"no dimension {signal.dimension!r}",
                    f"one of {listed(known)}",
                    nearest_word(signal.dimension, known, problems),
                )
            )


def refuse_weightless(signals: Sequence[Signal], dimensions: Sequence[Dimension], problems: Problems) -> None:
    """Something must weigh something."""
    for name, weights in (
        ("dimensions", [dimension.weight for dimension in dimensions]),
        ("signals", [signal.weight for signal in signals]),
    ):
        if not weights:
            problems.append(ModelProblem(f"/{name}", "the list is empty", "at least one"))
        elif not any(weights):
            problems.append(ModelProblem(f"/{name}", "all weights are zero", "at least one weight above 0"))


def refuse_wrong_stages(stages: Sequence[Stage], problems: Problems) -> None:
    """Stages begin at day 0 and follow each other without overlap or hole.

    A last stage that ends is no hole: after it the dimensions' own weights hold.
    """
    if stages and stages[0].from_day != 0:
        problems.append(ModelProblem("/stages/0/age_days", "nothing covers the first days", "a first stage from day 0"))
    for index, (earlier, later) in enumerate(pairwise(stages), start=1):
        if earlier.to_day != later.from_day:
            overlap = earlier.to_day is None or earlier.to_day > later.from_day
            message = f"{'overlaps' if overlap else 'leaves a hole after'} stage {earlier.id!r}"
            expected = "stages one after another, only the last without an end"
            problems.append(ModelProblem(f"/stages/{index}/age_days", message, expected))
    for index, stage in enumerate(stages):
        if not any(stage.weights):
            problems.append(ModelProblem(f"/stages/{index}/weights", "all weights are zero", "one above 0"))


def refuse_wide(model: ScoreModel, problems: Problems) -> None:
    """Everything that a model asks can be asked at once: every bucket and every role is a question."""
    asked = sum(_questions(part) for column in model.columns for part in parts(column.source))
    if asked > MOST_QUESTIONS:
        message = f"the model asks {asked} questions of every account: signals, gates, conditions, their buckets"
        problems.append(ModelProblem("/signals", message, f"at most {MOST_QUESTIONS}"))


def refuse_apart(model: ScoreModel, problems: Problems) -> None:
    """Weights meet: at every age some signal that weighs something is of a dimension that weighs something."""
    if not {signal.dimension for signal in model.signals} <= {dimension.id for dimension in model.dimensions}:
        return
    speaking = {signal.dimension for signal in model.signals if signal.weight}
    own = tuple(dimension.weight for dimension in model.dimensions)
    places = [("/dimensions", own), *((f"/stages/{n}/weights", one.weights) for n, one in enumerate(model.stages))]
    for pointer, weights in places:
        weighed = {one.id for one, weight in zip(model.dimensions, weights, strict=True) if weight}
        if speaking and weighed and speaking.isdisjoint(weighed):
            message = f"only dimensions without a signal that weighs anything have a weight: {listed(sorted(weighed))}"
            problems.append(ModelProblem(pointer, message, f"a weight above 0 for one of {listed(sorted(speaking))}"))


def refuse_many_actions(signals: Sequence[Signal], problems: Problems) -> None:
    """The cheapest combination of actions can be found for every account."""
    acted = sum(signal.action is not None for signal in signals)
    if acted > MOST_ACTIONS:
        message = f"{acted} signals have an action: the cheapest way to a band could not be found in time"
        problems.append(ModelProblem("/signals", message, f"at most {MOST_ACTIONS} signals with an action"))


def _questions(part: Denominator) -> int:
    if isinstance(part, Slope | Momentum):
        return part.buckets
    return len(part.expected) if isinstance(part, Breadth) else 1


def refuse_circles(milestones: Sequence[Milestone], problems: Problems) -> None:
    """What a milestone waits for exists, and no milestone waits for itself, however far around.

    One circle is told, from the milestone of it that comes first in the document.
    """
    waits = {one.id: one.after for one in milestones}
    for index, one in enumerate(milestones):
        for name in one.after:
            if name not in waits:
                near = nearest_word(name, waits, problems)
                message = f"no milestone {name[:100]!r}"
                problems.append(ModelProblem(f"/milestones/{index}/after", message, "the id of a milestone", near))
    circle = _circle(waits)
    if circle:
        place = next(index for index, one in enumerate(milestones) if one.id == circle[0])
        way = circle if len(circle) <= _SHOWN else [*circle[:_SHOWN], "…"]
        message = f"goes in a circle: {' waits for '.join([*way, circle[0]])}"
        expected = "milestones that can be done one after another"
        problems.append(ModelProblem(f"/milestones/{place}/after", message, expected))


def _circle(waits: Mapping[str, Sequence[str]]) -> list[str]:
    """Milestones that wait for each other, in the order of waiting; empty if all can be done one after another."""
    left = _blocked(waits)
    if not left:
        return []
    way = [next(name for name in waits if name in left)]
    places = {way[0]: 0}
    while True:
        # whoever is blocked waits for one who is blocked too: the way comes back to itself
        step = next(name for name in waits[way[-1]] if name in left)
        if step in places:
            circle = way[places[step] :]
            order = {name: place for place, name in enumerate(waits)}
            first = circle.index(min(circle, key=order.__getitem__))
            return [*circle[first:], *circle[:first]]
        places[step] = len(way)
        way.append(step)


def _blocked(waits: Mapping[str, Sequence[str]]) -> set[str]:
    """Those in a circle or waiting for one: what is left when everything was done that can be."""
    open_before = {name: sum(one in waits for one in before) for name, before in waits.items()}
    behind: dict[str, list[str]] = {name: [] for name in waits}
    for name, before in waits.items():
        for one in before:
            if one in behind:
                behind[one].append(name)
    ready = deque(name for name, count in open_before.items() if not count)
    while ready:
        for name in behind[ready.popleft()]:
            open_before[name] -= 1
            if not open_before[name]:
                ready.append(name)
    return {name for name, count in open_before.items() if count}
