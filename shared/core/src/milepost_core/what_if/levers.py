"""One lever at a time: how far a single signal would have to move to reach a target score.

It never says that moving the signal keeps a customer: it is arithmetic on the score.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from milepost_core.cohorts import CohortColumn
from milepost_core.curves import improving_direction
from milepost_core.inverse import best_points, first_value, points_at
from milepost_core.model import CategoryMap, Signal
from milepost_core.what_if.domain import domain_of
from milepost_core.what_if.situation import Situation

__all__ = ["Lever", "single_lever"]

_ROUNDING: Final = 1e-9
_STEPS_TO_TRY: Final = 1000


@dataclass(frozen=True, slots=True)
class Lever:
    """What one signal alone can do."""

    signal: str
    possible: bool
    start: float | None
    """Its raw value now; None for a word."""
    exact: float | None
    """The first raw value that reaches the target, in the improving direction."""
    to: float | None
    """That value rounded outward to the signal's step."""
    score_after: float | None
    """The raw score with ``to`` in place."""
    max_gain: float
    """The most points of the score this signal can add within its limits."""


def single_lever(situation: Situation, target: float, steps: Mapping[str, float] | None = None) -> tuple[Lever, ...]:
    """Every signal with weight as a lever of its own, in the model's order.

    Args:
        situation: the scored account.
        target: raw score to reach, usually a threshold + margin_up.
        steps: step of the raw value by signal id; otherwise the step of its action, or 1.
    """
    if np.isnan(situation.raw_score):
        return ()
    given = steps or {}
    return tuple(
        _lever(situation, index, target, given.get(signal.id, signal.action.step if signal.action else 1.0))
        for index, signal in enumerate(situation.model.signals)
        if situation.weight(index) > 0
    )


def _lever(situation: Situation, index: int, target: float, step: float) -> Lever:
    signal, peers = situation.model.signals[index], situation.peers(situation.model.signals[index])
    start, now, weight = situation.value(index), situation.points(index), situation.weight(index)
    if not situation.can_move(index) or isinstance(signal.normalise, CategoryMap):
        return Lever(signal.id, False, None if math.isnan(start) else start, None, None, None, 0.0)
    most = max(0.0, weight * (_reachable(signal, start, peers) - now))
    wanted = now + (target - situation.raw_score) / weight
    exact = first_value(signal.normalise, start, wanted, peers)
    to = None if exact is None else _outward(signal, start, exact, (step, wanted), peers)
    to = to if to is None else _possible(signal, to, wanted, peers)
    if exact is None or to is None or _too_far(signal, start, to):
        return Lever(signal.id, False, start, None, None, None, most)
    after = situation.raw_score + weight * (points_at(signal.normalise, to, peers) - now)
    return Lever(signal.id, True, start, exact, to, after, most)


def _reachable(signal: Signal, start: float, peers: CohortColumn | None) -> float:
    """The best points within the action's limits, or of the whole curve without an action."""
    if signal.action is None:
        return best_points(signal.normalise, start, peers)
    direction = improving_direction(signal.normalise, start)
    return points_at(signal.normalise, start + direction * signal.action.max_change, peers)


def _possible(signal: Signal, to: float, wanted: float, peers: CohortColumn | None) -> float | None:
    """The value, or the last one that the signal can have at all if that is worth enough."""
    nearest = domain_of(signal.source).nearest(to)
    return nearest if points_at(signal.normalise, nearest, peers) >= wanted - 1e-7 else None


def _too_far(signal: Signal, start: float, to: float) -> bool:
    return signal.action is not None and abs(to - start) > signal.action.max_change + _ROUNDING


def _outward(
    signal: Signal, start: float, exact: float, step_and_points: tuple[float, float], peers: CohortColumn | None
) -> float | None:
    """The first multiple of the step at or beyond the exact value that is worth enough."""
    step, wanted = step_and_points
    if exact == start:
        return start
    way = 1.0 if exact > start else -1.0
    multiple = math.ceil(way * exact / step - _ROUNDING)
    for further in range(_STEPS_TO_TRY):
        value = way * (multiple + further) * step
        points = points_at(signal.normalise, value, peers)
        if points >= wanted - 1e-7:
            return value
        if further and points < points_at(signal.normalise, value - way * step, peers):
            return None  # a band has been stepped over: no multiple of the step lies inside it
    return None
