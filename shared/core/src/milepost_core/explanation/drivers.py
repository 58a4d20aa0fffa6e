"""Why a score is what it is: points per signal against a baseline, and a line per gate.

It never samples: the score is additive before gates, so a signal's effective weight times its
distance from the baseline is its Shapley value for a single reference point, exactly.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from milepost_core.explanation.rounding import Displayed, apportion
from milepost_core.model import ScoreModel, Signal, Stale
from milepost_core.readings import Readings, Status
from milepost_core.scoring import Scores, SignalState

__all__ = [
    "GATES", "Driver", "Explanation", "GateLine", "MissingInput", "UncountedInput", "explain", "fixed_points",
    "median_points", "missing_inputs", "uncounted_inputs",
]  # fmt: skip

Floats = NDArray[np.float64]

_OBSERVED, _IMPUTED, _MISSING = int(SignalState.OBSERVED), int(SignalState.IMPUTED), int(SignalState.MISSING)
_SAME: Final = 1e-6
_NOTHING_LEFT: Final = 1e-9
GATES: Final = "gates"
"""The id of the gates' common line among the displayed numbers."""


@dataclass(frozen=True, slots=True)
class Driver:
    """One signal's part in a score."""

    signal: str
    dimension: str
    points: float
    """φ: what it adds to the baseline, in points of the score."""
    points_lost: float
    """What it costs against a perfect 100; the ranking for what to fix."""
    weight: float
    """Effective weight, a share of 1."""
    y: float
    y0: float
    """Points of the baseline; the signal's own where there is none."""
    raw: float | str | None
    imputed: bool
    meets_target: bool
    """Its value, were it of today, is worth the points at which the model calls the target met."""
    age_days: float
    """How old the value is; NaN where that has no meaning."""

    @property
    def direction(self) -> Literal["up", "down", "flat"]:
        """Which way it moves the score against the baseline."""
        return "up" if self.points > 1e-9 else "down" if self.points < -1e-9 else "flat"

    def faded(self, stale: Stale | None) -> bool:
        """Points are lost to nothing but the age of a value that meets the target."""
        return self.meets_target and stale is not None and self.age_days > 0 and self.points_lost > 1e-9


@dataclass(frozen=True, slots=True)
class GateLine:
    """What one fired gate took from the score (0 or below)."""

    id: str
    label: str
    points: float
    hard: bool


@dataclass(frozen=True, slots=True)
class Explanation:
    """baseline + Σ points of drivers + Σ points of gates = score, and so do the displayed numbers."""

    baseline: float
    drivers: tuple[Driver, ...]
    """In the model's order; only signals that carry weight."""
    gates: tuple[GateLine, ...]
    raw_score: float
    score: float
    displayed: Displayed
    """Lines by signal id, and one named `GATES`."""

    @property
    def to_fix(self) -> tuple[Driver, ...]:
        """Drivers that lose points, the dearest first."""
        losing = (driver for driver in self.drivers if driver.points_lost > 1e-9)
        return tuple(sorted(losing, key=lambda driver: (-driver.points_lost, driver.signal)))

    @property
    def unusual(self) -> tuple[Driver, ...]:
        """Drivers by distance from the baseline, the farthest first."""
        return tuple(sorted(self.drivers, key=lambda driver: (-abs(driver.points), driver.signal)))


@dataclass(frozen=True, slots=True)
class MissingInput:
    """A signal the score had to do without, and why."""

    signal: str
    status: Status
    imputed: bool
    """Stand-in points were used in its place."""


@dataclass(frozen=True, slots=True)
class UncountedInput:
    """A signal that was observed, in a dimension of which too little was: shares `covered` and `least` of 1."""

    signal: str
    covered: float
    least: float


def explain(
    model: ScoreModel, scores: Scores, row: int, readings: Readings, baseline_y: Floats | None = None
) -> Explanation | None:
    """Take one account's score apart.

    Args:
        model: the model the account was scored by.
        scores, readings: the batch; ``row`` is the account's place in it.
        baseline_y: points per signal [m] to compare with, NaN (or None) where there is nothing to
            compare with: such a signal neither adds nor takes.

    Returns:
        The explanation, or None if the account has no score.
    """
    if np.isnan(scores.score[row]):
        return None
    drivers = tuple(_drivers(model, scores, row, readings, baseline_y))
    baseline = sum(driver.weight * driver.y0 for driver in drivers)
    gates = tuple(
        GateLine(gate.id, gate.label, float(scores.gate_points[row, index]), gate.hard)
        for index, gate in enumerate(model.gates)
        if scores.gates_fired[row, index]
    )
    raw_score, score = float(scores.raw_score[row]), float(scores.score[row])
    lines = {driver.signal: driver.points for driver in drivers} | {GATES: score - raw_score}
    return Explanation(baseline, drivers, gates, raw_score, score, apportion(baseline, lines, score))


