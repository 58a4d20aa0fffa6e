"""What a signal measures: one dataclass per aggregation of the score model.

It never computes a value: the signals SQL and the reference reading do, each from these parts.
"""

from collections.abc import Iterator
from dataclasses import dataclass

__all__ = [
    "ActiveDays", "Attribute", "Breadth", "Constant", "Count", "DaysSinceLast", "DecayedSum",
    "Denominator", "Distinct", "Last", "Mean", "MilestoneProgress", "Momentum", "OldestOpenAge",
    "OpenItems", "OverdueItems", "Rate", "Ratio", "Scalar", "Slope", "Source", "Sum", "TimeToFirst",
    "Where", "parts",
]  # fmt: skip

Scalar = str | float | bool


@dataclass(frozen=True, slots=True)
class Where:
    """Which records match: every clause must hold, each by any one of its values."""

    clauses: tuple[tuple[str, tuple[Scalar, ...]], ...] = ()

    def get(self, key: str) -> tuple[Scalar, ...] | None:
        """The accepted values of one clause, or None if the clause is absent."""
        return dict(self.clauses).get(key)

    @property
    def types(self) -> tuple[str, ...]:
        """The event types asked for; empty means any."""
        return tuple(str(value) for value in self.get("type") or ())


@dataclass(frozen=True, slots=True)
class Count:
    """How many events."""

    where: Where
    window_days: float | None = None
    min_age_days: float | None = None


@dataclass(frozen=True, slots=True)
class Distinct:
    """How many different values of a field."""

    field: str
    where: Where
    window_days: float | None = None
    min_age_days: float | None = None


@dataclass(frozen=True, slots=True)
class ActiveDays:
    """How many different calendar dates, in the model's time zone."""

    where: Where
    window_days: float | None = None
    min_age_days: float | None = None


@dataclass(frozen=True, slots=True)
class Sum:
    """Total of a number carried by the events; events without the number add nothing."""

    where: Where
    window_days: float | None = None
    min_age_days: float | None = None
    field: str = "value"


@dataclass(frozen=True, slots=True)
class Mean:
    """Average of a number carried by the events, over those that carry it."""

    where: Where
    window_days: float | None = None
    min_age_days: float | None = None
    min_n: int = 1
    field: str = "value"


@dataclass(frozen=True, slots=True)
class DecayedSum:
    """Total in which an event counts half after every half-life; no number counts as one."""

    where: Where
    half_life_days: float
    window_days: float | None = None
    min_age_days: float | None = None
    field: str = "value"


@dataclass(frozen=True, slots=True)
class Last:
    """Value (number or word) of the newest event that carries one."""

    where: Where
    window_days: float | None = None
    field: str = "value"


@dataclass(frozen=True, slots=True)
class DaysSinceLast:
    """Days since the newest event; without one, never, or the account's age."""

    where: Where
    window_days: float | None = None
    never_is_age: bool = False


@dataclass(frozen=True, slots=True)
class TimeToFirst:
    """Days from the start to the first event; still waiting, the age, marked censored."""

    where: Where


@dataclass(frozen=True, slots=True)
class Slope:
    """Least-squares slope of bucket counts, in percent of their mean per bucket."""

    where: Where
    bucket_days: float
    buckets: int


@dataclass(frozen=True, slots=True)
class Momentum:
    """log2((recent + 1) / (earlier + 1)) of the newer and the older half of the buckets."""

    where: Where
    bucket_days: float
    buckets: int


@dataclass(frozen=True, slots=True)
class OpenItems:
    """How many items are open."""

    where: Where


@dataclass(frozen=True, slots=True)
class OverdueItems:
    """How many open items were due before now."""

    where: Where


@dataclass(frozen=True, slots=True)
class OldestOpenAge:
    """Age in days of the oldest open item, 0 if none is open."""

    where: Where


@dataclass(frozen=True, slots=True)
class MilestoneProgress:
    """Weighted share of due or done milestones that are done, late ones counting less."""

    late_penalty_per_day: float = 0.0
    late_floor: float = 0.0


@dataclass(frozen=True, slots=True)
class Breadth:
    """Share of the expected roles that were seen."""

    where: Where
    expected: tuple[str, ...]
    window_days: float | None = None
    min_age_days: float | None = None


@dataclass(frozen=True, slots=True)
class Rate:
    """Events per week, over the window or the account's age, whichever is shorter."""

    where: Where
    window_days: float | None = None
    min_age_days: float | None = None


@dataclass(frozen=True, slots=True)
class Attribute:
    """A number known about the account, such as its seats."""

    name: str


@dataclass(frozen=True, slots=True)
class Constant:
    """A number written in the model."""

    value: float


@dataclass(frozen=True, slots=True)
class Ratio:
    """One measure divided by another, an attribute or a number; capped at ``max``."""

    num: "Source"
    den: "Denominator"
    max: float | None = None
    zero_den: float | None = None


Source = (
    Count | Distinct | ActiveDays | Sum | Mean | DecayedSum | Last | DaysSinceLast | TimeToFirst
    | Ratio | Slope | Momentum | OpenItems | OverdueItems | OldestOpenAge | MilestoneProgress
    | Breadth | Rate
)  # fmt: skip
Denominator = Source | Attribute | Constant


def parts(source: Denominator) -> Iterator[Denominator]:
    """The source itself and, for a ratio, everything it is made of."""
    yield source
    if isinstance(source, Ratio):
        yield from parts(source.num)
        yield from parts(source.den)
