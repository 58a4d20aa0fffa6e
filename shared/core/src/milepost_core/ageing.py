"""What a measure becomes by the mere passing of time: for one account, and for the peers it is ranked among.

It never knows what leaves a window or falls due: whoever does says until when nothing of that happens.
"""

from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from milepost_core.cohorts import Cohort, CohortColumn, Peers
from milepost_core.model import ScoreModel, sources
from milepost_core.model.sources import Denominator
from milepost_core.readings import Readings

__all__ = ["is_blind", "moves", "peers_later", "value_later"]

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

_DRIFTING: Final = (
    sources.DaysSinceLast, sources.TimeToFirst, sources.OldestOpenAge, sources.DecayedSum, sources.Rate
)  # fmt: skip
# What only shrinks or only grows by a factor that is known without its parts.
_SCALING: Final = (sources.DecayedSum, sources.Rate)
_NOBODY: Final = Peers.exactly(())


def moves(source: Denominator) -> bool:
    """Whether what a source measures moves by itself, or something that it is divided from."""
    return any(isinstance(part, _DRIFTING) for part in sources.parts(source))


def is_blind(source: Denominator, value: Floats) -> Flags:
    """Where [n] a ratio moves by itself in a way that is not told by its value [n]: it needs its parts.

    Foretold are a quotient of what scales (a decayed sum, a rate) or is still, unless it stands at its `max` or at its
    `zero_den`; and what only grows, divided by a number of the model.
    """
    none = np.zeros(value.shape, dtype=np.bool_)
    if not isinstance(source, sources.Ratio) or not moves(source):
        return none
    if _is_steady(source):
        return none
    if not all(_scales(part) for part in (source.num, source.den)):
        return ~none
    at_cap = none if source.max is None else value >= source.max
    return at_cap | (none if source.zero_den is None else value == source.zero_den)


def _is_steady(source: sources.Ratio) -> bool:
    """Days that grow by a day a day, divided by a number of the model."""
    growing = isinstance(source.num, sources.DaysSinceLast | sources.OldestOpenAge)
    return growing and isinstance(source.den, sources.Constant)


def _scales(source: Denominator) -> bool:
    return isinstance(source, _SCALING) or not moves(source)


def value_later(source: Denominator, value: Floats, waiting: Flags, ages: Floats, days: Floats) -> Floats:
    """Values [n] so many ``days`` [n] later, if nothing happens; what `is_blind` tells of stays as it is.

    Args:
        source: what was measured.
        value: in the source's own unit; NaN stays NaN.
        waiting: where a first event is still awaited.
        ages: of the accounts, before.
        days: how much later.
    """
    match source:
        case sources.DaysSinceLast():
            return np.asarray(value + days)
        case sources.TimeToFirst():
            return np.where(waiting, value + days, value)
        case sources.OldestOpenAge():
            return np.where(value > 0, value + days, value)
        case sources.DecayedSum() | sources.Rate():
            return np.asarray(value * _growth(source, ages, days))
        case sources.Ratio():
            return np.where(is_blind(source, value), value, _ratio_later(source, value, ages, days))
        case _:
            return value


def _ratio_later(source: sources.Ratio, value: Floats, ages: Floats, days: Floats) -> Floats:
    if _is_steady(source) and isinstance(source.den, sources.Constant):
        below = source.den.value
        later = value_later(source.num, value * below, np.zeros(value.shape, dtype=np.bool_), ages, days) / below
    else:
        later = value * _growth(source, ages, days)
    return later if source.max is None else np.minimum(later, source.max)


def _growth(source: Denominator, ages: Floats, days: Floats) -> Floats:
    """By which factor [n] a value changes within so many days; 1 for what does not change by a factor."""
    match source:
        case sources.DecayedSum():
            return np.exp2(-days / source.half_life_days)
        case sources.Rate():
            longest = np.inf if source.window_days is None else source.window_days
            return np.asarray(np.minimum(longest, ages) / np.minimum(longest, ages + days))
        case sources.Ratio():
            return np.asarray(_growth(source.num, ages, days) / _growth(source.den, ages, days))
        case _:
            return np.ones_like(days)


def peers_later(model: ScoreModel, cohort: Cohort, readings: Readings, ages: Floats, days: float) -> Cohort:
    """Peers that were gathered ``days`` before the readings, as of the moment of the readings.

    Everybody moves as the account that is ranked has moved by itself since then. So an account of which nothing was
    heard keeps its rank, and it is the same as ranking its value of that earlier moment.
    """
    if days <= 0:
        return cohort
    places = {signal.id: place for place, signal in enumerate(model.signals)}
    found = dict(cohort)
    for name, column in cohort.items():
        source = model.signals[places[name]].source
        if moves(source):
            found[name] = _column_later(source, column, readings.censored[:, places[name]], ages, days)
    return found


def _column_later(source: Denominator, column: CohortColumn, waiting: Flags, ages: Floats, days: float) -> CohortColumn:
    """The same groups, once for each way in which their accounts move."""
    before = np.where(ages > days, ages - days, ages)
    way = np.where(waiting, -1.0, _growth(source, before, np.full_like(before, days)))
    ways = np.stack([column.group.astype(np.float64), way], axis=1)
    _, firsts, place = np.unique(ways, axis=0, return_index=True, return_inverse=True)
    peers = tuple(_later(source, column, row, bool(waiting[row]), (before[row], days)) for row in firsts.tolist())
    return CohortColumn(peers, np.where(column.group < 0, -1, place.ravel()).astype(np.int64))


def _later(source: Denominator, column: CohortColumn, row: int, waiting: bool, time: tuple[float, float]) -> Peers:
    if column.group[row] < 0:
        return _NOBODY
    peers = column.peers[int(column.group[row])]
    size = peers.values.size
    age, days = (np.full(size, one) for one in time)
    return replace(peers, values=value_later(source, peers.values, np.full(size, waiting), age, days))
