"""One scored account as the ground of what-ifs, and the same account with some values changed.

It never stores anything and never touches the readings it was given.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from milepost_core.cohorts import Cohort, CohortColumn
from milepost_core.model import ScoreModel, Signal
from milepost_core.model.sources import TimeToFirst
from milepost_core.readings import Readings, Status
from milepost_core.scoring import Population, Scores, SignalState, score
from milepost_core.scoring.gates import meeting

__all__ = ["Situation", "UnknownGate", "UnknownSignal", "rescored", "rescored_together", "supposed"]


class UnknownSignal(KeyError):
    """The model has no signal of that id."""


@dataclass(frozen=True, slots=True)
class Situation:
    """One scored account, ready for what-ifs."""

    model: ScoreModel
    population: Population
    readings: Readings
    scores: Scores
    row: int = 0
    """The account's place in the batch."""
    cohort: Cohort = field(default_factory=dict)

    @property
    def raw_score(self) -> float:
        """The score before gates; NaN if there is none."""
        return float(self.scores.raw_score[self.row])

    def weight(self, index: int) -> float:
        """Effective weight of a signal."""
        return float(self.scores.effective_weight[self.row, index])

    def points(self, index: int) -> float:
        """y of a signal."""
        return float(self.scores.y[self.row, index])

    def value(self, index: int) -> float:
        """Raw value of a signal, NaN if it is a word or missing."""
        return float(self.readings.raw[self.row, index])

    def peers(self, signal: Signal) -> CohortColumn | None:
        """The account's own peers for a signal."""
        column = self.cohort.get(signal.id)
        return None if column is None else column.slice(slice(self.row, self.row + 1))

    def can_move(self, index: int) -> bool:
        """The signal was observed as a number, carries weight, and is not past for good."""
        observed = self.scores.state[self.row, index] == SignalState.OBSERVED
        past = isinstance(self.model.signals[index].source, TimeToFirst)
        return bool(observed) and not past and self.weight(index) > 0 and not math.isnan(self.value(index))


class UnknownGate(KeyError):
    """The model has no gate of that id."""


def rescored(
    situation: Situation, changes: Mapping[str, float | str | None], gates: Mapping[str, bool] | None = None
) -> Scores:
    """The account's scores if some signals had other raw values, measured just now.

    Args:
        changes: raw values by signal id; None for a signal that has no data.
        gates: whether a gate holds, by gate id; the others stay as they are.

    Raises:
        UnknownSignal: a change names a signal the model does not have.
        UnknownGate: so does a gate.
    """
    rows = slice(situation.row, situation.row + 1)
    cohort = {name: column.slice(rows) for name, column in situation.cohort.items()}
    population = Population(situation.population.age_days[rows])
    return score(situation.model, population, supposed(situation, changes, gates), cohort)


def rescored_together(situations: Sequence[Situation], changes: Sequence[Mapping[str, float]]) -> Scores:
    """The scores [n] of accounts of one batch, each with its own changes of raw values; raises as `rescored`."""
    first, rows = situations[0], np.array([one.row for one in situations], dtype=np.int64)
    read = first.readings
    words = np.full(read.raw.shape, None, dtype=np.object_) if read.category is None else read.category
    changed = Readings(read.raw[rows], words[rows], read.status[rows], read.censored[rows], read.age_days[rows])
    for row, each in enumerate(changes):
        for name, value in each.items():
            if name not in first.model.signal_index:
                raise UnknownSignal(name)
            _put(changed.row(row), first.model.signal_index[name], value)
    cohort = {name: CohortColumn(column.peers, column.group[rows]) for name, column in first.cohort.items()}
    return score(first.model, Population(first.population.age_days[rows]), changed, cohort)


def supposed(
    situation: Situation, changes: Mapping[str, float | str | None], gates: Mapping[str, bool] | None = None
) -> Readings:
    """The account's readings with some values in the place of those that were measured; raises as `rescored`."""
    row = situation.readings.row(situation.row)
    words = np.full(row.raw.shape, None, dtype=np.object_) if row.category is None else row.category.copy()
    changed = Readings(row.raw.copy(), words, row.status.copy(), row.censored.copy(), row.age_days.copy())
    for name, value in changes.items():
        place = situation.model.signal_index.get(name)
        if place is None:
            raise UnknownSignal(name)
        _put(changed, place, value)
    for name, holds in (gates or {}).items():
        found = next((one for one in enumerate(situation.model.gates) if one[1].id == name), None)
        if found is None:
            raise UnknownGate(name)
        _put(changed, len(situation.model.signals) + found[0], meeting(found[1]) if holds else None)
    return changed


def _put(readings: Readings, place: int, value: float | str | None) -> None:
    assert readings.category is not None
    readings.raw[0, place] = value if isinstance(value, float | int) else math.nan
    readings.category[0, place] = value if isinstance(value, str) else None
    readings.status[0, place] = Status.NO_DATA if value is None else Status.OK
    readings.censored[0, place] = False
    readings.age_days[0, place] = math.nan if value is None else 0.0
