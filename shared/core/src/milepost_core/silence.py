"""What the mere passing of time does to a score: readings moved on, and how long what is shown stays as it is.

It never knows what leaves a window or falls due: whoever does says until when nothing of that happens.
"""

from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from milepost_core.ageing import is_blind, moves, value_later
from milepost_core.cohorts import Cohort, CohortColumn
from milepost_core.model import Percentile, ScoreModel, sources
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
_OK, _OBSERVED = np.uint8(Status.OK), np.uint8(SignalState.OBSERVED)
_GRID: Final = 16
_ROUNDS: Final = 4
_SAME: Final = 1e-9
# So long at most an account is left alone of which a ratio moves in a way that is not foretold.
_LONGEST_BLIND_DAYS: Final = 1.0 / 24.0


def moved_on(model: ScoreModel, readings: Readings, ages: Floats, days: Floats) -> tuple[Readings, Floats]:
    """Readings and ages [n] of accounts so many ``days`` [n] later, if nothing happens and nothing leaves a window."""
    raw = readings.raw.copy(order="F")
    for place, column in enumerate(model.columns):
        if moves(column.source):
            ok, value, waiting = readings.status[:, place] == _OK, raw[:, place], readings.censored[:, place]
            raw[:, place] = np.where(ok, value_later(column.source, value, waiting, ages, days), value)
    waiting = readings.censored
    age_days = np.where(waiting, readings.age_days, readings.age_days + days[:, None])
    return replace(readings, raw=raw, age_days=age_days), ages + days


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
    speaking = still_speaking(model, readings, scores)
    longest: Floats = np.where(_blind(model, readings), np.minimum(until, _LONGEST_BLIND_DAYS), until)
    begin, end = np.zeros_like(longest), longest.copy()
    rows = np.flatnonzero(longest > 0)
    for turn in range(_ROUNDS):
        if not rows.size:
            break
        steps = np.arange(1, _GRID + 1) / _GRID
        grid = begin[rows, None] + (end[rows] - begin[rows])[:, None] * steps
        changed = _changed(model, readings, scores, (ages, speaking, rows, grid), cohort)
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
    asked: tuple[Floats, Floats, NDArray[np.int64], Floats],
    cohort: Cohort | None,
) -> Flags:
    """Whether what is shown of each row [n] differs at each of its moments [n, k] from what is shown now."""
    ages, speaking, rows, grid = asked
    many = np.repeat(rows, grid.shape[1])
    before = _picked(readings, many)
    later, then = moved_on(model, before, ages[many], grid.ravel())
    peers = {name: CohortColumn(one.peers, one.group[many]) for name, one in (cohort or {}).items()}
    _keep_ranks(model, before, later, peers)
    found = score(model, Population(then), later, peers)
    shown, known = found.display, now.display[many]
    differs = ~((np.abs(shown - known) <= _SAME) | (np.isnan(shown) & np.isnan(known)))
    differs |= found.band != now.band[many]
    differs |= (found.gates_fired != now.gates_fired[many]).any(axis=1)
    differs |= (still_speaking(model, later, found) < STALE_BELOW) != (speaking[many] < STALE_BELOW)
    return np.array(differs.reshape(grid.shape), dtype=np.bool_)


def _picked(readings: Readings, rows: NDArray[np.int64]) -> Readings:
    words = None if readings.category is None else readings.category[rows]
    return Readings(readings.raw[rows], words, readings.status[rows], readings.censored[rows], readings.age_days[rows])


def _blind(model: ScoreModel, readings: Readings) -> Flags:
    """Of which accounts [n] a ratio moves in a way that is not foretold."""
    blind = np.zeros(len(readings), dtype=np.bool_)
    for place, column in enumerate(model.columns):
        if moves(column.source):
            blind |= is_blind(column.source, readings.raw[:, place])
    return blind


def _keep_ranks(model: ScoreModel, before: Readings, later: Readings, cohort: Cohort) -> None:
    """Undo the moving of what is ranked: peers move along, so that time alone changes no rank."""
    for place, signal in enumerate(model.signals):
        curve, column = signal.normalise, cohort.get(signal.id)
        if column is None or not isinstance(curve, Percentile) or not moves(signal.source):
            continue
        # The last stands for those without a group.
        sizes = np.array([*(one.size for one in column.peers), 0])
        ranked = sizes[column.group] >= max(curve.min_cohort, 1)
        later.raw[ranked, place] = before.raw[ranked, place]


def still_speaking(model: ScoreModel, readings: Readings, scores: Scores) -> Floats:
    """How much of a score's evidence still speaks [n]: Σ e · 2^(-age / half-life) ÷ Σ e over what events tell.

    States (open items, milestones) hold until somebody says otherwise, so they take no part; an input without any
    record in its window is silent. NaN where nothing observed comes from events.
    """
    told = [place for place, signal in enumerate(model.signals) if not isinstance(signal.source, _STATES)]
    weight = np.where(scores.state == _OBSERVED, scores.effective_weight, 0.0)
    age = np.maximum(readings.age_days[:, : len(model.signals)], 0.0)
    half_life = np.array([signal.half_life_days for signal in model.signals])
    spoken = weight * np.where(np.isnan(age), 0.0, np.exp2(-age / half_life))
    total, fresh = np.zeros(len(readings)), np.zeros(len(readings))
    for place in told:
        total += weight[:, place]
        fresh += spoken[:, place]
    share = np.full_like(total, np.nan)
    np.divide(fresh, total, out=share, where=total > 0)
    return share
