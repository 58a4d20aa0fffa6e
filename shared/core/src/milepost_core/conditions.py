"""Conditions that complete milestones: which of them hold by what was measured, and since when.

It never completes anything: that a condition holds is not yet news.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from milepost_core.model import Condition, ScoreModel, sources
from milepost_core.readings import Readings, Status
from milepost_core.scoring.gates import compare

__all__ = ["Met", "conditions_met", "first_held"]

# Of these, without a window, no silence ever takes anything away: what they say changes with new records alone.
_KEEPING = (sources.Count, sources.Distinct, sources.ActiveDays, sources.Sum, sources.Breadth, sources.Last)


@dataclass(frozen=True, slots=True)
class Met:
    """A condition that holds: the measured ``value``.

    ``newest_days`` is the age of the newest record behind it, None where the condition may stop holding by itself:
    whoever takes such a milestone back waits until it does.
    """

    value: Any
    newest_days: float | None = None

    def anew(self, at: datetime, reopened_at: datetime | None) -> bool:
        """Something new speaks for it, as of ``at``, since the milestone was taken back."""
        if reopened_at is None or self.newest_days is None:
            return False
        return at - timedelta(days=self.newest_days) > reopened_at


def conditions_met(model: ScoreModel, readings: Readings, row: int) -> Mapping[str, Met]:
    """Return every condition that holds for one account, by milestone; what is missing is not.

    Args:
        model: whose milestones.
        readings: values [n, columns] in the order of ``model.columns``.
        row: which account.
    """
    one, met = readings.row(row), {}
    conditions = {f"milestone:{step.id}": step for step in model.milestones if step.done_when is not None}
    for place, column in enumerate(model.columns):
        step = conditions.get(column.id) if column.is_milestone else None
        if step is None or step.done_when is None or one.status[0, place] != Status.OK:
            continue
        if _holds(step.done_when, one, place):
            word = None if one.category is None else one.category[0, place]
            age = float(one.age_days[0, place])
            keeps = _keeps(column.source) and age >= 0.0
            met[step.id] = Met(float(one.raw[0, place]) if word is None else str(word), age if keeps else None)
    return met


def first_held(
    moments: Sequence[datetime], found: Sequence[Met | None], reopened_at: datetime | None, *, waits: bool
) -> int | None:
    """Return which of rising moments is the first at which a condition came to hold; None: at none.

    Args:
        moments: when it was looked at.
        found: what was found then; None: it did not hold.
        reopened_at: when the milestone was last taken back, None if never.
        waits: that word still stands: it has to stop holding first, or something new has to speak for it.
    """
    for place, (moment, met) in enumerate(zip(moments, found, strict=True)):
        if met is None:
            waits = False
        elif not waits or met.anew(moment, reopened_at):
            return place
    return None


def _keeps(source: sources.Denominator) -> bool:
    if isinstance(source, sources.Ratio):
        return _keeps(source.num) and isinstance(source.den, sources.Constant)
    return isinstance(source, _KEEPING) and source.window_days is None


def _holds(condition: Condition, one: Readings, place: int) -> bool:
    category = None if one.category is None else one.category[:, place]
    return bool(compare(condition, one.raw[:, place], category)[0])
