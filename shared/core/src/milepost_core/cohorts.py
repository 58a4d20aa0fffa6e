"""The peers a percentile compares with: values of one signal at one moment, in groups.

It never chooses who is a peer; the caller passes a key per account.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["SAME", "Cohort", "CohortColumn", "PeerGroups", "Peers", "gather_peers", "place_among"]

Floats = NDArray[np.float64]

SAME: Final = 1e-9
"""Two values that differ by less than this share are equal: days counted in two ways differ in their last digits."""


@dataclass(frozen=True, slots=True)
class Peers:
    """One group's values, sorted; or, to be kept and replayed, their quantile table."""

    values: Floats
    size: int
    is_table: bool = False

    @classmethod
    def exactly(cls, values: Sequence[float] | Floats) -> "Peers":
        """Peers by their very values; NaN is nobody."""
        array = np.asarray(values, dtype=np.float64)
        known = np.sort(array[~np.isnan(array)])
        return cls(known, known.size)

    def table(self, points: int = 101) -> "Peers":
        """The quantiles at 0, 1, … 100 percent, enough to rank by, few enough to keep; few peers stay as they are."""
        if self.is_table or self.size <= points:
            return self
        return Peers(np.quantile(self.values, np.linspace(0.0, 1.0, points)), self.size, True)

    def percentile(self, raw: Floats) -> Floats:
        """100 · (share below + half the share that is the `SAME`); on a table, read between its points."""
        blur = SAME * np.abs(raw)
        left = np.searchsorted(self.values, raw - blur, side="left")
        right = np.searchsorted(self.values, raw + blur, side="right")
        if not self.is_table:
            return np.where(np.isnan(raw), np.nan, 50.0 * (left + right) / max(self.size, 1))
        last = self.values.size - 1
        below, above = np.clip(left - 1, 0, last), np.clip(left, 0, last)
        width = self.values[above] - self.values[below]
        share = np.divide(raw - self.values[below], width, out=np.zeros_like(raw), where=width > 0)
        between = np.where(left > last, float(last), below + share)
        place = np.where(right > left, (left + right - 1) / 2.0, np.where(left == 0, 0.0, between))
        return np.where(np.isnan(raw), np.nan, place * (100.0 / max(last, 1)))


@dataclass(frozen=True, slots=True)
class CohortColumn:
    """For one signal: the groups of peers, and which group each account belongs to."""

    peers: tuple[Peers, ...]
    group: NDArray[np.int64]
    """Position in ``peers`` per account [n]; -1 for an account without peers."""

    def slice(self, rows: slice) -> "CohortColumn":
        """Some accounts, the same peers."""
        return CohortColumn(self.peers, self.group[rows])


Cohort = Mapping[str, CohortColumn]
"""Signal id → its peers; signals without a percentile curve need none."""


PeerGroups = Mapping[str, Mapping[str, Peers]]
"""Signal id → key of a group → its peers."""


def place_among(groups: PeerGroups, keys: Mapping[str, Sequence[str]]) -> Cohort:
    """Give every account of a batch the peers of its group.

    Args:
        groups: peers gathered elsewhere, such as tables that were kept.
        keys: signal id → per account [n] the key of its group; a group that nobody gathered has no peers.
    """
    return {signal: _column(groups.get(signal, {}), own) for signal, own in keys.items()}


def _column(groups: Mapping[str, Peers], keys: Sequence[str]) -> CohortColumn:
    places = {key: place for place, key in enumerate(groups)}
    group = np.fromiter((places.get(key, -1) for key in keys), np.int64, count=len(keys))
    return CohortColumn(tuple(groups.values()), group)


def gather_peers(raw: Floats, keys: Sequence[Hashable]) -> CohortColumn:
    """Let accounts of a batch be each other's peers.

    Args:
        raw: one signal's values [n], NaN where there is none.
        keys: per account, what peers have in common (such as segment and quarter of the start).
    """
    places: dict[Hashable, int] = {}
    group = np.fromiter((places.setdefault(key, len(places)) for key in keys), np.int64, count=len(keys))
    order = np.argsort(group, kind="stable")
    edges = np.searchsorted(group[order], np.arange(len(places) + 1))
    peers = tuple(Peers.exactly(raw[order[start:end]]) for start, end in pairwise(edges))
    return CohortColumn(peers, group)
