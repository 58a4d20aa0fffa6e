"""Finds whether a score has come to stand on old data, and which inputs fell silent; it never writes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from milepost_core.scoring import SignalState
from milepost_core.silence import FRESH_AGAIN, STALE_BELOW
from scoring_api.scores.crossing import is_arriving
from scoring_api.scores.judging import Verdict, number

# An input that has been silent for a half-life counts as silent; the model says how long that is.
HALF = 0.5
_OBSERVED = int(SignalState.OBSERVED)


@dataclass(frozen=True)
class Fading:
    """Whether a score stands on old data, as the standing remembers it, and what of that is news."""

    stale: bool
    kind: str | None = None
    subject: str | None = None
    detail: Mapping[str, Any] | None = None


def fading_of(verdict: Verdict, fact: Mapping[str, Any]) -> Fading:
    """Compare how fresh a score's inputs are with what was told of it last.

    A score that has gone stale is fresh again only well above that limit. Without a score nothing changes. Nothing is
    news at the first look, nor while the account's past is still arriving.
    """
    before = fact["told_stale"]
    share = number(verdict.judged.speaking[verdict.row])
    if verdict.display is None or share is None:
        return Fading(bool(before))
    stale = share < (FRESH_AGAIN if before else STALE_BELOW)
    if before is None or stale == before or is_arriving(fact, verdict.as_of):
        return Fading(stale)
    inputs = _inputs(verdict, silent=stale)
    told = {"still_speaking": round(share, 2), "inputs": inputs}
    return Fading(stale, "went_stale" if stale else "fresh_again", ",".join(inputs) or None, told)


def _inputs(verdict: Verdict, *, silent: bool) -> list[str]:
    """Return the signals behind a score that have been silent for a half-life, or those that have not; by weight."""
    judged, row = verdict.judged, verdict.row
    found: list[tuple[float, str]] = []
    for place, signal in enumerate(judged.model.signals):
        if judged.scores.state[row, place] != _OBSERVED:
            continue
        age = float(judged.readings.age_days[row, place])
        quiet = bool(np.isnan(age)) or 2.0 ** (-max(age, 0.0) / signal.half_life_days) < HALF
        if quiet is silent:
            found.append((-float(judged.scores.effective_weight[row, place]), signal.id))
    return [name for _, name in sorted(found)]
