"""What was measured about accounts as of one moment, before any judgement: arrays of accounts × columns.

It never says how a value was found; the signals SQL and the reference reading both fill it.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from milepost_core.model import ScoreModel

__all__ = ["Readings", "Status"]


class Status(IntEnum):
    """Whether a measurement exists, and if not, why not."""

    OK = 0
    NEVER = 1
    TOO_NEW = 2
    NO_DATA = 3
    NO_DENOMINATOR = 4
    ZERO_DENOMINATOR = 5
    NO_ACTIVITY = 6
    NOTHING_DUE = 7
    UNMAPPED = 8

    @property
    def reason(self) -> str:
        """The code for machines, such as ``too_new``."""
        return self.name.lower()

    @property
    def sentence(self) -> str:
        """The reason for people."""
        return _SENTENCES[self]


_SENTENCES: Final = {
    Status.OK: "measured",
    Status.NEVER: "it has never happened",
    Status.TOO_NEW: "the account is too new to tell",
    Status.NO_DATA: "there are too few records",
    Status.NO_DENOMINATOR: "the number to divide by is not known",
    Status.ZERO_DENOMINATOR: "there is nothing to divide by",
    Status.NO_ACTIVITY: "there was no activity to see a trend in",
    Status.NOTHING_DUE: "nothing was due yet",
    Status.UNMAPPED: "the model has no points for this value",
}


@dataclass(frozen=True, slots=True)
class Readings:
    """One row per account, one column per entry of ``model.columns`` (signals, then gates).

    A text value (of ``last``) stands in ``category`` with NaN in ``raw``; a missing one has NaN
    in ``raw``, None in ``category`` and its reason in ``status``.
    """

    raw: NDArray[np.float64]
    """Values [n, columns] in the signal's own unit; days are real numbers; NaN where there is none."""
    category: NDArray[np.object_] | None
    """Text values [n, columns], None where there is none; None if no column holds any."""
    status: NDArray[np.uint8]
    """`Status` [n, columns]."""
    censored: NDArray[np.bool_]
    """[n, columns]: still waiting for a first event; ``raw`` is the time waited so far."""
    age_days: NDArray[np.float64]
    """Age [n, columns] of the newest record behind the value; NaN unknown, or nothing was heard."""

    def __len__(self) -> int:
        return int(self.raw.shape[0])

    @classmethod
    def empty(cls, model: ScoreModel, accounts: int) -> "Readings":
        """Writable readings in which nothing has ever happened, columns contiguous in memory."""
        shape = (accounts, len(model.columns))
        return cls(
            raw=np.full(shape, np.nan, order="F"),
            category=np.full(shape, None, dtype=np.object_, order="F"),
            status=np.full(shape, Status.NEVER, dtype=np.uint8, order="F"),
            censored=np.zeros(shape, dtype=np.bool_, order="F"),
            age_days=np.full(shape, np.nan, order="F"),
        )

    def row(self, index: int) -> "Readings":
        """One account as readings of one row (views, no copies)."""
        return self.slice(slice(index, index + 1))

    def slice(self, rows: slice) -> "Readings":
        """Some accounts (views, no copies)."""
        category = None if self.category is None else self.category[rows]
        return Readings(self.raw[rows], category, self.status[rows], self.censored[rows], self.age_days[rows])
