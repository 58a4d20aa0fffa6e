"""Refuses documents whose parts are right one by one but do not fit together.

It never looks at the form of a single value; `parsing` has done that.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

from milepost_core.model.document import Dimension, Milestone, Signal, Stage
from milepost_core.model.problems import ModelProblem, nearest_word

__all__ = [
    "refuse_circles", "refuse_repeated_ids", "refuse_unknown_dimensions", "refuse_weightless", "refuse_wrong_stages",
]  # fmt: skip

Problems = list[ModelProblem]


def refuse_repeated_ids(ids: Sequence[str], pointer: str, problems: Problems) -> None:
    """Every id of a list stands for one thing."""
    seen: set[str] = set()
    for index, name in enumerate(ids):
        if name and name in seen:
            problems.append(ModelProblem(f"{pointer}/{index}/id", f"{name!r} is taken", "an id of its own"))
        seen.add(name)


def refuse_unknown_dimensions(signals: Iterable[Signal], dimensions: Sequence[Dimension], problems: Problems) -> None:
    """Every signal belongs to a dimension of the model."""
    known = [dimension.id for dimension in dimensions]
    for index, signal in enumerate(signals):
        if signal.dimension and signal.dimension not in known:
            problems.append(
                ModelProblem(
                    f"/signals/{index}/dimension",
                    f"no dimension {signal.dimension!r}",
                    f"one of {', '.join(known)}",
                    nearest_word(signal.dimension, known),
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


def refuse_circles(milestones: Sequence[Milestone], problems: Problems) -> None:
    """What a milestone waits for exists, and no milestone waits for itself, however far around.

    Of a circle, the milestone that comes first in the document is refused, with the whole way round.
    """
    waits = {one.id: one.after for one in milestones}
    told: set[str] = set()
    for index, one in enumerate(milestones):
        pointer = f"/milestones/{index}/after"
        for name in one.after:
            if name not in waits:
                message = f"no milestone {name!r}"
                problems.append(ModelProblem(pointer, message, "the id of a milestone", nearest_word(name, waits)))
        way = _way_back(one.id, waits)
        if way and one.id not in told:
            told.update(way)
            message = f"goes in a circle: {' waits for '.join([*way, one.id])}"
            problems.append(ModelProblem(pointer, message, "milestones that can be done one after another"))


def _way_back(start: str, waits: Mapping[str, Sequence[str]]) -> list[str]:
    """The milestones on a way from one back to itself; empty without such a way."""
    ways, seen = [[start]], set[str]()
    while ways:
        way = ways.pop()
        for name in waits.get(way[-1], ()):
            if name == start:
                return way
            if name not in seen:
                seen.add(name)
                ways.append([*way, name])
    return []
