"""How well a score foresaw an outcome: ranking, calibration, lift, with intervals that know whose rows belong together.

It never scores, chooses rows or splits cohorts; it is handed columns and answers with figures. A score is high where
all is well, so risk falls as the score rises.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Area", "Platt", "auc", "average_precision", "brier", "calibration_error", "clustered_auc", "fit_platt",
    "kolmogorov_smirnov", "lift", "midranks",
]  # fmt: skip

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
_Z95: Final = 1.959963984540054
_NEWTON_STEPS: Final = 50
_CERTAIN: Final = 30.0


@dataclass(frozen=True, slots=True)
class Area:
    """The area under the ROC curve with its 95 % interval; `chance_inside`: the interval holds 0.5."""

    value: float
    low: float
    high: float

    @property
    def chance_inside(self) -> bool:
        """Nothing speaks against the score ranking no better than a coin."""
        return self.low <= 0.5 <= self.high


@dataclass(frozen=True, slots=True)
class Platt:
    """p(outcome) = 1 / (1 + exp(-(intercept + slope · score)))."""

    intercept: float
    slope: float

    def probability(self, score: Floats) -> Floats:
        """The probability of the outcome for scores [n]."""
        return np.asarray(1.0 / (1.0 + np.exp(-np.clip(self.intercept + self.slope * score, -_CERTAIN, _CERTAIN))))


def midranks(values: Floats) -> Floats:
    """Ranks from 1 [n]; equal values share the mean of theirs."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return np.asarray((ends - (counts - 1) / 2.0)[place])


def auc(risk: Floats, outcome: Flags) -> float:
    """P(a row with the outcome has more risk than one without), ties counting half; NaN if one side is empty."""
    positive = int(outcome.sum())
    negative = outcome.size - positive
    if not positive or not negative:
        return float("nan")
    total = float(midranks(risk)[outcome].sum())
    return (total - positive * (positive + 1) / 2.0) / (positive * negative)


def clustered_auc(risk: Floats, outcome: Flags, cluster: NDArray[Any]) -> Area:
    """The area with an interval for rows that come in clusters (the weeks of one account).

    The variance is DeLong's over clusters instead of rows (N. A. Obuchowski, Biometrics 53, 1997): sums of structural
    components per cluster, with the covariance of a cluster's rows on both sides.
    """
    value = auc(risk, outcome)
    if np.isnan(value):
        return Area(value, value, value)
    positive, negative = int(outcome.sum()), int((~outcome).sum())
    ranks = midranks(risk)
    above = (ranks[outcome] - midranks(risk[outcome])) / negative
    below = 1.0 - (ranks[~outcome] - midranks(risk[~outcome])) / positive
    _, place = np.unique(cluster, return_inverse=True)
    size = int(place.max()) + 1
    sums = np.zeros((2, size))
    for side, (flags, parts) in enumerate(((outcome, above), (~outcome, below))):
        found = place[flags]
        sums[side] = np.bincount(found, parts, size) - value * np.bincount(found, minlength=size)
    holding = [max(int(np.unique(place[flags]).size), 2) for flags in (outcome, ~outcome)]
    own = [many / (many - 1.0) * float(part @ part) for many, part in zip(holding, sums, strict=True)]
    between = size / max(size - 1.0, 1.0) * float(sums[0] @ sums[1])
    variance = own[0] / positive**2 + own[1] / negative**2 + 2.0 * between / (positive * negative)
    half = _Z95 * float(np.sqrt(max(variance, 0.0)))
    return Area(value, max(0.0, value - half), min(1.0, value + half))


def average_precision(risk: Floats, outcome: Flags) -> float:
    """Σ (recall step · precision) over the thresholds, the riskiest first; ties are one threshold."""
    if not outcome.any():
        return float("nan")
    order = np.argsort(-risk, kind="stable")
    found = np.cumsum(outcome[order])
    last = np.append(np.diff(risk[order]) != 0, True)
    precision = (found / np.arange(1, risk.size + 1))[last]
    steps = np.diff(np.append(0, found[last])) / outcome.sum()
    return float(precision @ steps)


def brier(probability: Floats, outcome: Flags) -> float:
    """Mean squared distance of a probability from what happened."""
    return float(np.mean((probability - outcome) ** 2))


def calibration_error(probability: Floats, outcome: Flags, bins: int = 10) -> float:
    """Mean distance of predicted and observed shares over bins of equal count (stable order), by their sizes."""
    order = np.argsort(probability, kind="stable")
    parts = zip(np.array_split(probability[order], bins), np.array_split(outcome[order], bins), strict=True)
    return float(sum(abs(p.mean() - y.mean()) * p.size for p, y in parts if p.size) / probability.size)


def lift(risk: Floats, outcome: Flags, share: float = 0.1) -> float:
    """How many times as often the outcome is met among the riskiest share as among all; ties in stable order."""
    most = max(1, round(risk.size * share))
    riskiest = np.argsort(-risk, kind="stable")[:most]
    overall = float(outcome.mean())
    return float(outcome[riskiest].mean()) / overall if overall else float("nan")


def kolmogorov_smirnov(risk: Floats, outcome: Flags) -> float:
    """The largest distance between the distributions of risk with and without the outcome."""
    with_it, without = np.sort(risk[outcome]), np.sort(risk[~outcome])
    at = np.concatenate([with_it, without])
    shares = [np.searchsorted(side, at, side="right") / max(side.size, 1) for side in (with_it, without)]
    return float(np.abs(shares[0] - shares[1]).max())


def fit_platt(score: Floats, outcome: Flags) -> Platt:
    """Maximum likelihood of the outcome by the score; a slope that would reward risk is held at 0.

    Newton's method on centred scores, without penalty.
    """
    share = float(np.clip(outcome.mean(), 1e-9, 1 - 1e-9))
    flat = Platt(float(np.log(share / (1.0 - share))), 0.0)
    centre, width = float(score.mean()), float(score.std())
    if not width:
        return flat
    design = np.stack([np.ones_like(score), (score - centre) / width])
    beta = np.array([flat.intercept, 0.0])
    for _ in range(_NEWTON_STEPS):
        # Where the score tells both sides apart without a mistake there is no maximum: certainty ends here.
        p = 1.0 / (1.0 + np.exp(-np.clip(beta @ design, -_CERTAIN, _CERTAIN)))
        gradient = design @ (outcome - p)
        step = np.linalg.solve((design * (p * (1.0 - p))) @ design.T + 1e-12 * np.eye(2), gradient)
        beta = beta + step
        if float(np.abs(step).max()) < 1e-12:
            break
    slope = float(beta[1]) / width
    return Platt(float(beta[0]) - slope * centre, slope) if slope <= 0 else flat
