"""Waking: what happens at an account wakes runs that wait for it and ends those that it is an end for; sends nothing.

It reads two feeds with cursors of its own: `ingest.event` (what customers did) and `scoring.change` (what became of
health). A row counts for a run or a step only if it happened after that began. Rows are read once they have settled,
so that whatever began just before them is there to be found.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

import asyncpg
import structlog

from milepost_contracts.changes import FEED as CHANGES
from milepost_contracts.events import ACCOUNT_MERGED, BOOK_KEEPING
from milepost_contracts.events import FEED as EVENTS
from milepost_core.cadence import (
    CHANGE,
    EXIT_EVENTS,
    Leave,
    Situation,
    event_word,
    exit_by_facts,
    exit_by_happening,
    looks_at_facts,
)
from milepost_core.playbooks import Playbook
from milepost_runtime.database import Connection, Pool
from milepost_runtime.failpoints import afp
from milepost_runtime.feeds import advance_cursor
from milepost_runtime.lanes import Claim, Lane, TryLater, release
from milepost_runtime.queue import Hints
from playbook_runner.clients.scoring import HealthAway
from playbook_runner.documents.keeping import Keeping
from playbook_runner.measures import STEPS
from playbook_runner.people.awaiting import answered
from playbook_runner.queries import locking, matters, stopping, waking
from playbook_runner.queries.merging import living
from playbook_runner.queries.waking import Happening
from playbook_runner.runs.asking import Asking
from playbook_runner.runs.heeding import HEEDED, heed
from playbook_runner.runs.merging import ahead, follow
from playbook_runner.runs.returning import KINDS, Returning
from playbook_runner.runs.stopping import Leaving, stop

log = structlog.get_logger()
LANE = "playbooks.wake"
ROWS_AT_ONCE = 1000
AWAY_S = 5.0
# Events of which more is read than that they happened.
_READ = HEEDED | frozenset(KINDS) | {ACCOUNT_MERGED}


@dataclass(frozen=True)
class Waking:
    """The use case behind the lane `playbooks.wake`."""

    pool: Pool = field(repr=False)
    keeping: Keeping
    asking: Asking
    returning: Returning
    hints: Hints = field(repr=False)
    lease_s: float = 15.0

    @property
    def lane(self) -> Lane:
        """The lane over our two cursors."""
        return Lane(
            LANE,
            "wake_cursor",
            "feed",
            self.wake,
            key_type="text",
            columns=("position",),
            batch=2,
            lease_s=self.lease_s,
        )

    async def wake(self, claims: Sequence[Claim]) -> int:
        """Read on in both feeds. Raises TryLater while nobody can say how the accounts do that an exit depends on."""
        return sum([await self._read(claim) for claim in claims])

    async def _read(self, claim: Claim) -> int:
        """Read on in one feed: cursor, woken steps and ended runs stand or fall together."""
        found = await waking.happened(self.pool, claim.key, claim.row["position"], ROWS_AT_ONCE)
        leaving = await self._leaving(claim.key, found)
        async with self.pool.acquire() as connection, connection.transaction():
            if found and not await advance_cursor(connection, self.lane, [claim], found[-1].id):
                return 0
            rows = await self._rows(connection, claim.key, found)
            await ahead(connection, rows, {one.account_id for one in found})
            woken = await self._wake(connection, claim.key, found, leaving) if found else 0
            ended = await stop(connection, leaving)
            await answered(connection, [(one.account_id, one.type, one.at) for one in found])
            await heed(connection, [row for row in rows if row["type"] in HEEDED])
            await follow(connection, rows)
            await self.returning.heed(connection, rows)
            await release(connection, self.lane, [claim])
            await afp("playbooks.wake.read")
        for one in leaving:
            if one.run_id in ended:
                STEPS.labels(one.leave.code).inc()
                log.info("run_left", run_id=str(one.run_id), code=one.leave.code, reason=one.leave.sentence)
        if woken:
            self.hints.nudge("playbooks.advance")
        return len(found)

    async def _wake(
        self, connection: Connection, feed: str, found: Sequence[Happening], leaving: Sequence[Leaving]
    ) -> int:
        """Take the runs in question, then wake steps of theirs."""
        told = [one for one in found if one.type not in BOOK_KEEPING]
        words = [CHANGE if feed == CHANGES else event_word(one.type) for one in told]
        happened = [one.account_id for one in told], words, [one.at for one in told]
        await locking.runs_told(connection, [one.run_id for one in leaving], *happened)
        return await stopping.wake(connection, *happened)

    async def _rows(self, connection: Connection, feed: str, found: Sequence[Happening]) -> list[asyncpg.Record]:
        """Return what outlasts the moment: matters, mailboxes, accounts that live on in others."""
        ids = [one.id for one in found if one.type in _READ] if feed == EVENTS else []
        return await matters.events(connection, ids) if ids else []

    async def _leaving(self, feed: str, found: Sequence[Happening]) -> list[Leaving]:
        """Return the runs that end by what happened."""
        told = found if feed == CHANGES else [one for one in found if one.type in EXIT_EVENTS]
        if not told:
            return []
        async with self.pool.acquire() as connection:
            rows = await stopping.open_runs_of(connection, [one.account_id for one in told], [one.at for one in told])
            pairs = [
                (row, told[row["n"] - 1], await self.keeping.version(connection, row["playbook_id"], row["version"]))
                for row in rows
            ]
        if feed == CHANGES:
            return await self._by_facts({row["id"]: (row, playbook) for row, _, playbook in pairs})
        by_event = [(row["id"], exit_by_happening(playbook, EXIT_EVENTS[one.type])) for row, one, playbook in pairs]
        return list({run_id: Leaving(run_id, leave) for run_id, leave in by_event if leave is not None}.values())

    async def _by_facts(self, runs: dict[UUID, tuple[asyncpg.Record, Playbook]]) -> list[Leaving]:
        asked = {run_id: pair for run_id, pair in runs.items() if looks_at_facts(pair[1])}
        if not asked:
            return []
        now = await waking.clock(self.pool)
        accounts = {row["account_id"] for row, _ in asked.values()}
        try:
            known = await self.asking.known(accounts, [playbook for _, playbook in asked.values()], now)
        except HealthAway as error:
            raise TryLater(str(error), AWAY_S) from None
        leaving: list[Leaving] = []
        for run_id, (row, playbook) in asked.items():
            facts = known[row["account_id"]].facts
            at = Situation("", row["started_at"], facts, trigger_kind=row["trigger_kind"], band=row["band"])
            leave: Leave | None = exit_by_facts(playbook, at)
            if leave is not None:
                leaving.append(Leaving(run_id, leave))
        return leaving

    async def happened(self, connection: Connection, account_ids: Sequence[UUID], kind: str) -> set[UUID]:
        """End the open runs of accounts to which `kind` (`opted_out`, `replied`, `churned`) is an end; return them.

        Inside the caller's transaction: for what happened here and comes in no feed.
        """
        now = await waking.clock(connection)
        led = await living(connection, account_ids)
        living_ids = [led.get(one, one) for one in account_ids]
        rows = await stopping.open_runs_of(connection, living_ids, [now] * len(living_ids))
        leaving = []
        for row in rows:
            playbook = await self.keeping.version(connection, row["playbook_id"], row["version"])
            leave = exit_by_happening(playbook, kind)
            if leave is not None:
                leaving.append(Leaving(row["id"], leave))
        return await stop(connection, leaving)


async def ensure_wake_cursors(pool: Pool) -> None:
    """Put our cursors where the feeds end now, unless they are there: what happened before any run wakes none."""
    async with pool.acquire() as connection:
        for feed in (EVENTS, CHANGES):
            await waking.ensure_cursor(connection, feed)
