"""What the mere passing of time does to a score: readings moved on, and how long what is shown stays as it is.

It never knows what leaves a window or falls due: whoever does says until when nothing of that happens.
"""

from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from milepost_core.cohorts import Cohort, CohortColumn
from milepost_core.model import ScoreModel, sources
from milepost_core.model.sources import Denominator
from milepost_core.readings import Readings, Status
from milepost_core.scoring import Population, Scores, SignalState, score

__all__ = ["FRESH_AGAIN", "STALE_BELOW", "age_thresholds", "moved_on", "quiet_days", "still_speaking"]

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

STALE_BELOW: Final = 0.25
"""Below this share a score stands on old data: on average its inputs have been silent for two half-lives."""
FRESH_AGAIN: Final = 0.5
"""From this share on it does no more; between the two it is what it was, so that it does not flutter."""
_STATES: Final = (sources.OpenItems, sources.OverdueItems, sources.OldestOpenAge, sources.MilestoneProgress)
_GRID: Final = 16
_ROUNDS: Final = 4
# Two measures that run at a different speed each: a share of them is not foretold.
_LONGEST_BLIND_DAYS: Final = 1.0 / 24.0


def moved_on(model: ScoreModel, readings: Readings, ages: Floats, days: Floats) -> tuple[Readings, Floats]:
    """Readings and ages [n] of accounts so many ``days`` [n] later, if nothing happens and nothing leaves a window."""
    raw = readings.raw.copy(order="F")
    for place, column in enumerate(model.columns):
        ok = readings.status[:, place] == Status.OK
        raw[:, place] = np.where(ok, _value(column.source, readings, place, (ages, days)), raw[:, place])
    waiting = readings.censored
    age_days = np.where(waiting, readings.age_days, readings.age_days + days[:, None])
    return replace(readings, raw=raw, age_days=age_days), ages + days


def _value(source: Denominator, readings: Readings, place: int, time: tuple[Floats, Floats]) -> Floats:
    """One column's value so many days later."""
    value, (ages, days) = readings.raw[:, place], time
    match source:
        case sources.DaysSinceLast():
            return np.asarray(value + days)
        case sources.TimeToFirst():
            return np.where(readings.censored[:, place], value + days, value)
        case sources.OldestOpenAge():
            return np.where(value > 0, value + days, value)
        case sources.DecayedSum():
            return np.asarray(value * np.exp2(-days / source.half_life_days))
        case sources.Rate():
            longest = np.inf if source.window_days is None else source.window_days
            return np.asarray(value * np.minimum(longest, ages) / np.minimum(longest, ages + days))
        case _:
            return value


def age_thresholds(model: ScoreModel) -> tuple[float, ...]:
    """Ages in days at which something begins to count, or a stage begins or ends: there a score may jump."""
    found = {day for stage in model.stages for day in (stage.from_day, stage.to_day) if day}
    for column in model.columns:
        for source in sources.parts(column.source):
            match source:
                case sources.Slope() | sources.Momentum():
                    found.add(source.bucket_days * source.buckets)
                case _:
                    found.add(getattr(source, "min_age_days", None) or 0.0)
    return tuple(sorted(found - {0.0}))


def quiet_days(
    model: ScoreModel, readings: Readings, scores: Scores, ages: Floats, until: Floats, cohort: Cohort | None = None
) -> Floats:
    """For how many days [n], ``until`` [n] at most, nothing shown of a score changes by itself.

    Shown are the score in tenths, the word `unknown`, the fired gates, and whether it stands on old data. The answer
    is the moment of the first change, found to within ``until`` / 16⁴: a second of a day.
    """
    longest: Floats = np.minimum(until, _LONGEST_BLIND_DAYS) if _is_blind(model) else until
    begin, end = np.zeros_like(longest), longest.copy()
    rows = np.flatnonzero(longest > 0)
    for turn in range(_ROUNDS):
        if not rows.size:
            break
        steps = np.arange(1, _GRID + 1) / _GRID
        grid = begin[rows, None] + (end[rows] - begin[rows])[:, None] * steps
        changed = _changed(model, readings, scores, (ages, rows, grid), cohort)
        if turn:
            # Its end is known to have changed; a rounding at the edge must not lose that.
            changed[:, -1] = True
        found = changed.any(axis=1)
        first = changed.argmax(axis=1)
        rows, grid, first = rows[found], grid[found], first[found]
        begin[rows] = np.where(first > 0, grid[np.arange(rows.size), first - 1], begin[rows])
        end[rows] = grid[np.arange(rows.size), first]
    return end


def _changed(
    model: ScoreModel,
    readings: Readings,
    now: Scores,
    asked: tuple[Floats, NDArray[np.int64], Floats],
    cohort: Cohort | None,
) -> Flags:
    """Whether what is shown of each row [n] differs at each of its moments [n, k] from what is shown now."""
    ages, rows, grid = asked
    speaking = still_speaking(model, readings, now)
    many = np.repeat(rows, grid.shape[1])
    later, then = moved_on(model, _picked(readings, many), ages[many], grid.ravel())
    peers = {name: CohortColumn(one.peers, one.group[many]) for name, one in (cohort or {}).items()}
    found = score(model, Population(then), later, peers)
    differs = ~np.isclose(found.display, now.display[many], rtol=0.0, atol=1e-9, equal_nan=True)
    differs |= found.band != now.band[many]
    differs |= (found.gates_fired != now.gates_fired[many]).any(axis=1)
    differs |= (still_speaking(model, later, found) < STALE_BELOW) != (speaking[many] < STALE_BELOW)
    return np.array(differs.reshape(grid.shape), dtype=np.bool_)


def _picked(readings: Readings, rows: NDArray[np.int64]) -> Readings:
    words = None if readings.category is None else readings.category[rows]
    return Readings(readings.raw[rows], words, readings.status[rows], readings.censored[rows], readings.age_days[rows])


def _is_blind(model: ScoreModel) -> bool:
    """A ratio of something that moves by itself: its parts are not known any more."""
    moving = (sources.DaysSinceLast, sources.TimeToFirst, sources.OldestOpenAge, sources.DecayedSum, sources.Rate)
    ratios = (one.source for one in model.columns if isinstance(one.source, sources.Ratio))
    return any(isinstance(part, moving) for one in ratios for part in sources.parts(one))


def still_speaking(model: ScoreModel, readings: Readings, scores: Scores) -> Floats:
    """How much of a score's evidence still speaks [n]: Σ e · 2^(-age / half-life) ÷ Σ e over what events tell.

    States (open items, milestones) hold until somebody says otherwise, so they take no part; an input without any
    record in its window is silent. NaN where nothing observed comes from events.
    """
    total, fresh = np.zeros(len(readings)), np.zeros(len(readings))
    for place, signal in enumerate(model.signals):
        if isinstance(signal.source, _STATES):
            continue
        weight = np.where(scores.state[:, place] == SignalState.OBSERVED, scores.effective_weight[:, place], 0.0)
        age = np.maximum(readings.age_days[:, place], 0.0)
        total += weight
        fresh += weight * np.where(np.isnan(age), 0.0, np.exp2(-age / signal.half_life_days))
    share = np.full_like(total, np.nan)
    np.divide(fresh, total, out=share, where=total > 0)
    return share
