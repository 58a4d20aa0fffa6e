"""The whole difference between two scores of an account, told by what brought it about.

It never weighs causes against each other: it walks from the one score to the other in steps that each
change one thing, and every step is split exactly. So the parts add up however much changed at once.

The order of the steps, and what each changes:

1. data, ``late``: the earlier moment as it is known at the later one (records that came late or were corrected)
2. model, ``model`` or ``peers``: the later model, and the peers it compares with, on the same readings
3. model, ``stage``: the later age, which moves the weights of the model's stages
4. data, ``inputs``: inputs that appear, fall silent, or fade because nothing new was said
5. behaviour, ``values``: everything else that was measured, a first time that came or was missed included
6. human, ``people``: what people said themselves (a pulse, a milestone marked by hand)
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

import numpy as np

from milepost_core.explanation.comparison import Movement, Profile, between, profile_of
from milepost_core.model import ScoreModel
from milepost_core.readings import Readings
from milepost_core.scoring import Population, Scores, SignalState, score
from milepost_core.what_if.situation import Situation

__all__ = ["Cause", "Difference", "Kind", "Sides", "Step", "difference"]

Cause = Literal["late", "model", "peers", "stage", "inputs", "values", "people"]
_SAME: float = 1e-6


class Kind(StrEnum):
    """The four kinds of reasons why a score differs."""

    BEHAVIOUR = "behaviour"
    MODEL = "model"
    DATA = "data"
    HUMAN = "human"


@dataclass(frozen=True, slots=True)
class Sides:
    """Everything known of both moments; each situation holds one account (row 0)."""

    before: Situation
    """As it was known at the earlier moment, by the model of then."""
    late: Situation
    """The earlier moment as known at the later one, still by the model of then."""
    anew: Situation
    """The same by the later model, with the later peers."""
    after: Situation
    """As it was known at the later moment."""
    unaided: Readings
    """The later readings without what people said between the moments."""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing changed: ``before`` and ``after`` are the account on either side of it."""

    kind: Kind
    cause: Cause
    before: Situation
    after: Situation
    movement: Movement

    @property
    def points(self) -> float:
        """What the step did to the score, gates included."""
        moved = self.movement
        return sum(moved.value.values()) + sum(moved.mix.values()) + moved.gates


@dataclass(frozen=True, slots=True)
class Difference:
    """``before`` + Σ points of the steps = ``after``."""

    before: float
    after: float
    steps: tuple[Step, ...]

    def points(self, kind: Kind) -> float:
        """What one kind of reason did to the score."""
        return sum(step.points for step in self.steps if step.kind is kind)


def difference(sides: Sides) -> Difference | None:
    """Split the difference of two scores; None if there is no score on one of the sides.

    A moment on the way that has no score (a correction can take all there was) is stepped over; what was
    stepped over counts as data.
    """
    first, last = _profile(sides.before), _profile(sides.after)
    if first is None or last is None:
        return None
    steps: list[Step] = []
    standing, here, gap = sides.before, first, False
    for kind, cause, there in _stations(sides):
        profile = _profile(there)
        if profile is None:
            gap = True
            continue
        steps.append(Step(Kind.DATA if gap else kind, cause, standing, there, between(here, profile)))
        standing, here, gap = there, profile, False
    return Difference(first.score, last.score, tuple(steps))


def _stations(sides: Sides) -> Iterator[tuple[Kind, Cause, Situation]]:
    """The situations on the way, each with what leads to it."""
    yield Kind.DATA, "late", sides.late
    yield Kind.MODEL, _yardstick(sides.before.model, sides.after.model), sides.anew
    aged = _judged(sides.after, sides.anew.readings)
    yield Kind.MODEL, "stage", aged
    unaided = _judged(sides.after, sides.unaided)
    yield Kind.DATA, "inputs", _judged(sides.after, _measured_alike(sides, aged.scores, unaided))
    yield Kind.BEHAVIOUR, "values", unaided
    yield Kind.HUMAN, "people", sides.after


def _yardstick(before: ScoreModel, after: ScoreModel) -> Cause:
    return "peers" if before == after else "model"


def _judged(like: Situation, readings: Readings) -> Situation:
    """Some readings judged by the model, at the age and among the peers of a situation."""
    population = Population(like.population.age_days[like.row : like.row + 1])
    rows = slice(like.row, like.row + 1)
    cohort = {name: column.slice(rows) for name, column in like.cohort.items()}
    return Situation(like.model, population, readings, score(like.model, population, readings, cohort), 0, cohort)


def _measured_alike(sides: Sides, before: Scores, unaided: Situation) -> Readings:
    """The earlier readings with the inputs of the later ones: what appeared is there, what fell silent is not."""
    earlier, later = sides.anew.readings, unaided.readings
    passed = float(sides.after.population.age_days[0] - sides.anew.population.age_days[0])
    columns = [
        place
        for place in range(len(unaided.model.signals))
        if _input_changed(int(before.state[0, place]), int(unaided.scores.state[0, place]))
    ]
    faded = [
        place
        for place, signal in enumerate(unaided.model.signals)
        if signal.stale is not None
        and place not in columns
        and abs(later.age_days[0, place] - earlier.age_days[0, place] - passed) < _SAME
    ]
    return _with_columns(earlier, later, columns, faded)


def _input_changed(before: int, after: int) -> bool:
    """A signal came to be measured or ceased to be; waiting for a first time is no lack of data."""
    return before != after and SignalState.PENDING not in (before, after)


def _with_columns(earlier: Readings, later: Readings, whole: Sequence[int], ages: Sequence[int]) -> Readings:
    mixed = Readings(
        earlier.raw.copy(),
        None if earlier.category is None else earlier.category.copy(),
        earlier.status.copy(),
        earlier.censored.copy(),
        earlier.age_days.copy(),
    )
    for place in whole:
        mixed.raw[0, place], mixed.status[0, place] = later.raw[0, place], later.status[0, place]
        mixed.censored[0, place] = later.censored[0, place]
        if mixed.category is not None:
            mixed.category[0, place] = None if later.category is None else later.category[0, place]
    for place in (*whole, *ages):
        mixed.age_days[0, place] = later.age_days[0, place]
    return mixed


def _profile(one: Situation) -> Profile | None:
    return None if np.isnan(one.raw_score) else profile_of(one.model, one.scores, one.row)
