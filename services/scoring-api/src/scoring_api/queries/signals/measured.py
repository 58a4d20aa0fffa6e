"""What came out for one column over all accounts asked for; it holds no rule of its own beyond these shapes."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from milepost_core.readings import Status
from scoring_api.queries.signals.sheet import Column, Columns, Floats

Finisher = Callable[[Columns], "Measured"]


@dataclass(frozen=True)
class Measured:
    """One column of a reading: `raw` is NaN wherever `status` is not OK; all arrays have one row an account."""

    raw: Floats
    status: NDArray[np.uint8]
    age_days: Floats
    censored: NDArray[np.bool_]
    words: Column | None = None

    def unless(self, wrong: NDArray[np.bool_], status: Status) -> "Measured":
        """Return this with `status` instead of a number wherever `wrong` holds and one was there."""
        hit = wrong & (self.status == Status.OK)
        return Measured(
            raw=np.where(hit, np.nan, self.raw),
            status=np.where(hit, np.uint8(status), self.status),
            age_days=np.where(hit, np.nan, self.age_days),
            censored=self.censored & ~hit,
        )


def known(raw: Floats, age_days: Floats) -> Measured:
    """Return a column that has a value everywhere."""
    size = raw.shape[0]
    return Measured(
        raw=raw.astype(np.float64),
        status=np.full(size, Status.OK, dtype=np.uint8),
        age_days=age_days.astype(np.float64),
        censored=np.zeros(size, dtype=np.bool_),
    )
