"""Which values a signal can have at all: no count is below nothing, no share above all of it.

It never says whether a value is likely, or whether anybody can bring it about.
"""

import math
from dataclasses import dataclass
from typing import Final

from milepost_core.model import CategoryMap, Signal
from milepost_core.model.sources import (
    ActiveDays,
    Attribute,
    Breadth,
    Constant,
    Count,
    DaysSinceLast,
    Denominator,
    Distinct,
    MilestoneProgress,
    OldestOpenAge,
    OpenItems,
    OverdueItems,
    Rate,
    Ratio,
    TimeToFirst,
)

__all__ = ["Domain", "domain_of", "impossible"]


@dataclass(frozen=True, slots=True)
class Domain:
    """The values from ``low`` to ``high``, both in; ``whole``: no fractions between them."""

    low: float = -math.inf
    high: float = math.inf
    whole: bool = False

    def nearest(self, value: float) -> float:
        """The value itself, or the end of the domain that it has passed."""
        return min(max(value, self.low), self.high)


_COUNTED: Final = Domain(0.0, whole=True)
_SPAN: Final = Domain(0.0)
_SHARE: Final = Domain(0.0, 1.0)
_DOMAINS: Final[dict[type, Domain]] = {
    Count: _COUNTED, Distinct: _COUNTED, ActiveDays: _COUNTED, OpenItems: _COUNTED, OverdueItems: _COUNTED,
    DaysSinceLast: _SPAN, TimeToFirst: _SPAN, OldestOpenAge: _SPAN, Rate: _SPAN, Attribute: _SPAN,
    MilestoneProgress: _SHARE, Breadth: _SHARE,
}  # fmt: skip


def domain_of(source: Denominator) -> Domain:
    """The possible values of a source, in its own unit; sums, means and slopes may be anything."""
    match source:
        case ActiveDays(window_days=float() | int() as days):
            return Domain(0.0, math.ceil(days) + 1.0, whole=True)
        case Constant():
            return Domain(source.value, source.value)
        case Ratio():
            return _quotient(source)
        case _:
            return _DOMAINS.get(type(source), Domain())


def _quotient(source: Ratio) -> Domain:
    high = math.inf if source.max is None else source.max
    positive = domain_of(source.num).low >= 0 and domain_of(source.den).low >= 0
    low = 0.0 if positive else -math.inf
    return Domain(low if source.zero_den is None else min(low, source.zero_den), high)


def impossible(signal: Signal, value: float | str) -> str | None:
    """What is wrong with a value for a signal, as a sentence; None if the signal could have it."""
    curve = signal.normalise
    if isinstance(curve, CategoryMap):
        words = [word for word, _ in curve.points]
        known = f"{value:g}" if isinstance(value, float | int) else value
        if curve.default is None and known not in words:
            return f"The model has points for {', '.join(words)}, and none for anything else."
        return None
    if isinstance(value, str):
        return "This signal is a number."
    if not math.isfinite(value):
        return "A value is a finite number."
    domain = domain_of(signal.source)
    if value < domain.low or value > domain.high:
        return _bounds(domain)
    return "It is counted in whole numbers." if domain.whole and value != int(value) else None


def _bounds(domain: Domain) -> str:
    if math.isinf(domain.high):
        return f"It cannot be below {domain.low:g}."
    if math.isinf(domain.low):
        return f"It cannot be above {domain.high:g}."
    return f"It lies between {domain.low:g} and {domain.high:g}."