def _drivers(
    model: ScoreModel, scores: Scores, row: int, readings: Readings, baseline_y: Floats | None
) -> Iterator[Driver]:
    """Yield what carries weight, in the model's order."""
    many = len(model.signals)
    # A row becomes plain numbers at once: taken out of a column one by one, they cost more than all that follows.
    own = (scores.effective_weight, scores.y, scores.state, readings.age_days[:, :many])
    references = [math.nan] * many if baseline_y is None else baseline_y.tolist()
    found = zip(model.signals, *(column[row].tolist() for column in own), references, strict=True)
    for index, (signal, weight, y, state, age, reference) in enumerate(found):
        if not weight > 0:
            continue
        y0, imputed = y if math.isnan(reference) else reference, state == _IMPUTED
        yield Driver(
            signal=signal.id,
            dimension=signal.dimension,
            points=weight * (y - y0),
            points_lost=weight * (100.0 - y),
            weight=weight,
            y=y,
            y0=y0,
            raw=_raw_value(readings, (row, index)),
            imputed=imputed,
            meets_target=not imputed and _of_today(signal, y, age) >= signal.texts.target_points - _SAME,
            age_days=age,
        )


def _of_today(signal: Signal, y: float, age_days: float) -> float:
    """The points that a value would have if it were of today: the fading towards neutral undone.

    Of a value so old that nothing is left of it, the neutral points.
    """
    stale = signal.stale
    if stale is None or not age_days > 0:
        return y
    kept = 2.0 ** (-age_days / stale.half_life_days)
    return stale.neutral + (y - stale.neutral) / kept if kept > _NOTHING_LEFT else stale.neutral


def _raw_value(readings: Readings, place: tuple[int, int]) -> float | str | None:
    word = None if readings.category is None else readings.category[place]
    number = float(readings.raw[place])
    return str(word) if word is not None else None if math.isnan(number) else number


def missing_inputs(model: ScoreModel, scores: Scores, row: int) -> tuple[MissingInput, ...]:
    """Signals with a weight that were expected but not observed, in the model's order."""
    told = zip(model.signals, scores.state[row].tolist(), scores.status[row].tolist(), strict=True)
    return tuple(
        MissingInput(signal.id, Status(status), state == _IMPUTED)
        for signal, state, status in told
        if state in (_MISSING, _IMPUTED) and signal.weight > 0
    )


def uncounted_inputs(model: ScoreModel, scores: Scores, row: int) -> tuple[UncountedInput, ...]:
    """Signals with a weight that were observed in vain: their dimension is unavailable; in the model's order."""
    covered = scores.dimension_coverage[row].tolist()
    unavailable = np.isnan(scores.dimension_score[row]).tolist()
    told = zip(model.signals, model.dimension_of, scores.state[row].tolist(), strict=True)
    return tuple(
        UncountedInput(signal.id, covered[place], model.dimensions[place].min_coverage)
        for signal, place, state in told
        if unavailable[place] and state == _OBSERVED and signal.weight > 0
    )


def fixed_points(model: ScoreModel) -> Floats:
    """The fixed baseline of a model as points per signal [m]; NaN where it names none."""
    fixed: Mapping[str, float] = dict(model.baseline.fixed)
    return np.array([fixed.get(signal.id, np.nan) for signal in model.signals])


def median_points(scores: Scores, rows: NDArray[np.bool_] | None = None) -> Floats:
    """The median points per signal [m] over peers that have any; NaN where none has.

    Args:
        scores: a batch scored at one moment.
        rows: who the peers are [n]; everybody by default.
    """
    valued = np.isin(scores.state, (_OBSERVED, _IMPUTED))
    if rows is not None:
        valued = valued & rows[:, None]
    medians = np.full(scores.y.shape[1], np.nan)
    for index in range(medians.size):
        points = scores.y[valued[:, index], index]
        if points.size:
            medians[index] = np.median(points)
    return medians
