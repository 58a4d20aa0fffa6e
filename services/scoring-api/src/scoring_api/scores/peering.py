"""Who an account's peers are, and what they measured: for percentiles and medians, live and replayed.

It never touches the store: `gathering` keeps the peers of a model version, and a snapshot names those it was read from.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from hashlib import sha256
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from milepost_core.ageing import peers_later, value_later
from milepost_core.cohorts import Cohort, PeerGroups, Peers, gather_peers, place_among
from milepost_core.model import Percentile, ScoreModel, Signal
from milepost_core.model.normalisers import category_text
from milepost_core.model.sources import Source
from milepost_core.readings import Readings

Floats = NDArray[np.float64]
DAY_S: Final = 86_400.0
START_QUARTER: Final = "start_quarter"
LEAST_PEERS: Final = 5
"""The median of fewer accounts is nobody's normal."""


@dataclass(frozen=True)
class KeptPeers:
    """The peers of one model version at one moment, as the store keeps them: quantiles to rank by, medians of points.

    `accounts` is how many were looked at; groups of `groups` hold those of them that had a value.
    """

    id: int
    as_of: datetime
    accounts: int
    groups: PeerGroups
    medians: Mapping[str, float]

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "KeptPeers":
        """Read a row of `scoring.cohort`."""
        groups = {signal: {key: _table(one) for key, one in own.items()} for signal, own in row["tables"].items()}
        return cls(row["id"], row["as_of"], row["accounts"], groups, row["medians"])

    def median_points(self, model: ScoreModel) -> np.ndarray[Any, np.dtype[np.float64]]:
        """Return the median points of each signal [m]; NaN where no peer has any."""
        return np.array([self.medians.get(signal.id, np.nan) for signal in model.signals], dtype=np.float64)


@dataclass(frozen=True)
class Among:
    """The peers of a batch: per percentile signal the key of each account's group, and who is in the groups."""

    cohort: Cohort
    keys: Mapping[str, Sequence[str]]
    kept_id: int | None = None
    """The row of `scoring.cohort` that the peers were read from; None: nobody, or gathered for the occasion."""


NOBODY: Final = Among({}, {})


def _table(one: Mapping[str, Any]) -> Peers:
    if "values" in one:
        return Peers.exactly(one["values"])
    return Peers(np.array(one["quantiles"], dtype=np.float64), one["size"], is_table=True)


def percentile_signals(model: ScoreModel) -> list[tuple[int, Signal, Percentile]]:
    """Return the signals that compare with peers, each with its column."""
    return [
        (place, signal, signal.normalise)
        for place, signal in enumerate(model.signals)
        if isinstance(signal.normalise, Percentile)
    ]


def percentiles_only(model: ScoreModel) -> ScoreModel:
    """Return what of a model has to be measured of everybody before anybody can be ranked; it is not to score by."""
    kept = tuple(signal for _, signal, _ in percentile_signals(model))
    return replace(model, signals=kept, gates=(), segments=())


def needs_peers(model: ScoreModel) -> bool:
    """A percentile in any segment's view, or drivers measured against the median of peers."""
    views = (model, *(segment.model for segment in model.segments))
    return any(view.baseline.kind == "cohort_median" or percentile_signals(view) for view in views)


def group_keys(
    model: ScoreModel, attributes: Sequence[Mapping[str, Any]], starts: Sequence[datetime | None]
) -> dict[str, list[str]]:
    """Return for each percentile signal the key of every account's group.

    Peers have the values of the curve's `cohort` in common: `start_quarter` is the calendar quarter of the start in
    the model's time zone, any other name an attribute of the account. Where segments measure a signal in other ways,
    only accounts with the same measure compare.
    """
    zone = ZoneInfo(model.timezone)
    return {
        signal.id: [
            _key(signal.source, {name: _trait(name, own, start, zone) for name in curve.cohort})
            for own, start in zip(attributes, starts, strict=True)
        ]
        for _, signal, curve in percentile_signals(model)
    }


