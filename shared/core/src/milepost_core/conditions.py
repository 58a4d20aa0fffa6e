"""Conditions that complete milestones: which of them hold, by what was measured.

It never completes anything: that a condition holds is not yet news.
"""

from collections.abc import Mapping
from typing import Any

from milepost_core.model import Condition, ScoreModel
from milepost_core.readings import Readings, Status
from milepost_core.scoring.gates import compare

__all__ = ["conditions_met"]


def conditions_met(model: ScoreModel, readings: Readings, row: int) -> Mapping[str, Any]:
    """Return the measured value of every condition that holds for one account, by milestone; what is missing is not.

    Args:
        readings: values [n, columns] in the order of ``model.columns``.
        row: which account.
    """
    one, met = readings.row(row), {}
    conditions = {f"milestone:{step.id}": step for step in model.milestones if step.done_when is not None}
    for place, column in enumerate(model.columns):
        step = conditions.get(column.id) if column.is_milestone else None
        if step is not None and step.done_when is not None and one.status[0, place] == Status.OK:
            word = None if one.category is None else one.category[0, place]
            if _holds(step.done_when, one, place):
                met[step.id] = float(one.raw[0, place]) if word is None else str(word)
    return met


def _holds(condition: Condition, one: Readings, place: int) -> bool:
    category = None if one.category is None else one.category[:, place]
    return bool(compare(condition, one.raw[:, place], category)[0])
