"""Runs a compiled model for a batch of accounts and returns the readings; it keeps nothing but compiled statements."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import numpy as np

from milepost_core.model import ScoreModel
from milepost_core.readings import Readings, Status
from milepost_runtime.database import Connection
from scoring_api.queries.signals.statement import Compiled, compile_model, matrix

# Later than every moment at which anything is told.
BEYOND = datetime(9999, 12, 31, tzinfo=UTC)


@dataclass
class Compiler:
    """Remembers the statement of each model, so that PostgreSQL can remember its plan."""

    _known: dict[int, Compiled] = field(default_factory=dict)

    def of(self, model: ScoreModel) -> Compiled:
        """Return the model's statement, compiled once."""
        found = self._known.get(id(model))
        if found is None or found.model is not model:
            found = self._known[id(model)] = compile_model(model)
        return found


@dataclass(frozen=True)
class Batch:
    """Accounts with the moment to look at each; an account may stand for several moments."""

    accounts: Sequence[UUID]
    moments: Sequence[datetime]


class UnknownAccounts(KeyError):
    """Accounts of a batch are not known; the text says how many."""


async def measure(
    connection: Connection,
    compiled: Compiled,
    batch: Batch,
    *,
    restated: bool = False,
    known_at: datetime | None = None,
) -> tuple[Readings, Any]:
    """Return the readings of known accounts, one row an entry of the batch, and each account's age in days.

    `known_at` looks past `recorded_at`: what had happened by each moment as it was told by this one; `restated`:
    whenever it was told. An account that nobody knew at its moment has the age NaN, and nothing ever happened at it:
    it had no score then. Raises UnknownAccounts when an account of the batch is not known to this day.
    """
    told = BEYOND if restated else known_at
    rows = await connection.fetch(compiled.sql, list(batch.accounts), list(batch.moments), told, *compiled.arguments)
    if len(rows) != len(batch.accounts):
        raise UnknownAccounts(f"{len(batch.accounts) - len(rows)} accounts of the batch are not known")
    columns = matrix(compiled.names, rows)
    return _readings(compiled, columns, len(rows)), columns["age"]


def _readings(compiled: Compiled, columns: dict[str, Any], size: int) -> Readings:
    readings = Readings.empty(compiled.model, size)
    assert readings.category is not None
    then = ~np.isnan(columns["age"])
    with np.errstate(divide="ignore", invalid="ignore"):
        for place, finish in enumerate(compiled.finishers):
            measured = finish(columns)
            readings.raw[then, place] = measured.raw[then]
            readings.status[then, place] = measured.status[then]
            readings.censored[then, place] = measured.censored[then]
            readings.age_days[then, place] = measured.age_days[then]
            if measured.words is not None:
                readings.category[then, place] = measured.words[then]
    _forget_endless(readings)
    return readings


def _forget_endless(readings: Readings) -> None:
    """Whatever has no end is no measurement: nothing can be reckoned with it, and no store takes it."""
    endless = np.isinf(readings.raw)
    if endless.any():
        readings.raw[endless] = readings.age_days[endless] = np.nan
        readings.status[endless] = Status.NO_DATA
        readings.censored[endless] = False
