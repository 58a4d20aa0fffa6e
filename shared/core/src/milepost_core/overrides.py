"""Human judgement on top of a score: an override with a reason, an author and an end.

It never changes the computed score, band or drivers; it only says which band is in effect and why.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal
from unicodedata import category, normalize

from milepost_core.explanation.rounding import tenths
from milepost_core.model import Band, Bands
from milepost_core.transitions import plain_band

__all__ = ["MAX_OVERRIDE_LIFE", "EffectiveBand", "Override", "OverrideRefused", "effective_band", "refuse_override"]

MAX_OVERRIDE_LIFE: Final = timedelta(days=30)


class OverrideRefused(ValueError):
    """The override has no reason, no author, no verdict or the wrong life; `part` names what is wrong with it."""

    def __init__(self, message: str, part: str) -> None:
        super().__init__(message)
        self.part = part


@dataclass(frozen=True, slots=True)
class Override:
    """What a person decided; exactly one of ``band`` and ``score`` says it."""

    band: Band | None
    score: float | None
    reason: str
    author: str
    created_at: datetime
    expires_at: datetime
    """When it ends: by itself, or because somebody ended it before."""
    id: str = ""
    """Under which it is kept; empty for one that is not kept yet."""

    def is_active(self, at: datetime) -> bool:
        """It holds from its creation until just before its end."""
        return self.created_at <= at < self.expires_at


@dataclass(frozen=True, slots=True)
class EffectiveBand:
    """The band to act on, and where it comes from."""

    band: Band
    because: Literal["model", "override", "gate"]


def refuse_override(override: Override, before: Collection[Override] = ()) -> None:
    """Check an override before it is kept.

    Args:
        before: earlier ones of the same account, each with the moment at which it really ended as its `expires_at`;
            those that ended longer ago than an override may live are looked past.

    Raises:
        OverrideRefused: with the sentence that says what is wrong.
    """
    life = override.expires_at - override.created_at
    if not override.reason.strip():
        raise OverrideRefused("an override needs a reason and an author", "reason")
    if not override.author.strip():
        raise OverrideRefused("an override needs a reason and an author", "author")
    if (override.band is None) == (override.score is None) or override.band is Band.UNKNOWN:
        raise OverrideRefused("an override says either a band (green, yellow or red) or a score", "band")
    if override.score is not None and not 0 <= override.score <= 100:
        raise OverrideRefused("a score lies between 0 and 100", "score")
    if life <= timedelta(0):
        raise OverrideRefused("an override ends after it begins: its end has to lie ahead", "expires_at")
    if life > MAX_OVERRIDE_LIFE:
        message = f"an override lives at most {MAX_OVERRIDE_LIFE.days} days; renewing needs a new reason"
        raise OverrideRefused(message, "expires_at")
    if any(_renews(override, one) for one in before):
        message = "renewing an override needs a new reason: this one was given already, not long ago"
        raise OverrideRefused(message, "reason")


def _renews(override: Override, before: Override) -> bool:
    """An override that follows within the longest life of one and says nothing new only makes that one longer."""
    same = _words(override.reason) == _words(before.reason)
    return same and override.created_at - before.expires_at < MAX_OVERRIDE_LIFE


def _words(text: str) -> str:
    """What a reason says, whatever its case, its blanks, its punctuation and letters that nobody sees."""
    plain = normalize("NFKC", normalize("NFKC", text).casefold())
    return "".join(letter for letter in plain if category(letter)[0] not in "CPZ")


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
        return EffectiveBand(override.band or plain_band(bands, tenths(override.score or 0.0) / 10), "override")
    return EffectiveBand(band, "gate" if gated or hard_gate else "model")
