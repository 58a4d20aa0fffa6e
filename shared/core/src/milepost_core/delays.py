"""Delay clocks: whom each business day between a milestone's day and its completion was lost to.

It never guesses: a day goes to whom somebody said we were waiting for, else to the side that the plan names.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Final

import numpy as np
from numpy.typing import NDArray

from milepost_core.forecasting import local_day
from milepost_core.milestones import Plan, PlannedMilestone
from milepost_core.model.journey import Calendar

__all__ = ["SIDES", "Delay", "DelayWord", "charge", "days_late", "delays_of", "total"]

SIDES: Final = ("customer", "us", "third_party")
_EPOCH: Final = np.datetime64("1970-01-01").astype("datetime64[D]")
_TICK: Final = timedelta(microseconds=1)
_EPOCH_ORDINAL: Final = 719_163
"""1970-01-01 as `date.toordinal` counts."""


@dataclass(frozen=True, slots=True)
class DelayWord:
    """What was said: that somebody began to be waited for (``side``), or that a waiting ended (``side`` None).

    ``item`` is the milestone it speaks of, None: all. An end may name the waiting it ends (``ends``); without a name it
    ends all waiting for the same item. ``sequence`` orders words of one instant.
    """

    id: str
    at: datetime
    sequence: str
    side: str | None = None
    item: str | None = None
    because: str = ""
    ends: str | None = None


@dataclass(frozen=True, slots=True)
class Delay:
    """A stretch of time in which we waited for one side; open while ``ended_at`` is None."""

    id: str
    side: str
    started_at: datetime
    ended_at: datetime | None = None
    item: str | None = None
    because: str = ""


def delays_of(words: Iterable[DelayWord]) -> tuple[Delay, ...]:
    """Return the stretches that a set of words tells of, oldest first, in whatever order they came."""
    said = sorted(words, key=lambda one: (one.at, one.sequence, one.id))
    found = []
    for place, one in enumerate(said):
        if one.side in SIDES:
            end = next((later.at for later in said[place + 1 :] if _ends(later, one)), None)
            found.append(Delay(one.id, one.side, one.at, end, one.item, one.because))
    return tuple(found)


def _ends(word: DelayWord, started: DelayWord) -> bool:
    if word.side is not None:
        return False
    return word.ends == started.id if word.ends is not None else word.item == started.item


def charge(
    plan: Plan, delays: Sequence[Delay], calendar: Calendar, as_of: datetime
) -> dict[str, dict[str, int]]:  # fmt: skip
    """Return, for every milestone that is or was late, its business days late by side; they add up to `days_late`.

    A day in the plan's time zone belongs to the newest waiting that touched it, one for this milestone before one for
    all; without any, to the milestone's own side.
    """
    return {
        one.id: counts
        for one in plan.milestones
        if (counts := _charged(one, delays, (calendar, plan.zone), as_of)) is not None
    }


def _charged(
    one: PlannedMilestone, delays: Sequence[Delay], where: tuple[Calendar, tzinfo], as_of: datetime
) -> dict[str, int] | None:
    span = _span(one, as_of, where[1])
    if span is None:
        return None
    first, last = span
    sides = np.full(last - first + 1, SIDES.index(one.side) if one.side in SIDES else 0, dtype=np.int8)
    about = [delay for delay in delays if delay.item is None or delay.item == one.id]
    for delay in sorted(about, key=lambda delay: (delay.item is not None, delay.started_at)):
        began = max(local_day(delay.started_at, where[1]), first)
        # What ended at midnight did not touch the day that begins there.
        ended = last if delay.ended_at is None else min(local_day(delay.ended_at - _TICK, where[1]), last)
        sides[began - first : max(ended - first + 1, 0)] = SIDES.index(delay.side)
    works = _business(first, last, where[0])
    return {side: int(np.count_nonzero(works & (sides == place))) for place, side in enumerate(SIDES)}


def days_late(one: PlannedMilestone, calendar: Calendar, zone: tzinfo, as_of: datetime) -> int:
    """Return how many business days lie after a milestone's day up to the day it was done, or to today; both in."""
    span = _span(one, as_of, zone)
    return 0 if span is None else int(np.count_nonzero(_business(*span, calendar)))


def total(charged: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """Return the milestone-days by side over several milestones or accounts."""
    sums = dict.fromkeys(SIDES, 0)
    for counts in charged:
        for side, days in counts.items():
            sums[side] += days
    return sums


def _span(one: PlannedMilestone, as_of: datetime, zone: tzinfo) -> tuple[int, int] | None:
    """The first and the last calendar day that may be late; None: none is."""
    end = as_of if one.done_at is None else min(one.done_at, as_of)
    if one.due_at is None or end <= one.due_at:
        return None
    first, last = local_day(one.due_at, zone) + 1, local_day(end, zone)
    return (first, last) if first <= last else None


def _business(first: int, last: int, calendar: Calendar) -> NDArray[np.bool_]:
    """Which of these calendar days are business days."""
    days = np.arange(first, last + 1) - _EPOCH_ORDINAL + _EPOCH
    mask = [day not in calendar.weekend for day in range(7)]
    closed = [np.datetime64(day) for day in sorted(calendar.holidays)]
    return np.asarray(np.is_busday(days, weekmask=mask, holidays=np.array(closed, dtype="datetime64[D]")), np.bool_)
