"""Gathers the peers of every model version in charge, from the newest snapshots; it scores and publishes nobody.

What moves by itself is moved on from each snapshot to the moment of gathering: peers are of one moment.

A version that nobody was judged by yet finds its peers by measuring all accounts it is to judge, before they are
scored. A row of `scoring.cohort` is only ever added, and only when the peers say something else than before: a score
replays with the very peers that it was made with.
"""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import asyncpg
import structlog

from milepost_core.model import ScoreModel, parse_model
from milepost_runtime.database import Connection, Pool
from milepost_runtime.queue import Hints
from scoring_api.queries import catalogue, lineups, peers
from scoring_api.queries.signals.measuring import Compiler
from scoring_api.scores.lineup import LineUp, LineUps, NobodyJudges
from scoring_api.scores.peering import needs_peers, percentile_signals, tables_of
from scoring_api.scores.sounding import sound

log = structlog.get_logger()
# While accounts arrive, their peers are gathered about as often as they multiply.
SOON_S = 20.0
# So soon it is seen that many accounts came after a quiet time, or another version is in charge.
LOOK_S = 60.0
GROWTH = 1.2
# From twice as many peers on, everybody is told what the new ones make of their score; else at their next look.
OTHERS = 2.0
# So long those wait who are to be judged by a version without peers: they are let go as soon as it has some.
HEAD_START_S = 120.0


@dataclass(frozen=True)
class Gathering:
    """The use case of keeping peers at hand; `rescore_lane` is where those wait whose peers are others."""

    pool: Pool = field(repr=False)
    hints: Hints = field(repr=False)
    lineups: LineUps = field(repr=False)
    every: timedelta
    rescore_lane: str
    compiler: Compiler = field(default_factory=Compiler, repr=False)
    let_go: set[int] = field(default_factory=set, repr=False)
    """The line-ups that nobody waits for any more, as far as this process saw to it."""

    async def gather(self) -> float:
        """Gather the peers of all versions in charge; return after how many seconds they are to be gathered again.

        Nobody is left to another line-up then: neither who waited for peers, nor who became known and was judged while
        this one was being put in charge, unseen by that.
        """
        async with self.pool.acquire() as connection:
            try:
                lineup = await self.lineups.now(connection)
            except NobodyJudges:
                return SOON_S
            again_s = min([await self._gather(connection, lineup, one) for one in _wanting(lineup)], default=LOOK_S)
            if lineup.number not in self.let_go:
                await self._let_go(connection, lineup.number)
        return again_s

    async def _gather(self, connection: Connection, lineup: LineUp, model: ScoreModel) -> float:
        """Gather the peers of one version if they may have changed; return when to look at it again."""
        judge = (model.id, model.version)
        async with connection.transaction(isolation="repeatable_read"):
            as_of = await peers.prepare(connection)
            last, accounts = await peers.last(connection, judge, as_of), await peers.judged(connection, judge, as_of)
            due = last is None or as_of - last["as_of"] >= self.every
            grown = last is None or accounts >= last["accounts"] * GROWTH
            first = last is None or (due and not accounts)
            if not first and (due or grown):
                grown = await self._again(connection, model, as_of, accounts) and grown
        if first:
            return await self._first(connection, lineup, model, as_of)
        if last is not None and grown and accounts >= last["accounts"] * OTHERS:
            await self._tell(connection, judge)
        return SOON_S if grown else LOOK_S

    async def _first(self, connection: Connection, lineup: LineUp, model: ScoreModel, as_of: datetime) -> float:
        """Find the peers of a version by measuring, then let everybody go who waits for it."""
        judge = (model.id, model.version)
        found = await sound(connection, self.compiler, (lineup, model), as_of)
        if not found.accounts:
            return SOON_S
        async with connection.transaction():
            await peers.keep(connection, (*judge, as_of, found.accounts, found.tables, found.medians))
        log.info("peers_measured", model_id=model.id, model_version=model.version, accounts=found.accounts)
        await self._tell(connection, judge)
        await self._let_go(connection, lineup.number)
        return SOON_S

    async def _again(self, connection: Connection, model: ScoreModel, as_of: datetime, accounts: int) -> bool:
        """Gather from the newest snapshots; return whether the peers say something else than before."""
        judge = (model.id, model.version)
        last = await peers.last(connection, judge, as_of)
        measures = await peers.measures(connection, judge, as_of, _compared(model))
        tables = await asyncio.to_thread(tables_of, model, measures)
        medians = await peers.medians(connection, judge, as_of)
        if last is not None and (accounts, tables, medians) == (last["accounts"], last["tables"], last["medians"]):
            return False
        await peers.keep(connection, (*judge, as_of, accounts, tables, medians))
        log.info("peers_gathered", model_id=model.id, model_version=model.version, accounts=accounts)
        return True

    async def _tell(self, connection: Connection, judge: tuple[str, int]) -> None:
        """Make everybody due who was judged among fewer or none, also while the peers were being gathered."""
        async with connection.transaction():
            others = await peers.mark(connection, judge, await peers.prepare(connection))
        if others:
            self.hints.nudge(self.rescore_lane)

    async def _let_go(self, connection: Connection, number: int) -> None:
        """Make everybody due whom another line-up judged last."""
        async with connection.transaction():
            await peers.prepare(connection)
            left = await catalogue.mark_left(connection, number)
        self.let_go.add(number)
        if left:
            self.hints.nudge(self.rescore_lane)


async def make_due(connection: Connection, number: int) -> int:
    """Make everybody due whom another line-up judged last, as part of the caller's transaction; return how many.

    Where a version of this line-up has peers to find first, they wait until it has some, but never long. Who becomes
    known before that transaction ends is made due by the gathering that it asks for.
    """
    now = await peers.prepare(connection)
    rows = await lineups.documents(connection, await lineups.in_charge(connection, number))
    lonely = [row for row in rows if await _is_lonely(connection, row, now)]
    marked = await catalogue.mark_due(connection, number, HEAD_START_S if lonely else 0.0)
    # Last: who gathers just now waits for this row, and marking everybody takes its time.
    await peers.hurry(connection)
    return marked


async def _is_lonely(connection: Connection, row: asyncpg.Record, now: datetime) -> bool:
    """A version that compares with peers and has none yet."""
    if not needs_peers(parse_model(row["document"])):
        return False
    return await peers.newest(connection, (row["model_id"], row["version"]), now) is None


def _wanting(lineup: LineUp) -> list[ScoreModel]:
    return [model for model in lineup.models if needs_peers(model)]


def _compared(model: ScoreModel) -> list[tuple[str, int]]:
    """Every signal that compares with peers in any segment's view, with its column, the same in all of them."""
    views = (model, *(segment.model for segment in model.segments))
    return sorted({(signal.id, place) for view in views for place, signal, _ in percentile_signals(view)})
