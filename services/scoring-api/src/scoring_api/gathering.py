"""Gathers the peers of every model version in charge from the newest snapshots; it measures nothing and scores nobody.

A row of `scoring.cohort` is only ever added, and only when the peers say something else than before: a score replays
with the very peers that it was made with.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from milepost_core.model import ScoreModel
from milepost_runtime.database import Connection, Pool
from milepost_runtime.queue import Hints
from scoring_api.lineup import LineUp, LineUps, NobodyJudges
from scoring_api.peering import needs_peers, percentile_signals
from scoring_api.queries import peers

log = structlog.get_logger()
# While accounts arrive, their peers are gathered about as often as they multiply.
SOON_S = 20.0
GROWTH = 1.2
# From twice as many peers on, everybody is told what the new ones make of their score; else at their next look.
OTHERS = 2.0


@dataclass(frozen=True)
class Gathering:
    """The use case of keeping peers at hand; `rescore_lane` is where those wait whose peers are others."""

    pool: Pool = field(repr=False)
    hints: Hints = field(repr=False)
    lineups: LineUps = field(repr=False)
    every: timedelta
    rescore_lane: str

    async def gather(self) -> float:
        """Gather the peers of all versions in charge; return after how many seconds they are to be gathered again."""
        async with self.pool.acquire() as connection:
            try:
                lineup = await self.lineups.now(connection)
            except NobodyJudges:
                return SOON_S
            return min([await self._gather(connection, one) for one in _wanting(lineup)], default=self._later)

    @property
    def _later(self) -> float:
        return self.every.total_seconds()

    async def _gather(self, connection: Connection, model: ScoreModel) -> float:
        """Gather the peers of one version if they may have changed; return when to look at it again."""
        judge = (model.id, model.version)
        async with connection.transaction(isolation="repeatable_read"):
            as_of = await peers.prepare(connection)
            last, accounts = await peers.last(connection, judge, as_of), await peers.judged(connection, judge, as_of)
            if not accounts:
                return SOON_S if last is None else self._later
            grown = last is None or accounts >= last["accounts"] * GROWTH
            if not (grown or last is None or as_of - last["as_of"] >= self.every):
                return self._later
            tables = await peers.tables(connection, judge, as_of, _compared(model))
            medians = await peers.medians(connection, judge, as_of)
            if last is not None and (accounts, tables, medians) == (last["accounts"], last["tables"], last["medians"]):
                return self._later
            await peers.keep(connection, (*judge, as_of, accounts, tables, medians))
        if last is None or accounts >= last["accounts"] * OTHERS:
            await self._tell(connection, judge, as_of)
        log.info("peers_gathered", model_id=model.id, model_version=model.version, accounts=accounts)
        return SOON_S if grown else self._later

    async def _tell(self, connection: Connection, judge: tuple[str, int], as_of: datetime) -> None:
        """Make everybody due who was judged among fewer or none."""
        async with connection.transaction():
            await peers.prepare(connection)
            others = await peers.mark(connection, judge, as_of)
        if others:
            self.hints.nudge(self.rescore_lane)


def _wanting(lineup: LineUp) -> list[ScoreModel]:
    return [model for model in lineup.models if needs_peers(model)]


def _compared(model: ScoreModel) -> list[tuple[str, int]]:
    """Every signal that compares with peers in any segment's view, with its column, the same in all of them."""
    views = (model, *(segment.model for segment in model.segments))
    return sorted({(signal.id, place) for view in views for place, signal, _ in percentile_signals(view)})
