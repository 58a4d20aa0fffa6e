"""The score: one law over columns for one account or a million.

It never explains itself (see `explanation`) and never remembers (see `transitions`). Read
`composition` first; it calls `points`, `stages` and `gates`, and fills `columns`.
"""

from milepost_core.scoring.columns import (
    BAND_WORDS,
    Population,
    Scores,
    SignalState,
    band_codes,
    half_up,
)
from milepost_core.scoring.composition import MATURE_DAYS, score

__all__ = ["BAND_WORDS", "MATURE_DAYS", "Population", "Scores", "SignalState", "band_codes", "half_up", "score"]