def _trait(name: str, attributes: Mapping[str, Any], start: datetime | None, zone: ZoneInfo) -> Any:
    if name != START_QUARTER:
        return attributes.get(name)
    if start is None:
        return None
    local = start.astimezone(zone)
    return f"{local.year}-Q{(local.month + 2) // 3}"


def _key(source: Source, traits: Mapping[str, Any]) -> str:
    said = {name: None if value is None else category_text(value) for name, value in traits.items()}
    return json.dumps({"measure": _measure(source), **said}, sort_keys=True, ensure_ascii=False)


@lru_cache(maxsize=1024)
def _measure(source: Source) -> str:
    """A short name of what is measured, the same for the same words of a model."""
    return sha256(repr(source).encode()).hexdigest()[:8]


def among_kept(peers: KeptPeers | None, keys: Mapping[str, Sequence[str]]) -> Among:
    """Place accounts among peers of that very moment; without any, percentiles are left to their fallback curves."""
    if peers is None:
        return Among({}, keys)
    return Among(place_among(peers.groups, keys), keys, peers.id)


def among_later(
    peers: KeptPeers | None,
    keys: Mapping[str, Sequence[str]],
    model: ScoreModel,
    measured: tuple[Readings, Floats],
    as_of: datetime,
) -> Among:
    """Place accounts that were measured as of a moment among peers that were gathered before, as of that moment.

    What moves by itself (days since something) has moved for peers, too; that they did something meanwhile shows when
    they are gathered again. `measured` is readings and ages of the accounts, by the columns of `model`.
    """
    found = among_kept(peers, keys)
    if peers is None:
        return found
    days = (as_of - peers.as_of).total_seconds() / DAY_S
    return replace(found, cohort=peers_later(model, found.cohort, *measured, days))


def tables_of(model: ScoreModel, measures: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, dict[str, Any]]]:
    """Return signal → group → size and values or quantiles, as `scoring.cohort` keeps them, as of its moment.

    Args:
        model: without any segment's view.
        measures: of one signal in one segment's view and one group each: signal, segment, key, and per account
            values, waiting, ages and how many days before that moment it was measured.
    """
    views = {one.id: one.model for one in model.segments}
    groups: dict[str, dict[str, list[Floats]]] = defaultdict(lambda: defaultdict(list))
    for one in measures:
        source = views.get(one["segment"], model).signal(one["signal"]).source
        value, ages, days = (np.array(one[name], dtype=np.float64) for name in ("values", "ages", "days"))
        later = value_later(source, value, np.array(one["waiting"], dtype=np.bool_), ages, days)
        groups[one["signal"]][one["key"]].append(later)
    return {
        signal: {key: table_of(Peers.exactly(np.concatenate(parts))) for key, parts in own.items()}
        for signal, own in groups.items()
    }


def table_of(peers: Peers) -> dict[str, Any]:
    """Return one group as `scoring.cohort` keeps it: its size, and the values of few or the quantiles of many."""
    few = peers.table()
    return {"size": few.size, "quantiles" if few.is_table else "values": few.values.tolist()}


def peers_at(
    model: ScoreModel,
    readings: Readings,
    attributes: Sequence[Mapping[str, Any]],
    starts: Sequence[datetime | None],
) -> Cohort:
    """Let all accounts of a batch be each other's exact peers, as of the moment that the readings are of.

    Args:
        model: whose percentile curves need peers; one segment's view is as good as another for equal measures.
        readings: of every account there is at that moment, by the columns of `model` (or of `percentiles_only`).
        attributes, starts: of the accounts, row by row.
    """
    keys = group_keys(model, attributes, starts)
    return {
        signal.id: gather_peers(np.ascontiguousarray(readings.raw[:, place]), keys[signal.id])
        for place, signal, _ in percentile_signals(model)
    }
