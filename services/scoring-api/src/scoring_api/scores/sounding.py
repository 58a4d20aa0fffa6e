"""Measures all accounts that a version of a model is to judge, to know its peers before it judges; it keeps nothing."""

import asyncio
import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
import numpy as np
from numpy.typing import NDArray

from milepost_core.cohorts import PeerGroups, Peers
from milepost_core.model import ScoreModel
from milepost_core.readings import Readings
from milepost_core.scoring import SignalState
from milepost_runtime.database import Connection
from scoring_api.queries import catalogue
from scoring_api.queries.signals.measuring import Batch, Compiler, measure
from scoring_api.scores.judging import judge_batch
from scoring_api.scores.lineup import LineUp, NobodyJudges
from scoring_api.scores.peering import KeptPeers, among_kept, group_keys, percentile_signals, table_of

Floats = NDArray[np.float64]
AT_ONCE = 500
VALUED = (SignalState.OBSERVED, SignalState.IMPUTED)


@dataclass(frozen=True)
class Sounding:
    """How many accounts were measured, and their peers as `scoring.cohort` keeps them."""

    accounts: int
    tables: Mapping[str, Mapping[str, Mapping[str, Any]]]
    medians: Mapping[str, float]


@dataclass(frozen=True)
class _Part:
    """Some accounts that one view of the model judges: what was measured, and the keys of their groups by signal."""

    view: ScoreModel
    readings: Readings
    ages: Floats
    keys: Mapping[str, Sequence[str]]


async def sound(
    connection: Connection, compiler: Compiler, judge: tuple[LineUp, ScoreModel], as_of: datetime
) -> Sounding:
    """Return the peers of a model of a line-up among all accounts that it is to judge, as of a moment.

    Points of a median are those that the accounts have among these very peers.
    """
    parts: list[_Part] = []
    after: UUID | None = None
    while True:
        # Who is merged away meanwhile is still there for this batch.
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            rows = await catalogue.accounts(connection, after, AT_ONCE)
            parts += [await _measured(connection, compiler, *one, as_of) for one in _views(judge, rows)]
        if not rows:
            break
        after = rows[-1]["account_id"]
    return await asyncio.to_thread(_sounding, parts, as_of)


async def _measured(
    connection: Connection, compiler: Compiler, view: ScoreModel, rows: Sequence[asyncpg.Record], as_of: datetime
) -> _Part:
    batch = Batch([row["account_id"] for row in rows], [as_of] * len(rows))
    readings, ages = await measure(connection, compiler.of(view), batch)
    keys = group_keys(view, [row["attributes"] for row in rows], [row["start_at"] for row in rows])
    return _Part(view, readings, ages, keys)


def _views(judge: tuple[LineUp, ScoreModel], rows: Sequence[asyncpg.Record]) -> Iterator[tuple[ScoreModel, list[Any]]]:
    """Group the accounts that the model judges by the view that their segment has of it."""
    lineup, model = judge
    groups: dict[int, tuple[ScoreModel, list[Any]]] = {}
    for row in rows:
        try:
            view = lineup.judge_of(row["attributes"])
        except NobodyJudges:
            continue
        if view.id == model.id:
            groups.setdefault(id(view), (view, []))[1].append(row)
    yield from groups.values()


def _sounding(parts: Sequence[_Part], as_of: datetime) -> Sounding:
    groups = _groups(parts)
    accounts = sum(len(part.readings) for part in parts)
    tables = {signal: {key: table_of(one) for key, one in sorted(own.items())} for signal, own in groups.items()}
    return Sounding(accounts, tables, _medians(parts, KeptPeers(0, as_of, accounts, groups, {})))


def _groups(parts: Sequence[_Part]) -> PeerGroups:
    """Signal, key of a group, the peers in it that have a value."""
    values: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for part in parts:
        for place, signal, _ in percentile_signals(part.view):
            for key, raw in zip(part.keys[signal.id], part.readings.raw[:, place].tolist(), strict=True):
                if not math.isnan(raw):
                    values[signal.id][key].append(raw)
    return {name: {key: Peers.exactly(one).table() for key, one in own.items()} for name, own in values.items()}


def _medians(parts: Sequence[_Part], kept: KeptPeers) -> dict[str, float]:
    """The median points of each signal over the accounts that have any, among these peers."""
    points: dict[str, list[Floats]] = defaultdict(list)
    for part in parts:
        scores = judge_batch(part.view, part.readings, part.ages, among_kept(kept, part.keys)).scores
        for place, signal in enumerate(part.view.signals):
            points[signal.id].append(scores.y[np.isin(scores.state[:, place], VALUED), place])
    together = {name: np.concatenate(found) for name, found in sorted(points.items())}
    # As exact as a snapshot keeps them.
    return {name: float(np.median(found.round(6))) for name, found in together.items() if found.size}
