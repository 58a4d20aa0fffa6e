"""What moved a score between two moments, also when weights or signals changed in between.

It never asks why the values changed; it splits the difference into values and mix, exactly.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from milepost_core.model import ScoreModel
from milepost_core.scoring import Scores

__all__ = ["Movement", "Profile", "between", "profile_of"]


@dataclass(frozen=True, slots=True)
class Profile:
    """One account's score at one moment, as far as comparing needs it."""

    weights: Mapping[str, float]
    """Effective weights by signal id; absent counts as 0."""
    points: Mapping[str, float]
    """y by signal id; needed where the weight is above 0."""
    raw_score: float
    score: float

    @property
    def gate_points(self) -> float:
        """What gates took (0 or below)."""
        return self.score - self.raw_score


@dataclass(frozen=True, slots=True)
class Movement:
    """Σ value + Σ mix + gates = score after − score before."""

    value: Mapping[str, float]
    """Points because a signal got better or worse."""
    mix: Mapping[str, float]
    """Points because a signal counts more or less than before, or appeared or fell silent."""
    gates: float


def profile_of(model: ScoreModel, scores: Scores, row: int) -> Profile | None:
    """The profile of one account of a batch, or None if it has no score."""
    if np.isnan(scores.score[row]):
        return None
    carrying = [(i, s.id) for i, s in enumerate(model.signals) if scores.effective_weight[row, i] > 0]
    return Profile(
        weights={name: float(scores.effective_weight[row, index]) for index, name in carrying},
        points={name: float(scores.y[row, index]) for index, name in carrying},
        raw_score=float(scores.raw_score[row]),
        score=float(scores.score[row]),
    )


def between(before: Profile, after: Profile) -> Movement:
    """Split the change of a score by signal into value and mix.

    With effective weights e, points y and the centre c of both raw scores:
    value = mean(e) · Δy and mix = (mean(y) − c) · Δe; a signal absent on one side takes the other
    side's points. The parts add up exactly because the weights of either side sum to 1.
    """
    centre = (before.raw_score + after.raw_score) / 2.0
    value: dict[str, float] = {}
    mix: dict[str, float] = {}
    for name in dict.fromkeys([*before.weights, *after.weights]):
        e0, e1 = before.weights.get(name, 0.0), after.weights.get(name, 0.0)
        if not (e0 or e1):
            continue
        y0 = before.points[name] if e0 else after.points[name]
        y1 = after.points[name] if e1 else y0
        value[name] = (e0 + e1) / 2.0 * (y1 - y0)
        mix[name] = ((y0 + y1) / 2.0 - centre) * (e1 - e0)
    return Movement(value, mix, after.gate_points - before.gate_points)
