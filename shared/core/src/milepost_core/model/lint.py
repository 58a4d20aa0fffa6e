"""Looks for what a model may say but probably does not mean.

It never refuses: each finding is a warning, for the author to weigh.
"""

from collections.abc import Iterator

from milepost_core.events import EVENT_TYPES
from milepost_core.model.document import Column, ScoreModel
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
    Ratio,
    Sum,
    parts,
)

__all__ = ["lint"]


def lint(model: ScoreModel) -> tuple[ModelProblem, ...]:
    """Warnings about a valid model, in the document's order."""
    found: list[ModelProblem] = []
    for index, column in enumerate(model.columns):
        signals = len(model.signals)
        pointer = f"/gates/{index - signals}/when/source" if column.is_gate else f"/signals/{index}/source"
        found.extend(_unknown_types(column, pointer))
        found.extend(_long_windows(model, column, pointer))
    found.extend(_silent_dimensions(model))
    return tuple(found)


def _unknown_types(column: Column, pointer: str) -> Iterator[ModelProblem]:
    for part in parts(column.source):
        if isinstance(part, Attribute | Constant | MilestoneProgress | Ratio):
            continue
        for name in part.where.types:
            if name not in EVENT_TYPES:
                message = f"event type {name!r} is not in the vocabulary; it counts only if somebody sends it"
                yield ModelProblem(pointer, message, "a known event type", nearest_word(name, EVENT_TYPES))


def _long_windows(model: ScoreModel, column: Column, pointer: str) -> Iterator[ModelProblem]:
    first_stage = model.stages[0].to_day if model.stages and not column.is_gate else None
    if first_stage is None or isinstance(column.source, Ratio):  # both sides of a ratio grow together
        return
    for part in parts(column.source):
        window = _counted_window(part)
        if window is not None and window > first_stage:
            message = (
                f"the window of {window:g} days outlasts the first stage ({first_stage:g}): new accounts look worse"
            )
            yield ModelProblem(pointer, message, "agg rate, a ratio, min_age_days or a shorter window")


def _counted_window(part: Denominator) -> float | None:
    if isinstance(part, Count | Distinct | ActiveDays | Sum | Breadth) and part.min_age_days is None:
        return part.window_days
    return None


def _silent_dimensions(model: ScoreModel) -> Iterator[ModelProblem]:
    for index, dimension in enumerate(model.dimensions):
        if dimension.weight and not any(s.weight for s in model.signals if s.dimension == dimension.id):
            yield ModelProblem(f"/dimensions/{index}", f"no signal speaks for {dimension.id!r}", "at least one signal")
