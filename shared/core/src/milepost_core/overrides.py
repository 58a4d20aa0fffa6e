"""Human judgement on top of a score: an override with a reason, an author and an end.

It never changes the computed score, band or drivers; it only says which band is in effect and why.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from milepost_core.model import Band, Bands

__all__ = ["MAX_OVERRIDE_LIFE", "EffectiveBand", "Override", "OverrideRefused", "effective_band", "refuse_override"]

MAX_OVERRIDE_LIFE: Final = timedelta(days=30)


class OverrideRefused(ValueError):
    """The override has no reason, no author, no verdict or the wrong life."""


@dataclass(frozen=True, slots=True)
class Override:
    """What a person decided; exactly one of ``band`` and ``score`` says it."""

    band: Band | None
    score: float | None
    reason: str
    author: str
    created_at: datetime
    expires_at: datetime

    def is_active(self, at: datetime) -> bool:
        """It holds from its creation until just before its end."""
        return self.created_at <= at < self.expires_at


@dataclass(frozen=True, slots=True)
class EffectiveBand:
    """The band to act on, and where it comes from."""

    band: Band
    because: Literal["model", "override", "gate"]


def refuse_override(override: Override) -> None:
    """Check an override before it is kept.

    Raises:
        OverrideRefused: with the sentence that says what is wrong.
    """
    life = override.expires_at - override.created_at
    if not override.reason.strip() or not override.author.strip():
        raise OverrideRefused("an override needs a reason and an author")
    if (override.band is None) == (override.score is None) or override.band is Band.UNKNOWN:
        raise OverrideRefused("an override says either a band (green, yellow or red) or a score")
    if override.score is not None and not 0 <= override.score <= 100:
        raise OverrideRefused("a score lies between 0 and 100")
    if not timedelta(0) < life <= MAX_OVERRIDE_LIFE:
        raise OverrideRefused(f"an override lives at most {MAX_OVERRIDE_LIFE.days} days; renewing needs a new reason")


def effective_band(
    band: Band, *, bands: Bands, gated: bool, hard_gate: bool, override: Override | None, at: datetime
) -> EffectiveBand:
    """The band in effect: a hard gate beats an override, an override beats the model.

    Args:
        band: the model's own band after margins, dwell and gates.
        gated: a fired gate brought the score down to this band.
        hard_gate: one of the fired gates is hard.
    """
    if override is not None and override.is_active(at) and not hard_gate:
        return EffectiveBand(override.band or _band_of(override.score or 0.0, bands), "override")
    return EffectiveBand(band, "gate" if gated or hard_gate else "model")


def _band_of(score: float, bands: Bands) -> Band:
    return Band.GREEN if score >= bands.green else Band.YELLOW if score >= bands.yellow else Band.RED
