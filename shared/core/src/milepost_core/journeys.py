"""How long journeys take over many accounts: time to each milestone with those still on their way, and where they drop.

It never drops an account because it is not there yet: that would make every journey look short.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["Reached", "Step", "Times", "funnel", "quantile", "times_of"]

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
MEDIAN: Final = 0.5
P90: Final = 0.9


@dataclass(frozen=True)
class Reached:
    """One milestone over accounts, one row each; all arrays [n].

    ``days`` from the start to the milestone or, while it is open, to the moment that is spoken of; ``reached`` tells
    which of both; ``could``: it could be reached by now; ``dated``: it has a day, and that has come or it is done;
    ``in_time``: it was done on or before its day; ``ready``: all that it waits for was reached.
    """

    days: Floats
    reached: Flags
    could: Flags
    dated: Flags
    in_time: Flags
    ready: Flags

    @classmethod
    def of(cls, rows: Sequence[tuple[float, bool, bool, bool, bool, bool]]) -> "Reached":
        """The same from rows of the fields in their order; what was done before the start took no time."""
        table = np.array(rows, dtype=np.float64).reshape(-1, 6)
        flags = table[:, 1:].astype(np.bool_)
        return cls(np.maximum(table[:, 0], 0.0), *flags.T)

    def __len__(self) -> int:
        return int(self.days.shape[0])


@dataclass(frozen=True, slots=True)
class Times:
    """How long it takes, in days; None: too few have come so far for that figure to be known.

    ``spread`` is from the first to the third quarter; ``on_time`` the share in time of those whose day has come.
    """

    n: int
    reached: int
    median: float | None
    p90: float | None
    spread: float | None
    on_time: float | None


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the funnel: of the accounts that ``could`` get there by now ``reached`` did.

    ``dropped`` is the share that did not, of those who could and had reached all that this milestone waits for: a plan
    branches, and who waits for another branch is not lost here. None where nobody was as far.
    """

    id: str
    could: int
    reached: int
    share: float | None
    dropped: float | None


def quantile(days: Floats, reached: Flags, share: float) -> float | None:
    """Return the time by which a share of all accounts has arrived, those still on their way counted; None: unknown.

    Kaplan and Meier: S(t) = Π over times t_i ≤ t of (1 − d_i ÷ n_i), with d_i arrivals at t_i among the n_i accounts
    observed for at least t_i; the quantile is the smallest t with S(t) ≤ 1 − share. An account that waits is observed
    until now: one observed shorter says nothing about longer times. Who left without arriving still waits.
    """
    times, survival = _survival(days, reached)
    # A product of shares misses a round figure by its last digits.
    below = np.flatnonzero(survival <= 1.0 - share + 1e-12)
    return float(times[below[0]]) if below.size else None


def _survival(days: Floats, reached: Flags) -> tuple[Floats, Floats]:
    """The times at which anybody arrived, rising, and the share that has not arrived after each."""
    times, arrived = np.unique(days[reached], return_counts=True)
    at_risk = days.shape[0] - np.searchsorted(np.sort(days), times, side="left")
    return times, np.cumprod(1.0 - arrived / at_risk)


def times_of(one: Reached) -> Times:
    """Return the figures of one milestone (or of first value) over its accounts."""
    quarters = quantile(one.days, one.reached, 0.25), quantile(one.days, one.reached, 0.75)
    dated = int(np.count_nonzero(one.dated))
    return Times(
        n=len(one),
        reached=int(np.count_nonzero(one.reached)),
        median=quantile(one.days, one.reached, MEDIAN),
        p90=quantile(one.days, one.reached, P90),
        spread=None if quarters[0] is None or quarters[1] is None else quarters[1] - quarters[0],
        on_time=int(np.count_nonzero(one.in_time & one.dated)) / dated if dated else None,
    )


def funnel(milestones: Mapping[str, Reached]) -> tuple[Step, ...]:
    """Return how many got to each milestone of those that could have, in the order given."""
    return tuple(_step(name, one) for name, one in milestones.items())


def _step(name: str, one: Reached) -> Step:
    could, got = _count(one.could), _count(one.reached & one.could)
    near, lost = _count(one.could & one.ready), _count(one.could & one.ready & ~one.reached)
    return Step(name, could, got, got / could if could else None, lost / near if near else None)


def _count(flags: Flags) -> int:
    return int(np.count_nonzero(flags))
