"""The columns a score is made of: what went in, what came out, one row per account.

It never computes anything beyond slicing; `composition` fills it.
"""

from dataclasses import dataclass, fields
from enum import IntEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from milepost_core.model import Band

__all__ = ["BAND_WORDS", "Population", "Scores", "SignalState", "band_codes", "half_up"]

Floats = NDArray[np.float64]

BAND_WORDS: Final = (Band.RED, Band.YELLOW, Band.GREEN, Band.UNKNOWN)
"""Band of a code; the order of the first three is the order of health."""
_UNKNOWN: Final = np.uint8(BAND_WORDS.index(Band.UNKNOWN))


class SignalState(IntEnum):
    """How a signal takes part in a score."""

    OBSERVED = 0
    IMPUTED = 1
    MISSING = 2
    PENDING = 3


@dataclass(frozen=True, slots=True)
class Population:
    """What scoring must know about accounts besides their readings."""

    age_days: Floats
    """Days since the start [n]; NaN for an account whose start is not known."""

    def __len__(self) -> int:
        return int(self.age_days.size)


@dataclass(frozen=True, slots=True)
class Scores:
    """Everything the law says about n accounts: m signals, d dimensions, g gates.

    Points and scores lie in [0, 100]; weights and shares in [0, 1]; NaN means "there is none".
    """

    y: Floats
    """Points [n, m] of a signal, observed or imputed; of a pending one, what it could still have."""
    state: NDArray[np.uint8]
    """`SignalState` [n, m]."""
    status: NDArray[np.uint8]
    """`Status` [n, m] after the curve: a value the model has no points for is `UNMAPPED`."""
    effective_weight: Floats
    """e [n, m]: share of the score that hangs on the signal; sums to 1 where there is a score."""
    full_weight: Floats
    """[n, m]: the share it would have if every expected signal were observed."""
    dimension_score: Floats
    """[n, d]; NaN for an unavailable dimension."""
    dimension_coverage: Floats
    """[n, d]: observed share of the expected weight; NaN if nothing is expected."""
    dimension_weight: Floats
    """[n, d] in percent, summing to 100, blended between stages."""
    stage: NDArray[np.int64]
    """Position in ``model.stages`` [n]; -1 if none applies."""
    coverage: Floats
    raw_score: Floats
    """Before gates [n]; NaN if no dimension is available."""
    low: Floats
    high: Floats
    """Honest range [n]: every expected but unobserved signal at 0, at 100."""
    gates_fired: NDArray[np.bool_]
    """[n, g]."""
    gate_points: Floats
    """[n, g]: what each gate, in order, took from the score; 0 or below."""
    score: Floats
    """After gates [n]."""
    display: Floats
    """One decimal, half up [n]; the band is taken from it."""
    band: NDArray[np.uint8]
    """Position in `BAND_WORDS` [n]."""
    freshness: Floats
    maturity: Floats
    confidence: Floats
    """coverage · freshness · maturity [n]; never moves the score."""

    def __len__(self) -> int:
        return int(self.score.size)

    def row(self, index: int) -> "Scores":
        """One account as scores of one row (views)."""
        rows = slice(index, index + 1)
        return Scores(**{field.name: getattr(self, field.name)[rows] for field in fields(self)})

    def band_word(self, index: int) -> Band:
        """The band of one account."""
        return BAND_WORDS[int(self.band[index])]

    def confidence_word(self, index: int) -> str:
        """High from 0.75, medium from 0.5, low below."""
        confidence = float(self.confidence[index])
        return "high" if confidence >= 0.75 else "medium" if confidence >= 0.5 else "low"


def half_up(value: Floats) -> Floats:
    """One decimal: rounded to nine decimals first, then halves upwards (never to even)."""
    return np.floor(np.round(value * 10.0, 8) + 0.5) / 10.0


def band_codes(display: Floats, green: float, yellow: float) -> NDArray[np.uint8]:
    """Codes by plain thresholds on the displayed score; NaN is unknown."""
    codes = (display >= yellow).astype(np.uint8) + (display >= green).astype(np.uint8)
    return np.where(np.isnan(display), _UNKNOWN, codes)
