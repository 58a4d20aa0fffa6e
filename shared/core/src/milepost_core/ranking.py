"""Ranking: in which order a person's work is worth doing, and how much of it fits into a day.

It looks at no clock, knows no task by name and drops nothing: what does not fit is still in the list.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

# The share of a value at risk that help is expected to save while nobody has measured it.
EXPECTED: Final = 0.25
# How many ended tasks that prior belief weighs as much as.
BELIEF: Final = 8
SHORTEST_MINUTES: Final = 5.0
A_DAY: Final = 240
"""Minutes of such work that somebody can do in a day if nobody says otherwise."""


@dataclass(frozen=True)
class Work:
    """One piece of work: `risk` (0..1) that `value` is lost, `expected` share (0..1) of that loss that it prevents."""

    id: str
    risk: float
    value: float
    expected: float
    effort_minutes: float
    begun: bool = False


@dataclass(frozen=True)
class Ranked:
    """A place in the queue: what a minute of it is worth, and whether it fits into today."""

    work: Work
    worth: float
    today: bool


def risk_of(score: float | None, band: str) -> float:
    """Return the risk (0..1) that a health score (0..100) stands for; without a score its band speaks, else a half."""
    if score is not None:
        return min(1.0, max(0.0, 1.0 - score / 100.0))
    return {"red": 0.8, "yellow": 0.5, "green": 0.2}.get(band, 0.5)


def expected_effect(helped: int, ended: int) -> float:
    """Return the share of ended tasks that helped, drawn towards `EXPECTED` while there are few (beta prior)."""
    return (helped + EXPECTED * BELIEF) / (ended + BELIEF)


def worth(work: Work) -> float:
    """Return the value saved in one minute: risk × value × expected effect ÷ effort.

    An unknown value counts as 1, so that accounts without one are ordered by their risk alone, behind those with one.
    """
    return work.risk * max(work.value, 1.0) * work.expected / max(work.effort_minutes, SHORTEST_MINUTES)


def rank(works: Sequence[Work], minutes: float, spent: float = 0.0) -> list[Ranked]:
    """Return the queue, best first, with a mark on what fits into what is left of so many minutes, `spent` being over.

    What was begun goes first: leaving it costs its effort twice. Work that is too long for what is left of the day is
    passed over for shorter work behind it; into a day of which nothing is spent the first piece always fits, so that
    long work is not put off for ever.
    Equal worth goes by id, so that the order is the same on every day and machine.
    """
    order = sorted(works, key=lambda work: (not work.begun, -worth(work), work.id))
    left = minutes - spent
    queue: list[Ranked] = []
    for place, work in enumerate(order):
        fits = minutes > 0 and ((place == 0 and spent <= 0) or work.effort_minutes <= left)
        left -= work.effort_minutes if fits else 0.0
        queue.append(Ranked(work, worth(work), fits))
    return queue
